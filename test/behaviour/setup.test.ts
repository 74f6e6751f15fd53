/**
 * nanoclaw setup by flags: from an empty home to Nina's first message, against a Bot API server and a Messages API that
 * it knows by their addresses only; what is missing or wrong, and a second run.
 */
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { parseEnv } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { MAIN_CHAT_ID } from '../../src/simulator/simulator.ts';
import { type BotApi, startBotApi, TestHome } from '../support/daemon.ts';
import { type Run, runWithInput } from '../support/run.ts';

const KEY = 'sk-ant-made-up-#1 "of" $HOME';

let api: BotApi;
let home: TestHome;
beforeEach(async () => {
  api = await startBotApi();
  home = new TestHome();
});
afterEach(async () => {
  await home.dispose();
  await api.close();
});

const OFFLINE = ['--offline', '--runtime', 'process', '--no-service'];
const setup = (input: string | null, ...args: string[]): Run =>
  runWithInput(['setup', ...args], { cwd: home.dir, env: home.environment({ HOME: home.dir }), input });
const dotenv = () => parseEnv(home.read('.env')) as Record<string, string>;
/** Every file of the home but the locks, by content. */
const hashes = (): Record<string, string> =>
  Object.fromEntries(
    readdirSync(home.dir, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => path.join(entry.parentPath, entry.name))
      .sort()
      .map((file) => [file, createHash('sha256').update(readFileSync(file)).digest('hex')]),
  );

/** Sends the line that setup prints, as the one who sits before it would. */
async function pair(run: Run): Promise<string> {
  const line = await run.printed(/\/pair \S+/);
  api.sim.say({ chat: MAIN_CHAT_ID, from: 'you', text: line });
  return line;
}

