/**
 * Faults on Telegram's side and of the model, planted one at a time: `nanoclaw doctor` names each, and doing what the line says
 * makes the line ok. While our own daemon runs, the doctor takes no update from it.
 */
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { askBotApi } from '../../src/telegram/ask.ts';
import { type BotApi, startBotApi, type TestHome } from '../support/daemon.ts';
import { doctor, doctorWith, patient } from '../support/doctor.ts';

let api: BotApi;
let home: TestHome;
let family: number;
beforeEach(async () => {
  api = await startBotApi();
  home = patient(api.settings);
  family = api.group('Family');
  home.registerAll([{ chatJid: String(family), name: 'Family', folder: 'family' }]);
});
afterEach(async () => {
  await home.dispose();
  await api.close();
});

const ofTelegram = ['token', 'clock', 'webhook', 'poller', 'chats', 'privacy'];

/** An address at which nothing listens any more. */
async function nobodyThere(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return `http://127.0.0.1:${port}`;
}

/** With a daemon that polls, so that the doctor need not listen for others itself. */
async function withDaemon(): Promise<void> {
  const daemon = home.spawn();
  await daemon.logged('bot_identified');
  await daemon.logged('ready');
}

it('all is well, and nothing that waits is taken from the daemon', async () => {
  await withDaemon();
  const asking = api.ask(family, '@Nina say still-mine');
  const { findings } = await doctor(home);
  expect(findings.filter(({ id, state }) => ofTelegram.includes(id) && state !== 'ok')).toEqual([]);
  expect(await asking).toContain('still-mine');
});

describe('the token', () => {
  it('a wrong one', async () => {
    const wrong = { TELEGRAM_BOT_TOKEN: '7100000042:AAE-somebody-elses-token' };
    const report = await doctorWith(home, wrong);
    expect(report.of('token')).toMatchObject({
      state: 'fail',
      seen: 'Telegram refuses the bot token.',
      fix: expect.stringContaining('TELEGRAM_BOT_TOKEN'),
    });
    for (const id of ['poller', 'chats', 'privacy'])
      expect(report.of(id)).toMatchObject({ state: 'warn', fix: 'See the line token.' });
    expect(JSON.stringify(report)).not.toContain('somebody-elses');
    expect((await doctor(home)).of('token')).toMatchObject({
      state: 'ok',
      seen: expect.stringContaining('@nina_bot'),
    });
  });

  it('Telegram away, and something else in its place', async () => {
    const away = await doctorWith(home, { TELEGRAM_API_ROOT: await nobodyThere() });
    expect(away.of('token')).toMatchObject({ state: 'fail', seen: expect.stringContaining('ECONNREFUSED') });
    expect(away.of('clock')).toMatchObject({ state: 'warn', fix: 'See the line token.' });
    api.sim.faults.failNext('getMe', 'garbage');
    expect((await doctor(home)).of('token')).toMatchObject({
      state: 'fail',
      seen: expect.stringContaining('no Bot API server'),
    });
  });

  it('a question that is not answered ends', async () => {
    api.sim.faults.failNext('getMe', 'hang');
    const { token } = api.sim;
    await expect(askBotApi({ apiRoot: api.url, token }, 'getMe', {}, 50)).rejects.toThrow(
      'no answer in time',
    );
  });
});

it('whatever is asked and never answers, it comes to an end and says so', async () => {
  api.sim.faults.partition('hang');
  const silent = createServer(() => {}).listen(home.file('engine.sock'));
  const model = createServer(() => {}).listen(0, '127.0.0.1');
  await Promise.all([once(silent, 'listening'), once(model, 'listening')]);
  onTestFinished(() => {
    for (const server of [silent, model]) {
      server.closeAllConnections();
      server.close();
    }
  });
  const found = await doctorWith(home, {
    CONTAINER_RUNTIME: 'docker',
    DOCKER_HOST: `unix://${home.file('engine.sock')}`,
    ANTHROPIC_API_KEY: 'a-key',
    ANTHROPIC_BASE_URL: `http://127.0.0.1:${(model.address() as AddressInfo).port}`,
  });
  expect(found.of('token')).toMatchObject({
    state: 'fail',
    seen: expect.stringContaining('no answer in time'),
  });
  expect(found.of('model')).toMatchObject({
    state: 'fail',
    seen: expect.stringContaining('no answer in time'),
  });
  expect(found.of('engine').state).toBe('fail');
  for (const id of ['clock', 'webhook', 'poller', 'chats', 'privacy', 'image', 'workspace'])
    expect(found.of(id)).toMatchObject({ state: 'warn', seen: expect.stringContaining('Not looked at') });
}, 90_000);

