/** The provider against a scripted server that refuses what the strictest would: the loop, failures, and what stays of a turn. */
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import type { AgentEnvironment, TurnFile } from '../../../src/protocol.ts';
import { waitFor } from '../../../test/support/agent-mailbox.ts';
import {
  type ChatScript,
  createOpenAiApi,
  type OpenAiApi,
  textOf,
} from '../../../test/support/openai-api.ts';
import { createOpenAiProvider } from './openai.ts';
import type { TurnOutcome } from './provider.ts';
import { define } from './tool.ts';

let root: string;
let api: OpenAiApi;

beforeEach(async () => {
  root = fs.mkdtempSync(join(tmpdir(), 'nanoclaw-openai-'));
  for (const name of ['group', 'global', 'home']) fs.mkdirSync(join(root, name));
  api = await createOpenAiApi({ key: 'token-of-this-container' });
});
afterEach(async () => {
  await api.close();
  fs.rmSync(root, { recursive: true, force: true });
});

const sent: unknown[] = [];
const tools = [
  define('send_message', 'Sends a message.', z.object({ text: z.string().min(1).max(200_000) }), (args) => {
    sent.push(args);
    return { text: 'Sent.', isError: false };
  }),
];

interface Told {
  outcome: TurnOutcome;
  text: string;
  sessions: { id: string; fresh: boolean }[];
  activities: string[];
  drafts: string[];
}
type Values = Partial<TurnFile> & {
  interrupt?: AbortSignal;
  stallMs?: number;
  environment?: Partial<AgentEnvironment>;
};

async function run(
  prompt: string,
  { interrupt, stallMs = 30_000, environment, ...values }: Values = {},
): Promise<Told> {
  const provider = createOpenAiProvider({
    environment: {
      NANOCLAW_PROTOCOL: 1,
      NANOCLAW_CONTAINER: 'nanoclaw-test',
      NANOCLAW_PROVIDER: 'openai',
      NANOCLAW_GROUP_DIR: join(root, 'group'),
      NANOCLAW_GLOBAL_DIR: join(root, 'global'),
      NANOCLAW_IPC_DIR: join(root, 'ipc'),
      NANOCLAW_IDLE_EXIT_MS: 60_000,
      NANOCLAW_SWEEP_MS: 60_000,
      HOME: join(root, 'home'),
      OPENAI_BASE_URL: api.url,
      OPENAI_API_KEY: 'token-of-this-container',
      OPENAI_MODEL: 'scripted',
      ...environment,
    },
    variables: { PATH: process.env.PATH, SECRET: 'not for commands' },
    stallMs,
    log: () => {},
    pausesMs: [1, 1, 1],
    mostRequests: 30,
  });
  const told: Omit<Told, 'outcome' | 'text'> = { sessions: [], activities: [], drafts: [] };
  const outcome = await provider.run(
    turnOf(prompt, values),
    tools,
    {
      alive(activity, draft) {
        told.activities.push(activity);
        if (draft !== undefined) told.drafts.push(draft);
      },
      async session(id, fresh) {
        told.sessions.push({ id, fresh });
      },
    },
    interrupt ?? new AbortController().signal,
  );
  provider.close();
  expect(api.refusals).toEqual([]);
  return { outcome, text: outcome.status === 'ok' ? (outcome.text ?? '') : '', ...told };
}

const turnOf = (prompt: string, values: Partial<TurnFile>): TurnFile => ({
  protocol: 1,
  id: '7f9c24e8-3b13-4f63-8e11-6d2f4d1f0001',
  container: 'nanoclaw-test',
  kind: 'messages',
  attempt: 1,
  chat_jid: '-100200300',
  thread_id: null,
  group_name: 'Family',
  is_main: false,
  assistant_name: 'Nina',
  timezone: 'Europe/Berlin',
  session_id: null,
  prompt,
  requests: [prompt],
  ...values,
});
const idOf = ({ sessions }: Told): string => sessions[0]?.id ?? '';
/** Uses each tool once, then answers with what it heard. */
const using =
  (...calls: { name: string; input: Record<string, unknown> | string }[]): ChatScript =>
  ({ toolResults }) =>
    toolResults.length > 0 ? toolResults.join(' | ') : { text: 'I look.', calls };

test('is told who it is, its memory and its tools; answers, and what it used is counted', async () => {
  fs.writeFileSync(join(root, 'group/CLAUDE.md'), 'Ann likes tea.');
  fs.writeFileSync(join(root, 'global/CLAUDE.md'), 'Office hours are 9 to 5.');
  api.use(() => ({
    reasoning: 'Hm, who?',
    text: 'Hello Ann, I am Nina.',
    usage: { input: 120, output: 30 },
  }));
  const told = await run('Who are you?', { environment: { OPENAI_PRICE: '2/10' } });
  expect(told.text).toBe('Hello Ann, I am Nina.');
  expect(told.outcome).toMatchObject({
    status: 'ok',
    usage: { input_tokens: 120, output_tokens: 30, cost_usd: 0.00054 },
  });
  expect(told.sessions).toEqual([{ id: expect.any(String), fresh: false }]);
  const [request] = api.requests;
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
  api.use(() => '<think>The user wants a greeting.</think>\n\nHello.');
  const told = await run('hi');
  expect(told.text).toBe('Hello.');
  expect(told.drafts.join(' ')).not.toContain('wants');
});

