/**
 * How a daemon ends and begins: killed in the middle of a turn, asked to stop, started twice, started with wrong
 * settings, with a wrong token, or without its container engine. Real processes; what is seen is what an operator sees.
 */
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type BotApi, startBotApi, TestHome } from '../support/daemon.ts';

const RUNNING = "SELECT 1 FROM turns WHERE state = 'running'";

let api: BotApi;
let home: TestHome;

beforeEach(async () => {
  api = await startBotApi();
  home = new TestHome({ ...api.settings, CONTAINER_RUNTIME: 'process' });
});
afterEach(async () => {
  await home.dispose();
  await api.close();
});

describe('SIGKILL in the middle of a turn', () => {
  it('costs the message nothing: it is answered once, by the next daemon', async () => {
    const chat = api.group('Family');
    await home.addGroup(chat, 'family');
    const first = await home.start();
    api.sim.say({ chat, from: 'you', text: '@Nina slow 0.8' });
    await home.until(() => home.row(RUNNING), 'the turn to run');
    const agent = Number(home.row<{ engine_id: string }>('SELECT engine_id FROM containers')?.engine_id);
    expect(await first.kill('SIGKILL')).toEqual({ code: null, signal: 'SIGKILL' });
    api.sim.say({ chat, from: 'anna', text: '@Nina and while you were away?' });

    const second = await home.start();
    await home.until(
      () => home.row("SELECT count(*) AS n FROM messages WHERE disposition = 'answered'")?.n === 2,
      'both messages to be answered',
    );
    await api.until(() => api.answers(chat).join().includes('while you were away'), 'the answers');
    const said = api.answers(chat).join('\n');
    expect(said.match(/That took 0\.8 seconds/g)).toHaveLength(1);
    expect(said.match(/while you were away/g)).toHaveLength(1);
    expect(home.rows('SELECT state, attempt, error_code FROM turns ORDER BY queued_at').slice(0, 2)).toEqual([
      { state: 'retried', attempt: 1, error_code: 'restart' },
      { state: 'done', attempt: 1, error_code: null },
    ]);
    await vi.waitUntil(() => !isAlive(agent), { timeout: 10_000 });
    expect(second.log().filter((line) => line.level === 'error')).toEqual([]);
  });

  it('in the middle of a send: the reply arrives, and a repeat is marked', async () => {
    const chat = api.group('Family');
    await home.addGroup(chat, 'family', '--no-trigger');
    const first = await home.start();
    api.sim.faults.failNext('sendMessage', 'hang', { chatId: chat });
    const hung = api.sim.next('call', (call) => call.fault === 'hang', AbortSignal.timeout(10_000));
    api.sim.say({ chat, from: 'you', text: 'ping' });
    await hung;
    await first.kill('SIGKILL');

    await home.start();
    await api.until(() => api.answers(chat).length > 0, 'the reply');
    await home.until(() => home.row("SELECT 1 FROM outbox WHERE state = 'sent'"), 'the reply to be marked');
    expect(api.answers(chat)).toEqual(['↻ pong']);
  });
});

it('a daemon whose terminal is closed goes on, and stops when it is asked to', async () => {
  const chat = api.group('Family');
  await home.addGroup(chat, 'family', '--no-trigger');
  const daemon = await home.start();
  daemon.closeTerminal();
  expect(await api.ask(chat, 'ping')).toBe('pong');
  await daemon.logged('turn_ended');
  expect(daemon.log().filter(({ event }) => event === 'crashed')).toEqual([]);
  expect(await daemon.kill('SIGTERM')).toEqual({ code: 0, signal: null });
  expect(daemon.log().at(-1)).toMatchObject({ event: 'stopped' });
});

