/** The stream of the status page over real HTTP, on a stepped clock: what is sent when, and to how many. */
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { expect, it, onTestFinished, vi } from 'vitest';
import { createFakeClock } from '../../test/support/fake-clock.ts';
import type { PageFrame, PageSections } from './page-sections.ts';
import { startHttpServer } from './server.ts';
import { createStatusPage } from './status-page.ts';

function sectionsWith(error: string): PageSections {
  return {
    health: { assistant: 'Nina' } as PageSections['health'],
    running: [],
    ended: [],
    tasks: { total: 0, shown: [] },
    messages: [],
    errors: [{ at: '', group: 'family', turn: 't', attempt: 1, code: null, message: error }],
    usage: { days: [], groups: [], month: { from: '2026-11-01', total: 0, shown: [] } },
    groups: { total: 0, shown: [] },
  };
}

async function start() {
  const clock = createFakeClock();
  const state = { reads: 0, errors: [] as string[], sections: sectionsWith('') as PageSections | undefined };
  const page = createStatusPage({
    clock,
    read() {
      state.reads += 1;
      if (state.sections === undefined) throw new Error('the disk is away');
      return state.sections;
    },
    onError: (message) => void state.errors.push(message),
  });
  const server = await startHttpServer({ host: '127.0.0.1', port: 0, guard: null, handlers: [page.handle] });
  onTestFinished(async () => {
    page.close();
    await server.close();
  });

  /** Listens; `frames` grows as they come. */
  async function listen() {
    const stop = new AbortController();
    const answer = await fetch(`${server.url}/status/events`, { signal: stop.signal });
    const frames: PageFrame[] = [];
    void (async () => {
      let rest = '';
      try {
        for await (const chunk of answer.body?.pipeThrough(new TextDecoderStream()) ?? []) {
          const blocks = (rest + chunk).split('\n\n');
          rest = blocks.pop() ?? '';
          for (const block of blocks)
            if (block.startsWith('data: ')) frames.push(JSON.parse(block.slice(6)) as PageFrame);
        }
      } catch {
        // It was left.
      }
    })();
    return { status: answer.status, frames, leave: () => stop.abort() };
  }
  return { clock, state, url: server.url, listen };
}

/** fetch() writes headers of this kind itself. */
const statusAsWritten = (url: string, headers: Record<string, string>) =>
  new Promise<number | undefined>((resolve, reject) => {
    const req = request(url, { headers }, (res) => {
      resolve(res.statusCode);
      res.destroy();
    });
    req.on('error', reject).end();
  });

const until = (look: () => boolean) => vi.waitUntil(look, { timeout: 10_000 });

it('sends everything first, then only what has changed, and reads nothing while nobody looks', async () => {
  const { clock, state, listen } = await start();
  await clock.advance(60_000);
  expect([state.reads, clock.timers()]).toEqual([0, 0]);

  const first = await listen();
  await until(() => first.frames.length === 1);
  expect(first.frames[0]).toEqual({ now: new Date(clock.now()).toISOString(), sections: sectionsWith('') });
  await clock.advance(5000);
  state.sections = sectionsWith('new');
  await clock.advance(1000);
  await until(() => first.frames.length === 2);
  expect(first.frames[1]?.sections).toEqual({ errors: sectionsWith('new').errors });

  state.sections = sectionsWith('newer');
  const second = await listen();
  await until(() => first.frames.length === 3 && second.frames.length === 1);
  expect(second.frames[0]?.sections).toEqual(sectionsWith('newer'));
  expect(first.frames[2]?.sections).toEqual({ errors: sectionsWith('newer').errors });

  first.leave();
  second.leave();
  // Each step is a look: once both are known to be gone there is none.
  await vi.waitUntil(
    async () => {
      await clock.advance(20_000);
      return clock.timers() === 0;
    },
    { timeout: 10_000 },
  );
  const { reads } = state;
  await clock.advance(60_000);
  expect(state.reads).toBe(reads);
});

it('outlives a look that fails', async () => {
  const { clock, state, listen } = await start();
  const one = await listen();
  await until(() => one.frames.length === 1);
  state.sections = undefined;
  await clock.advance(3000);
  expect(state.errors).toEqual(Array(3).fill('the disk is away'));
  state.sections = sectionsWith('back');
  await clock.advance(1000);
  await until(() => one.frames.length === 2);
});

it('has room for 32, and refuses other sites, writes and what is not there', async () => {
  const { listen, url } = await start();
  const all = await Promise.all(Array.from({ length: 33 }, listen));
  expect(all.map(({ status }) => status).sort()).toEqual([...Array(32).fill(200), 503]);
  const status = async (path: string, init: RequestInit = {}) => (await fetch(`${url}${path}`, init)).status;
  expect(await status('/status/events', { headers: { 'sec-fetch-site': 'cross-site' } })).toBe(403);
  const framed = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' };
  expect(await statusAsWritten(`${url}/status/events`, framed)).toBe(403);
  expect(await statusAsWritten(`${url}/status/`, framed)).toBe(200);
  expect(await status('/status/', { method: 'POST' })).toBe(405);
  for (const path of ['..%2fserver.ts', 'tsconfig.json', 'nothing.js', '%00', 'a/b.js'])
    expect([path, await status(`/status/${path}`)]).toEqual([path, 404]);
  const page = await fetch(`${url}/status/`);
  expect(page.headers.get('content-security-policy')).toBe(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  );
});

it('drops one that does not read, and goes on with the others', async () => {
  const { clock, state, url, listen } = await start();
  const { port } = new URL(url);
  const slow = await new Promise<Socket>((resolve, reject) => {
    const socket = connect(Number(port), '127.0.0.1', () => resolve(socket));
    socket.on('error', reject);
  });
  onTestFinished(() => void slow.destroy());
  slow.pause();
  slow.on('error', () => {});
  slow.write(`GET /status/events HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n\r\n`);
  await until(() => state.reads > 0);
  const quick = await listen();
  const closed = new Promise((resolve) => slow.once('close', resolve));
  // What the kernel holds is full after some megabytes; then what waits here grows, up to its bound.
  for (let n = 1; n <= 60; n += 1) {
    state.sections = sectionsWith(`${n} ${'x'.repeat(500_000)}`);
    await clock.advance(1000);
    await until(() => quick.frames.length === n + 1);
  }
  slow.resume();
  await closed;
  state.sections = sectionsWith('still here');
  await clock.advance(1000);
  await until(() => quick.frames.length === 62);
});
