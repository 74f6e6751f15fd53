/** What a group may ask of the daemon: a burst is only delayed, a flood is refused or set aside, others notice nothing. */
import { randomUUID } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import {
  createSettlement,
  MAX_REPLY_LENGTH,
  type SettlementOptions,
} from '../../src/container-runner/settlement.ts';
import { QUOTA } from '../../src/ipc/quota.ts';
import { groupPaths } from '../../src/mailbox/layout.ts';
import { MAX_KEPT, REASON, SAMPLE_BYTES } from '../../src/mailbox/quarantine.ts';
import { createTrash } from '../../src/mailbox/trash.ts';
import { eventFileName } from '../../src/protocol.ts';
import { iso, type TurnId } from '../../src/types.ts';
import { createMailboxWorld, type MailboxWorld, send, textEvent } from '../support/mailbox.ts';
import { outboxRows, tempFolder } from '../support/world.ts';

function leave(world: MailboxWorld, count: number, folder = 'family'): void {
  for (let i = 0; i < count; i += 1) {
    const id = randomUUID();
    world.drop(folder, 'messages', send(`m${i}`, id), `${id}.json`);
  }
}

function runningTurn({ db, family, clock }: MailboxWorld): TurnId {
  const id = randomUUID() as TurnId;
  const at = iso(clock.now());
  const { chatJid, folder } = family;
  const none = { threadId: null, fromSeq: null, toSeq: null, omitted: 0, messages: [] };
  db.turns.claim({ id, chatJid, folder, kind: 'messages', attempt: 1, at, sessionId: null, ...none });
  db.turns.markRunning(id, 'container', at);
  return id;
}

const refusals = (world: MailboxWorld) => world.results('family').filter((result) => !result.ok);

it('a burst above the pace is only delayed, and the agent has its answers before it gives up', async () => {
  const world = createMailboxWorld();
  leave(world, QUOTA.commandsPerMinute + QUOTA.commandsWaiting);
  await world.drainAll(world.family.folder);
  expect(outboxRows(world.db)).toHaveLength(QUOTA.commandsPerMinute);
  await world.clock.advance(50_000); // agents wait a minute
  expect(outboxRows(world.db)).toHaveLength(QUOTA.commandsPerMinute + QUOTA.commandsWaiting);
  expect(refusals(world)).toEqual([]);
  expect(world.left('family')).toEqual([]);
});

it('what keeps the daemon busy counts for more: the others have most of its time, whatever one group asks', async () => {
  const world = createMailboxWorld();
  world.slow.ms = 2000;
  leave(world, QUOTA.commandsPerMinute);
  void world.ipc.drain(world.family.folder);
  await world.clock.advance(3 * 60_000);
  const busyMs = outboxRows(world.db).length * world.slow.ms;
  expect(busyMs).toBeGreaterThan(10_000);
  // Of a first minute's rest, and of the three themselves.
  expect(busyMs).toBeLessThan(4 * QUOTA.commandsPerMinute * QUOTA.commandMs + 2 * world.slow.ms);
});

it('what waits longest is done first, whatever comes after it', async () => {
  const world = createMailboxWorld();
  leave(world, QUOTA.commandsPerMinute);
  await world.drainAll(world.family.folder);
  world.drop('family', 'messages', send('waits'), 'z.json');
  await world.drainAll(world.family.folder);
  for (const name of ['a', 'b', 'c']) world.drop('family', 'messages', send('later'), `${name}.json`);
  await world.drainAll(world.family.folder);
  await world.clock.advance(600);
  expect(outboxRows(world.db).at(-1)?.text).toBe('waits');
  expect(world.left('family')).toHaveLength(3);
});

it('a flood is refused by answers that name the limit, set aside, and noted in few lines', async () => {
  const world = createMailboxWorld();
  const { db, clock } = world;
  leave(world, 400);
  await world.drainAll(world.family.folder);
  const allowed = QUOTA.commandsPerMinute + QUOTA.commandsWaiting;
  expect(outboxRows(db)).toHaveLength(QUOTA.commandsPerMinute);
  expect(refusals(world)).toHaveLength(400 - allowed);
  expect(refusals(world)[0]).toMatchObject({
    reason: expect.stringContaining(`${QUOTA.commandsPerMinute} commands`),
  });
  await clock.advance(60_000);
  expect(outboxRows(db)).toHaveLength(allowed);
  expect(world.logged('file_set_aside').length).toBeLessThanOrEqual(QUOTA.logLines);
  db.audit.flush();
  const [noted] = db.audit.list({ limit: 10 }).filter(({ action }) => action === 'mailbox_file');
  expect(noted).toMatchObject({ actor: 'agent:family', outcome: 'refused', times: 400 - allowed });
});

