import { expect, test } from 'vitest';
import { readOfflineRequest } from './offline-request.ts';

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
  ['say "two\nlines"', { kind: 'send_message', text: 'two\nlines' }],
  ['send message: hi', { kind: 'send_message', text: 'hi' }],
  ['send file "a b.txt" with text x y', { kind: 'send_file', path: 'a b.txt', content: 'x y' }],
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
