/**
 * Files that people send, with a real daemon and the simulator: they lie in the group's folder before the agent is asked, they
 * are named in its turn, and whatever is wrong with one is said there; nothing is ever lost, doubled or half.
 */
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SayOptions } from '../../src/simulator/people.ts';
import { type BotApi, type Daemon, startBotApi, TestHome } from '../support/daemon.ts';
import { jpeg } from '../support/pictures.ts';

let api: BotApi;
let home: TestHome;
let chat: number;

interface AttachmentRow {
  kind: string;
  state: string;
  path: string | null;
  bytes: number | null;
  error: string | null;
  attempts: number;
}

beforeEach(async () => {
  api = await startBotApi();
  home = new TestHome({ ...api.settings, CONTAINER_RUNTIME: 'process' });
  chat = api.group('Family');
  home.registerAll([{ chatJid: String(chat), name: 'Family', folder: 'family' }]);
});
afterEach(async () => {
  await home.dispose();
  await api.close();
});

const rows = () =>
  home.rows<AttachmentRow>('SELECT kind, state, path, bytes, error, attempts FROM attachments ORDER BY id');
const settled = (count = 1) =>
  home.until(
    () => rows().length === count && rows().every(({ state }) => state !== 'pending') && rows(),
    `${count} files to be settled`,
  );
const folder = (...names: string[]) => home.file('groups/family', ...names);
const lying = () => (existsSync(folder('attachments')) ? readdirSync(folder('attachments')).sort() : []);
const say = (more: Partial<SayOptions>) => api.sim.say({ chat, from: 'you', ...more });
const file = (
  name: string,
  bytes: Buffer | string = 'some bytes',
  kind: 'document' | 'photo' = 'document',
) => ({
  kind,
  name,
  mime: kind === 'photo' ? 'image/jpeg' : 'text/plain',
  bytes: Buffer.from(bytes),
});
/** The prompt of the newest turn is in nothing but the turn file: what the offline agent heard stands in its answer. */
const answer = (count = 1) => api.until(() => api.answers(chat)[count - 1], `answer ${count}`);
const noErrors = (daemon: Daemon) =>
  expect(daemon.log().filter(({ level }) => level === 'error')).toEqual([]);

describe('a file', () => {
  it('with a caption that names her lies in the folder before her turn, which is told of it', async () => {
    const daemon = await home.start();
    const bytes = jpeg(64, 48);
    const { message_id: id, date } = say({
      caption: '@Nina what is this?',
      file: file('p.jpg', bytes, 'photo'),
    });
    const said = await answer();
    const name = `${new Date(date * 1000).toISOString().slice(0, 10)}_${id}_photo.jpg`;
    expect(said).toContain('what is this?');
    expect(said).toContain(`attachments/${name}`);
    expect(rows()).toEqual([
      {
        kind: 'photo',
        state: 'stored',
        path: `attachments/${name}`,
        bytes: bytes.length,
        error: null,
        attempts: 0,
      },
    ]);
    expect(readFileSync(folder('attachments', name)).equals(bytes)).toBe(true);
    expect(readdirSync(home.file('data/attachments'))).toEqual([]);
    noErrors(daemon);
    expect(JSON.stringify(daemon.log())).not.toContain(api.sim.token);
  });

  it('that was only context is there when somebody asks, and the one that a question replies to is named', async () => {
    await home.start();
    const { message_id: above } = say({ from: 'anna', file: file('plan.txt', 'the plan') });
    await settled();
    expect(lying()).toHaveLength(1);
    say({ text: '@Nina and this?', replyTo: above });
    expect(await answer()).toContain(rows()[0]?.path);
    expect(rows()).toHaveLength(2); // the second row points to the first
    expect(lying()).toHaveLength(1);
  });

  it('of any name lies under a safe one', async () => {
    await home.start();
    const names = [
      '../../../../etc/passwd',
      `${'x'.repeat(300)}.pdf`,
      'nul\0byte.txt',
      '\u202egnp.exe',
      '.env',
      'CON',
      '-rf *',
      '日本語 の ファイル.txt',
      'a\nb\t"<c>.txt',
      '..',
      '😀',
    ];
    for (const name of names) say({ from: 'anna', file: file(name, name) });
    await settled(names.length);
    expect(rows().map(({ state }) => state)).toEqual(names.map(() => 'stored'));
    for (const name of lying()) {
      expect(name).toMatch(/^\d{4}-\d\d-\d\d_\d+_[\p{L}\p{M}\p{N}][\p{L}\p{M}\p{N}._-]*$/u);
      expect(Buffer.byteLength(name)).toBeLessThan(200);
    }
    const contents = lying().map((name) => readFileSync(folder('attachments', name), 'utf8'));
    expect(contents.sort()).toEqual([...names].sort());
  });

  it('that is too large is said, at once or when it is asked for', async () => {
    await home.start({ ATTACHMENT_MAX_MB: '1' });
    say({ caption: '@Nina read this', file: file('big.bin', Buffer.alloc(1_048_577)) });
    expect(await answer()).toContain('read this');
    expect(rows()[0]).toMatchObject({ state: 'failed', error: 'it is larger than 1 MB' });
    expect(lying()).toEqual([]);
  });

  it('larger than bots may fetch is refused by Telegram, in plain words', async () => {
    await home.start({ ATTACHMENT_MAX_MB: '40' });
    say({ caption: '@Nina read this', file: file('big.bin', Buffer.alloc(21 * 1_048_576)) });
    await answer();
    expect(rows()[0]).toMatchObject({
      state: 'failed',
      error: 'it is larger than Telegram gives to bots (20 MB)',
    });
  });

  it('whose download breaks off is fetched again, and then is whole', async () => {
    await home.start();
    api.sim.faults.failNext('download', 'reset', 2);
    const bytes = Buffer.alloc(300_000, 'abc');
    say({ caption: '@Nina look', file: file('a.bin', bytes) });
    await answer();
    expect(rows()[0]).toMatchObject({ state: 'stored', attempts: 2, bytes: bytes.length });
    expect(readFileSync(folder(rows()[0]?.path ?? '')).equals(bytes)).toBe(true);
  });

  it('that never comes is given up, and her turn goes on', async () => {
    await home.start();
    api.sim.faults.failNext('getFile', { status: 400, description: 'Bad Request: wrong file_id' });
    say({ caption: '@Nina look', file: file('a.bin') });
    expect(await answer()).toContain('look');
    expect(rows()[0]).toMatchObject({ state: 'failed', error: expect.stringContaining('wrong file_id') });
  });
});