describe('the clock', () => {
  it('is off', async () => {
    await withDaemon();
    api.sim.faults.clockSkewMs = 5 * 60_000;
    expect((await doctor(home)).of('clock')).toMatchObject({
      state: 'fail',
      seen: expect.stringMatching(/^The clock of this machine is [45] min behind Telegram’s/),
      fix: expect.stringContaining('set-ntp'),
    });
    api.sim.faults.clockSkewMs = -30_000;
    expect((await doctor(home)).of('clock')).toMatchObject({
      state: 'warn',
      seen: expect.stringContaining('ahead of'),
    });
    api.sim.faults.clear();
    expect((await doctor(home)).of('clock').state).toBe('ok');
  });
});

describe('who takes the updates', () => {
  it('a webhook: --fix alone leaves it, and what waits is kept when it goes', async () => {
    await askBotApi(
      { apiRoot: api.url, token: api.sim.token },
      'setWebhook',
      { url: 'https://example.org/secret-path' },
      5000,
    );
    api.sim.say({ chat: family, from: 'you', text: '@Nina say kept' });
    const found = await doctor(home);
    expect(found.of('webhook')).toMatchObject({
      state: 'fail',
      seen: expect.stringContaining('example.org'),
      fix: expect.stringContaining('nanoclaw doctor --fix --delete-webhook'),
    });
    expect(JSON.stringify(found)).not.toContain('secret-path');
    expect(found.of('poller')).toMatchObject({ state: 'warn', fix: 'See the line webhook.' });
    expect((await doctor(home, '--fix')).of('webhook').state).toBe('fail');
    const mended = (await doctor(home, '--fix', '--delete-webhook')).of('webhook');
    expect(mended).toMatchObject({ state: 'ok', done: [expect.stringContaining('Deleted the webhook')] });
    expect(api.sim.updates.pendingCount).toBe(1);
    expect((await home.nanoclaw('doctor', '--delete-webhook')).code).toBe(2);
  });

  it('a second poller, with our daemon stopped: it is heard, and loses nothing by it', async () => {
    const other = secondPoller();
    expect((await doctor(home)).of('poller')).toMatchObject({
      state: 'fail',
      seen: expect.stringContaining('Somebody else polls'),
      fix: expect.stringContaining('Stop the other program'),
    });
    api.sim.say({ chat: family, from: 'you', text: 'for the other one' });
    expect(await other.next).toMatchObject({ message: { text: 'for the other one' } });
    await other.stop();
    expect((await doctor(home)).of('poller')).toMatchObject({
      state: 'ok',
      seen: expect.stringContaining('Nobody'),
    });
  });

  it('a second poller, with our daemon running: the daemon says it', async () => {
    const daemon = home.spawn();
    await daemon.logged('ready');
    const other = secondPoller();
    await daemon.logged('poll_failed');
    expect((await doctor(home)).of('poller').state).toBe('fail');
    await other.stop();
    await daemon.logged('poll_recovered', () => true, 45_000);
    expect((await doctor(home)).of('poller')).toMatchObject({
      state: 'ok',
      seen: expect.stringContaining('Only this'),
    });
  }, 90_000);

  /** Somebody else with our token, who polls again at once when that fails. */
  function secondPoller() {
    const ended = new AbortController();
    const first = Promise.withResolvers<unknown>();
    const poll = async () => {
      while (!ended.signal.aborted) {
        const answer = await fetch(`${api.url}/bot${api.sim.token}/getUpdates`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ timeout: 50 }),
          signal: ended.signal,
        });
        const { result } = (await answer.json()) as { result?: unknown[] };
        if (result?.[0]) first.resolve(result[0]);
      }
    };
    const polling = poll().catch(() => {});
    const stop = async () => {
      ended.abort();
      await polling;
    };
    onTestFinished(stop);
    return { next: first.promise, stop };
  }
});