test('uses our tools and its own, several at once, and hears what became of each', async () => {
  sent.length = 0;
  api.use(
    using(
      { name: 'send_message', input: { text: 'Half way.' } },
      { name: 'Bash', input: { command: 'pwd; echo "[$SECRET]"; cat a.txt 2>&1' } },
      { name: 'Write', input: { path: 'a.txt', content: 'x' } },
    ),
  );
  const told = await run('work');
  expect(sent).toEqual([{ text: 'Half way.' }]);
  expect(told.text).toContain(`Sent. | Error: ${fs.realpathSync(join(root, 'group'))}\n[]\ncat: a.txt`);
  expect(told.text).toContain('Wrote a.txt');
  expect(told.activities).toEqual(expect.arrayContaining(['send_message', 'Bash', 'Write']));
  // Only the last answer is for the chat.
  expect(told.text).not.toContain('I look.');
  expect(told.outcome).toMatchObject({ usage: { input_tokens: 20, output_tokens: 10 } });
});

test('wrong names and arguments are told to the model, which may do better', async () => {
  api.use(
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

test('a conversation goes on by its id; another begins without one; one that is gone begins anew, and says so', async () => {
  api.use(({ n }) => `answer ${n}`);
  const first = await run('The code word is heron.');
  const again = await run('And now?', { session_id: idOf(first) });
  expect(again.sessions).toEqual([]);
  expect(api.requests[1]?.body.messages.map(textOf).slice(1)).toEqual([
    ...['The code word is heron.', 'answer 1', 'And now?'],
  ]);
  const other = await run('Hello');
  expect(other.sessions).toEqual([{ id: expect.any(String), fresh: false }]);
  expect(api.requests[2]?.raw).not.toContain('heron');
  const gone = await run('Hello', { session_id: '0b0e7a52-8d1c-4d8e-9d4f-aaaaaaaaaaaa' });
  expect(gone.sessions).toEqual([{ id: expect.any(String), fresh: true }]);
});

test('a conversation that a kill has cut in the middle of a tool is gone on with', async () => {
  api.use(() => 'ok');
  const id = idOf(await run('one'));
  const file = join(root, 'home/.nanoclaw-openai', `${id}.jsonl`);
  const call = { id: 'call_9', name: 'Bash', input: { command: 'ls' } };
  fs.appendFileSync(file, `${JSON.stringify({ role: 'user', text: 'two' })}\n`);
  fs.appendFileSync(
    file,
    `${JSON.stringify({ role: 'assistant', text: '', calls: [call] })}\n{"role":"tool","id":"ca`,
  );
  expect((await run('three', { session_id: id })).text).toBe('ok');
  expect(api.requests[1]?.raw).toContain('the turn ended before the result came');
});

test.each([
  [401, {}, 'credential'],
  [402, {}, 'quota'],
  [413, {}, 'context_too_long'],
  [404, {}, 'model'],
])(
  'a %i is an error, never an answer, and leaves nothing in the conversation',
  async (status, body, code) => {
    api.use(() => 'ok');
    const id = idOf(await run('one'));
    api.use(() => ({ status, body: { error: { message: 'refused', ...body } } }));
    const failed = await run('two', { session_id: id });
    expect(failed.text).toBe('');
    expect(failed.outcome).toMatchObject({ status: 'error', code });
    api.use(() => 'ok again');
    await run('two', { session_id: id });
    expect(api.requests.at(-1)?.body.messages.map(textOf).slice(1)).toEqual(['one', 'ok', 'two']);
  },
);

test('a limit tells when it is lifted', async () => {
  api.use(() => ({ status: 429, headers: { 'retry-after': '3600' } }));
  const before = Date.now();
  const { outcome } = await run('hi');
  expect(outcome).toMatchObject({ status: 'error', code: 'quota' });
  const resetsAt = outcome.status === 'error' ? (outcome.resetsAt ?? 0) : 0;
  expect(resetsAt).toBeGreaterThanOrEqual(before + 3_600_000);
  expect(api.requests).toHaveLength(1);
});

test('a busy server, a broken stream and an error within it are asked again; after four times it is an overload', async () => {
  const replies = [
    { status: 503 },
    { text: 'I begin', end: 'break' as const },
    { text: 'I begin', end: { error: { message: 'overloaded', type: 'server_error' } } },
  ];
  api.use(({ n }) => replies[n - 1] ?? 'done');
  const told = await run('hi');
  expect(told.text).toBe('done');
  expect(told.activities).toContain('retrying');
  api.use(() => ({ status: 503 }));
  const asked = api.requests.length;
  expect((await run('hi')).outcome).toMatchObject({ status: 'error', code: 'overload' });
  expect(api.requests.length - asked).toBe(4);
});

test.each(['headers', 'stream'])('a server that falls silent (%s) is given up as stalled', async (where) => {
  api.use(() => (where === 'headers' ? { hang: true } : { text: 'I begin', end: 'hang' }));
  const { outcome, text } = await run('hi', { stallMs: 300 });
  expect(outcome).toMatchObject({ status: 'error', code: 'stalled' });
  expect(text).toBe('');
});

test('an interrupt ends a request and a command at once, and the conversation goes on', async () => {
  const stop = new AbortController();
  api.use(({ n }) => {
    if (n === 1) return { calls: [{ name: 'Bash', input: { command: 'touch begun; sleep 600' } }] };
    return 'still here';
  });
  const running = run('work', { interrupt: stop.signal });
  await waitFor(
    () => fs.existsSync(join(root, 'group/begun')) || undefined,
    10_000,
    () => 'the command',
  );
  stop.abort();
  const stopped = await running;
  expect(stopped.outcome).toMatchObject({ status: 'interrupted', usage: { input_tokens: 10 } });
  expect(stopped.text).toBe('');
  expect((await run('go on', { session_id: idOf(stopped) })).text).toBe('still here');

  const second = new AbortController();
  api.use(() => {
    second.abort();
    return { text: 'I begin', end: 'hang' };
  });
  expect((await run('hi', { interrupt: second.signal })).outcome.status).toBe('interrupted');
});

test('before the context is full the conversation is summed up, archived and gone on with', async () => {
  const environment = { OPENAI_CONTEXT_TOKENS: 8192 };
  api.use(({ body, n }) => (body.tools ? `answer ${n} ${'word '.repeat(400)}` : 'They spoke of herons.'));
  const id = idOf(await run('The code word is heron.', { environment }));
  let told: Told | null = null;
  for (let turn = 0; turn < 6; turn += 1)
    told = await run(`Question ${turn} ${'long '.repeat(400)}`, { environment, session_id: id });
  const asked = api.requests.filter(({ body }) => !body.tools);
  expect(asked.length).toBeGreaterThan(0);
  expect(asked[0]?.raw).toContain('The code word is heron.');
  expect(api.requests.at(-1)?.raw).toContain('They spoke of herons.');
  expect(api.requests.at(-1)?.userText).toContain('Question 5');
  const archives = fs.readdirSync(join(root, 'group/conversations'));
  expect(archives.length).toBe(asked.length);
  const all = archives.map((name) => fs.readFileSync(join(root, 'group/conversations', name), 'utf8'));
  expect(all.filter((text) => text.includes('## Chat\n\nThe code word is heron.'))).toHaveLength(1);
  expect(told?.outcome.status).toBe('ok');
});

test('a server that says the prompt is too long gets a shorter one, once; then it is an error', async () => {
  api.use(({ n }) => `answer ${n} ${'word '.repeat(2000)}`);
  const id = idOf(await run('one'));
  await run('two', { session_id: id });
  const tooLong = { status: 400, body: { error: { message: 'too long', code: 'context_length_exceeded' } } };
  api.use(({ body, raw }) => {
    if (!body.tools) return 'In short: one and two.';
    return raw.includes('In short') ? 'shorter' : tooLong;
  });
  expect((await run('three', { session_id: id })).text).toBe('shorter');
  api.use(({ body }) => (body.tools ? tooLong : 'short'));
  expect((await run('four', { session_id: id })).outcome).toMatchObject({
    status: 'error',
    code: 'context_too_long',
  });
});

test('a turn that outgrows the context keeps its own request', async () => {
  const environment = { OPENAI_CONTEXT_TOKENS: 8192 };
  let steps = 0;
  api.use(({ body }) => {
    if (!body.tools) return 'Some files were listed.';
    steps += 1;
    return steps > 12 ? 'all done' : { calls: [{ name: 'Bash', input: { command: 'seq 1 900' } }] };
  });
  const told = await run('Count it all, and say HERON at the end.', { environment });
  expect(told.text).toBe('all done');
  expect(told.activities).toContain('compacting');
  const last = api.requests.filter(({ body }) => body.tools).at(-1);
  expect(last?.raw).toContain('Some files were listed.');
  expect(last?.userText).toContain('Count it all, and say HERON at the end.');
});

test('work is handed to a specialist: own instructions, own tools, no word of the chat; the talk is written down', async () => {
  fs.mkdirSync(join(root, 'group/agents'));
  fs.writeFileSync(
    join(root, 'group/agents/gardener.md'),
    '---\nname: gardener\ndescription: Knows plants.\ntools: Read, Bash\n---\nYou plant beans first.\n',
  );
  const ofGardener: string[] = [];
  api.use(({ body, userText, toolResults }) => {
    const system = body.messages[0] ? textOf(body.messages[0]) : '';
    if (system.includes('You plant beans first.')) {
      ofGardener.push(body.tools?.map(({ function: { name } }) => name).join() ?? '');
      return toolResults.length > 0
        ? `Asked: ${userText}; saw ${toolResults.join()}`
        : { calls: [{ name: 'Bash', input: { command: 'echo soil' } }] };
    }
    expect(system).toContain('- gardener: Knows plants.');
    if (toolResults.length > 0) return toolResults.join(' | ');
    const ask = (subagent_type: string) => ({
      name: 'Agent',
      input: { subagent_type, description: 'Plan a bed', prompt: 'What first?' },
    });
    return { calls: [ask('gardener'), ask('nobody')] };
  });
  const told = await run('The code word is heron. Ask the gardener.');
  expect(told.text).toBe(
    'Asked: What first?; saw soil | Error: not done: there is no specialist nobody; there are gardener',
  );
  expect(ofGardener).toEqual(['Bash,Read', 'Bash,Read']);
  const asked = api.requests.filter(({ raw }) => raw.includes('You plant beans first.'));
  expect(asked.map(({ raw }) => raw).join()).not.toContain('heron');
  expect(told.outcome).toMatchObject({ usage: { input_tokens: 40 } });
  const [talk] = fs.readdirSync(join(root, 'group/conversations/team'));
  expect(fs.readFileSync(join(root, 'group/conversations/team', talk ?? ''), 'utf8')).toMatch(
    /Nina → gardener: Plan a bed[\s\S]*What first\?[\s\S]*saw soil/,
  );
  expect(fs.existsSync(join(root, 'group/gardener'))).toBe(true);
});

test('a picture is shown; a model that takes none is told so, and answers all the same', async () => {
  const png = Buffer.from(
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
    'base64',
  );
  fs.mkdirSync(join(root, 'group/attachments'));
  fs.writeFileSync(join(root, 'group/attachments/a.png'), png);
  const attachments = [
    { path: 'attachments/a.png', kind: 'photo', type: 'image/png', bytes: png.length, as_image: true },
  ];
  api.use(() => 'a dot');
  const told = await run('what is this?', { attachments });
  expect(api.requests[0]?.raw).toContain(`data:image/png;base64,${png.toString('base64')}`);
  await run('and its colour?', { session_id: idOf(told) });
  expect(api.requests[1]?.raw).toContain('data:image/png');
  api.use(({ raw }) =>
    raw.includes('data:image')
      ? { status: 500, body: { error: { message: 'image input is not supported' } } }
      : 'I see none',
  );
  expect((await run('what is this?', { attachments })).text).toBe('I see none');
  expect(api.requests.at(-1)?.raw).toContain('This model sees no pictures: attachments/a.png');
});

test('an empty answer is asked for once more; an answer that was cut off says so', async () => {
  api.use(({ n }) => (n === 1 ? '' : 'It is done.'));
  expect((await run('work')).text).toBe('It is done.');
  api.use(() => ({ text: 'Once upon', finish: 'length' }));
  expect((await run('a story')).text).toMatch(/^Once upon\n\n\(The model had to stop here/);
  api.use(() => ({ reasoning: 'hm', finish: 'length' }));
  expect((await run('think')).outcome).toMatchObject({ status: 'error', code: 'agent' });
});

test('thoughts go back with the calls of the running turn, and not later', async () => {
  api.use(({ n }) =>
    n === 1 ? { reasoning: 'I should look', calls: [{ name: 'Glob', input: { pattern: '*' } }] } : 'ok',
  );
  const id = idOf(await run('look'));
  expect(api.requests[1]?.raw).toContain('"reasoning_content":"I should look"');
  await run('and?', { session_id: id });
  expect(api.requests[2]?.raw).not.toContain('I should look');
});

test('a server that counts nothing is taken as it is', async () => {
  api.use(() => ({ text: 'ok', usage: null }));
  expect((await run('hi')).outcome).toMatchObject({
    status: 'ok',
    usage: { input_tokens: 0, output_tokens: 0, cost_usd: 0 },
  });
});

test('a model that never ends is stopped', async () => {
  api.use(() => ({ calls: [{ name: 'no_such_tool', input: {} }] }));
  const { outcome } = await run('go');
  expect(outcome).toMatchObject({ status: 'error', code: 'max_turns' });
  expect(api.requests.filter(({ body }) => body.tools)).toHaveLength(30);
});