describe('SIGTERM', () => {
  it('ends the daemon within ten seconds with 0, also while a turn runs, and the answer comes after all', async () => {
    const chat = api.group('Family');
    await home.addGroup(chat, 'family', '--no-trigger');
    const first = await home.start();
    api.sim.say({ chat, from: 'you', text: 'slow 2' });
    await home.until(() => home.row(RUNNING), 'the turn to run');
    const asked = performance.now();
    expect(await first.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(performance.now() - asked).toBeLessThan(10_000);
    expect(first.log().at(-1)).toMatchObject({ event: 'stopped' });
    expect(first.log().some((line) => line.event === 'stop_deadline')).toBe(false);

    await home.start();
    await api.until(() => api.answers(chat).length > 0, 'the answer');
    expect(api.answers(chat)).toEqual(['That took 2 seconds.']);
  });

  it('sends what is to be sent before it ends, at the pace that Telegram allows', async () => {
    const chat = api.group('Family');
    await home.addGroup(chat, 'family', '--no-trigger');
    const daemon = await home.start();
    for (const text of ['/ping', '/chatid', '/ping']) api.sim.say({ chat, from: 'you', text });
    await api.until(() => api.answers(chat).length > 0, 'the first reply');
    expect(await daemon.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(api.answers(chat)).toEqual(['pong', String(chat), 'pong']);
    expect(home.rows("SELECT state FROM outbox WHERE state <> 'sent'")).toEqual([]);
  });

  it('ends within ten seconds with 0 also when Telegram takes everything and answers nothing; a second one changes nothing', async () => {
    const chat = api.group('Family');
    await home.addGroup(chat, 'family', '--no-trigger');
    const first = await home.start();
    api.sim.faults.failNext('sendMessage', 'hang', { chatId: chat });
    const hung = api.sim.next('call', (call) => call.fault === 'hang', AbortSignal.timeout(10_000));
    api.sim.say({ chat, from: 'you', text: '/ping' });
    await hung;
    const asked = performance.now();
    const ended = first.kill('SIGTERM');
    await first.logged('stopping');
    void first.kill('SIGTERM');
    expect(await ended).toEqual({ code: 0, signal: null });
    expect(performance.now() - asked).toBeLessThan(10_000);
    expect(first.log().at(-1)).toMatchObject({ event: 'stopped' });

    await home.start();
    await api.until(() => api.answers(chat).length > 0, 'the repeat');
    expect(api.answers(chat)).toEqual(['↻ pong']);
  });

  it('ends at once with 130 when Ctrl-C is pressed again', async () => {
    const chat = api.group('Family');
    await home.addGroup(chat, 'family', '--no-trigger');
    const daemon = await home.start();
    api.sim.faults.failNext('sendMessage', 'hang', { chatId: chat });
    const hung = api.sim.next('call', (call) => call.fault === 'hang', AbortSignal.timeout(10_000));
    api.sim.say({ chat, from: 'you', text: '/ping' });
    await hung;
    const ended = daemon.kill('SIGINT');
    const { time } = await daemon.logged('stopping');
    const asked = Date.parse(time);
    // The second one counts only when it is not npm's copy of the first.
    await vi.waitUntil(() => Date.now() - asked > 1100, { timeout: 5000 });
    void daemon.kill('SIGINT');
    expect(await ended).toEqual({ code: 130, signal: null });
  });

  it('leaves nothing behind that says a daemon runs', async () => {
    const daemon = await home.start();
    await daemon.kill('SIGTERM');
    const { code, stdout } = await home.nanoclaw('status', '--json');
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ running: false });
  });
});

describe('a second daemon on the same home', () => {
  it('exits at once with 1 and names the first; the first does not notice', async () => {
    const first = await home.start();
    const second = home.spawn();
    expect(await second.exited).toEqual({ code: 1, signal: null });
    expect(second.output).toContain(`NanoClaw runs already on ${home.dir}: process ${first.pid}, since `);
    expect(second.output).toContain(await first.url());

    const chat = api.group('Family');
    await home.addGroup(chat, 'family', '--no-trigger');
    expect(await api.ask(chat, 'ping')).toBe('pong');
    expect((await home.nanoclaw('status')).code).toBe(0);
  });

  it('may start when the first was killed, without any cleaning up', async () => {
    const first = await home.start();
    await first.kill('SIGKILL');
    const second = await home.start();
    expect(await second.url()).not.toBe('');
  });
});

describe('wrong settings', () => {
  it('are all reported together, with what was expected, and the exit code is 2', async () => {
    const wrong = {
      MAX_CONCURRENT_CONTAINERS: 'many',
      HTTP_PORT: '99999',
      TZ: 'Mars/Olympus',
      AGENT_PROVIDER: 'gpt',
      LOG_LEVEL: 'loud',
      TELEGRAM_BOT_TOKEN: 'a secret that is no token',
    };
    const daemon = home.spawn(wrong);
    expect(await daemon.exited).toEqual({ code: 2, signal: null });
    for (const key of Object.keys(wrong)) {
      expect(daemon.output).toMatch(new RegExp(`^  ${key}: expected .+`, 'm'));
    }
    expect(daemon.output).toContain(`Change them in the environment or in ${home.file('.env')}`);
    expect(daemon.output).not.toContain('a secret that is no token');

    const started = await home.nanoclawWith(wrong, 'start');
    expect(started.code).toBe(2);
    expect(started.stderr.match(/^ {2}[A-Z_]+: expected/gm)).toHaveLength(6);
  });

  it('that contradict each other are refused, too: Claude without isolation', async () => {
    const daemon = home.spawn({ AGENT_PROVIDER: 'claude', ANTHROPIC_API_KEY: 'sk-made-up-for-this-test' });
    expect(await daemon.exited).toEqual({ code: 2, signal: null });
    expect(daemon.output).toMatch(/^ {2}CONTAINER_RUNTIME: process has no isolation/m);
    expect(daemon.output).not.toContain('sk-made-up-for-this-test');
  });
});