describe('the folder, which the agent can write to', () => {
  it('replaced by a link is not followed, and that is said', async () => {
    await home.start();
    const outside = home.file('outside');
    mkdirSync(outside);
    mkdirSync(folder(), { recursive: true });
    symlinkSync(outside, folder('attachments'));
    say({ caption: '@Nina look', file: file('a.txt') });
    await answer();
    expect(rows()[0]).toMatchObject({
      state: 'failed',
      error: expect.stringContaining('is not a plain folder'),
    });
    expect(readdirSync(outside)).toEqual([]);
    // Put right, it is fetched for whoever points at it.
    rmSync(folder('attachments'));
    say({ text: '@Nina again', replyTo: 1 });
    expect(await answer(2)).toContain('attachments/');
    expect(rows()[0]?.state).toBe('stored');
  });

  it('with links where files will be: neither followed nor overwritten', async () => {
    await home.start();
    const victim = home.file('victim');
    writeFileSync(victim, 'untouched');
    mkdirSync(folder('attachments'), { recursive: true });
    const today = new Date().toISOString().slice(0, 10);
    symlinkSync(victim, folder(`attachments/${today}_1_a.txt`));
    writeFileSync(folder(`attachments/${today}_1_a-2.txt`), 'the agent wrote this');
    say({ caption: '@Nina look', file: file('a.txt', 'from Telegram') });
    await answer();
    expect(rows()[0]?.path).toBe(`attachments/${today}_1_a-3.txt`);
    expect(readFileSync(folder(`attachments/${today}_1_a-3.txt`), 'utf8')).toBe('from Telegram');
    expect(readFileSync(victim, 'utf8')).toBe('untouched');
    expect(lstatSync(folder(`attachments/${today}_1_a.txt`)).isSymbolicLink()).toBe(true);
    expect(readFileSync(folder(`attachments/${today}_1_a-2.txt`), 'utf8')).toBe('the agent wrote this');
  });
});

describe('an album', () => {
  it('is one question and one turn, with all its files, wherever its words are', async () => {
    await home.start();
    for (const [n, caption] of [undefined, '@Nina which one?', undefined].entries())
      say({
        mediaGroupId: 'album-1',
        file: file(`${n}.jpg`, jpeg(10 + n, 10), 'photo'),
        ...(caption ? { caption } : {}),
      });
    const said = await answer();
    expect(said.match(/attachments\//g)).toHaveLength(3);
    expect(said.match(/You said/g)).toHaveLength(1);
    await home.until(() => home.row("SELECT 1 FROM turns WHERE state = 'done'"), 'the turn to be done');
    expect(home.rows('SELECT 1 FROM turns')).toHaveLength(1);
    expect(home.rows('SELECT disposition, trigger_kind FROM messages WHERE is_bot_message = 0')).toEqual([
      { disposition: 'answered', trigger_kind: 'album' },
      { disposition: 'answered', trigger_kind: 'mention' },
      { disposition: 'answered', trigger_kind: 'album' },
    ]);
  });

  it('that comes over two polls waits for its rest, also when the daemon is killed in between', async () => {
    const first = await home.start();
    say({ mediaGroupId: 'album-2', caption: '@Nina these', file: file('1.jpg', jpeg(10, 10), 'photo') });
    await home.until(() => rows().length === 1, 'the first one');
    await first.kill('SIGKILL');
    say({ mediaGroupId: 'album-2', file: file('2.jpg', jpeg(12, 10), 'photo') });
    await home.start();
    expect((await answer()).match(/attachments\//g)).toHaveLength(2);
    expect(home.rows("SELECT 1 FROM messages WHERE disposition = 'answered'")).toHaveLength(2);
  });
});

describe.each(['file.fetched', 'file.placed', 'file.stored'])('SIGKILL at %s', (step) => {
  it('leaves the file whole, once, and her turn with it', async () => {
    const first = home.spawn({ FAILPOINTS: `${step}=kill` });
    await first.logged('ready');
    const bytes = Buffer.alloc(50_000, step);
    say({ caption: '@Nina look', file: file('a.bin', bytes) });
    expect(await first.exited).toMatchObject({ signal: 'SIGKILL' });
    const second = await home.start();
    expect(await answer()).toContain('attachments/');
    expect(lying()).toHaveLength(1);
    expect(readFileSync(folder('attachments', lying()[0] ?? '')).equals(bytes)).toBe(true);
    expect(readdirSync(home.file('data/attachments'))).toEqual([]);
    expect(rows()).toMatchObject([{ state: 'stored' }]);
    noErrors(second);
  });
});
