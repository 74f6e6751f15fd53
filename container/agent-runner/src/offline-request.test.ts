import { expect, test } from 'vitest';
import { readOfflineRequest, readScheduledPrompt } from './offline-request.ts';

test.each([
  ['Hello!', { kind: 'help' }],
  ['hi there', { kind: 'help' }],
  ['hello world', { kind: 'echo', text: 'hello world' }],
  ['/PING', { kind: 'ping' }],
  ['remember that  A is B', { kind: 'remember', fact: 'A is B' }],
  ['Remember milk', { kind: 'remember', fact: 'milk' }],
  ['remember', { kind: 'echo', text: 'remember' }],
  ['What do you remember about me?', { kind: 'recall' }],
  ['what did I say before?', { kind: 'history' }],
  ['search for blue tin', { kind: 'search', query: 'blue tin' }],
  ['find 北京', { kind: 'search', query: '北京' }],
  ['show the last 5 messages', { kind: 'read_back', count: 5, around: null }],
  ['read messages around #12', { kind: 'read_back', count: 10, around: 12 }],
  ['say "two\nlines"', { kind: 'send_message', text: 'two\nlines' }],
  ['react 👍', { kind: 'react', emoji: '👍', messageId: null }],
  ['React with ❤️ to message 12.', { kind: 'react', emoji: '❤️', messageId: 12 }],
  ['react to that', { kind: 'echo', text: 'react to that' }],
  ['send message: hi', { kind: 'send_message', text: 'hi' }],
  ['send file "a b.txt" with text x y', { kind: 'send_file', path: 'a b.txt', content: 'x y' }],
  [
    'ask us: Pizza or pasta? Pizza, Pasta or none.',
    { kind: 'ask_people', question: 'Pizza or pasta?', choices: ['Pizza', 'Pasta', 'none'], seconds: null },
  ],
  [
    'ask us for 30 seconds: Well? Yes',
    { kind: 'ask_people', question: 'Well?', choices: ['Yes'], seconds: 30 },
  ],
  ['send file a.txt', { kind: 'send_file', path: 'a.txt', content: null }],
  ['list files', { kind: 'list_files' }],
  ['slow 0.5', { kind: 'slow', seconds: 0.5 }],
  ['slow 999999', { kind: 'slow', seconds: 3600 }],
  ['slow down', { kind: 'echo', text: 'slow down' }],
  ['fail', { kind: 'fail' }],
  ['register -100123 as family', { kind: 'register', chatJid: '-100123', folder: 'family', name: 'family' }],
  ['register -5 as x named Us Two', { kind: 'register', chatJid: '-5', folder: 'x', name: 'Us Two' }],
  ['register -5 as ../x', { kind: 'echo', text: 'register -5 as ../x' }],
  ['unregister -5', { kind: 'unregister', chatJid: '-5' }],
  ['refresh the groups.', { kind: 'refresh' }],
  ['  anything else ', { kind: 'echo', text: 'anything else' }],
])('%s', (request, expected) => {
  expect(readOfflineRequest(request)).toEqual(expected);
});

const weekdays = { kind: 'cron', value: '0 9 * * 1-5' };
const change = (tool: string, id: string, runMissed = false) => ({
  kind: 'change_task',
  tool,
  id,
  runMissed,
});

test.each([
  ['remind me in 10 seconds to stretch', { kind: 'in', ms: 10_000 }, 'Reminder: stretch'],
  ['Remind us to stretch in 2 hours!', { kind: 'in', ms: 7_200_000 }, 'Reminder: stretch'],
  ['remind me at 18:00 to call Ann', { kind: 'at', day: 'next', hour: 18, minute: 0 }, 'Reminder: call Ann'],
  ['remind me every weekday at 9: stand-up', weekdays, 'Reminder: stand-up'],
  ['every weekday at 9 send me an overview', weekdays, 'send me an overview'],
  ['send me an overview every weekday at 9', weekdays, 'send me an overview'],
  ['every weekday at 9 remind us that it is late', weekdays, 'Reminder: it is late'],
  ['every minute say hello', { kind: 'cron', value: '* * * * *' }, 'say hello'],
  ['say hello every minute', { kind: 'cron', value: '* * * * *' }, 'say hello'],
  ['every 2 hours drink\nwater', { kind: 'interval', value: '2h' }, 'drink\nwater'],
])('schedules: %s', (request, when, prompt) => {
  expect(readOfflineRequest(request)).toEqual({ kind: 'schedule', when, prompt });
});

