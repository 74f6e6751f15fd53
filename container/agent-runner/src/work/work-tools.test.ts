import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { waitFor } from '../../../../test/support/agent-mailbox.ts';
import { createWorkTools } from './work-tools.ts';

let folder: string;
let stop: AbortController;
let lives: number;

beforeEach(() => {
  folder = fs.mkdtempSync(join(tmpdir(), 'nanoclaw-work-'));
  stop = new AbortController();
  lives = 0;
});
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

const use = (name: string, args: unknown, longestResult = 4000) => {
  const tools = createWorkTools({
    folder,
    env: { PATH: process.env.PATH ?? '', GIVEN: 'yes' },
    longestResult,
    alive: () => {
      lives += 1;
    },
    signal: stop.signal,
  });
  const tool = tools.find((candidate) => candidate.name === name);
  if (!tool) throw new Error(`no tool ${name}`);
  return tool.call(args);
};
const put = (name: string, content: string | Buffer) => fs.writeFileSync(join(folder, name), content);
const got = (name: string) => fs.readFileSync(join(folder, name), 'utf8');

test('Bash runs in the folder with the environment given to it, and tells output, errors and exit code', async () => {
  expect(await use('Bash', { command: 'pwd; echo $GIVEN $HOME; echo oops >&2' })).toEqual({
    text: `${fs.realpathSync(folder)}\nyes\noops`,
    isError: false,
  });
  expect(await use('Bash', { command: 'echo before; exit 3' })).toEqual({
    text: 'before\n(exit code 3)',
    isError: true,
  });
  expect(await use('Bash', { command: 'if then' })).toMatchObject({ isError: true });
  expect(lives).toBeGreaterThan(0);
});

test('Bash keeps the beginning and the end of a flood', async () => {
  const { text } = await use('Bash', { command: 'echo first; seq 1 100000; echo last' });
  expect(text.length).toBeLessThanOrEqual(4000);
  expect(text).toMatch(/^first\n1\n2\n[\s\S]*bytes are left out here[\s\S]*\n100000\nlast$/);
});

test('Bash ends a command at its limit, and when the turn is stopped, with all that it started', async () => {
  const late = await use('Bash', { command: 'echo begun; sleep 600', timeout_seconds: 1 });
  expect(late).toEqual({ text: 'ended after its limit of 1 seconds; it had printed:\nbegun', isError: true });
  const running = use('Bash', { command: 'sleep 601 & echo $! > pid; wait' });
  const pid = await waitFor(
    () => (fs.existsSync(join(folder, 'pid')) && got('pid').trim()) || undefined,
    10_000,
    () => 'the pid',
  );
  stop.abort();
  expect((await running).text).toMatch(/^ended because the turn was stopped/);
  await waitFor(
    () => (ended(pid) ? true : undefined),
    10_000,
    () => `the end of ${pid}`,
  );
});

function ended(pid: string): boolean {
  try {
    return /^Z/.test(execFileSync('ps', ['-o', 'stat=', '-p', pid], { encoding: 'utf8' }));
  } catch {
    return true;
  }
}

test('what a command leaves in the background is ended with it', async () => {
  await use('Bash', { command: 'sleep 602 & echo $! > pid' });
  await waitFor(
    () => (ended(got('pid').trim()) ? true : undefined),
    10_000,
    () => 'its end',
  );
});

test('files are written, read in parts, and changed exactly', async () => {
  expect(await use('Write', { path: 'notes/a.txt', content: 'one\ntwo\nthree\n' })).toMatchObject({
    text: 'Wrote notes/a.txt (14 bytes).',
  });
  expect((await use('Read', { path: 'notes/a.txt' })).text).toBe('one\ntwo\nthree');
  expect((await use('Read', { path: 'notes/a.txt', offset: 2, limit: 1 })).text).toBe(
    'two\n(lines 2 to 2 of 3; read others with offset)',
  );
  expect((await use('Read', { path: 'notes' })).text).toBe('a.txt');
  const edit = (old_string: string, new_string: string, replace_all?: boolean) =>
    use('Edit', { path: 'notes/a.txt', old_string, new_string, replace_all });
  expect((await edit('two', '$& 2')).isError).toBe(false);
  expect(got('notes/a.txt')).toBe('one\n$& 2\nthree\n');
  expect((await edit('four', 'x')).text).toMatch(/not changed: old_string is not in/);
  expect((await edit('e', 'E')).text).toMatch(/is 3 times in/);
  expect((await edit('e', 'E', true)).text).toBe('Changed notes/a.txt in 3 places.');
});

test('a long file is read in as much as fits; what is no text or no file is refused, and holds nothing up', async () => {
  put('long', Array.from({ length: 5000 }, (_, n) => `line ${n + 1}`).join('\n'));
  const { text } = await use('Read', { path: 'long' });
  expect(text.length).toBeLessThanOrEqual(4000);
  expect(text).toMatch(/\(lines 1 to \d+ of 5000; read others with offset\)$/);
  put('wide', 'x'.repeat(100_000));
  expect((await use('Read', { path: 'wide' })).text.length).toBeLessThanOrEqual(4000);
  put('binary', Buffer.from([1, 0, 2]));
  expect((await use('Read', { path: 'binary' })).text).toMatch(/is no text \(3 bytes\)/);
  execFileSync('mkfifo', [join(folder, 'pipe')]);
  expect((await use('Read', { path: 'pipe' })).text).toMatch(/not an ordinary file/);
  expect((await use('Write', { path: 'pipe', content: 'x' })).text).toMatch(/something else/);
  expect((await use('Read', { path: 'missing' })).text).toMatch(/ENOENT/);
  expect((await use('Read', {})).text).toMatch(/^not done:/);
});

test('a page of the web is loaded, its text given; refusals and what is no page are told', async () => {
  const server = createServer((request, response) => {
    if (request.url === '/page') {
      response.setHeader('content-type', 'text/html; charset=utf-8');
      response.end('<h1>Tides</h1><script>no</script>');
    } else if (request.url === '/moved') response.writeHead(302, { location: '/page' }).end();
    else if (request.url === '/file') response.writeHead(302, { location: 'file:///etc/hostname' }).end();
    else response.writeHead(404).end('nothing here');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    expect(await use('WebFetch', { url: `${base}/moved` })).toEqual({ text: 'Tides', isError: false });
    expect(await use('WebFetch', { url: `${base}/none` })).toEqual({
      text: `${base}/none answers 404:\nnothing here`,
      isError: true,
    });
    expect((await use('WebFetch', { url: `${base}/file` })).isError).toBe(true);
    expect((await use('WebFetch', { url: 'file:///etc/hostname' })).text).toMatch(/^not done:/);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
});
