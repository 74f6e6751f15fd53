/** A model server and the daemon's proxies, each as a process of its own, so that a request crosses what it crosses in life. */
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { databaseFile } from '../../src/db/open.ts';
import { createDb } from '../../src/db.ts';
import { createAgentProxies } from '../../src/http/agent-proxies.ts';
import { hashToken } from '../../src/http/proxy-token.ts';
import { silentLogger } from '../../src/log.ts';
import { type Folder, iso } from '../../src/types.ts';

/** A stream as the Messages API sends it, in few events. */
const EVENTS = [
  { type: 'message_start', message: { id: 'msg_1', usage: { input_tokens: 10, output_tokens: 1 } } },
  { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'x'.repeat(500) } },
  { type: 'message_delta', usage: { output_tokens: 100 } },
  { type: 'message_stop' },
].map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);

/** Of a long stream, and how many of them a model that is asked for one sends, as fast as they are taken. */
const DELTA = `event: content_block_delta\ndata: ${JSON.stringify({
  type: 'content_block_delta',
  index: 0,
  delta: { type: 'text_delta', text: 'x'.repeat(100) },
})}\n\n`;
export const LONG_STREAM = { events: 50_000, bytes: 50_000 * DELTA.length };

/** Runs until it is killed; says its port. A request that bears the header x-long gets a long stream. */
export async function bareModel(): Promise<void> {
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      if (request.headers['x-long']) return void sendLong(response);
      for (const event of EVENTS) response.write(event);
      response.end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  console.log(`listening ${(server.address() as AddressInfo).port}`);
}

async function sendLong(response: ServerResponse): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  for (let sent = 0; sent < LONG_STREAM.events && !response.destroyed; sent += 1)
    if (!response.write(DELTA)) await once(response, 'drain', gone).catch(() => {});
  response.end();
}

/** Runs until it is killed: one container's doors, in `folder`, with the token looked up in a database as in life. */
export async function bareProxies(folder: string, upstream: string, token: string): Promise<void> {
  const db = createDb(databaseFile(folder));
  const owner = { container: 'nanoclaw-bench-1', folder: 'bench' };
  db.agents.containerStarted(
    owner.container,
    owner.folder as Folder,
    'docker',
    hashToken(token),
    iso(Date.now()),
  );
  const credential = { kind: 'apiKey', value: 'made-up-for-the-benchmark' } as const;
  const server = { upstream: new URL(upstream), api: 'messages', credential } as const;
  const resolveToken = (hash: string) => db.agents.byToken(hash);
  const proxies = createAgentProxies({
    log: silentLogger(),
    model: {
      serverOf: () => server,
      resolveToken,
      onCredentialFailure() {},
      rate: { perSecond: 1e6, burst: 1e6 },
    },
    egress: { resolveToken, policy: () => null },
    ports: { get: () => 0, set() {} },
  });
  await proxies.open(owner, {
    model: path.join(folder, 'model.sock'),
    egress: path.join(folder, 'egress.sock'),
  });
  console.log('open');
}
