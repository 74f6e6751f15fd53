import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createTelegram } from './grammy-api.ts';

const TOKEN = '7100000042:AAE-a-token-that-must-never-be-seen';
let folder: string;
let server: Server;
let asked: string[];
let onFile: RequestListener;
let filePath: string;

beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'nanoclaw-download-'));
  asked = [];
  filePath = 'documents/a b.txt';
  server = createServer((request, response) => {
    asked.push(request.url ?? '');
    if (!request.url?.startsWith('/file/')) {
      const result = { file_id: 'x', file_unique_id: 'u', file_path: filePath };
      response.setHeader('content-type', 'application/json').end(JSON.stringify({ ok: true, result }));
    } else onFile(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

function download(maxBytes = 100, target = path.join(folder, 'target')): Promise<number> {
  const { port } = server.address() as AddressInfo;
  const telegram = createTelegram(TOKEN, `http://127.0.0.1:${port}`, 1);
  return telegram.download({ fileId: 'x', target, maxBytes }, AbortSignal.timeout(10_000));
}
const failure = async (run: Promise<number>): Promise<Error> => {
  const error = await run.then(
    () => new Error('it did not fail'),
    (reason: Error) => reason,
  );
  expect(`${error.message} ${error.stack} ${JSON.stringify(error)}`).not.toContain(TOKEN);
  return error;
};

it('writes what the server gives', async () => {
  onFile = (_, response) => response.end('the bytes');
  expect(await download()).toBe(9);
  expect(readFileSync(path.join(folder, 'target'), 'utf8')).toBe('the bytes');
  expect(asked[1]).toBe(`/file/bot${TOKEN}/documents/a%20b.txt`);
});

it('follows no redirect', async () => {
  onFile = (_, response) => response.writeHead(302, { location: '/file/elsewhere' }).end();
  expect(await failure(download())).toMatchObject({
    message: 'the file server answered 302',
    isFinal: false,
  });
  expect(asked).toHaveLength(2);
});

it('takes no more than it may, whether that is announced or not', async () => {
  onFile = (_, response) => response.setHeader('content-length', 101).end('x'.repeat(101));
  expect(await failure(download())).toMatchObject({ isFinal: true });
  onFile = (_, response) => {
    response.write('x'.repeat(60));
    response.end('x'.repeat(60));
  };
  expect(await failure(download())).toMatchObject({ isFinal: true });
});

it('says that it was cut off, or refused, and never where', async () => {
  onFile = (_, response) => {
    response.setHeader('content-length', 50).write('half', () => response.destroy());
  };
  expect(await failure(download())).toMatchObject({ message: 'the download was cut off', isFinal: false });
  onFile = (_, response) => response.writeHead(404).end();
  expect(await failure(download())).toMatchObject({ message: 'the file server answered 404' });
  onFile = (request) => request.socket.destroy();
  expect((await failure(download())).name).toBe('NetworkError');
});

it.each(['/var/lib/telegram-bot-api/x.txt', '../../etc/passwd', 'a//b'])(
  'asks for no path like %s',
  async (given) => {
    filePath = given;
    expect(await failure(download())).toMatchObject({ isFinal: true });
    expect(asked).toHaveLength(1);
  },
);

it('tells a disk that refuses from a connection that fails', async () => {
  onFile = (_, response) => response.end('the bytes');
  const error = await failure(download(100, path.join(folder, 'missing/target')));
  expect(error.message).toBe('the file could not be written (ENOENT)');
});
