/**
 * MCP servers of an agent: the real runner with the offline agent, and real servers over stdio. What the host names is started and
 * can be used; what hangs, ends or cannot start is named and keeps no turn; nothing stays behind.
 */
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { TurnFile } from '../../src/protocol.ts';
import { AgentMailbox, AgentProcess, bundleRunner, waitFor } from '../support/agent-mailbox.ts';

const SERVER = fileURLToPath(new URL('../support/mcp-server.mjs', import.meta.url));
type Servers = NonNullable<TurnFile['mcp']>;

let bundle: string;
let runner: string;
let mailbox: AgentMailbox;
let agent: AgentProcess;

beforeAll(async () => {
  bundle = mkdtempSync(join(tmpdir(), 'nanoclaw-runner-'));
  runner = await bundleRunner(bundle, { stallMs: 5000, commandTimeoutMs: 2000, scriptLimitMs: 5000 });
}, 120_000);
afterAll(() => rmSync(bundle, { recursive: true, force: true }));
beforeEach(async () => {
  mailbox = new AgentMailbox();
  copyFileSync(SERVER, join(mailbox.groupDir, 'server.mjs'));
  const more = { ANTHROPIC_AUTH_TOKEN: 'not for servers', HTTPS_PROXY: 'http://127.0.0.1:1' };
  agent = new AgentProcess(mailbox, more, { runner });
  await agent.ready();
});
afterEach(async () => {
  // By itself, so that it takes its servers along.
  mailbox.closeAgent();
  await agent.exited;
  mailbox.remove();
});

const server = (name: string, ...args: string[]): Servers[number] => ({
  type: 'stdio',
  name,
  command: process.execPath,
  args: ['server.mjs', ...args],
  env: { UNITS: 'metric' },
});
const turn = async (request: string, mcp: Servers, values: Partial<TurnFile> = {}) =>
  await mailbox.finished(mailbox.turn(request, { mcp, ...values }), 30_000);
const isAlive = (pid: number) =>
  existsSync(`/proc/${pid}`) && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
const gone = (pid: number) =>
  waitFor(
    () => !isAlive(pid) || undefined,
    10_000,
    () => `the end of ${pid}`,
  );
const environmentOf = (text: string) =>
  JSON.parse(text) as Record<string, string> & { pid: number; child: number };

describe('a server over stdio', () => {
  it('is started with what it may know, used, kept, and ended with its child when it is not named any more', async () => {
    const one = [server('weather')];
    const list = await turn('mcp tools', one);
    expect(list.text).toContain('weather echo: Says it again.');
    expect(list.text).not.toContain('not a name');
    expect(list.end.mcp).toEqual([{ name: 'weather', problem: null }]);
    expect((await turn('mcp weather echo {"text": "hello"}', one)).text).toBe('echo: hello');
    const first = environmentOf((await turn('mcp weather env', one)).text);
    expect(first).toMatchObject({
      UNITS: 'metric',
      HOME: mailbox.homeDir,
      cwd: mailbox.groupDir,
      HTTPS_PROXY: 'http://127.0.0.1:1',
    });
    expect(JSON.stringify(first)).not.toContain('not for servers');
    expect(Object.keys(first).filter((key) => /^(NANOCLAW|ANTHROPIC)/.test(key))).toEqual([]);
    const again = environmentOf((await turn('mcp weather env', one)).text);
    expect([again.pid, again.child]).toEqual([first.pid, first.child]);

    expect((await turn('mcp weather echo {}', [])).text).toContain(
      'There is no tool echo of an MCP server weather here',
    );
    await Promise.all([gone(first.pid), gone(first.child)]);
    // Another definition is another program.
    const other = environmentOf(
      (await turn('mcp weather env', [{ ...one[0], env: { UNITS: 'imperial' } } as Servers[number]])).text,
    );
    expect(other.UNITS).toBe('imperial');
    mailbox.closeAgent();
    await agent.exited;
    await Promise.all([gone(other.pid), gone(other.child)]);
  }, 60_000);

  it('that cannot start, crashes or hangs is named, holds the turn up for ten seconds once, and the others work', async () => {
    const all = [
      server('weather'),
      { ...server('missing'), command: 'no-such-program' },
      server('crash', 'crash'),
      server('hang', 'hang'),
      server('chatter', 'chatter'),
    ] as Servers;
    const first = await turn('mcp weather echo {"text": "1"}', all);
    expect(first.text).toBe('echo: 1');
    const problems = Object.fromEntries((first.end.mcp ?? []).map(({ name, problem }) => [name, problem]));
    expect(problems).toMatchObject({
      missing: expect.stringContaining('ENOENT'),
      crash: 'it ended with code 3: no such database',
      hang: 'it did not answer within 10 seconds',
    });
    const second = await turn('mcp chatter echo {"text": "2"}', all);
    expect(second.text).toBe('echo: 2');
    expect(second.end.mcp).toContainEqual({ name: 'hang', problem: 'it did not answer within 3 seconds' });
  }, 60_000);

  it('that ends in the middle of a call is told, and is there again with the next message', async () => {
    const one = [server('weather')];
    const died = await turn('mcp weather die', one);
    expect(died.text).toContain('the MCP server weather has ended: it ended with code 1');
    expect(died.end.mcp?.[0]?.problem).toContain('it ended with code 1');
    expect((await turn('mcp weather echo {"text": "back"}', one)).text).toBe('echo: back');
  }, 60_000);

  it('that does not answer is left when the turn is stopped', async () => {
    const id = mailbox.turn('mcp weather wait', { mcp: [server('weather')] });
    await waitFor(
      () =>
        mailbox.events(id).some((e) => e.type === 'progress' && e.activity.startsWith('mcp__')) || undefined,
      20_000,
      () => 'the call',
    );
    mailbox.interrupt(id);
    expect((await mailbox.finished(id, 20_000)).end.status).toBe('interrupted');
    expect((await turn('mcp weather echo {"text": "on"}', [server('weather')])).text).toBe('echo: on');
  }, 60_000);

  it('with too many tools is cut at a hundred', async () => {
    const { text, end } = await turn('mcp tools', [server('many', 'many')]);
    expect(text.split('\n').filter((line) => line.startsWith('- many '))).toHaveLength(100);
    expect(end.mcp).toEqual([{ name: 'many', problem: null }]);
    const isSaid = () => /MCP server many: 5\d tools are left out/.test(agent.stderr) || undefined;
    await waitFor(isSaid, 10_000, () => `the note, not ${agent.stderr}`);
  }, 60_000);
});

it('no server is started outside of a container', async () => {
  const plain = new AgentMailbox();
  const delivered = new AgentProcess(plain);
  try {
    await delivered.ready();
    const one = [
      { type: 'stdio' as const, name: 'w', command: 'touch', args: [join(plain.groupDir, 'made')], env: {} },
    ];
    expect((await plain.finished(plain.turn('mcp tools', { mcp: one }))).text).toContain(
      'There are no tools',
    );
    expect(existsSync(join(plain.groupDir, 'made'))).toBe(false);
  } finally {
    await delivered.kill();
    plain.remove();
  }
});
