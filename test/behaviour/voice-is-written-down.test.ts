/** Voice messages with TRANSCRIBE_COMMAND, a real program: what it is given, what becomes of its words, and of its faults. */
import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type BotApi, startBotApi, TestHome } from '../support/daemon.ts';

let api: BotApi;
let home: TestHome;
let chat: number;

beforeEach(async () => {
  api = await startBotApi();
  home = new TestHome({ ...api.settings, CONTAINER_RUNTIME: 'process' });
  chat = api.group('Family');
  home.registerAll([{ chatJid: String(chat), name: 'Family', folder: 'family' }]);
});
afterEach(async () => {
  await home.dispose();
  await api.close();
});

/** A program of the operator's; `$seen` is a file of ours that it may write to. */
function program(script: string): { TRANSCRIBE_COMMAND: string } {
  writeFileSync(home.file('transcribe'), `#!/bin/sh\nseen=${home.file('seen')}\n${script}\n`);
  chmodSync(home.file('transcribe'), 0o755);
  return { TRANSCRIBE_COMMAND: `${home.file('transcribe')} --language auto` };
}
const speak = (more: { replyTo?: number } = {}) =>
  api.sim.say({
    chat,
    from: 'you',
    file: { kind: 'voice', name: '$(touch pwned); x.ogg', mime: 'audio/ogg', bytes: Buffer.from('sound') },
    ...more,
  });
const answer = (count = 1) => api.until(() => api.answers(chat)[count - 1], `answer ${count}`);
const content = () => home.row<{ content: string }>('SELECT content FROM messages')?.content;

it('her name spoken calls her; the program is given the file, and nothing of ours', async () => {
  const settings = program(
    'printf "%s\\n" "$@" >"$seen"; env >>"$seen"; cat "$3" >>"$seen"; echo "Nina, say  hello"',
  );
  await home.start({ ...settings, ANTHROPIC_AUTH_TOKEN: 'a-secret-that-stays', AGENT_PROVIDER: 'offline' });
  speak();
  expect(await answer()).toBe('hello');
  expect(content()).toBe('[voice message, 1 s] Nina, say hello');
  const [first, second, file, ...rest] = home.read('seen').split('\n');
  expect([first, second]).toEqual(['--language', 'auto']);
  expect(file).toMatch(/data\/attachments\/\d+-\d{4}-\d\d-\d\d_\d+_voice\.ogg$/);
  expect(rest.join('\n')).not.toMatch(/a-secret-that-stays|TELEGRAM|NANOCLAW/);
  expect(rest.at(-1)).toBe('sound');
  expect(existsSync(home.file('pwned'))).toBe(false);
});

it('words for others are context, and there when she is asked', async () => {
  await home.start(program('echo "see you at six"'));
  const { message_id: id } = speak();
  await home.until(() => content()?.includes('see you at six'), 'the words');
  expect(home.row('SELECT disposition FROM messages')).toEqual({ disposition: 'not_for_nina' });
  api.sim.say({ chat, from: 'you', text: '@Nina when?', replyTo: id });
  expect(await answer()).toContain('when?');
});

it.each([
  ['fails', 'echo oops >&2; exit 3'],
  ['never ends its words', 'while :; do echo word; done'],
  ['says nothing', ':'],
])('a program that %s leaves a voice message that is named as what it is', async (_, script) => {
  const daemon = await home.start(program(script));
  const first = await api.ask(chat, '@Nina ping');
  expect(first).toBe('pong');
  speak({ replyTo: 2 });
  expect(await answer(2)).toContain('attachments/');
  expect(home.row('SELECT content FROM messages WHERE message_id = 3')).toEqual({
    content: '[voice message, 1 s]',
  });
  expect(daemon.log().filter(({ level }) => level === 'error')).toEqual([]);
});
