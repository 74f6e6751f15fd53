/**
 * The straight line with nothing in it: what a message costs on this machine whoever carries it. Two bare processes stand
 * where the daemon and its agent stand:
 *   HTTP answer to a held request → one FULL commit → a file renamed in, seen by its watcher
 *   → a file renamed back, seen by its watcher → one FULL commit → HTTP request
 * This end holds the request, watches the first rename and takes the last request. The other ends are below.
 */
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  unlinkSync,
  watch,
  writeFileSync,
} from 'node:fs';
import { Agent, createServer, request as httpRequest, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import Database from 'better-sqlite3';
import type { BenchContext } from '../figure.ts';
import { start, within } from './processes.ts';

/** The sizes of a real update and a real turn file. */
const UPDATE = JSON.stringify({ ok: true, result: [{ update_id: 1, message: { text: 'x'.repeat(500) } }] });
const TURN_FILE = JSON.stringify({ prompt: 'x'.repeat(1500) });
const LIMIT_MS = 10_000;

export interface BareLine {
  /** One message there and back: when the first rename was seen, and when the request came (ms after the answer). */
  run(): Promise<{ thereMs: number; backMs: number }>;
  close(): Promise<void>;
}

export async function openBareLine(bench: BenchContext): Promise<BareLine> {
  const dir = mkdtempSync(path.join(tmpdir(), 'nanoclaw-bare-'));
  for (const each of ['staging', 'in', 'out']) mkdirSync(path.join(dir, each));
  let held: ServerResponse | undefined;
  let onHeld = () => {};
  let onSent = () => {};
  const server = createServer((req, res) => {
    if (req.url === '/sent') {
      onSent();
      res.end('{}');
      return;
    }
    held = res;
    onHeld();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const agent = start(bench.cleanups, { args: [process.argv[1] ?? '', '--bare-agent', dir] });
  const host = start(bench.cleanups, { args: [process.argv[1] ?? '', '--bare-host', dir, String(port)] });
  const undo = bench.cleanups.add(async () => {
    await Promise.all([agent.stop(), host.stop()]);
    server.closeAllConnections();
    server.close();
    rmSync(dir, { recursive: true, force: true });
  });
  await within('the bare processes', LIMIT_MS, Promise.all([agent.said('watching'), host.said('watching')]));

  async function run(): Promise<{ thereMs: number; backMs: number }> {
    if (!held) await new Promise<void>((resolve) => (onHeld = resolve));
    const seen = new Promise<number>((resolve) => {
      const watcher = watch(path.join(dir, 'in'), () => {
        watcher.close();
        resolve(performance.now());
      });
    });
    const sent = new Promise<number>((resolve) => (onSent = () => resolve(performance.now())));
    const startedAt = performance.now();
    held?.end(UPDATE);
    held = undefined;
    return { thereMs: (await seen) - startedAt, backMs: (await sent) - startedAt };
  }

  return { run: () => within('the bare line', LIMIT_MS, run()), close: undo };
}

/** A bare process ends with the benchmark, however that ends. */
function endWithStdin(): void {
  process.stdin.on('end', () => process.exit()).resume();
}

/** Stands where the daemon stands: polls, commits, renames; sees the rename back, commits, sends. */
export function bareHost(dir: string, port: number): void {
  endWithStdin();
  const db = new Database(path.join(dir, 'bare.db'));
  db.pragma('journal_mode = WAL');
  db.exec('CREATE TABLE work (id INTEGER PRIMARY KEY, body TEXT NOT NULL)');
  db.pragma('synchronous = FULL');
  const insert = db.prepare('INSERT INTO work (body) VALUES (?)');
  const call = (url: string, body: string, done: (text: string) => void) => {
    const req = httpRequest({ port, host: '127.0.0.1', path: url, method: 'POST', agent }, (res) => {
      let text = '';
      res.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      res.on('end', () => done(text));
    });
    req.end(body);
  };
  const agent = new Agent({ keepAlive: true });
  let n = 0;
  const poll = () =>
    call('/poll', '{}', (text) => {
      insert.run(text);
      const name = `${n++}.json`;
      writeFileSync(path.join(dir, 'staging', name), TURN_FILE);
      renameSync(path.join(dir, 'staging', name), path.join(dir, 'in', name));
      poll();
    });
  watch(path.join(dir, 'out'), () => {
    for (const name of readdirSync(path.join(dir, 'out'))) {
      insert.run(TURN_FILE);
      unlinkSync(path.join(dir, 'out', name));
      call('/sent', TURN_FILE, () => {});
    }
  });
  poll();
  console.log('watching');
}

/** Stands where the agent stands: answers each file with a file. */
export function bareAgent(dir: string): void {
  endWithStdin();
  watch(path.join(dir, 'in'), () => {
    for (const name of readdirSync(path.join(dir, 'in')))
      renameSync(path.join(dir, 'in', name), path.join(dir, 'out', name));
  });
  console.log('watching');
}
