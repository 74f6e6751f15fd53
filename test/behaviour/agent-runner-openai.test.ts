/** The provider for chat completions in the runner as it is delivered in the image: a process, a mailbox, a strict scripted server. */
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { AgentMailbox, AgentProcess, bundleRunner, waitFor } from '../support/agent-mailbox.ts';
import { createOpenAiApi, type OpenAiApi } from '../support/openai-api.ts';

const directory = mkdtempSync(join(tmpdir(), 'nanoclaw-openai-'));
let runner: string;
let api: OpenAiApi;
let mailbox: AgentMailbox;
let agent: AgentProcess;

beforeAll(async () => {
  runner = await bundleRunner(directory, { stallMs: 60_000, commandTimeoutMs: 10_000, scriptLimitMs: 5_000 });
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const start = (variables: Record<string, string> = {}) => {
  agent = new AgentProcess(
    mailbox,
    {
      NANOCLAW_PROVIDER: 'openai',
      OPENAI_BASE_URL: api.url,
      OPENAI_API_KEY: 'token-of-this-container',
      OPENAI_MODEL: 'scripted',
      ...variables,
    },
    { runner },
  );
};
beforeEach(async () => {
  api = await createOpenAiApi({ key: 'token-of-this-container' });
  mailbox = new AgentMailbox();
});
afterEach(async () => {
  await agent.kill();
  await api.close();
  mailbox.remove();
  expect(api.refusals).toEqual([]);
});
const idOf = ({ events }: { events: { type: string }[] }): string => {
  const event = events.find((each) => each.type === 'session') as { session_id?: string } | undefined;
  return event?.session_id ?? '';
};

test('a turn with a tool of ours and one of its own; the next process goes on with the conversation', async () => {
  api.use(({ toolResults }) =>
    toolResults.length > 0
      ? toolResults.join(' | ')
      : {
          calls: [
            { name: 'send_message', input: { text: 'A moment.' } },
            { name: 'Bash', input: { command: 'env | grep -c "OPENAI\\|token-of" || true' } },
          ],
        },
  );
  start();
  const turn = mailbox.turn('work');
  expect(await mailbox.answer('messages', { ok: true, detail: 'Sent.' })).toMatchObject({
    text: 'A moment.',
  });
  const first = await mailbox.finished(turn);
  expect(first.text).toBe('Sent. | 0');
  expect(first.end).toMatchObject({
    status: 'ok',
    usage: { input_tokens: 20, output_tokens: 10, cost_usd: 0 },
  });

  await agent.kill();
  api.use(() => 'I had said: a moment.');
  start();
  const second = await mailbox.finished(mailbox.turn('and?', { session_id: idOf(first) }));
  expect(second.text).toBe('I had said: a moment.');
  expect(second.events.some(({ type }) => type === 'session')).toBe(false);
  expect(api.requests.at(-1)?.raw).toContain('A moment.');
});

test('a process that is killed in the middle of a command leaves a conversation that the next one takes up', async () => {
  api.use(() => ({ calls: [{ name: 'Bash', input: { command: 'touch begun; sleep 600' } }] }));
  start();
  const turn = mailbox.turn('wait');
  const { session_id } = await mailbox.event(turn, 'session');
  const begun = () => existsSync(join(mailbox.groupDir, 'begun')) || undefined;
  await waitFor(begun, 10_000, () => 'the command');
  await agent.kill();
  api.use(() => 'What was I doing?');
  start();
  const again = await mailbox.finished(mailbox.turn('wait', { session_id, attempt: 2 }));
  expect(again.text).toBe('What was I doing?');
  expect(api.requests.at(-1)?.raw).toContain('the turn ended before the result came');
});

test('an interrupt from the mailbox ends the command; drafts are shown where somebody watches', async () => {
  api.use(() => ({ calls: [{ name: 'Bash', input: { command: 'touch begun; sleep 600' } }] }));
  start();
  const turn = mailbox.turn('wait');
  const begun = () => existsSync(join(mailbox.groupDir, 'begun')) || undefined;
  await waitFor(begun, 10_000, () => 'the command');
  mailbox.interrupt(turn);
  expect((await mailbox.finished(turn)).end).toMatchObject({ status: 'interrupted' });

  api.use(() => ({ text: 'word '.repeat(60), chunkDelayMs: 150 }));
  const { events } = await mailbox.finished(mailbox.turn('write', { drafts: true }));
  const drafts = events.flatMap((event) => (event.type === 'progress' && event.draft ? [event.draft] : []));
  expect(drafts.length).toBeGreaterThan(0);
  expect('word '.repeat(60)).toContain(drafts[0]?.trim() ?? 'nothing');
});

test('a failure is an event with its code and its end, and no text', async () => {
  api.use(() => ({
    status: 429,
    headers: { 'retry-after': '3600' },
    body: { error: { message: 'slow down' } },
  }));
  start();
  const { end, text } = await mailbox.finished(mailbox.turn('hi'));
  expect(end).toMatchObject({
    status: 'error',
    error: {
      code: 'quota',
      message: 'the model server answered 429: slow down',
      resets_at: expect.any(String),
    },
  });
  expect(text).toBe('');
});

test('without a server or a model it ends at once, and says why', async () => {
  start({ OPENAI_MODEL: '' });
  expect(await agent.exited).toBe(1);
  expect(agent.stderr).toMatch(/OPENAI_MODEL/);
});

test('the tools of an MCP server are offered with their arguments and called; one that is not there is told', async () => {
  copyFileSync(new URL('../support/mcp-server.mjs', import.meta.url), join(mailbox.groupDir, 'server.mjs'));
  api.use(({ toolResults }) =>
    toolResults.length > 0
      ? toolResults.join(' | ')
      : {
          calls: [
            { name: 'mcp__weather__echo', input: { text: 'hello' } },
            { name: 'mcp__weather__picture', input: {} },
          ],
        },
  );
  start();
  const server = (name: string, ...args: string[]) => ({
    type: 'stdio' as const,
    name,
    command: process.execPath,
    args: ['server.mjs', ...args],
    env: {},
  });
  const mcp = [server('weather'), server('crash', 'crash')];
  const { text, end } = await mailbox.finished(mailbox.turn('say it', { mcp }), 30_000);
  expect(text).toBe('echo: hello | (image, image/png)');
  expect(end.mcp).toContainEqual({ name: 'crash', problem: 'it ended with code 3: no such database' });
  const body = JSON.stringify(api.requests[0]?.body);
  expect(body).toContain('"name":"mcp__weather__echo","description":"Says it again."');
  expect(body).toContain('"parameters":{"type":"object","properties":{"text":{"type":"string"}}}');
  expect(body).toContain('The MCP server “crash” is not there');
  // By itself, so that it takes its servers along.
  mailbox.closeAgent();
  await agent.exited;
});