describe('the chats', () => {
  it('one that the bot was removed from, by the daemon’s knowledge or not', async () => {
    await withDaemon();
    api.sim.removeBotFromChat(family, 'anna');
    expect((await doctor(home)).of('chats')).toMatchObject({
      state: 'fail',
      seen: 'The bot is not in registered chats any more: family (Family).',
      fix: expect.stringContaining('nanoclaw groups remove family'),
    });
    await home.until(() => home.row("SELECT 1 FROM chats WHERE bot_status = 'kicked'"), 'the daemon to know');
    // Without Telegram it is known from what the daemon was told.
    expect((await doctorWith(home, { TELEGRAM_API_ROOT: await nobodyThere() })).of('chats').state).toBe(
      'fail',
    );
    api.sim.addBotToChat(family, 'anna');
    expect((await doctor(home)).of('chats').state).toBe('ok');
  });

  it('one in which it may not write', async () => {
    await withDaemon();
    api.sim.setBotStatus(family, 'restricted', 'anna');
    expect((await doctor(home)).of('chats')).toMatchObject({
      state: 'fail',
      seen: 'The bot may not write in: family (Family).',
    });
    api.sim.setBotStatus(family, 'member', 'anna');
    expect((await doctor(home)).of('chats').state).toBe('ok');
  });

  it('privacy mode, until the bot is an administrator or the mode is off', async () => {
    await withDaemon();
    api.sim.world.privacyMode = true;
    expect((await doctor(home)).of('privacy')).toMatchObject({
      state: 'fail',
      seen: expect.stringContaining('family (Family), “@Nina …” included'),
      fix: expect.stringContaining('/setprivacy'),
    });
    api.sim.setBotStatus(family, 'administrator', 'anna');
    expect((await doctor(home)).of('privacy')).toMatchObject({
      state: 'ok',
      seen: expect.stringContaining('administrator'),
    });
    api.sim.setBotStatus(family, 'member', 'anna');
    await home.nanoclaw('groups', 'set', 'family', '--trigger', '@nina_bot');
    expect((await doctor(home)).of('privacy').state).toBe('warn');
    api.sim.world.privacyMode = false;
    expect((await doctor(home)).of('privacy').state).toBe('ok');
  });
});

describe('the model', () => {
  /** A Messages API that knows one key; without `models` it has no list of them. */
  async function modelServer(key: string, models: boolean): Promise<string> {
    const server = createServer((request, response) => {
      const isList = request.url?.startsWith('/v1/models') === true;
      const status =
        isList && !models
          ? 404
          : request.headers['x-api-key'] !== key
            ? 401
            : request.method === 'POST'
              ? 400
              : 200;
      response.writeHead(status, { 'content-type': 'application/json' }).end('{}');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }
  const offTelegram = {
    TELEGRAM_BOT_TOKEN: '',
    TELEGRAM_API_ROOT: '',
    CONTAINER_RUNTIME: 'docker',
    DOCKER_HOST: 'unix:///nowhere.sock',
  };
  const withKey = (key: string) =>
    writeFileSync(home.file('.env'), `ANTHROPIC_API_KEY=${key}\n`, { mode: 0o600 });

  it.each([true, false])('refuses the credential (with a list of models: %s)', async (models) => {
    const ANTHROPIC_BASE_URL = await modelServer('good-key', models);
    const settings = { ...offTelegram, ANTHROPIC_BASE_URL };
    withKey('bad-key');
    const refused = await doctorWith(home, settings);
    expect(refused.of('model')).toMatchObject({
      state: 'fail',
      seen: expect.stringContaining('refuses ANTHROPIC_API_KEY (401)'),
      fix: expect.stringContaining('Set ANTHROPIC_API_KEY'),
    });
    expect(JSON.stringify(refused)).not.toContain('bad-key');
    withKey('good-key');
    expect((await doctorWith(home, settings)).of('model').state).toBe('ok');
  });

  it('cannot be reached', async () => {
    withKey('good-key');
    const found = await doctorWith(home, { ...offTelegram, ANTHROPIC_BASE_URL: await nobodyThere() });
    expect(found.of('model')).toMatchObject({
      state: 'fail',
      seen: expect.stringContaining('ECONNREFUSED'),
      fix: expect.stringContaining('ANTHROPIC_BASE_URL'),
    });
  });
});
