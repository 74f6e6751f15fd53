/** Retention beside a daemon's other work: small steps, files that follow their rows, mailboxes emptied before notes go. */
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { keepWalSmall } from '../../src/db/checkpoint.ts';
import { databaseFile } from '../../src/db/open.ts';
import { groupPaths } from '../../src/mailbox/layout.ts';
import { createRetention, type RetentionOptions } from '../../src/retention.ts';
import { type Folder, iso, type TurnId, turnId } from '../../src/types.ts';
import { createMailboxWorld, send } from '../support/mailbox.ts';
import { createTestLog, createWorld, outboxRows, storeMessage } from '../support/world.ts';

const DAY = 86_400_000;
const MINUTE = 60_000;
const id = (n: number): TurnId => turnId(`00000000-0000-4000-8000-${String(n).padStart(12, '0')}`);

function createHarness(given: Partial<RetentionOptions> = {}) {
  const world = createWorld();
  const group = world.register();
  const { log, events } = createTestLog();
  const drained: Folder[] = [];
  const { db, clock, home } = world;
  const retention = createRetention({
    db,
    home,
    clock,
    log,
    keep: {
      updatesMs: 7 * DAY,
      historyMs: 30 * DAY,
      turnLogsMs: 10 * DAY,
      auditMs: 60 * DAY,
      messagesMs: null,
      attachmentsMs: null,
    },
    groupMaxBytes: null,
    sessions: { keepMs: null, groupMaxBytes: null },
    drain: (folder) => {
      drained.push(folder);
      return true;
    },
    agentsReady: () => true,
    ...given,
  });
  onTestFinished(() => retention.stop());
  const count = (table: string) =>
    db.sqlite.prepare<[], number>(`SELECT count(*) FROM ${table}`).pluck().get();
  const update = (n: number) =>
    db.inbox.insert({
      botId: 1,
      updateId: n,
      kind: 'message',
      chatJid: null,
      at: iso(clock.now()),
      payload: null,
    });
  const turn = (n: number, end: 'done' | null): TurnId => {
    db.turns.claim({
      id: id(n),
      chatJid: group.chatJid,
      folder: group.folder,
      threadId: null,
      kind: 'messages',
      attempt: 1,
      at: iso(clock.now()),
      fromSeq: null,
      toSeq: null,
      omitted: 0,
      sessionId: null,
      messages: [],
    });
    if (end) db.turns.finish(id(n), end, iso(clock.now()), null, null);
    return id(n);
  };
  const put = (directory: string, name: string): string => {
    mkdirSync(directory, { recursive: true });
    writeFileSync(path.join(directory, name), '{}');
    return path.join(directory, name);
  };
  return { ...world, group, retention, events, drained, count, update, turn, put };
}

