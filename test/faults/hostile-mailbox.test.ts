/** A mailbox in the hands of an attacker: nothing leads out of it, nothing stops or floods the daemon. */
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import {
  appendFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { groupPaths } from '../../src/mailbox/layout.ts';
import { readRegularFile } from '../../src/mailbox/read.ts';
import { eventFileName } from '../../src/protocol.ts';
import { createMailboxWorld, type MailboxWorld, send, textEvent } from '../support/mailbox.ts';
import { outboxRows, tempFolder } from '../support/world.ts';

const linux = process.platform === 'linux';
const uuid = () => randomUUID();

/** Makes an entry at `file`; the secret of the host lies at `secret` and is a valid command. */
type Plant = (file: string, secret: string) => void | Promise<void>;
const text =
  (content: string | Uint8Array): Plant =>
  (file) =>
    writeFileSync(file, content);

const PLANTED: [string, Plant, RegExp][] = [
  ['no JSON', text('{"id": '), /not JSON/],
  ['nothing', text(''), /not JSON/],
  ['no object', text('[1, 2]'), /not a valid command/],
  ['null', text('null'), /not a valid command/],
  ['an unknown type', text(JSON.stringify({ id: uuid(), type: 'rm_rf' })), /type/],
  ['no id', text(JSON.stringify({ type: 'send_message', text: 'x' })), /id/],
  ['an id that is a path', text(JSON.stringify(send('x', '../../../../tmp/x'))), /id/],
  ['too much text', text(JSON.stringify(send('x'.repeat(200_001)))), /text/],
  ['bytes that are not UTF-8', text(Buffer.from([0x22, 0xff, 0xfe, 0x22])), /UTF-8/],
  ['two MiB', text(Buffer.alloc(2 * 1024 * 1024, ' ')), /bytes, at most/],
  ['depth', text(`${'['.repeat(400_000)}${']'.repeat(400_000)}`), /nested too deep/],
  [
    'depth in a key',
    text(`{"id":"x","a":${'{"a":'.repeat(100_000)}1${'}'.repeat(100_001)}`),
    /nested too deep/,
  ],
  [
    'ninety thousand keys',
    text(JSON.stringify(Object.fromEntries(Array.from({ length: 90_000 }, (_, i) => [`k${i}`, 1])))),
    /too many parts/,
  ],
  ['a hundred thousand elements', text(`[${'{},'.repeat(100_000)}{}]`), /too many parts/],
  ['a number of a million digits', text('9'.repeat(1_000_000)), /not a valid command/],
  [
    'another version of the protocol',
    text(JSON.stringify({ ...textEvent(uuid(), 1), protocol: 2 })),
    /protocol|type/,
  ],
  [
    'a sparse gigabyte',
    (file) => {
      writeFileSync(file, '');
      truncateSync(file, 1024 ** 3);
    },
    /bytes, at most/,
  ],
  ['a link to a secret of the host', (file, secret) => symlinkSync(secret, file), /symbolic link/],
  ['a dangling link', (file) => symlinkSync('/nowhere/at/all', file), /symbolic link/],
  ['a link to itself', (file) => symlinkSync(file, file), /symbolic link/],
  ['a link to a device', (file) => symlinkSync('/dev/zero', file), /symbolic link/],
  ['a second name of a secret', (file, secret) => linkSync(secret, file), /hard link/],
  ['a pipe', (file) => void execFileSync('mkfifo', [file]), /not a regular file/],
  [
    'a folder with things in it',
    (file) => {
      mkdirSync(path.join(file, 'deep', 'deeper'), { recursive: true });
      writeFileSync(path.join(file, 'deep', 'x'), 'x');
    },
    /not a regular file/,
  ],
  [
    'a socket',
    async (file) => {
      const server = createServer();
      // Bound under a short name: the path of a socket may have 107 bytes.
      const cwd = process.cwd();
      process.chdir(path.dirname(file));
      await new Promise<void>((resolve) => server.listen('s', resolve));
      process.chdir(cwd);
      renameSync(path.join(path.dirname(file), 's'), file);
      onTestFinished(() => void server.close());
    },
    /socket|cannot be opened/,
  ],
];

function plantSecret(world: MailboxWorld): string {
  const secret = path.join(world.home, 'secret.json');
  writeFileSync(secret, JSON.stringify(send('SECRET of the host')));
  return secret;
}

describe('an entry of the mailbox', () => {
  it.each(PLANTED)('that is %s is set aside with the reason; the others go on', async (_, plant, reason) => {
    const world = createMailboxWorld();
    const { ipc, family, drop, at, db, left, logged } = world;
    const secret = plantSecret(world);
    const before = readFileSync(secret, 'utf8');
    for (const directory of ['messages', 'events'])
      await plant(at('family', 'out', directory, 'a.json'), secret);
    drop('family', 'messages', send('behind it'), 'z.json');
    void ipc.drain(family.folder);

    expect(outboxRows(db).map((row) => row.text)).toEqual(['behind it']);
    expect(left('family')).toEqual([]);
    expect(world.events).toEqual([]);
    const lines = logged('file_set_aside');
    expect(lines.map((line) => line.file)).toEqual(['a.json', 'a.json']);
    expect(lines[0]?.msg).toMatch(reason);
    expect(readFileSync(secret, 'utf8')).toBe(before);
    for (const name of world.quarantined('family')) {
      const kept = path.join(groupPaths(world.home, 'family').quarantine, name);
      expect(readFileSync(kept).length).toBeLessThanOrEqual(1024 * 1024);
    }
  });

  it('with keys of the prototype is what its own keys say', () => {
    const { ipc, family, drop, db, left, results } = createMailboxWorld();
    const json = JSON.stringify(send('plain')).replace(
      '{',
      '{"__proto__":{"type":"x","isMain":true},"constructor":1,',
    );
    drop('family', 'messages', json);
    drop('family', 'messages', `{"__proto__": ${JSON.stringify(send('inherited'))}}`);
    void ipc.drain(family.folder);
    expect(outboxRows(db).map((row) => row.text)).toEqual(['plain']);
    expect(left('family')).toEqual([]);
    expect(results('family').map(({ ok }) => ok)).toEqual(expect.arrayContaining([true, false]));
    expect(({} as { isMain?: boolean }).isMain).toBeUndefined();
  });

  it('with a bad id that is a UUID is answered, so that the agent need not wait', () => {
    const { ipc, family, drop, results } = createMailboxWorld();
    const id = uuid();
    drop('family', 'messages', { id, type: 'send_message', text: '' });
    void ipc.drain(family.folder);
    expect(results('family')).toEqual([{ id, ok: false, reason: expect.stringContaining('text') }]);
  });

  it.each<[string, Buffer]>([
    ['a line break', Buffer.from('a\nb.json')],
    ['255 bytes', Buffer.from(`${'x'.repeat(250)}.json`)],
    ['another ending', Buffer.from('a.json.tmp')],
    ['control characters', Buffer.from('\u001b[2J\u0007.json')],
    ['a word that JavaScript knows', Buffer.from('__proto__')],
    ['letters beyond ASCII', Buffer.from('привет.json')],
    ...(linux ? [['bytes that are not UTF-8', Buffer.from([0x61, 0xff, 0xfe])] as [string, Buffer]] : []),
  ])('with a name of %s is set aside', (_, name) => {
    const { ipc, family, drop, at, db, left, logged } = createMailboxWorld();
    const directory = Buffer.from(`${at('family', 'out', 'messages')}/`);
    writeFileSync(Buffer.concat([directory, name]), JSON.stringify(send('never')));
    drop('family', 'messages', send('behind it'));
    void ipc.drain(family.folder);
    expect(outboxRows(db).map((row) => row.text)).toEqual(['behind it']);
    expect(left('family')).toEqual([]);
    expect(logged('file_set_aside')).toHaveLength(1);
  });
});

describe('a directory of the mailbox', () => {
  it.each(['messages', 'tasks', 'events'])('out/%s that is a link leads nowhere', (directory) => {
    const world = createMailboxWorld();
    const { ipc, family, drop, at, db, events } = world;
    const elsewhere = path.join(world.home, 'elsewhere');
    mkdirSync(elsewhere);
    writeFileSync(path.join(elsewhere, 'a.json'), JSON.stringify(send('from elsewhere')));
    writeFileSync(path.join(elsewhere, eventFileName(uuid(), 1)), JSON.stringify(textEvent(uuid(), 1)));
    rmSync(at('family', 'out', directory), { recursive: true });
    symlinkSync(elsewhere, at('family', 'out', directory));
    const other = directory === 'messages' ? 'tasks' : 'messages';
    drop('family', other, 'not JSON');
    void ipc.drain(family.folder);
    expect(outboxRows(db)).toEqual([]);
    expect(events).toEqual([]);
    expect(readdirSync(elsewhere)).toHaveLength(2);
    expect(world.logged('file_set_aside')).toHaveLength(1);
  });

  it.each(['a file', 'nothing', 'a pipe'])('that is %s is passed over', (what) => {
    const { ipc, family, drop, at, db } = createMailboxWorld();
    const events = at('family', 'out', 'events');
    rmSync(events, { recursive: true });
    if (what === 'a file') writeFileSync(events, '');
    if (what === 'a pipe') execFileSync('mkfifo', [events]);
    drop('family', 'messages', send('goes on'));
    void ipc.drain(family.folder);
    expect(outboxRows(db).map((row) => row.text)).toEqual(['goes on']);
  });

  it.runIf(linux)('that is swapped for a link while it is read is still the one that was opened', () => {
    const world = createMailboxWorld();
    const { ipc, family, at, onEvent, events } = world;
    const turn = uuid();
    const directory = at('family', 'out', 'events');
    const elsewhere = path.join(world.home, 'elsewhere');
    mkdirSync(elsewhere);
    for (const n of [1, 2]) {
      writeFileSync(path.join(directory, eventFileName(turn, n)), JSON.stringify(textEvent(turn, n, 'own')));
      writeFileSync(
        path.join(elsewhere, eventFileName(turn, n)),
        JSON.stringify(textEvent(turn, n, 'SECRET')),
      );
    }
    onEvent.take = (_, event) => {
      if (event.n === 1) {
        renameSync(directory, `${directory}-moved`);
        symlinkSync(elsewhere, directory);
      }
      return true;
    };
    void ipc.drain(family.folder);
    expect(events.map(({ event }) => event.type === 'text' && event.text)).toEqual(['own', 'own']);
    expect(readdirSync(elsewhere)).toHaveLength(2);
  });
});

describe('a flood', () => {
  it('of 2,500 events is taken in order, though the host comes late', async () => {
    const { drainAll, family, drop, events, onEvent, left } = createMailboxWorld();
    const turn = uuid();
    let taken = 0;
    let gaps = 0;
    onEvent.take = (_, event) => {
      if (event.n !== taken + 1) gaps += 1;
      taken = event.n;
      return true;
    };
    for (let n = 2500; n >= 1; n -= 1) drop('family', 'events', textEvent(turn, n), eventFileName(turn, n));
    await drainAll(family.folder);
    expect(gaps).toBe(0);
    expect(events).toHaveLength(2500);
    expect(left('family')).toEqual([]);
  });

  it('of bad files fills neither the disk nor the daemon’s time', async () => {
    const { ipc, family, at, left, quarantined, clock, db, drop } = createMailboxWorld();
    for (let i = 0; i < 900; i += 1) writeFileSync(at('family', 'out', 'messages', `bad-${i}.json`), 'x');
    for (let i = 0; i < 600; i += 1) writeFileSync(at('family', 'out', 'tasks', `bad name ${i}`), 'x');
    drop('family', 'messages', send('among them'));
    ipc.attach(family.folder);
    await clock.advance(5000);
    expect(left('family')).toEqual([]);
    expect(quarantined('family').length).toBeLessThanOrEqual(50);
    expect(outboxRows(db).map((row) => row.text)).toEqual(['among them']);
  });

  it('that never ends lets the daemon go on between two looks', async () => {
    const { ipc, family, drop, onEvent, notify, clock } = createMailboxWorld();
    const turn = uuid();
    let n = 1;
    const another = () => drop('family', 'events', textEvent(turn, n), eventFileName(turn, n++));
    // For each event that is taken, the agent has written another.
    onEvent.take = () => {
      another();
      return true;
    };
    for (let i = 0; i < 600; i += 1) another();
    ipc.attach(family.folder);
    notify('family', 'events');
    await clock.settle(); // comes back: the look had an end
    const first = n;
    await clock.next();
    expect(n).toBeGreaterThan(first);
    ipc.stop();
  });

  it('of entries that cannot be removed does not keep the daemon busy', async () => {
    const { ipc, family, at, clock, drainAll } = createMailboxWorld();
    const directory = at('family', 'out', 'messages');
    for (let i = 0; i < 501; i += 1) writeFileSync(path.join(directory, `bad name ${i}`), '');
    if (!makeImmutable(directory)) return; // not root, or not ext4: nobody here could make such entries
    ipc.attach(family.folder);
    await drainAll(family.folder);
    expect(readdirSync(directory)).toHaveLength(501);
    expect(clock.timers()).toBe(1); // the sweep alone
  });
});

/** True when nothing in the folder can be removed any more, not even by root. */
function makeImmutable(directory: string): boolean {
  try {
    execFileSync('chattr', ['+i', directory], { stdio: 'ignore' });
  } catch {
    return false;
  }
  onTestFinished(() => void execFileSync('chattr', ['-i', directory]));
  return true;
}

describe('reading a file', () => {
  it('takes no more than was there when it was opened', () => {
    const file = path.join(tempFolder(), 'file');
    writeFileSync(file, 'x'.repeat(100));
    expect(readRegularFile(file, 100).length).toBe(100);
    appendFileSync(file, 'x');
    expect(() => readRegularFile(file, 100)).toThrow('has 101 bytes, at most 100');
  });

  // A file of /proc has the size 0 and content all the same: as one that grows after the look at its size.
  it.runIf(existsSync('/proc/self/status'))('refuses one that grows meanwhile', () => {
    expect(() => readRegularFile('/proc/self/status', 1_000_000)).toThrow('grew while it was read');
  });

  it('says when it is gone', () => {
    expect(() => readRegularFile(path.join(tempFolder(), 'gone'), 10)).toThrow(/ENOENT/);
  });
});
