/** What a message to a warm agent costs on its way there and back: commits, files and looks, counted from outside. */
import { randomUUID } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { databaseFile } from '../../src/db/open.ts';
import { groupPaths } from '../../src/mailbox/layout.ts';
import { eventFileName } from '../../src/protocol.ts';
import type { Group } from '../../src/types.ts';
import { commitsIn } from '../support/commits.ts';
import { InnerDaemon } from '../support/inner-daemon.ts';
import { createMailboxWorld, textEvent } from '../support/mailbox.ts';

/** A group whose agent is warm, and the commits since then. */
async function warmGroup() {
  const daemon = new InnerDaemon();
  const group = daemon.register('family', { requiresTrigger: false });
  await daemon.start();
  await daemon.say(group, 'hello');
  await settled(daemon, 1);
  const before = commitsIn(databaseFile(daemon.home));
  return { daemon, group, commits: () => commitsIn(databaseFile(daemon.home)) - before };
}

const settled = (daemon: InnerDaemon, sent: number) =>
  daemon.until(
    () =>
      daemon.db.sqlite.prepare("SELECT count(*) FROM outbox WHERE state = 'sent'").pluck().get() === sent &&
      daemon.app?.status().agents.every(({ state }) => state === 'idle'),
  );

const snapshotOf = (daemon: InnerDaemon, { folder }: Group): string =>
  path.join(groupPaths(daemon.home, folder).mailbox, 'in', 'current_tasks.json');

it('the message is one commit, the turn for a warm agent another; its events and the reply that goes out are one, that it arrived another', async () => {
  const { daemon, group, commits } = await warmGroup();
  let shown = 0;
  daemon.agent.answer = () => {
    shown = commits();
    return { text: 'here' };
  };
  await daemon.say(group, 'and now?');
  await settled(daemon, 2);
  expect(daemon.told(group)).toEqual(['done', 'here']);
  expect(shown).toBe(2);
  // Taken together: begun, the words, the end, and that the reply is being sent.
  expect(commits()).toBe(4);
});

it('a new agent costs two commits more: the turn that it is started for, and that it is started', async () => {
  const daemon = new InnerDaemon();
  const group = daemon.register('family', { requiresTrigger: false });
  await daemon.start();
  let shown = 0;
  const before = commitsIn(databaseFile(daemon.home));
  daemon.agent.answer = () => {
    shown = commitsIn(databaseFile(daemon.home)) - before;
    return { text: 'here' };
  };
  await daemon.say(group, 'hello');
  await settled(daemon, 1);
  // Stored; claimed; the container's row with its mounts; running, with the engine's own name of it.
  expect(shown).toBe(4);
  const row = daemon.db.sqlite.prepare('SELECT name, engine_id FROM containers').get() as Record<
    string,
    string
  >;
  expect(row.engine_id).toBe(row.name);
});

it('a snapshot that says the same is not written again', async () => {
  const { daemon, group } = await warmGroup();
  const file = snapshotOf(daemon, group);
  const { ino } = statSync(file);
  await daemon.clock.advance(60_000);
  await daemon.say(group, 'and now?');
  await settled(daemon, 2);
  expect(statSync(file).ino).toBe(ino);
  daemon.add(group, '0 9 * * *', { prompt: 'water the plants' });
  await daemon.say(group, 'and then?');
  await settled(daemon, 3);
  expect(statSync(file).ino).not.toBe(ino);
  expect(readFileSync(file, 'utf8')).toContain('water the plants');
});

it('a turn that cannot be staged was never claimed: it is tried again, and leaves nothing behind', async () => {
  const { daemon, group } = await warmGroup();
  const turns = () => daemon.db.sqlite.prepare('SELECT count(*) FROM turns').pluck().get();
  const run = daemon.db.sqlite.prepare(
    "CREATE TRIGGER refuse BEFORE UPDATE OF state ON turns WHEN NEW.state = 'running' BEGIN SELECT raise(ABORT, 'no'); END",
  );
  run.run();
  await daemon.say(group, 'and now?');
  await daemon.until(() => daemon.testLog.lines.some(({ event }) => event === 'run_failed'));
  expect(turns()).toBe(1);
  expect(daemon.db.messages.chatsWithOpen()).toEqual([group.chatJid]);
  daemon.db.sqlite.exec('DROP TRIGGER refuse');
  await daemon.clock.advance(5000);
  await settled(daemon, 2);
  expect(daemon.told(group)).toEqual(['done', 'done']);
  expect(turns()).toBe(2);
});

it('that the daemon has removed a file itself is no reason to look again', async () => {
  const { ipc, family, drop, notify, events } = createMailboxWorld();
  const turn = randomUUID();
  const [first, second] = [eventFileName(turn, 1), eventFileName(turn, 2)];
  ipc.attach(family.folder);
  drop('family', 'events', textEvent(turn, 1), first);
  notify('family', 'events', first);
  await Promise.resolve();
  expect(events).toHaveLength(1);
  drop('family', 'events', textEvent(turn, 2), second);
  notify('family', 'events', first); // its removal
  await Promise.resolve();
  expect(events).toHaveLength(1);
  notify('family', 'events', second);
  await Promise.resolve();
  expect(events).toHaveLength(2);
});
