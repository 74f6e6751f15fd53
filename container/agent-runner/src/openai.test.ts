/** The provider against a scripted server that refuses what the strictest would: the loop, its tools, and failures. */
import * as fs from 'node:fs';
import { expect, test } from 'vitest';
import { waitFor } from '../../../test/support/agent-mailbox.ts';
import { textOf } from '../../../test/support/openai-api.ts';
import { idOf, useOpenAi, using } from '../../../test/support/openai-turns.ts';

const { api, path, run, sent } = useOpenAi();

test('is told who it is, its memory and its tools; answers, and what it used is counted', async () => {
  fs.writeFileSync(path('group/CLAUDE.md'), 'Ann likes tea.');
  fs.writeFileSync(path('global/CLAUDE.md'), 'Office hours are 9 to 5.');
  api().use(() => ({
    reasoning: 'Hm, who?',
    text: 'Hello Ann, I am Nina.',
    usage: { input: 120, output: 30 },
  }));
  const told = await run('Who are you?');
  expect(told.text).toBe('Hello Ann, I am Nina.');
  expect(told.outcome).toMatchObject({
    status: 'ok',
    usage: { input_tokens: 120, output_tokens: 30, cost_usd: 0 },
  });
  expect(told.sessions).toEqual([{ id: expect.any(String), fresh: false }]);
  const [request] = api().requests;
  const system = request?.body.messages[0];
  expect(system && textOf(system)).toMatch(/You are Nina.*Office hours are 9 to 5\..*Ann likes tea\./s);
  expect(request?.body.model).toBe('scripted');
  expect(request?.userText).toBe('Who are you?');
  expect(request?.body.tools?.map(({ function: { name } }) => name)).toEqual([
    ...['send_message', 'Bash', 'Read', 'Write', 'Edit', 'Glob', 'Grep', 'WebFetch'],
  ]);
  expect(told.activities).toEqual(expect.arrayContaining(['waiting', 'thinking', 'writing']));
  expect(told.drafts.at(-1)).toBe('Hello Ann, I am Nina.');
  expect(told.drafts.length).toBeGreaterThan(1);
});

test('what a local model thinks aloud is neither posted nor shown as being written', async () => {
  api().use(() => '<think>The user wants a greeting.</think>\n\nHello.');
  const told = await run('hi');
  expect(told.text).toBe('Hello.');
  expect(told.drafts.join(' ')).not.toContain('wants');
});

test('uses our tools and its own, several at once, and hears what became of each', async () => {
  api().use(
    using(
      { name: 'send_message', input: { text: 'Half way.' } },
      { name: 'Bash', input: { command: 'pwd; echo "[$SECRET]"; cat a.txt 2>&1' } },
      { name: 'Write', input: { path: 'a.txt', content: 'x' } },
    ),
  );
  const told = await run('work');
  expect(sent()).toEqual([{ text: 'Half way.' }]);
  expect(told.text).toContain(`Sent. | Error: ${fs.realpathSync(path('group'))}\n[]\ncat: a.txt`);
  expect(told.text).toContain('Wrote a.txt');
  expect(told.activities).toEqual(expect.arrayContaining(['send_message', 'Bash', 'Write']));
  // Only the last answer is for the chat.
  expect(told.text).not.toContain('I look.');
  expect(told.outcome).toMatchObject({ usage: { input_tokens: 20, output_tokens: 10 } });
});

test('wrong names and arguments are told to the model, which may do better', async () => {
  api().use(
    using(
      { name: 'no_such_tool', input: {} },
      { name: 'send_message', input: '{"text": "never clo' },
      { name: 'send_message', input: { txt: 1 } },
      { name: 'Read', input: '' },
    ),
  );
  const { text, outcome } = await run('work');
  expect(outcome.status).toBe('ok');
  const [first, second, third, fourth] = text.split(' | ');
  expect(first).toMatch(/^not done: there is no tool no_such_tool; there are send_message, Bash/);
  expect(second).toMatch(/^not done: the arguments are no JSON object/);
  expect(third).toMatch(/^Error: not done: .*text/s);
  expect(fourth).toMatch(/^Error: not done: .*path/s);
});

test.each([
  [401, {}, 'credential'],
  [402, {}, 'quota'],
  [413, {}, 'context_too_long'],
  [404, {}, 'model'],
])(
  'a %i is an error, never an answer, and leaves nothing in the conversation',
  async (status, body, code) => {
    api().use(() => 'ok');
    const id = idOf(await run('one'));
    api().use(() => ({ status, body: { error: { message: 'refused', ...body } } }));
    const failed = await run('two', { session_id: id });
    expect(failed.text).toBe('');
    expect(failed.outcome).toMatchObject({ status: 'error', code });
    api().use(() => 'ok again');
    await run('two', { session_id: id });
    expect(api().requests.at(-1)?.body.messages.map(textOf).slice(1)).toEqual(['one', 'ok', 'two']);
  },
);

