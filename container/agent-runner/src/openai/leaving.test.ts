/** Conversations that are left: archived, and not gone on with; and how full one is. */
import * as fs from 'node:fs';
import { expect, test } from 'vitest';
import { idOf, useOpenAi } from '../../../../test/support/openai-turns.ts';

const { api, path, run } = useOpenAi();
const archives = (): string[] =>
  fs
    .readdirSync(path('group/conversations'))
    .map((name) => fs.readFileSync(path('group/conversations', name), 'utf8'));
const CANNOT = { status: 'error', code: 'context_too_long' };

test('one that has grown too large to be read is archived and left to the host', async () => {
  api().use(() => 'ok');
  const id = idOf(await run('The code word is heron.'));
  const file = path('home/.nanoclaw-openai', `${id}.jsonl`);
  const said = fs.readFileSync(file);
  fs.writeFileSync(
    file,
    `${JSON.stringify({ role: 'tool', id: 'x', name: 'Bash', text: 'x'.repeat(40e6) })}\n`,
  );
  fs.appendFileSync(file, said);
  const told = await run('And now?', { session_id: id });
  expect(told.outcome).toMatchObject(CANNOT);
  expect(told.sessions).toEqual([]);
  expect(api().requests).toHaveLength(1);
  expect(archives()).toEqual([expect.stringContaining('The code word is heron.')]);
});

test('one that the server takes no more, however short, is archived', async () => {
  api().use(() => 'ok');
  const id = idOf(await run('The code word is heron.'));
  api().use(() => ({
    status: 400,
    body: { error: { message: 'too long', code: 'context_length_exceeded' } },
  }));
  expect((await run('And now?', { session_id: id })).outcome).toMatchObject(CANNOT);
  expect(archives()).toEqual([expect.stringContaining('The code word is heron.')]);
  // In a fresh one there is nothing to keep.
  expect((await run('And now?')).outcome).toMatchObject(CANNOT);
  expect(archives()).toHaveLength(1);
});

test('one that is left for the turn is archived first', async () => {
  api().use(() => 'ok');
  const left_session = idOf(await run('The code word is heron.'));
  expect((await run('And now?', { left_session })).text).toBe('ok');
  expect(archives()).toEqual([expect.stringContaining('The code word is heron.')]);
  expect(api().requests.at(-1)?.raw).not.toContain('heron');
});

test('a turn tells how full the conversation is: as the server counts, beside OPENAI_CONTEXT_TOKENS', async () => {
  api().use(() => ({ text: 'ok', usage: { input: 6000, output: 200 } }));
  const { outcome, sessions } = await run('one', { environment: { OPENAI_CONTEXT_TOKENS: 40_000 } });
  expect(outcome.context).toMatchObject({
    ...{ session_id: sessions[0]?.id, tokens: 6200, window: 40_000, compact_at: 31_808 },
  });
  expect(outcome.context?.tools).toBeGreaterThan(100);
  expect(outcome.context?.instructions).toBeGreaterThan(100);
});
