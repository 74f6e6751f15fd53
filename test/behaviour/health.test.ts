/** What a monitor asks, and what it is told. */
import { request } from 'node:http';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { type BotApi, startBotApi, TestHome } from '../support/daemon.ts';

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

async function ask(url: string, path: string): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(`${url}${path}`);
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

it('/healthz and /readyz say yes when all is well, and /readyz gives every reason when it is not', async () => {
  const daemon = await home.start();
  const url = await daemon.url();
  expect(await ask(url, '/healthz')).toEqual({ status: 200, body: { alive: true } });
  await vi.waitUntil(async () => (await ask(url, '/readyz')).status === 200, { timeout: 10_000 });
  expect(await ask(url, '/readyz')).toEqual({ status: 200, body: { ready: true, reasons: [] } });

  api.sim.faults.partition(true);
  await daemon.logged('poll_failed');
  const { status, body } = await ask(url, '/readyz');
  expect(status).toBe(503);
  expect(body).toMatchObject({ ready: false, reasons: [expect.stringContaining('Telegram: ')] });
  expect((await ask(url, '/healthz')).status).toBe(200);
});

it('a page whose name leads to loopback is not let in', async () => {
  const daemon = await home.start();
  const url = new URL(await daemon.url());
  const status = (host: string) =>
    new Promise<number>((resolve, reject) => {
      const options = { host: url.hostname, port: url.port, path: '/status', headers: { host } };
      request(options, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      })
        .on('error', reject)
        .end();
    });
  expect(await status(`evil.example:${url.port}`)).toBe(421);
  for (const name of ['localhost', '127.0.0.1', '[::1]'])
    expect(await status(`${name}:${url.port}`)).toBe(200);
});
