/** What the daemon says about itself, at a glance: the same from the running daemon and from the database behind it. */
import { expect, it, onTestFinished } from 'vitest';
import { databaseFile } from '../../src/db/open.ts';
import { createDb } from '../../src/db.ts';
import { readOverview } from '../../src/status/overview.ts';
import type { DaemonStatus } from '../../src/status.ts';
import type { ChatJid } from '../../src/types.ts';
import { startBotApi, TestHome } from '../support/daemon.ts';
import { createWorld, storeMessage } from '../support/world.ts';

async function family() {
  const api = await startBotApi();
  const home = new TestHome({ ...api.settings, CONTAINER_RUNTIME: 'process' });
  onTestFinished(async () => {
    await home.dispose();
    await api.close();
  });
  const chat = api.group('Family');
  home.registerAll([{ chatJid: String(chat), name: 'Family', folder: 'family' }]);
  const daemon = await home.start();
  const status = async () => (await (await fetch(`${await daemon.url()}/status`)).json()) as DaemonStatus;
  return { api, home, chat, daemon, status };
}

it('a turn passes through its phases, each stored when it is entered', async () => {
  const { api, home, chat, daemon, status } = await family();
  api.sim.say({ chat, from: 'you', text: '@Nina slow 30' });
  const running = await home.until(
    () => home.row<{ id: string }>('SELECT id FROM turns WHERE first_output_at IS NOT NULL'),
    'the first output',
  );
  const open = await status();
  expect(open.turns).toEqual([
    expect.objectContaining({
      id: running.id,
      group: 'family',
      kind: 'messages',
      attempt: 1,
      state: 'running',
      phase: 'reply',
      activity: expect.stringMatching(/^(thinking|working slowly)$/),
    }),
  ]);
  expect(open.perGroup).toEqual([
    expect.objectContaining({ folder: 'family', turn: running.id, openMessages: 1 }),
  ]);
  expect(open.agents).toEqual([
    { group: 'family', container: open.turns[0]?.container, state: 'busy', memoryBytes: null },
  ]);
  expect(open.messagesToday).toEqual({ open: 1 });

  api.sim.say({ chat, from: 'you', text: '/stop' });
  await daemon.logged('turn_ended');
  const times = home.row<Record<string, string>>(
    'SELECT asked_at, queued_at, agent_started_at, first_output_at, finished_at FROM turns',
  );
  const instants = Object.values(times ?? {});
  expect(instants).toHaveLength(5);
  expect([...instants].sort()).toEqual(instants);
  expect(times?.asked_at).toBe(
    home.row<{ received_at: string }>('SELECT received_at FROM messages ORDER BY seq')?.received_at,
  );
  const ended = await status();
  expect(ended.turns).toEqual([]);
  expect(ended.lastTurns).toEqual([expect.objectContaining({ id: running.id, state: 'stopped' })]);
  expect(ended.messagesToday).toMatchObject({ stopped: 1, host_command: 1 });
});

it('message counts follow every change of a disposition, and those of a database that was there before', () => {
  const { db, register } = createWorld();
  const group = register();
  const jid = group.chatJid as ChatJid;
  const day = '2026-11-02';
  const given = () =>
    db.sqlite
      .prepare<[], { disposition: string; given: number }>('SELECT disposition, given FROM message_counts')
      .all();
  storeMessage(db, jid, 1);
  storeMessage(db, jid, 2, { disposition: 'not_for_nina', triggerKind: null });
  const edited = storeMessage(db, jid, 3, { disposition: 'not_for_nina', triggerKind: null });
  expect(db.overview.messages(day)).toEqual({ open: 1, not_for_nina: 2 });
  db.messages.replaceContent(
    edited,
    '@Nina hello',
    '2026-11-02T09:00:00.000Z' as never,
    null,
    'mention',
    null,
    null,
  );
  expect(db.overview.messages(day)).toEqual({ open: 2, not_for_nina: 1 });
  db.messages.disposeOpen(jid, 'unregistered', 'as the test says');
  expect(db.overview.messages(day)).toEqual({ unregistered: 2, not_for_nina: 1 });
  expect(given()).toEqual([
    { disposition: 'not_for_nina', given: 2 },
    { disposition: 'open', given: 2 },
    { disposition: 'unregistered', given: 2 },
  ]);
  const { messagesToday } = readOverview(db, Date.parse(`${day}T12:00:00Z`));
  expect(messagesToday).toEqual({ unregistered: 2, not_for_nina: 1 });
});

it('an older database brings its messages along into the counts', () => {
  const home = new TestHome();
  onTestFinished(() => home.dispose());
  createDb(databaseFile(home.dir)).close();
  home.write(`
    DROP TRIGGER message_counted; DROP TRIGGER message_recounted; DROP TABLE message_counts;
    DROP INDEX turns_failed; DROP INDEX model_usage_by_day; ALTER TABLE model_usage DROP COLUMN cost_usd;
    ALTER TABLE turns DROP COLUMN asked_at; ALTER TABLE turns DROP COLUMN agent_started_at;
    ALTER TABLE turns DROP COLUMN first_output_at;
    DELETE FROM migrations WHERE id = 3;
    INSERT INTO messages (chat_jid, message_id, sender, sender_name, content, timestamp, disposition, received_at)
      VALUES ('-1', 1, '1', 'Anna', 'x', '2026-11-02T08:00:00.000Z', 'answered', '2026-11-02T08:00:00.000Z'),
             ('-1', 2, '1', 'Anna', 'x', '2026-11-02T08:00:00.000Z', 'answered', '2026-11-02T08:00:00.000Z'),
             ('-1', 3, '1', 'Anna', 'x', '2026-11-03T08:00:00.000Z', NULL, '2026-11-03T08:00:00.000Z');`);
  const db = createDb(databaseFile(home.dir));
  onTestFinished(() => db.close());
  expect(db.overview.messages('2026-11-02')).toEqual({ answered: 2 });
  expect(db.overview.messages('2026-11-03')).toEqual({ open: 1 });
});
