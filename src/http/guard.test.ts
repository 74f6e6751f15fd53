/** The guard over real HTTP, on a stepped clock: what is let in, what is refused, how often one may try. */
import { request } from 'node:http';
import { expect, it, onTestFinished } from 'vitest';
import { createFakeClock } from '../../test/support/fake-clock.ts';
import { createGuard, networkOf } from './guard.ts';
import { sendJson } from './send-json.ts';
import { startHttpServer } from './server.ts';

const TOKEN = 'a-token-of-sixteen-and-more';

async function start() {
  const clock = createFakeClock();
  const guard = createGuard({ token: TOKEN, clock, isOpen: (path) => path === '/healthz' });
  const server = await startHttpServer({
    host: '127.0.0.1',
    port: 0,
    guard,
    handlers: [
      (req, res) => {
        sendJson(res, 200, { path: req.url });
        return true;
      },
    ],
  });
  onTestFinished(() => server.close());
  const { port } = new URL(server.url);
  /** As it is written: no client tidies the path up. */
  const raw = (path: string, headers: Record<string, string> = {}, body?: string) =>
    new Promise<{ status: number; headers: Record<string, string | string[] | undefined>; text: string }>(
      (resolve, reject) => {
        const method = body === undefined ? 'GET' : 'POST';
        const req = request({ host: '127.0.0.1', port, path, method, headers }, (res) => {
          let text = '';
          res.setEncoding('utf8').on('data', (chunk: string) => {
            text += chunk;
          });
          res.on('end', () => resolve({ status: res.statusCode ?? 0, headers: res.headers, text }));
        });
        req.on('error', reject);
        req.end(body);
      },
    );
  const login = (token: string) =>
    raw(
      '/login',
      { 'content-type': 'application/x-www-form-urlencoded' },
      new URLSearchParams({ token }).toString(),
    );
  return { clock, raw, login };
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

it('lets in who brings the token, and nobody else but to open paths', async () => {
  const { raw } = await start();
  expect((await raw('/healthz')).status).toBe(200);
  expect((await raw('/status', bearer(TOKEN))).status).toBe(200);
  const paths = [
    '/',
    '/status',
    '/sim/',
    '//healthz',
    '/healthz/../status',
    '/healthz/x',
    '//localhost/healthz',
    '/x/../healthz',
    '/HEALTHZ',
    '/%68ealthz',
    '*',
  ];
  for (const path of paths) {
    const { status, headers } = await raw(path);
    expect([path, status, headers['www-authenticate']]).toEqual([path, 401, 'Bearer realm="nanoclaw"']);
  }
  const wrong = [TOKEN.slice(1), `${TOKEN}x`, TOKEN.toUpperCase(), 'x'];
  for (const token of wrong) expect((await raw('/status', bearer(token))).status).toBe(401);
  expect((await raw('/status', { authorization: `Basic ${TOKEN}` })).status).toBe(401);
  expect((await raw('/status', { host: 'box.lan', ...bearer(TOKEN) })).status).toBe(200);
});

it('sends a person to the form, whose cookie is kept from scripts and other sites, and ends with its time', async () => {
  const { raw, login, clock } = await start();
  const sent = await raw('/', { accept: 'text/html,*/*' });
  expect([sent.status, sent.headers.location]).toEqual([303, '/login']);
  const form = await raw('/login');
  expect(form.status).toBe(200);
  expect(form.headers['content-security-policy']).toContain("default-src 'none'");
  expect(form.text).toContain('<form method="post" action="/login">');

  const wrong = await login('<script>nothing of this comes back</script>');
  expect([wrong.status, wrong.headers['set-cookie']]).toEqual([401, undefined]);
  expect(wrong.text).not.toContain('comes back');

  const right = await login(` ${TOKEN}\n`);
  expect([right.status, right.headers.location]).toEqual([303, '/']);
  const [set = ''] = right.headers['set-cookie'] ?? [];
  expect(set).toMatch(/; Path=\/; HttpOnly; SameSite=Strict$/);
  const cookie = set.split(';')[0] ?? '';
  expect(cookie).not.toContain(TOKEN);
  expect((await raw('/status', { cookie: `other=1; ${cookie}` })).status).toBe(200);

  const [end = '', mac] = cookie.split('=')[1]?.split('.') ?? [];
  for (const forged of [`${Number(end) + 1}.${mac}`, `${end}.`, `${end}`, `.${mac}`, `1e99.${mac}`])
    expect((await raw('/status', { cookie: `nanoclaw_status=${forged}` })).status).toBe(401);
  await clock.advance(31 * 86_400_000);
  expect((await raw('/status', { cookie })).status).toBe(401);
});

it('lets one try ten times a minute: then not even the right one is looked at', async () => {
  const { raw, login, clock } = await start();
  for (let n = 0; n < 12; n += 1) expect((await raw('/status', bearer(TOKEN))).status).toBe(200);
  const statuses: number[] = [];
  for (let n = 0; n < 12; n += 1)
    statuses.push((await raw('/status', bearer(`guess ${n}`.replace(' ', '-')))).status);
  expect(statuses).toEqual([...Array(10).fill(401), 429, 429]);
  const limited = await login(TOKEN);
  expect([limited.status, limited.headers['retry-after']]).toEqual([429, '60']);
  expect((await raw('/status', bearer(TOKEN))).status).toBe(429);
  expect((await raw('/healthz')).status).toBe(200);
  await clock.advance(61_000);
  expect((await raw('/status', bearer(TOKEN))).status).toBe(200);
});

it('reads no form that is too large', async () => {
  const { raw } = await start();
  const type = { 'content-type': 'application/x-www-form-urlencoded' };
  expect((await raw('/login', type, `token=${'x'.repeat(5000)}`)).status).toBe(413);
});

it('takes a /64 for one address, however it is written, and no two for one', () => {
  const networks = (...addresses: string[]) => new Set(addresses.map(networkOf));
  expect(networks('fe80::1', 'fe80::2:3', 'fe80::aaaa:bbbb:cccc:dddd%eth0').size).toBe(1);
  expect(networks('2001:db8::1', '2001:db8::1:2:3:4', '2001:db8:0:0:5:6:7:8').size).toBe(1);
  expect(
    networks('2001:db8:0:1::1', '2001:db8:0:2::1', '::1', '1::', '10.0.0.1', '::ffff:10.0.0.2').size,
  ).toBe(6);
});