it('a refused command is never done later, also when its file comes again under an id that was done', async () => {
  const world = createMailboxWorld();
  const id = randomUUID();
  world.drop('family', 'messages', send('done', id), `${id}.json`);
  await world.drainAll(world.family.folder);
  world.drop('family', 'messages', { id, type: 'send_message', text: '' }, `${id}.json`);
  world.drop('family', 'tasks', send('done', id), `${id}.json`);
  await world.drainAll(world.family.folder);
  expect(world.results('family')).toEqual([{ id, ok: true, detail: expect.stringContaining('Accepted') }]);
  expect(outboxRows(world.db)).toHaveLength(1);
});

it('megabytes are paced, too', async () => {
  const world = createMailboxWorld();
  const preview = { type: 'preview_task', schedule_type: 'interval', schedule_value: '1h' };
  for (let i = 0; i < 30; i += 1)
    world.drop('family', 'tasks', { id: randomUUID(), ...preview, pad: 'x'.repeat(1_000_000) });
  await world.drainAll(world.family.folder);
  const done = world.results('family').length;
  expect(done * 1_000_000).toBeGreaterThan(QUOTA.bytesPerMinute - 1_000_000);
  expect(done * 1_000_000).toBeLessThan(QUOTA.bytesPerMinute + 1_000_000);
  expect(world.left('family')).toHaveLength(30 - done);
});

it('no more piles up in the outbox of a chat than Telegram takes in ten minutes', async () => {
  const world = createMailboxWorld();
  const { db, family } = world;
  // Ten parts each.
  for (let i = 0; i < 25; i += 1) world.drop('family', 'messages', send('x'.repeat(40_000)));
  await world.drainAll(family.folder);
  expect(db.outbox.waiting(family.chatJid).messages).toBeLessThan(260);
  expect(refusals(world)[0]).toMatchObject({ reason: expect.stringContaining('at most 200 may') });
  writeFileSync(path.join(groupPaths(world.home, 'family').groupDir, 'a.txt'), 'a');
  world.db.sqlite.exec("UPDATE outbox SET state = 'sent'");
  for (let i = 0; i < 25; i += 1)
    world.drop('family', 'messages', { id: randomUUID(), type: 'send_file', path: 'a.txt' });
  await world.drainAll(family.folder);
  expect(db.outbox.waiting(family.chatJid).files).toBe(20);
  expect(readdirSync(path.join(world.home, 'data', 'outbox'))).toHaveLength(20);
});

it('another group’s command is done between two slices of a flood', async () => {
  const world = createMailboxWorld();
  const { ipc, main, family, notify, clock, db } = world;
  ipc.attach(family.folder);
  ipc.attach(main.folder);
  for (let i = 0; i < 1500; i += 1) world.drop('family', 'tasks', 'no command', `${i}.json`);
  notify('family', 'tasks');
  await clock.settle();
  world.drop('main', 'messages', send('from main'));
  notify('main', 'messages');
  await clock.settle();
  expect(outboxRows(db).map(({ text }) => text)).toEqual(['from main']);
  expect(world.left('family').length).toBeGreaterThan(1000);
});

it('more files than a burst could be are taken away as a whole; the mailbox goes on', async () => {
  const world = createMailboxWorld();
  const { at, db, family } = world;
  world.ipc.attach(family.folder);
  for (let i = 0; i <= QUOTA.entries; i += 1)
    writeFileSync(at('family', 'out', 'messages', `f${i}.json`), '{');
  await world.drainAll(family.folder);
  expect(readdirSync(at('family', 'out', 'messages'))).toEqual([]);
  expect(world.logged('flood_set_aside')).toHaveLength(1);
  expect(db.audit.list({ limit: 50 }).filter(({ action }) => action === 'mailbox_flood')).toHaveLength(1);
  world.drop('family', 'messages', send('after it'));
  world.notify('family', 'messages');
  await world.clock.settle();
  expect(outboxRows(db).map(({ text }) => text)).toEqual(['after it']);
  await createTrash(groupPaths(world.home, 'family').trash).empty();
  expect(readdirSync(groupPaths(world.home, 'family').trash)).toEqual([]);
});

it('a flood of files beside them loses no event of a running turn', async () => {
  const world = createMailboxWorld();
  const { at, db, family, onEvent } = world;
  const turn = runningTurn(world);
  onEvent.take = (_, event) => db.turns.takeEvent(turn, event.n, '');
  for (let i = 0; i <= QUOTA.entries; i += 1) {
    const other = eventFileName(randomUUID(), 1);
    writeFileSync(at('family', 'out', 'events', other), '{');
  }
  for (let n = 1; n <= 250; n += 1)
    world.drop('family', 'events', textEvent(turn, n), eventFileName(turn, n));
  await world.drainAll(family.folder);
  expect(world.events.map(({ event }) => event.n)).toEqual(Array.from({ length: 250 }, (_, i) => i + 1));
  expect(world.left('family')).toEqual([]);
});