describe('a token that Telegram refuses', () => {
  it('is said in one sentence, and the daemon stays and tries again slowly', async () => {
    const daemon = home.spawn({ TELEGRAM_BOT_TOKEN: '7100000042:AAE-this-one-was-revoked' });
    const line = await daemon.logged('poll_failed');
    expect(line).toMatchObject({
      level: 'warn',
      msg: expect.stringContaining('Telegram refuses the bot token'),
    });
    expect(line.waitMs).toBeGreaterThanOrEqual(30_000);
    await daemon.logged('ready');

    const { code, stdout } = await home.nanoclaw('status', '--json');
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      running: true,
      connected: false,
      poller: { problem: expect.stringContaining('TELEGRAM_BOT_TOKEN') },
    });
    expect((await home.nanoclaw('status')).stdout).toContain('NOT connected: Telegram refuses the bot token');
    expect(home.read('nanoclaw.log')).not.toContain('AAE-this-one-was-revoked');
  });
});

describe('without the container engine', () => {
  const away = { CONTAINER_RUNTIME: 'docker', DOCKER_HOST: 'unix:///nonexistent/docker.sock' };

  it('the daemon waits and says so; messages are stored meanwhile and none is given up', async () => {
    const chat = api.group('Family');
    await home.addGroup(chat, 'family', '--no-trigger');
    const daemon = home.spawn(away);
    const line = await daemon.logged('runtime_waiting');
    expect(line).toMatchObject({ level: 'warn', msg: expect.stringContaining('agents cannot run yet') });
    api.sim.say({ chat, from: 'you', text: 'ping' });
    await home.until(() => home.row('SELECT 1 FROM messages'), 'the message to be stored');

    const status = await home.nanoclaw('status', '--json');
    expect(JSON.parse(status.stdout)).toMatchObject({
      connected: true,
      runtime: { name: 'docker', ready: false, problem: expect.stringContaining('/nonexistent/docker.sock') },
    });
    expect(await daemon.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(home.rows('SELECT content, disposition, turn_id FROM messages')).toEqual([
      { content: 'ping', disposition: null, turn_id: null },
    ]);

    // What was stored is answered by a daemon that can.
    await home.start();
    await api.until(() => api.answers(chat).length > 0, 'the answer');
    expect(api.answers(chat)).toEqual(['pong']);
  });

  it('Claude waits for it and never runs without isolation, also with CONTAINER_RUNTIME=auto', async () => {
    const daemon = home.spawn({
      ...away,
      CONTAINER_RUNTIME: 'auto',
      ANTHROPIC_API_KEY: 'sk-made-up-for-this',
    });
    await daemon.logged('runtime_waiting');
    const { stdout } = await home.nanoclaw('status', '--json');
    expect(JSON.parse(stdout)).toMatchObject({
      provider: 'claude',
      runtime: { name: 'docker', ready: false },
    });
    expect(daemon.output).not.toContain('sk-made-up-for-this');
  });

  it('that accepts and never answers, the daemon can be asked and stopped all the same', async () => {
    const socket = home.file('hangs.sock');
    const engine = await listening(createServer(), socket);
    const daemon = home.spawn({ CONTAINER_RUNTIME: 'docker', DOCKER_HOST: `unix://${socket}` });
    await daemon.logged('bot_identified');
    const { stdout, stderr } = await home.nanoclaw('status', '--json');
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toMatchObject({ running: true, pid: daemon.pid });
    expect(await daemon.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(daemon.log().map(({ event }) => event)).not.toContain('stop_deadline');
    engine.close();
  });
});

describe('a port that is in use', () => {
  it('is named with what to do, exit code 1', async () => {
    const other = await listening(createServer(), 0);
    const { port } = other.address() as { port: number };
    const daemon = home.spawn({ HTTP_PORT: String(port) });
    expect(await daemon.exited).toEqual({ code: 1, signal: null });
    expect(daemon.output).toContain(`Cannot listen on 127.0.0.1:${port}`);
    expect(daemon.output).toContain('→ Stop what uses the port, or choose another HTTP_PORT');
    other.close();
  });
});

function listening(server: Server, where: string | number): Promise<Server> {
  return new Promise((resolve) => {
    server.listen(typeof where === 'string' ? { path: where } : { port: where, host: '127.0.0.1' }, () =>
      resolve(server),
    );
  });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // Where no init reaps, an ended process stays as a zombie.
    return process.platform !== 'linux' || !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