describe('retention', () => {
  it('begins a minute after the start, then comes daily', async () => {
    const { retention, update, clock, count, events } = createHarness();
    update(1);
    clock.jump(8 * DAY);
    retention.start();
    await clock.advance(MINUTE - 1);
    expect(count('inbox')).toBe(1);
    await clock.advance(1000);
    expect(count('inbox')).toBe(0);
    expect(events('retention')).toMatchObject([{ updates: 1 }]);
    update(2);
    clock.jump(8 * DAY);
    await clock.advance(DAY - 10_000);
    expect(count('inbox')).toBe(1);
    await clock.advance(20_000);
    expect(count('inbox')).toBe(0);
  });

  it('takes a hundred rows at a time, and others in between', async () => {
    const { retention, update, clock, count } = createHarness();
    for (let n = 0; n < 1000; n += 1) update(n);
    clock.jump(8 * DAY);
    retention.start();
    await clock.advance(MINUTE);
    const left: (number | undefined)[] = [count('inbox')];
    while ((left.at(-1) ?? 0) > 0 && left.length < 50) {
      await clock.next();
      left.push(count('inbox'));
    }
    const steps = left.slice(1).map((rows, i) => (left[i] ?? 0) - (rows ?? 0));
    expect(left.at(-1)).toBe(0);
    expect(Math.max(...steps)).toBe(100);
  });

  it('ends between two steps when the daemon stops, and leaves no timer', async () => {
    const { retention, update, clock, count } = createHarness();
    for (let n = 0; n < 1000; n += 1) update(n);
    clock.jump(8 * DAY);
    retention.start();
    await clock.advance(MINUTE + 50);
    retention.stop();
    const left = count('inbox');
    expect(left).toBeGreaterThan(0);
    expect(clock.timers()).toBe(0);
    await clock.advance(DAY);
    expect(count('inbox')).toBe(left);
  });

  it('goes on with the other kinds when one fails', async () => {
    const { retention, update, db, clock, count, events, group } = createHarness({
      drain: () => {
        throw new Error('the mailbox cannot be read');
      },
    });
    update(1);
    const at = iso(clock.now());
    db.agents.noteCommand({ id: 'a', folder: group.folder, type: 'x', outcome: 'done', reason: null, at });
    clock.jump(100 * DAY);
    retention.start();
    await clock.advance(2 * MINUTE);
    expect(count('inbox')).toBe(0);
    // A file that lies there may be that very command: as long as nobody has looked, it must be known as done.
    expect(count('ipc_commands')).toBe(1);
    expect(events('retention_failed')).toMatchObject([{ kind: 'commands' }]);
  });

  it.each([
    ['the mailbox is not empty yet', { drain: () => false }],
    ['agents cannot run yet', { agentsReady: () => false }],
  ])('keeps the notes of commands while %s', async (_, given) => {
    const { retention, db, clock, count, group } = createHarness(given);
    const at = iso(clock.now());
    db.agents.noteCommand({ id: 'a', folder: group.folder, type: 'x', outcome: 'done', reason: null, at });
    clock.jump(100 * DAY);
    retention.start();
    await clock.advance(2 * MINUTE);
    expect(count('ipc_commands')).toBe(1);
  });

  it('empties each mailbox before the notes of its commands go', async () => {
    const { retention, db, clock, count, group, drained } = createHarness();
    const at = iso(clock.now());
    for (const folder of [group.folder, 'gone' as Folder])
      db.agents.noteCommand({ id: 'a', folder, type: 'x', outcome: 'done', reason: null, at });
    clock.jump(100 * DAY);
    retention.start();
    await clock.advance(2 * MINUTE);
    expect(drained).toEqual(['family', 'gone']);
    expect(count('ipc_commands')).toBe(0);
  });

  it('a command file that a crash left long ago is not done again, and leaves with its note', async () => {
    const { ipc, family, drop, left, db, clock, home } = createMailboxWorld();
    const command = send('hello');
    const name = drop('family', 'messages', command);
    await ipc.drain(family.folder);
    // The daemon died before it could remove the file; since then nobody has looked, as the group was quiet.
    drop('family', 'messages', command, name);
    clock.jump(100 * DAY);
    const days = 30 * DAY;
    const retention = createRetention({
      db,
      home,
      clock,
      log: createTestLog().log,
      keep: {
        updatesMs: days,
        historyMs: days,
        turnLogsMs: days,
        auditMs: days,
        messagesMs: null,
        attachmentsMs: null,
      },
      groupMaxBytes: null,
      sessions: { keepMs: null, groupMaxBytes: null },
      drain: ipc.emptied,
      agentsReady: () => true,
    });
    onTestFinished(() => retention.stop());
    retention.start();
    await clock.advance(2 * MINUTE);
    expect(left('family')).toEqual([]);
    expect(db.sqlite.prepare('SELECT count(*) FROM ipc_commands').pluck().get()).toBe(0);
    expect(outboxRows(db)).toHaveLength(1);
  });

  it('removes the logs of turns that ended long ago, and of none that is open', async () => {
    const { retention, clock, home, group, turn, put } = createHarness();
    const { logDir } = groupPaths(home, group.folder);
    for (const name of [turn(1, 'done'), turn(2, null), id(9)]) put(logDir, `${name}.log`);
    put(logDir, 'notes of the operator.txt');
    clock.jump(11 * DAY);
    put(logDir, `${turn(3, 'done')}.log`);
    retention.start();
    await clock.advance(2 * MINUTE);
    expect(readdirSync(logDir).sort()).toEqual([`${id(2)}.log`, `${id(3)}.log`, 'notes of the operator.txt']);
  });

  it('removes copies that no reply needs', async () => {
    const { retention, db, clock, home, group, put } = createHarness();
    const outbox = path.join(home, 'data', 'outbox');
    const add = (name: string): number =>
      db.outbox.add({
        chatJid: group.chatJid,
        threadId: null,
        turnId: null,
        replyTo: null,
        text: '',
        filePath: path.relative(home, put(outbox, name)),
        at: iso(clock.now()),
      });
    add('waits');
    db.outbox.markSent(add('sent'), 1, iso(clock.now()));
    db.outbox.markFailed(add('failed'), 'refused');
    put(outbox, 'of a command that a crash undid');
    retention.start();
    await clock.advance(2 * MINUTE);
    expect(readdirSync(outbox).sort()).toEqual(['failed', 'waits']);
    clock.jump(31 * DAY);
    await clock.advance(DAY + MINUTE);
    await clock.advance(DAY + MINUTE); // its row has gone the day before
    expect(readdirSync(outbox)).toEqual(['waits']);
  });

  it('removes what a crash left in the daemon’s part of a mailbox, and nothing of an open turn', async () => {
    const { retention, clock, home, group, turn, put } = createHarness();
    const { mailbox, staging, quarantine } = groupPaths(home, group.folder);
    const at = (dir: string) => path.join(mailbox, dir);
    const over = turn(1, 'done');
    for (const name of [`${over}.json`, '.x.json.0000.tmp', `${turn(2, null)}.json`]) put(staging, name);
    put(at('in/turns'), `${over}.json`);
    put(at('in/turns'), `${id(2)}.json`);
    put(at('in/results'), 'asked.json');
    put(at('in/control'), 'asked.json');
    put(at('in'), 'current_tasks.json');
    put(at('out/messages'), 'a-command.json');
    put(quarantine, '2026-10-01T00-00-00-000Z-old.json');
    put(quarantine, '2026-11-01T00-00-00-000Z-new.json');
    retention.start();
    await clock.advance(2 * MINUTE);
    expect(readdirSync(staging)).toEqual([`${id(2)}.json`]);
    expect(readdirSync(at('in/turns'))).toEqual([`${id(2)}.json`]);
    // Its agent may wait for that answer.
    expect(existsSync(path.join(at('in/results'), 'asked.json'))).toBe(true);
    expect(readdirSync(quarantine)).toEqual(['2026-11-01T00-00-00-000Z-new.json']);
  });

  it('looks into one group’s folders at a time', async () => {
    const { retention, clock, home, put, db } = createHarness();
    const at = iso(clock.now());
    for (let n = 0; n < 50; n += 1) {
      put(path.join(groupPaths(home, `g${n}`).mailbox, 'in/results'), 'left.json');
      db.agents.noteCommand({
        id: 'a',
        folder: `g${n}` as Folder,
        type: 'x',
        outcome: 'done',
        reason: null,
        at,
      });
    }
    const left = () =>
      Array.from({ length: 50 }, (_, n) => path.join(groupPaths(home, `g${n}`).mailbox, 'in/results')).filter(
        (directory) => readdirSync(directory).length > 0,
      ).length;
    retention.start();
    await clock.advance(MINUTE);
    for (let before = left(), steps = 0; before > 0 && steps < 2000; steps += 1) {
      await clock.next();
      const now = left();
      expect(before - now).toBeLessThanOrEqual(1);
      before = now;
    }
    expect(left()).toBe(0);
  });

  it('removes answers and orders that nobody waits for', async () => {
    const { retention, clock, home, group, turn, put } = createHarness();
    const { mailbox } = groupPaths(home, group.folder);
    turn(1, 'done');
    for (const dir of ['in/results', 'in/control']) put(path.join(mailbox, dir), 'asked.json');
    const snapshot = put(path.join(mailbox, 'in'), 'current_tasks.json');
    const command = put(path.join(mailbox, 'out/messages'), 'a-command.json');
    retention.start();
    await clock.advance(2 * MINUTE);
    for (const dir of ['in/results', 'in/control']) expect(readdirSync(path.join(mailbox, dir))).toEqual([]);
    expect(existsSync(snapshot) && existsSync(command)).toBe(true);
  });
});

