/** The end of a turn says how long its reply is: one that outlived its words, as after a power cut, is no answer. */
import { expect, it } from 'vitest';
import { InnerDaemon } from '../support/inner-daemon.ts';

const RETRY_MS = 5000;

async function held() {
  const daemon = new InnerDaemon();
  const group = daemon.register('family', { requiresTrigger: false });
  daemon.agent.answer = () => 'hold';
  await daemon.start();
  await daemon.say(group, 'hello');
  await daemon.until(() => daemon.agent.turns.length === 1);
  const end = (words: number) =>
    daemon.agent.event(daemon.agent.turns[0], { type: 'turn_finished', status: 'ok', words });
  const say = (text: string) => daemon.agent.event(daemon.agent.turns[0], { type: 'text', text });
  return { daemon, group, say, end };
}

it('without all of its words a turn is tried again, and the answer arrives', async () => {
  const { daemon, group, say, end } = await held();
  say('The first part.');
  end('The first part.\n\nThe second part.'.length);
  daemon.agent.answer = () => ({ text: 'all of it' });
  await daemon.until(() => daemon.testLog.events('turn_failed').length === 1);
  expect(daemon.told(group)).toEqual([]);
  await daemon.clock.advance(RETRY_MS);
  await daemon.until(() => daemon.told(group).length === 1);
  expect(daemon.told(group)).toEqual(['all of it']);
});

it.each([
  [['Yes.'], 4],
  [['one', 'two'], 8],
  [[], 0],
])('with all of its words it is over: %j', async (parts, words) => {
  const { daemon, group, say, end } = await held();
  for (const part of parts) say(part);
  end(words);
  await daemon.until(() => daemon.db.turns.latest(group.chatJid, 'messages')?.state === 'done');
  await daemon.until(() => daemon.told(group).length === (parts.length > 0 ? 1 : 0));
});