/** A Messages API that knows one key. */
async function startModel(
  key: string,
  status = 200,
): Promise<{ url: string; asked: string[]; close(): Promise<void> }> {
  const asked: string[] = [];
  const server = createServer((req, res) => {
    asked.push(`${req.method} ${req.url}`);
    const known = req.headers['x-api-key'] === key || req.headers.authorization === `Bearer ${key}`;
    res.writeHead(known ? status : 401).end(JSON.stringify({ error: { message: `no such key: ${key}` } }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = () => new Promise<void>((resolve) => server.close(() => resolve()));
  onTestFinished(close);
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/prefix`, asked, close };
}

describe('by flags', () => {
  it('goes from an empty home to the first message; a second run changes not one byte', async () => {
    const args = ['--token', '-', '--api-root', api.url, ...OFFLINE, '--json'];
    const run = setup(`${api.sim.token}\n`, ...args);
    await pair(run);
    const { code, stdout, stderr } = await run.ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('Nina is awake') });
    expect(JSON.parse(stdout)).toEqual({
      home: home.dir,
      changed: ['TELEGRAM_BOT_TOKEN', 'TELEGRAM_API_ROOT', 'AGENT_PROVIDER', 'CONTAINER_RUNTIME'],
      bot: expect.objectContaining({ username: 'nina_bot', reads_all_messages: true }),
      model: { provider: 'offline', credential: null, state: null },
      image: null,
      main: { chat_jid: String(MAIN_CHAT_ID), name: expect.any(String), folder: 'main' },
      greeted: true,
      daemon: 'stopped',
      warnings: [expect.stringContaining('without isolation')],
    });
    expect(api.answers(MAIN_CHAT_ID).at(-1)).toMatch(/^Hello, I am Nina, and my setup is done\./);
    expect(`${stdout}${stderr}${home.read('nanoclaw.log')}`).not.toContain(api.sim.token);
    expect(statSync(home.file('.env')).mode & 0o777).toBe(0o600);
    expect(dotenv()).toMatchObject({ TELEGRAM_BOT_TOKEN: api.sim.token, AGENT_PROVIDER: 'offline' });
    expect(home.read('.env')).toContain("# The bot's token from @BotFather.");

    const before = hashes();
    const messages = api.answers(MAIN_CHAT_ID).length;
    const again = await setup(null, '--offline', '--json', '--no-service').ended;
    expect(again.code).toBe(0);
    expect(JSON.parse(again.stdout)).toMatchObject({ changed: [], main: { folder: 'main' }, greeted: false });
    expect(hashes()).toEqual(before);
    expect(api.answers(MAIN_CHAT_ID)).toHaveLength(messages);
    // And the daemon that is started afterwards is the one that was set up.
    await home.start();
    expect(await api.ask(MAIN_CHAT_ID, 'ping')).toBe('pong');
  });

  it('uses the daemon that runs, and leaves it running', async () => {
    writeFileSync(
      home.file('.env'),
      `TELEGRAM_BOT_TOKEN=${api.sim.token}\nTELEGRAM_API_ROOT=${api.url}\nAGENT_PROVIDER=offline\nCONTAINER_RUNTIME=process\n`,
      { mode: 0o600 },
    );
    const daemon = await home.start();
    const run = setup(null, '--offline', '--no-service', '--json');
    await pair(run);
    const { code, stdout } = await run.ended;
    expect([code, JSON.parse(stdout)]).toEqual([
      0,
      expect.objectContaining({ changed: [], greeted: true, daemon: 'running' }),
    ]);
    expect(await api.ask(MAIN_CHAT_ID, 'ping')).toBe('pong');

    // Other settings need another daemon, and nobody is there to allow it.
    const other = await setup(null, '--offline', '--name', 'Vera', '--no-service', '--json').ended;
    expect([other.code, JSON.parse(other.stdout).warnings]).toEqual([
      0,
      [
        expect.any(String),
        expect.stringContaining(`process ${daemon.pid}) runs with the settings of before`),
      ],
    ]);
    expect(await api.ask(MAIN_CHAT_ID, 'ping')).toBe('pong');
  });

  it('registers a chat that is named instead of waiting for a code', async () => {
    const args = ['--token', '-', '--api-root', api.url, '--main-chat', String(MAIN_CHAT_ID), ...OFFLINE];
    const { code, stdout } = await setup(`${api.sim.token}\n`, ...args).ended;
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining('Nina has written into') });
    expect(api.answers(MAIN_CHAT_ID)).toEqual([expect.stringContaining('my setup is done')]);
  });

  it('gives up when nobody sends the code, and says how to go on', async () => {
    const args = ['--token', '-', '--api-root', api.url, '--pair-timeout', '1s', ...OFFLINE];
    const { code, stderr } = await setup(`${api.sim.token}\n`, ...args).ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(/Nobody sent the code within 1 s.*\n→ Run nanoclaw setup again/);
    expect(home.rows('SELECT * FROM pairing')).toEqual([]);
    expect(existsSync(home.file('data/daemon.json'))).toBe(false);
  });
});

describe('the credential', () => {
  const base = ['--token', '-', '--no-start', '--no-service'];
  const dockerless = ['--runtime', 'auto'];
  const withKey = (url: string, ...more: string[]) =>
    setup(
      `${api.sim.token}\n${KEY}\n`,
      ...base,
      '--api-root',
      api.url,
      '--anthropic-api-key',
      '-',
      '--anthropic-base-url',
      url,
      ...more,
    ).ended;

  it('is shown to the model, by a request that costs nothing, and kept when it is taken, whatever is in it', async () => {
    const model = await startModel(KEY);
    // Without an engine the last step fails, after the credential was kept.
    home.settings.DOCKER_HOST = 'unix:///nowhere/docker.sock';
    const { code, stderr, stdout } = await withKey(model.url, ...dockerless);
    expect(model.asked).toEqual(['GET /prefix/v1/models?limit=1']);
    expect(dotenv()).toMatchObject({ ANTHROPIC_API_KEY: KEY, ANTHROPIC_BASE_URL: model.url });
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/Docker does not answer[\s\S]*\n→ Start Docker/),
    ]);
    expect(`${stdout}${stderr}`).not.toContain('made-up');
  });

  it('that is wrong, a model that cannot be reached, and one in trouble are told apart; nothing of it is kept', async () => {
    const model = await startModel('another');
    const refused = await withKey(model.url);
    expect([refused.code, refused.stderr]).toEqual([
      1,
      expect.stringMatching(/refuses this credential \(401\)\.\n→ Give another one/),
    ]);
    const gone = await startModel(KEY);
    await gone.close();
    const away = await withKey(gone.url);
    expect([away.code, away.stderr]).toEqual([
      1,
      expect.stringMatching(/cannot be reached at 127\.0\.0\.1:\d+: ECONNREFUSED\.\n→ See that/),
    ]);
    const trouble = await withKey((await startModel(KEY, 529)).url);
    expect([trouble.code, trouble.stderr]).toEqual([1, expect.stringContaining('answers 529')]);
    expect(dotenv().ANTHROPIC_API_KEY).toBe('');
    expect(`${refused.stderr}${away.stderr}${trouble.stderr}`).not.toContain('made-up');
  });

  it('of another kind than the one that is there takes its place', async () => {
    const model = await startModel('the-gateway-token');
    writeFileSync(
      home.file('.env'),
      '# mine\nOTHER=1\nANTHROPIC_API_KEY=old # before\nAGENT_PROVIDER=offline\n',
    );
    chmodSync(home.file('.env'), 0o644);
    home.settings.DOCKER_HOST = 'unix:///nowhere/docker.sock';
    const flags = ['--anthropic-auth-token', '-', '--anthropic-base-url', model.url, '--api-root', api.url];
    await setup(`${api.sim.token}\nthe-gateway-token\n`, ...base, ...flags).ended;
    expect(home.read('.env')).toBe(
      [
        '# mine',
        'OTHER=1',
        'ANTHROPIC_API_KEY= # before',
        'AGENT_PROVIDER=',
        `TELEGRAM_BOT_TOKEN=${api.sim.token}`,
        `TELEGRAM_API_ROOT=${api.url}`,
        'ANTHROPIC_AUTH_TOKEN=the-gateway-token',
        `ANTHROPIC_BASE_URL=${model.url}`,
        '',
      ].join('\n'),
    );
    expect(statSync(home.file('.env')).mode & 0o777).toBe(0o600);
  });
});

describe('without a terminal', () => {
  it.each([
    [[], null, /^--token \(or TELEGRAM_BOT_TOKEN\) is missing/],
    [['--token', 'nonsense'], null, /^--token: expected the token from BotFather/],
    [['--token', '-'], '', /^--token -: expected it as a line of standard input/],
    [['--offline', '--runtime', 'cloud'], null, /^--runtime: expected one of: auto, docker, process/],
    [['--token', 'T', '--api-root', 'ftp://x'], null, /^--api-root: expected the root of a Bot API server/],
    [['--pair-timeout', 'soon'], null, /^--pair-timeout: expected a length of time/],
    [['--paint'], null, /unknown option/],
  ] as const)('%j with the input %j is wrong usage, exit code 2', async (args, input, expected) => {
    const { code, stdout, stderr } = await setup(input, ...args).ended;
    expect(code).toBe(2);
    expect(
      stderr.split('\n').find((line) => expected.test(line)),
      `${stdout}${stderr}`,
    ).toBeDefined();
    expect(stderr).not.toMatch(/\n {4}at /);
    expect(existsSync(home.file('.env'))).toBe(false);
  });

  it('a credential that is missing names its flags, and the token that was verified is kept', async () => {
    const args = ['--token', '-', '--api-root', api.url, '--no-service'];
    const { code, stderr } = await setup(`${api.sim.token}\n`, ...args).ended;
    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(/^--anthropic-api-key .*--offline is missing/m),
    ]);
    expect(dotenv().TELEGRAM_BOT_TOKEN).toBe(api.sim.token);
  });

  it('a token that Telegram does not know, and a Telegram that is away, are told apart', async () => {
    const wrong = await setup(
      '7100000042:AAE-another-token-altogether\n',
      '--token',
      '-',
      '--api-root',
      api.url,
    ).ended;
    expect([wrong.code, wrong.stderr]).toEqual([
      1,
      expect.stringMatching(/Telegram does not know this token\.\n→ Ask @BotFather/),
    ]);
    const away = await setup(`${api.sim.token}\n`, '--token', '-', '--api-root', 'http://127.0.0.1:9').ended;
    expect([away.code, away.stderr]).toEqual([
      1,
      expect.stringMatching(/Telegram cannot be reached at 127\.0\.0\.1:9: .*ECONNREFUSED/),
    ]);
    for (const { stdout, stderr } of [wrong, away]) expect(`${stdout}${stderr}`).not.toMatch(/AAE-/);
    expect(existsSync(home.file('.env'))).toBe(false);
  });

  it('a bot with privacy mode or a webhook is explained', async () => {
    const shy = await startBotApi({ privacyMode: true });
    onTestFinished(() => shy.close());
    const args = ['--token', '-', '--api-root', shy.url, '--no-start', ...OFFLINE];
    const { code, stdout } = await setup(`${shy.sim.token}\n`, ...args).ended;
    expect([code, stdout]).toEqual([0, expect.stringContaining('Write /setprivacy to @BotFather')]);

    api.sim.updates.setWebhook('https://elsewhere.example/hook');
    const taken = await setup(`${api.sim.token}\n`, '--token', '-', '--api-root', api.url, ...OFFLINE).ended;
    expect([taken.code, taken.stderr]).toEqual([
      1,
      expect.stringMatching(/has a webhook \(https:\/\/elsewhere.example\/hook\).*\n→ Remove it/),
    ]);
  });

  it('a service where there is no manager is said, and everything before it is kept', async () => {
    const args = ['--token', '-', '--api-root', api.url, '--offline', '--runtime', 'process', '--service'];
    const { code, stderr } = await setup(`${api.sim.token}\n`, ...args).ended;
    expect([code, stderr]).toEqual([1, expect.stringMatching(/systemd does not run on this machine\.\n→ /)]);
    expect(dotenv().TELEGRAM_BOT_TOKEN).toBe(api.sim.token);
  });
});
