/** Files that people sent go when they are old, or when the group has too many; what a container has made of them is not followed. */
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { groupPaths } from '../../src/mailbox/layout.ts';
import { trimAttachments } from '../../src/mailbox/trim-attachments.ts';
import { createRetention } from '../../src/retention.ts';
import { iso, type Seq } from '../../src/types.ts';
import { createTestLog, createWorld, storeMessage } from '../support/world.ts';

const DAY = 86_400_000;

function createHarness(
  keep: { attachmentsMs: number | null; messagesMs?: number | null },
  groupMaxBytes: number | null,
) {
  const world = createWorld();
  const { db, clock, home } = world;
  const group = world.register();
  const { groupDir } = groupPaths(home, group.folder);
  mkdirSync(path.join(groupDir, 'attachments'), { recursive: true });
  const { log, events } = createTestLog();
  const forever = { updatesMs: null, historyMs: null, turnLogsMs: null, auditMs: null, messagesMs: null };
  const retention = createRetention({
    db,
    home,
    clock,
    log,
    keep: { ...forever, ...keep },
    groupMaxBytes,
    sessions: { keepMs: null, groupMaxBytes: null },
    drain: () => true,
    agentsReady: () => true,
  });
  onTestFinished(() => retention.stop());
  let ids = 0;
  /** A file of so many bytes that came with a message that was settled. */
  const add = (bytes: number): Seq => {
    ids += 1;
    const at = iso(clock.now());
    const seq = storeMessage(db, group.chatJid, ids, { disposition: 'not_for_nina', timestamp: at });
    const file = {
      kind: 'document',
      fileId: `f${ids}`,
      uniqueId: `u${ids}`,
      name: null,
      mime: null,
      size: bytes,
    } as const;
    db.attachments.insert({
      folder: group.folder,
      seq,
      ofReply: false,
      ...file,
      state: 'pending',
      error: null,
      at,
    });
    writeFileSync(path.join(groupDir, 'attachments', `f${ids}`), 'x'.repeat(bytes));
    db.attachments.markStored(ids, `attachments/f${ids}`, bytes, at);
    return seq;
  };
  const states = () => db.sqlite.prepare('SELECT state FROM attachments ORDER BY id').pluck().all();
  const files = () => readdirSync(path.join(groupDir, 'attachments')).sort();
  return { ...world, group, groupDir, retention, add, states, files, events };
}

it('by age: the file goes, its row says so, and the agent’s own files stay', async () => {
  const { add, states, files, clock, retention, groupDir, db } = createHarness(
    { attachmentsMs: 10 * DAY },
    null,
  );
  const old = add(10);
  await clock.advance(9 * DAY);
  add(10);
  writeFileSync(path.join(groupDir, 'attachments/notes.md'), 'the agent wrote this');
  retention.start();
  await clock.advance(2 * DAY);
  expect(states()).toEqual(['gone', 'stored']);
  expect(files()).toEqual(['f2', 'notes.md']);
  expect(db.attachments.shownWith(old).own).toMatchObject({
    path: null,
    missing: 'it was removed, as it is old',
  });
});

it('a group whose files cannot be removed keeps its own, and nobody else’s', async () => {
  const { add, states, clock, retention, register, db, events, home } = createHarness(
    { attachmentsMs: 10 * DAY },
    null,
  );
  add(10);
  // Before the other one by its name; its file's name is none that can be.
  const other = register({ chatJid: '-77', name: 'A', folder: 'aaa' });
  mkdirSync(groupPaths(home, other.folder).groupDir, { recursive: true });
  mkdirSync(path.join(groupPaths(home, other.folder).groupDir, 'attachments'), { recursive: true });
  const at = iso(clock.now());
  const seq = storeMessage(db, other.chatJid, 99, { disposition: 'not_for_nina', timestamp: at });
  const file = { kind: 'document', fileId: 'f', uniqueId: 'u', name: null, mime: null, size: 1 } as const;
  db.attachments.insert({
    folder: other.folder,
    seq,
    ofReply: false,
    ...file,
    state: 'pending',
    error: null,
    at,
  });
  db.attachments.markStored(2, `attachments/${'x'.repeat(300)}`, 1, at);
  retention.start();
  await clock.advance(12 * DAY);
  expect(states()).toEqual(['gone', 'stored']);
  expect(events('retention_failed')[0]).toMatchObject({ kind: 'attachments', group: 'aaa' });
});

it('by size: the oldest of the group first', () => {
  const { add, states, files, db, home, group } = createHarness({ attachmentsMs: null }, null);
  for (const bytes of [40, 40, 40]) add(bytes);
  expect(trimAttachments(db, home, group.folder, null)).toBe(0);
  expect(trimAttachments(db, home, group.folder, 120)).toBe(0);
  expect(trimAttachments(db, home, group.folder, 79)).toBe(2);
  expect(states()).toEqual(['gone', 'gone', 'stored']);
  expect(files()).toEqual(['f3']);
});

it('follows neither a link in the place of a file nor one in the place of the folder', async () => {
  const { add, states, clock, retention, groupDir, home, events } = createHarness(
    { attachmentsMs: DAY },
    null,
  );
  const outside = path.join(home, 'outside');
  mkdirSync(outside);
  writeFileSync(path.join(outside, 'f1'), 'host');
  add(10);
  const { rmSync } = await import('node:fs');
  rmSync(path.join(groupDir, 'attachments'), { recursive: true });
  symlinkSync(outside, path.join(groupDir, 'attachments'));
  retention.start();
  await clock.advance(3 * DAY);
  expect(states()).toEqual(['gone']);
  expect(readFileSync(path.join(outside, 'f1'), 'utf8')).toBe('host');
  expect(events('retention_failed')).toEqual([]);
});

it('a message that goes leaves the file its own time, and no row behind it', async () => {
  const { add, states, clock, retention, groupDir } = createHarness(
    { attachmentsMs: 10 * DAY, messagesMs: 2 * DAY },
    null,
  );
  add(10);
  retention.start();
  await clock.advance(5 * DAY);
  expect(states()).toEqual(['stored']);
  await clock.advance(8 * DAY);
  expect(states()).toEqual([]);
  expect(existsSync(path.join(groupDir, 'attachments/f1'))).toBe(false);
});