test.each([
  ['remind me to stretch', { kind: 'schedule_unclear' }],
  ['remind me every day at 9', { kind: 'schedule_unclear' }],
  ['remind me at 25:00 to sleep', { kind: 'schedule_unclear' }],
  ['every minute', { kind: 'echo', text: 'every minute' }],
  ['at 9 we meet', { kind: 'echo', text: 'at 9 we meet' }],
  ['in 5 minutes the train leaves', { kind: 'echo', text: 'in 5 minutes the train leaves' }],
  ['I play every monday at 8', { kind: 'echo', text: 'I play every monday at 8' }],
  ['remember that we meet every monday at 8', { kind: 'remember', fact: 'we meet every monday at 8' }],
  ['say hello at 9', { kind: 'send_message', text: 'hello at 9' }],
  ['list my tasks', { kind: 'list_tasks' }],
  ['My tasks?', { kind: 'list_tasks' }],
  ['show me all the scheduled tasks', { kind: 'list_tasks' }],
  ['pause t2k4m9', change('pause_task', 't2k4m9')],
  ['Resume #T2K4M9.', change('resume_task', 't2k4m9')],
  ['resume t2k4m9 and run what was missed', change('resume_task', 't2k4m9', true)],
  ['cancel task nonsense', change('cancel_task', 'nonsense')],
  ['run t2k4m9', change('run_task', 't2k4m9')],
  ['pause the music', { kind: 'echo', text: 'pause the music' }],
  ['preview 0 9 * * 1-5', { kind: 'preview', when: weekdays }],
  ['preview every weekday at 9', { kind: 'preview', when: weekdays }],
  ['preview @daily', { kind: 'preview', when: { kind: 'cron', value: '@daily' } }],
  ['preview 90m', { kind: 'preview', when: { kind: 'interval', value: '90m' } }],
  ['preview 2026-12-24T18:00', { kind: 'preview', when: { kind: 'once', value: '2026-12-24T18:00' } }],
  ['preview the film', { kind: 'echo', text: 'preview the film' }],
])('%s', (request, expected) => {
  expect(readOfflineRequest(request)).toEqual(expected);
});

test.each([
  ['Reminder: stretch', '⏰ stretch'],
  ['say nothing', ''],
  ['Stay quiet.', ''],
  ['say "good morning"', 'good morning'],
  ['hello', 'hello'],
  ['The bins go out today', 'The bins go out today'],
  ['every minute every minute hello', 'every minute every minute hello'],
  ['remind me in 5 minutes to stretch', 'remind me in 5 minutes to stretch'],
])('a task replies: %s', (prompt, text) => {
  expect(readScheduledPrompt(prompt)).toEqual({ kind: 'reply', text });
});

test('a task does what is known', () => {
  expect(readScheduledPrompt('list my tasks')).toEqual({ kind: 'list_tasks' });
  expect(readScheduledPrompt('slow 2')).toEqual({ kind: 'slow', seconds: 2 });
});

test('a long text is read, however it is made up', () => {
  const startedAt = performance.now();
  for (const part of ['every 5 at 9 in daily ', 'every monday, ', 'monday, ', ' ', 'at 9 ', ', ']) {
    for (const length of [9_000, 200_000]) {
      const text = part.repeat(length / part.length);
      for (const start of ['say', 'remind me', 'every', 'preview', 'cancel task'])
        readOfflineRequest(`${start} ${text}x`);
    }
  }
  expect(performance.now() - startedAt).toBeLessThan(20_000);
});