it('a reply without end is cut, and says so', () => {
  const world = createMailboxWorld();
  const { db, clock } = world;
  // A part of a reply is noted, and nothing else: the rest of what a settlement needs is not asked for.
  const settlement = createSettlement({ db, clock } as unknown as SettlementOptions);
  const id = runningTurn(world);
  const reply = () => db.turns.byId(id)?.reply ?? '';
  for (let n = 1; n <= 20; n += 1) {
    const turn = db.turns.byId(id);
    if (turn) settlement.take(turn, textEvent(id, n, '🙂'.repeat(90_001)));
  }
  expect(db.turns.byId(id)?.lastEvent).toBe(20);
  expect(reply().length).toBeLessThan(MAX_REPLY_LENGTH + 200);
  expect(reply().length).toBeGreaterThan(MAX_REPLY_LENGTH - 10);
  expect(reply().endsWith('the rest is left out.]')).toBe(true);
  expect(reply().isWellFormed()).toBe(true);
});

it('a file too large to be read is answered by the id in its name', async () => {
  const world = createMailboxWorld();
  const id = randomUUID();
  world.drop('family', 'messages', Buffer.alloc(2 * 1024 * 1024, ' '), `${id}.json`);
  world.drop('family', 'messages', Buffer.alloc(2 * 1024 * 1024, ' '), 'no-id.json');
  await world.drainAll(world.family.folder);
  expect(world.results('family')).toEqual([
    { id, ok: false, reason: expect.stringContaining('at most 1048576') },
  ]);
});

it('answers are kept for the agent to read, not for ever', async () => {
  const world = createMailboxWorld();
  for (let round = 0; round < 8; round += 1) {
    leave(world, 110);
    await world.drainAll(world.family.folder);
    await world.clock.advance(60_000);
    world.db.sqlite.exec("UPDATE outbox SET state = 'sent'");
  }
  expect(outboxRows(world.db)).toHaveLength(880);
  expect(world.results('family').length).toBeLessThanOrEqual(QUOTA.results + 100);
});

it('the quarantine keeps the newest beginnings, each with its reason', async () => {
  const world = createMailboxWorld();
  for (let i = 0; i < MAX_KEPT + 30; i += 1)
    world.drop(
      'family',
      'messages',
      `bad ${i} ${'x'.repeat(500_000)}`,
      `bad-${String(i).padStart(3, '0')}.json`,
    );
  await world.drainAll(world.family.folder);
  const { quarantine } = groupPaths(world.home, 'family');
  const kept = world.quarantined('family').sort();
  expect(kept).toHaveLength(MAX_KEPT);
  expect(kept[0]).toContain('bad-030');
  expect(readFileSync(path.join(quarantine, kept[0] ?? ''), 'utf8')).toHaveLength(SAMPLE_BYTES);
  expect(readFileSync(path.join(quarantine, kept[0] + REASON), 'utf8')).toBe('the file is not JSON\n');
  expect(readdirSync(quarantine)).toHaveLength(2 * MAX_KEPT);
});

it('the trash removes what is wide and what is deep, and follows no link', async () => {
  const home = tempFolder();
  const [made, outside] = [path.join(home, 'made'), path.join(home, 'outside')];
  for (const directory of [made, outside]) mkdirSync(directory);
  writeFileSync(path.join(outside, 'kept'), 'kept');
  symlinkSync(outside, path.join(made, 'link'));
  for (let i = 0; i < 300; i += 1) writeFileSync(path.join(made, `f${i}`), '');
  writeFileSync(Buffer.concat([Buffer.from(`${made}/`), Buffer.from([0xff, 0x0a])]), '');
  nest(made, 2000);
  const trash = createTrash(path.join(home, 'trash'));
  trash.take((target) => renameSync(made, target));
  await trash.empty();
  expect(readdirSync(path.join(home, 'trash'))).toEqual([]);
  expect(readFileSync(path.join(outside, 'kept'), 'utf8')).toBe('kept');
  expect(existsSync(made)).toBe(false);
  expect(lstatSync(outside).isDirectory()).toBe(true);
});

/** Deeper than any path may be long: by going in step by step. */
function nest(directory: string, levels: number): void {
  const before = process.cwd();
  process.chdir(directory);
  try {
    for (let level = 0; level < levels; level += 1) {
      mkdirSync('d');
      process.chdir('d');
      writeFileSync('f', '');
    }
  } finally {
    process.chdir(before);
  }
}