describe('the WAL', () => {
  function createBigWal() {
    const { db, home, group } = createHarness();
    const file = databaseFile(home);
    const reader = new Database(file, { readonly: true });
    onTestFinished(() => void reader.close());
    reader.exec('BEGIN');
    reader.prepare('SELECT count(*) FROM messages').get();
    const content = 'x'.repeat(100_000);
    for (let n = 1; n <= 200; n += 1) storeMessage(db, group.chatJid, n, { content });
    return { db, reader, size: () => statSync(`${file}-wal`).size };
  }

  it('is emptied once nobody reads an old state any more; until then nobody waits for that', () => {
    const { db, reader, size } = createBigWal();
    const { log } = createTestLog();
    expect(size()).toBeGreaterThan(16 * 1024 * 1024);
    const startedAt = performance.now();
    expect(keepWalSmall(db.sqlite, log)).toBe(size());
    expect(performance.now() - startedAt).toBeLessThan(4000); // a busy timeout is 5 s
    expect(db.sqlite.pragma('busy_timeout', { simple: true })).toBe(5000);
    reader.exec('COMMIT');
    expect(keepWalSmall(db.sqlite, log)).toBe(0);
    expect(size()).toBe(0);
    expect(db.sqlite.pragma('synchronous', { simple: true })).not.toBe(1);
  });

  it('is looked at by the daemon by itself', async () => {
    const { retention, clock, db, home, group } = createHarness();
    const reader = new Database(databaseFile(home), { readonly: true });
    reader.exec('BEGIN');
    reader.prepare('SELECT count(*) FROM messages').get();
    for (let n = 1; n <= 200; n += 1) storeMessage(db, group.chatJid, n, { content: 'x'.repeat(100_000) });
    reader.close();
    retention.start();
    await clock.advance(5 * MINUTE);
    expect(statSync(`${databaseFile(home)}-wal`).size).toBe(0);
  });
});
