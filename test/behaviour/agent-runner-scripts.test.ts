/** Scripts of tasks, with the real runner as a process: what each end of a script means, and that nothing of it stays. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { AgentMailbox, AgentProcess, bundleRunner, waitFor } from '../support/agent-mailbox.ts';

/** Long enough for honest scripts on a slow machine. */
const GATE_LIMIT_MS = 3_000;
const directory = mkdtempSync(join(tmpdir(), 'nanoclaw-gate-'));
let runner: string;
let mailbox: AgentMailbox;
let agent: AgentProcess;

beforeAll(async () => {
  runner = await bundleRunner(directory, {
    stallMs: 60_000,
    commandTimeoutMs: 5_000,
    scriptLimitMs: GATE_LIMIT_MS,
  });
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

beforeEach(() => {
  mailbox = new AgentMailbox();
  agent = new AgentProcess(mailbox, { ANTHROPIC_AUTH_TOKEN: 'token-of-this-container' }, { runner });
});

afterEach(async () => {
  await agent.kill();
  mailbox.remove();
});

const gated = (gate_script: string, values: Parameters<AgentMailbox['turn']>[1] = {}) =>
  mailbox.turn('ping', { kind: 'task', gate_script, ...values });
const run = (script: string, values: Parameters<AgentMailbox['turn']>[1] = {}) =>
  mailbox.finished(gated(script, values));
const written = (name: string) => {
  const file = join(mailbox.groupDir, name);
  return waitFor(
    () => (existsSync(file) && readFileSync(file, 'utf8').trim()) || undefined,
    10_000,
    () => name,
  );
};

/** Waits until a process is gone, or only waits to be buried. */
const gone = (pid: string) =>
  waitFor(
    () => {
      try {
        process.kill(Number(pid), 0);
        return /\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8')) || undefined;
      } catch {
        return true;
      }
    },
    5_000,
    () => `the end of ${pid}`,
  );

test('nothing to do: the agent is not woken', async () => {
  const { end, events } = await run('echo looking; echo \'{"wakeAgent": false}\'');
  expect(end).toMatchObject({ status: 'ok', gated: true });
  const types = events.map((event) => (event.type === 'progress' ? event.activity : event.type));
  expect(types).toEqual(['turn_started', 'gate script', 'turn_finished']);
});

test('something to do: the agent gets the prompt with the data', async () => {
  const script = 'echo \'{"wakeAgent": true, "data": {"new": ["<b>", 2]}}\'';
  const values = { prompt: '<scheduled_task>look</scheduled_task>', requests: [] };
  const { end, text } = await run(script, values);
  expect(end.gated).toBeUndefined();
  expect(text).toBe('<scheduled_task>look</scheduled_task>\n<gate_data>{"new":["&lt;b&gt;",2]}</gate_data>');
  expect((await run('echo \'{"wakeAgent": true}\'', values)).text).toBe(values.prompt);
});

test.each([
  ['exit code', 'echo nope >&2; echo \'{"wakeAgent": false}\'; exit 3', 'exit code 3; its stderr ends: nope'],
  ['no output', 'true', 'printed nothing; expected {"wakeAgent": true|false'],
  ['another last line', 'echo \'{"wakeAgent": true}\'; echo done', 'the line “done”; expected {"wakeAgent"'],
  ['a syntax error', 'if', 'exit code 2; its stderr ends: '],
  ['a NUL', 'echo \0', 'could not be started'],
])('%s is a failed run that says what was wrong', async (_, script, message) => {
  const { end, text } = await run(script);
  expect(end).toMatchObject({ status: 'error', error: { code: 'gate' } });
  expect(end.error?.message).toContain(message);
  expect(text).toBe('');
});

test('the limit ends it with all that it started', async () => {
  const startedAt = performance.now();
  const turn = gated('sleep 300 & echo $! > child; echo waiting >&2; sleep 300');
  const child = await written('child');
  const { end } = await mailbox.finished(turn);
  expect(end).toMatchObject({ status: 'error', error: { code: 'gate' } });
  expect(end.error?.message).toContain('its limit of 3 seconds; its stderr ends: waiting');
  expect(performance.now() - startedAt).toBeGreaterThan(GATE_LIMIT_MS);
  await gone(child);
});

test('an interrupt ends it at once, and the next turn runs', async () => {
  const turn = gated('echo $$ > self; sleep 300');
  const self = await written('self');
  mailbox.interrupt(turn);
  expect((await mailbox.finished(turn, GATE_LIMIT_MS - 500)).end.status).toBe('interrupted');
  await gone(self);
  expect((await mailbox.finished(mailbox.turn('ping'))).text).toBe('pong');
});

test('it does not outlive the runner', async () => {
  gated('echo $$ > self; sleep 300');
  const self = await written('self');
  agent.process.kill('SIGTERM');
  expect(await agent.exited).toBe(0);
  await gone(self);
});

test('what it leaves in the background is ended and holds nothing up', async () => {
  const turn = gated('sleep 300 & echo $! > child; echo \'{"wakeAgent": false}\'');
  const { end } = await mailbox.finished(turn, GATE_LIMIT_MS - 500);
  expect(end.gated).toBe(true);
  await gone(await written('child'));
});

test('a flood of output is cut, and its last line still counts', async () => {
  const flood = 'yes | head -c 20000000';
  const { end } = await run(`${flood}; ${flood} >&2; echo '{"wakeAgent": false}'`);
  expect(end).toMatchObject({ status: 'ok', gated: true });
});

test('it runs in the folder of the group, in its zone, without any credential', async () => {
  await run('pwd > where; date +%Z > zone; env > variables; echo \'{"wakeAgent": false}\'', {
    timezone: 'Asia/Tokyo',
  });
  expect(await written('where')).toBe(mailbox.groupDir);
  expect(await written('zone')).toBe('JST');
  const variables = await written('variables');
  const names = variables.split('\n').map((line) => line.split('=')[0] ?? '');
  expect(names).toEqual(expect.arrayContaining(['PATH', 'HOME', 'TZ', 'LANG']));
  expect(names.filter((name) => /ANTHROPIC|TOKEN|KEY|NANOCLAW/.test(name))).toEqual([]);
  expect(variables).toContain(`HOME=${mailbox.homeDir}`);
});

test('without a container around it no script is run', async () => {
  await agent.kill();
  agent = new AgentProcess(mailbox);
  const { end } = await run('touch was-here; echo \'{"wakeAgent": true}\'');
  expect(end).toMatchObject({ status: 'error', error: { code: 'gate' } });
  expect(end.error?.message).toContain('without a container');
  expect(existsSync(join(mailbox.groupDir, 'was-here'))).toBe(false);
});

test('a script without a prompt is the whole task: what it prints is the reply, and nobody is woken', async () => {
  const alone = (script: string) => run(script, { prompt: '', script_only: true });
  const { end, text, events } = await alone('printf "disk: *%s*\\n{\\"wakeAgent\\": true}\\n" 42%');
  expect(end).toEqual(expect.objectContaining({ status: 'ok', scripted: true }));
  expect(text).toBe('disk: *42%*\n{"wakeAgent": true}');
  expect(events.some(({ type }) => type === 'session')).toBe(false);
  const silent = await alone('true');
  expect({ ...silent.end, text: silent.text }).toMatchObject({ status: 'ok', scripted: true, text: '' });
  expect((await alone('echo half; echo broke >&2; exit 4')).end).toMatchObject({
    status: 'error',
    error: { code: 'gate', message: 'the script ended with exit code 4; its stderr ends: broke' },
  });
  const flood = await alone('yes é | head -c 3000000; echo last');
  expect(flood.text).toMatch(/^…(\n)?(é\n)+last$/);
});
