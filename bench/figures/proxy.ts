/** A request to the model through the credential proxy, beside the same request without it: what the proxy adds. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import http, { type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { BenchContext, Row } from '../figure.ts';
import { start } from '../support/processes.ts';
import { LONG_STREAM } from '../support/proxy-parts.ts';
import { ratesOf, statsOf } from '../support/stats.ts';

const SAMPLES = 2000;
const WARM_UPS = 200;
const STREAMS = 10;
/** As large as the request of a conversation that has gone on for a while. */
const BODY = JSON.stringify({ messages: [{ role: 'user', content: 'x'.repeat(100_000) }] });

interface Times {
  firstByteMs: number;
  wholeMs: number;
}

export async function proxy(bench: BenchContext): Promise<Row[]> {
  const folder = mkdtempSync(path.join(tmpdir(), 'nanoclaw-bench-'));
  const removed = bench.cleanups.add(() => rmSync(folder, { recursive: true, force: true }));
  const self = process.argv[1] ?? '';
  const model = start(bench.cleanups, { args: [self, '--bare-model'] });
  await model.said('\n');
  const port = /listening (\d+)/.exec(model.output())?.[1] ?? '';
  const token = randomBytes(32).toString('base64url');
  const upstream = `http://127.0.0.1:${port}`;
  const proxies = start(bench.cleanups, { args: [self, '--bare-proxies', folder, upstream, token] });
  await proxies.said('open');

  const agents = [0, 1].map(() => new http.Agent({ keepAlive: true, maxSockets: 1 }));
  const direct = { host: '127.0.0.1', port, agent: agents[0] };
  const through = { socketPath: path.join(folder, 'model.sock'), agent: agents[1] };
  const measured: Times[] = [];
  const bare: Times[] = [];
  for (let i = 0; i < WARM_UPS + bench.samples(SAMPLES); i += 1) {
    const one = await ask(through, token);
    const other = await ask(direct, token);
    if (i < WARM_UPS) continue;
    measured.push(one);
    bare.push(other);
  }
  const streamed: number[] = [];
  const bareStreamed: number[] = [];
  for (let i = 0; i < 1 + bench.samples(STREAMS); i += 1) {
    const one = await ask(through, token, { 'x-long': 'yes' });
    const other = await ask(direct, token, { 'x-long': 'yes' });
    if (i === 0) continue;
    streamed.push(rateOf(one));
    bareStreamed.push(rateOf(other));
  }
  for (const agent of agents) agent.destroy();
  await proxies.stop('SIGKILL');
  await model.stop('SIGKILL');
  await removed();

  const row = (name: string, of: (times: Times) => number): Row => ({
    name,
    unit: 'ms',
    measured: statsOf(measured.map(of)),
    limit: { name: 'the same request to the model server itself', stats: statsOf(bare.map(of)) },
    aim: { kind: 'over', value: 1 },
  });
  return [
    row('request of 100 kB → first byte, through the credential proxy', ({ firstByteMs }) => firstByteMs),
    row('request of 100 kB → whole short stream, through the credential proxy', ({ wholeMs }) => wholeMs),
    {
      name: 'a long stream, as fast as it goes, through the credential proxy',
      unit: 'MiB/s',
      measured: ratesOf(streamed),
      limit: { name: 'the same stream from the model server itself', stats: ratesOf(bareStreamed) },
      aim: { kind: 'share', value: 0.9 },
      note: `${LONG_STREAM.events.toLocaleString('en')} events, ${Math.round(LONG_STREAM.bytes / 2 ** 20)} MiB; a model sends about 0.02 MiB/s`,
    },
  ];
}

const rateOf = ({ wholeMs }: Times): number => LONG_STREAM.bytes / 2 ** 20 / (wholeMs / 1000);

async function ask(to: http.RequestOptions, token: string, more: object = {}): Promise<Times> {
  const startedAt = performance.now();
  const headers = { 'x-api-key': token, 'content-length': BODY.length, ...more };
  const request = http.request({ ...to, method: 'POST', path: '/v1/messages', headers });
  request.end(BODY);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  if (response.statusCode !== 200) throw new Error(`the model answered ${response.statusCode}`);
  let firstByteMs = 0;
  for await (const _ of response) firstByteMs ||= performance.now() - startedAt;
  return { firstByteMs, wholeMs: performance.now() - startedAt };
}