test('a limit tells when it is lifted', async () => {
  api().use(() => ({ status: 429, headers: { 'retry-after': '3600' } }));
  const before = Date.now();
  const { outcome } = await run('hi');
  expect(outcome).toMatchObject({ status: 'error', code: 'quota' });
  const resetsAt = outcome.status === 'error' ? (outcome.resetsAt ?? 0) : 0;
  expect(resetsAt).toBeGreaterThanOrEqual(before + 3_600_000);
  expect(api().requests).toHaveLength(1);
});

test('a busy server, a broken stream and an error within it are asked again; after four times it is an overload', async () => {
  const replies = [
    { status: 503 },
    { text: 'I begin', end: 'break' as const },
    { text: 'I begin', end: { error: { message: 'overloaded', type: 'server_error' } } },
  ];
  api().use(({ n }) => replies[n - 1] ?? 'done');
  const told = await run('hi');
  expect(told.text).toBe('done');
  expect(told.activities).toContain('retrying');
  api().use(() => ({ status: 503 }));
  const asked = api().requests.length;
  expect((await run('hi')).outcome).toMatchObject({ status: 'error', code: 'overload' });
  expect(api().requests.length - asked).toBe(4);
});

test.each(['headers', 'stream'])('a server that falls silent (%s) is given up as stalled', async (where) => {
  api().use(() => (where === 'headers' ? { hang: true } : { text: 'I begin', end: 'hang' }));
  const { outcome, text } = await run('hi', { stallMs: 300 });
  expect(outcome).toMatchObject({ status: 'error', code: 'stalled' });
  expect(text).toBe('');
});

test('an interrupt ends a request and a command at once, and the conversation goes on', async () => {
  const stop = new AbortController();
  api().use(({ n }) => {
    if (n === 1) return { calls: [{ name: 'Bash', input: { command: 'touch begun; sleep 600' } }] };
    return 'still here';
  });
  const running = run('work', { interrupt: stop.signal });
  await waitFor(
    () => fs.existsSync(path('group/begun')) || undefined,
    10_000,
    () => 'the command',
  );
  stop.abort();
  const stopped = await running;
  expect(stopped.outcome).toMatchObject({ status: 'interrupted', usage: { input_tokens: 10 } });
  expect(stopped.text).toBe('');
  expect((await run('go on', { session_id: idOf(stopped) })).text).toBe('still here');

  const second = new AbortController();
  api().use(() => {
    second.abort();
    return { text: 'I begin', end: 'hang' };
  });
  expect((await run('hi', { interrupt: second.signal })).outcome.status).toBe('interrupted');
});

test('an empty answer is asked for once more; an answer that was cut off says so', async () => {
  api().use(({ n }) => (n === 1 ? '' : 'It is done.'));
  expect((await run('work')).text).toBe('It is done.');
  api().use(() => ({ text: 'Once upon', finish: 'length' }));
  expect((await run('a story')).text).toMatch(/^Once upon\n\n\(The model had to stop here/);
  api().use(() => ({ reasoning: 'hm', finish: 'length' }));
  expect((await run('think')).outcome).toMatchObject({ status: 'error', code: 'agent' });
});

test('a server that counts nothing is taken as it is', async () => {
  api().use(() => ({ text: 'ok', usage: null }));
  expect((await run('hi')).outcome).toMatchObject({
    status: 'ok',
    usage: { input_tokens: 0, output_tokens: 0, cost_usd: 0 },
  });
});

test('specialists that never end, asked without end, are stopped, too', async () => {
  fs.mkdirSync(path('group/agents'));
  fs.writeFileSync(
    path('group/agents/gardener.md'),
    '---\ndescription: Knows plants.\n---\nYou plant beans first.\n',
  );
  api().use(({ body }) => {
    const isGardener = body.messages[0] && textOf(body.messages[0]).includes('You plant beans first.');
    if (isGardener) return { calls: [{ name: 'no_such_tool', input: {} }] };
    return { calls: [{ name: 'Agent', input: { subagent_type: 'gardener', prompt: 'What first?' } }] };
  });
  const { outcome } = await run('go');
  expect(outcome).toMatchObject({ status: 'error', code: 'max_turns' });
  expect(api().requests.filter(({ body }) => body.tools)).toHaveLength(30 + 60);
  expect(api().requests.at(-1)?.raw).toContain('specialists have made 60 requests to the model in this turn');
});

test('a model that never ends is stopped', async () => {
  api().use(() => ({ calls: [{ name: 'no_such_tool', input: {} }] }));
  const { outcome } = await run('go');
  expect(outcome).toMatchObject({ status: 'error', code: 'max_turns' });
  expect(api().requests.filter(({ body }) => body.tools)).toHaveLength(30);
});
