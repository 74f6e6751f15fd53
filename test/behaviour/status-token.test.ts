/** A daemon whose address others can reach: it does not start without a token, and shows strangers nothing. */
import { request } from 'node:http';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { TestHome } from '../support/daemon.ts';

const TOKEN = 'a-token-only-for-this-test-0123456789';
/** What the simulator is spoken to with where no token is set: known to all who read the source. */
const KNOWN_BOT = '4200000001:nanoclaw-simulator-on-loopback';

let home: TestHome;
beforeEach(() => {
  home = new TestHome({ CONTAINER_RUNTIME: 'process', HTTP_HOST: '0.0.0.0' });
});
afterEach(() => home.dispose());

it('without a token it says what is missing and does not start', async () => {
  const daemon = home.spawn();
  expect(await daemon.exited).toEqual({ code: 2, signal: null });
  expect(daemon.output).toMatch(/HTTP_HOST: 0\.0\.0\.0 .*expected a STATUS_TOKEN/);
});

it('with one it works as ever, the simulator too, for those who bring it', async () => {
  const daemon = await home.start({ STATUS_TOKEN: TOKEN });
  const { port } = new URL(await daemon.url());
  const ask = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
    new Promise<{ status: number; text: string }>((resolve, reject) => {
      const req = request({ host: '127.0.0.1', port, path, method, headers }, (res) => {
        let text = '';
        res.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        res.on('end', () => resolve({ status: res.statusCode ?? 0, text }));
      });
      req.on('error', reject).end();
    });

  const hidden = [
    '/',
    '/status',
    '/status/',
    '/metrics',
    '/sim/',
    '/sim/client.js',
    '/sim/api/state',
    '/sim/api/events',
  ];
  const bots = [
    `/bot${KNOWN_BOT}/getMe`,
    `/file/bot${KNOWN_BOT}/x`,
    `/bot${TOKEN}/getMe`,
    '/bot/getMe',
    '/nothing',
  ];
  for (const path of [...hidden, ...bots]) expect([path, (await ask(path)).status]).toEqual([path, 401]);
  expect((await ask('/sim/api/say', {}, 'POST')).status).toBe(401);
  expect((await ask('/healthz')).status).toBe(200);
  const named = { host: 'box.lan', authorization: `Bearer ${TOKEN}` };
  for (const path of ['/status', '/sim/', '/sim/api/state'])
    expect((await ask(path, named)).status).toBe(200);

  const chat = await home.nanoclawWith({ STATUS_TOKEN: TOKEN }, 'chat', '@Nina hello');
  expect([chat.code, chat.stderr]).toEqual([0, '']);
  const status = await home.nanoclawWith({ STATUS_TOKEN: TOKEN }, 'status', '--json');
  expect([status.code, JSON.parse(status.stdout)]).toEqual([0, expect.objectContaining({ running: true })]);
  expect(home.read('nanoclaw.log')).not.toContain(TOKEN);
  expect(home.read('data/daemon.json')).not.toContain(TOKEN);
});

it('a monitor without the token hears that it is not ready, and not why', async () => {
  const away = { TELEGRAM_BOT_TOKEN: '7100000042:AAE-nobody-knows', TELEGRAM_API_ROOT: 'http://127.0.0.1:9' };
  const daemon = home.spawn({ STATUS_TOKEN: TOKEN, ...away });
  const { port } = new URL(await daemon.url());
  await daemon.logged('poll_failed');
  const ready = async (headers: Record<string, string>) => {
    const response = await fetch(`http://127.0.0.1:${port}/readyz`, { headers });
    return { status: response.status, ...((await response.json()) as { reasons: string[] }) };
  };
  const stranger = await ready({});
  expect(stranger).toEqual({ status: 503, ready: false, reasons: [expect.stringContaining('STATUS_TOKEN')] });
  const known = await ready({ authorization: `Bearer ${TOKEN}` });
  expect(known.status).toBe(503);
  expect(known.reasons).toContainEqual(expect.stringMatching(/^Telegram: /));
});
