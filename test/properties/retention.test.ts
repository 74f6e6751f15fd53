/**
 * Random databases, then retention until it has nothing more to do. What is unsettled and what it refers to is untouched,
 * however old; what is settled, old and needed by nobody is gone. What must stay is worked out here in plain code.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createDb, type Db } from '../../src/db.ts';
import { silentLogger } from '../../src/log.ts';
import { createRetention } from '../../src/retention.ts';
import { chatJid, iso } from '../../src/types.ts';
import { explainMessage } from '../../src/why.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const NOW = '2026-11-02T08:00:00.000Z';
const DAY = 86_400_000;
/** Days ago. */
const age = fc.constantFrom(0, 1, 9, 11, 40, 400);
const CHATS = ['-1', '-2'];

const turn = fc.record({
  chat: fc.constantFrom(...CHATS),
  kind: fc.constantFrom('messages', 'task'),
  state: fc.constantFrom('queued', 'running', 'done', 'retried', 'failed', 'stopped'),
  age,
  messages: fc.array(fc.record({ settled: fc.boolean(), age }), { maxLength: 3 }),
  replies: fc.array(
    fc.record({ state: fc.constantFrom('pending', 'sending', 'sent', 'uncertain', 'failed'), age }),
    { maxLength: 2 },
  ),
  run: fc.option(fc.constantFrom('due', 'running', 'finished'), { nil: null }),
  /** It is a later attempt of the turn so many before. */
  after: fc.constantFrom(0, 0, 1, 2),
  commands: fc.array(age, { maxLength: 2 }),
});
const world = fc.record({
  turns: fc.array(turn, { maxLength: 12 }),
  loose: fc.record({
    messages: fc.array(fc.record({ settled: fc.boolean(), age, chat: fc.constantFrom(...CHATS) }), {
      maxLength: 6,
    }),
    replies: fc.array(
      fc.record({ state: fc.constantFrom('pending', 'sending', 'sent', 'uncertain', 'failed'), age }),
      { maxLength: 5 },
    ),
    runs: fc.array(fc.record({ state: fc.constantFrom('due', 'finished'), age }), { maxLength: 4 }),
    tasks: fc.array(fc.record({ status: fc.constantFrom('active', 'paused', 'done', 'cancelled'), age }), {
      maxLength: 4,
    }),
    containers: fc.array(fc.record({ ended: fc.boolean(), age }), { maxLength: 3 }),
    updates: fc.array(fc.record({ failed: fc.boolean(), age }), { maxLength: 5 }),
    commands: fc.array(fc.record({ age }), { maxLength: 5 }),
  }),
  keep: fc.record({
    updatesMs: fc.constantFrom(null, 10 * DAY),
    historyMs: fc.constantFrom(null, 10 * DAY, 30 * DAY),
    turnLogsMs: fc.constantFrom(null, 10 * DAY),
    auditMs: fc.constant(null),
    messagesMs: fc.constantFrom(null, 10 * DAY, 30 * DAY),
    attachmentsMs: fc.constant(null),
  }),
});
type World = typeof world extends fc.Arbitrary<infer T> ? T : never;

it('nothing unsettled goes, nor what it refers to; the rest goes when its time is over', async () => {
  await fc.assert(
    fc.asyncProperty(world, async (given) => {
      const clock = createFakeClock(NOW);
      const db = createDb(':memory:');
      try {
        const { stay, go } = fill(db, given, clock.now());
        const before = everything(db);
        const retention = createRetention({
          db,
          home: NOWHERE,
          clock,
          log: silentLogger(),
          keep: given.keep,
          groupMaxBytes: null,
          sessions: { keepMs: null, groupMaxBytes: null },
          drain: () => true,
          agentsReady: () => true,
        });
        retention.start();
        await clock.advance(120_000);
        retention.stop();
        const after = everything(db);
        for (const key of stay) expect(after.get(key), key).toEqual(before.get(key));
        expect([...go].filter((key) => after.has(key))).toEqual([]);
        // The answer to "why?" can be given for whatever message there is.
        for (const row of db.sqlite.prepare('SELECT chat_jid, message_id FROM messages').all()) {
          const { chat_jid: chat, message_id: id } = row as { chat_jid: string; message_id: number };
          const { trace, lines } = explainMessage(db, chatJid(chat), id, 'UTC');
          expect(trace?.message.disposition).toEqual(
            before.get(`messages ${trace?.message.seq}`)?.disposition,
          );
          // Of a turn that is gone nobody knows what it said.
          if (trace?.turns.length === 0) expect(lines.join()).not.toContain('had nothing to say');
        }
      } finally {
        db.close();
      }
    }),
    { numRuns: 100 },
  );
});

/** No files in this one. */
const NOWHERE = '/nonexistent/home-of-a-test';

const KEYS: Record<string, string> = {
  messages: 'seq',
  turns: 'id',
  outbox: 'id',
  task_runs: 'id',
  scheduled_tasks: 'id',
  containers: 'name',
  inbox: 'update_id',
  ipc_commands: 'id',
};

function everything(db: Db): Map<string, Record<string, unknown>> {
  const found = new Map<string, Record<string, unknown>>();
  for (const [table, key] of Object.entries(KEYS))
    for (const row of db.sqlite.prepare(`SELECT * FROM ${table}`).all() as Record<string, unknown>[])
      found.set(`${table} ${String(row[key])}`, row);
  return found;
}

/** Stores it all, and says what has to stay and what has to go. */
function fill(db: Db, { turns, loose, keep }: World, now: number): { stay: Set<string>; go: Set<string> } {
  const stay = new Set<string>();
  const go = new Set<string>();
  const at = (days: number) => iso(now - days * DAY);
  const isOld = (days: number, keptMs: number | null) => keptMs !== null && days * DAY > keptMs;
  const sort = (key: string, goes: boolean) => (goes ? go : stay).add(key);
  const insert = (table: string, row: Record<string, unknown>): number => {
    const columns = Object.keys(row);
    const values = columns.map(() => '?').join(', ');
    const sql = `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${values})`;
    return Number(db.sqlite.prepare(sql).run(...Object.values(row)).lastInsertRowid);
  };
  let count = 0;
  const addMessage = (chat: string, settled: boolean, days: number, turnId: string | null): number =>
    insert('messages', {
      chat_jid: chat,
      message_id: ++count,
      sender: '1',
      sender_name: 'Anna',
      content: 'text',
      timestamp: at(days),
      received_at: at(days),
      disposition: settled ? 'answered' : null,
      turn_id: turnId,
    });
  const addReply = (chat: string, state: string, days: number, turnId: string | null): number =>
    insert('outbox', {
      chat_jid: chat,
      turn_id: turnId,
      text: 'text',
      state,
      created_at: at(days),
      sent_at: state === 'sent' ? at(days) : null,
    });
  const addRun = (state: string, days: number, turnId: string | null): number =>
    insert('task_runs', {
      task_id: `of-run-${++count}`,
      chat_jid: '-1',
      due: at(days),
      state,
      origin: 'schedule',
      turn_id: turnId,
      finished_at: state === 'finished' ? at(days) : null,
    });
  const addCommand = (days: number, turnId: string | null): string => {
    const row = { group_folder: 'family', type: 'send_message', outcome: 'done', created_at: at(days) };
    const id = `command-${++count}`;
    insert('ipc_commands', { ...row, id, turn_id: turnId });
    return id;
  };
  const addContainer = (name: string, days: number, ended: boolean): void => {
    const row = { group_folder: 'family', runtime: 'docker', started_at: at(days) };
    insert('containers', { ...row, name, ended_at: ended ? at(days) : null });
  };

  const open: { chat: string; seq: number }[] = [];
  /** By the turn's place: which turn the attempts began with. */
  const chains: string[] = [];
  for (const [i, { after }] of turns.entries())
    chains.push(chains[after === 0 ? i : i - after] ?? `turn-${i}`);
  const stored = turns.map((turn, i) => {
    const id = `turn-${i}`;
    const from = Number(db.sqlite.prepare('SELECT coalesce(max(seq), 0) FROM messages').pluck().get());
    // A turn that has ended has settled its messages, unless it gave them back.
    const messages = turn.messages.map((m) => {
      const gaveBack = turn.state === 'retried' && !m.settled;
      const settled = m.settled || !(isOpen(turn.state) || gaveBack);
      const seq = addMessage(turn.chat, settled, m.age, gaveBack ? null : id);
      if (!settled) open.push({ chat: turn.chat, seq });
      return { seq, settled, age: m.age, owned: !gaveBack };
    });
    const to = messages.at(-1)?.seq ?? from;
    const replies = turn.replies.map((r) => ({ ...r, id: addReply(turn.chat, r.state, r.age, id) }));
    const runId = turn.run === null ? null : addRun(turn.run, turn.age, id);
    insert('turns', {
      id,
      chat_jid: turn.chat,
      group_folder: 'family',
      kind: turn.kind,
      state: turn.state,
      attempt: 1,
      chain: chains[i] ?? id,
      container_id: `container-of-${id}`,
      queued_at: at(turn.age),
      finished_at: isOpen(turn.state) ? null : at(turn.age),
      from_seq: from,
      to_seq: to,
    });
    addContainer(`container-of-${id}`, turn.age, true);
    const commands = turn.commands.map((days) => ({ days, id: addCommand(days, id) }));
    return { ...turn, id, chain: chains[i], messages, from, to, replies, runId, commands };
  });

  for (const turn of stored) {
    const ended = !isOpen(turn.state);
    const repliesSettled = turn.replies.every((r) => isSettled(r.state));
    const sentLately = turn.replies.some((r) => r.state === 'sent' && !isOld(r.age, keep.historyMs));
    const needed = open.some((m) => m.chat === turn.chat && m.seq > turn.from && m.seq <= turn.to);
    // All attempts at the same thing: the next one asks what the others have done.
    const over = stored
      .filter((other) => other.chain === turn.chain)
      .every((other) => !isOpen(other.state) && (other.run === null || other.run === 'finished'));
    const goes = over && repliesSettled && !sentLately && !needed && isOld(turn.age, keep.historyMs);
    sort(`turns ${turn.id}`, goes);
    for (const reply of turn.replies) sort(`outbox ${reply.id}`, goes);
    if (turn.runId !== null) sort(`task_runs ${turn.runId}`, goes);
    for (const c of turn.commands) sort(`ipc_commands ${c.id}`, goes && isOld(c.days, keep.historyMs));
    sort(`containers container-of-${turn.id}`, ended && isOld(turn.age, keep.historyMs));
    for (const m of turn.messages) {
      const free = !m.owned || (ended && repliesSettled);
      sort(`messages ${m.seq}`, m.settled && free && isOld(m.age, keep.messagesMs));
    }
  }
  for (const m of loose.messages)
    sort(
      `messages ${addMessage(m.chat, m.settled, m.age, null)}`,
      m.settled && isOld(m.age, keep.messagesMs),
    );
  for (const r of loose.replies)
    sort(
      `outbox ${addReply('-1', r.state, r.age, null)}`,
      isSettled(r.state) && isOld(r.age, keep.historyMs),
    );
  for (const r of loose.runs)
    sort(`task_runs ${addRun(r.state, r.age, null)}`, r.state === 'finished' && isOld(r.age, keep.historyMs));
  loose.tasks.forEach((task, i) => {
    insert('scheduled_tasks', {
      id: `task-${i}`,
      group_folder: 'family',
      chat_jid: '-1',
      prompt: 'text',
      schedule_type: 'once',
      schedule_value: at(0),
      timezone: 'UTC',
      context_mode: 'group',
      misfire: 'skip',
      status: task.status,
      anchor: at(task.age),
      created_by: 'test',
      created_at: at(task.age),
    });
    const over = task.status === 'done' || task.status === 'cancelled';
    sort(`scheduled_tasks task-${i}`, over && isOld(task.age, keep.historyMs));
  });
  loose.containers.forEach(({ ended, age: days }, i) => {
    addContainer(`loose-${i}`, days, ended);
    sort(`containers loose-${i}`, ended && isOld(days, keep.historyMs));
  });
  loose.updates.forEach(({ failed, age: days }, i) => {
    const row = { bot_id: 1, update_id: i, kind: 'message', received_at: at(days) };
    insert('inbox', { ...row, error: failed ? 'cannot be applied' : null });
    sort(`inbox ${i}`, (!failed && isOld(days, keep.updatesMs)) || isOld(days, keep.historyMs));
  });
  for (const { age: days } of loose.commands)
    sort(`ipc_commands ${addCommand(days, null)}`, isOld(days, keep.historyMs));
  return { stay, go };
}

const isOpen = (state: string) => state === 'queued' || state === 'running';
const isSettled = (state: string) => state === 'sent' || state === 'failed';
