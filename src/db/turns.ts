/**
 * The ledger of turns. One row is one attempt:
 *   queued → running → done | retried | failed | stopped        (queued → retried | stopped, too)
 * A turn owns its messages through messages.turn_id from its claim until it ends; `retried` gives them back.
 */
import type { Usage } from '../protocol.ts';
import type { ChatJid, Conversation, Disposition, Folder, Iso, ProviderName, Seq, TurnId } from '../types.ts';
import { type ChargeRepository, chargeRepository, type Payer } from './charges.ts';
import type { Sqlite } from './open.ts';
import { topicRepository } from './topics.ts';
import { TURN_COLUMNS, type Turn, type TurnKind, type TurnRow, type TurnState, toTurn } from './turn-row.ts';

export function turnRepository(db: Sqlite, charges: ChargeRepository = chargeRepository(db)) {
  const topics = topicRepository(db);
  const insert = db.prepare(
    `INSERT INTO turns (id, chat_jid, group_folder, thread_id, conversation, kind, state, attempt, queued_at, from_seq,
       to_seq, omitted, session_id, chain, asked_at, provider, model)
     VALUES (?, ?, ?, ?, ?, ?, 'queued', ?, ?, ?, ?, ?, ?, coalesce((SELECT chain FROM turns WHERE id = ?), ?),
       coalesce(?, (SELECT min(received_at) FROM messages WHERE turn_id = ? AND disposition IS NULL)), ?, ?)`,
  );
  const claimMessage = db.prepare('UPDATE messages SET turn_id = ? WHERE seq = ?');
  const byId = db.prepare<[string], TurnRow>(`SELECT ${TURN_COLUMNS} FROM turns WHERE id = ?`);
  const bySeq = db.prepare<[number], TurnRow>(`SELECT ${TURN_COLUMNS} FROM turns WHERE seq = ?`);
  const startingWith = db
    .prepare<[string, string], string>('SELECT id FROM turns WHERE id >= ? AND id < ? LIMIT 2')
    .pluck();
  const open = db.prepare<[], TurnRow>(
    `SELECT ${TURN_COLUMNS} FROM turns INDEXED BY turns_open WHERE state IN ('queued', 'running') ORDER BY seq`,
  );
  const openOf = db.prepare<[string], TurnRow>(
    `SELECT ${TURN_COLUMNS} FROM turns WHERE chat_jid = ? AND state IN ('queued', 'running') ORDER BY seq`,
  );
  const latest = db.prepare<[string, TurnKind], TurnRow>(
    `SELECT ${TURN_COLUMNS} FROM turns WHERE chat_jid = ? AND kind = ? ORDER BY seq DESC LIMIT 1`,
  );
  const latestIn = db.prepare<[string, number | null], TurnRow>(
    `SELECT ${TURN_COLUMNS} FROM turns WHERE chat_jid = ? AND kind = 'messages' AND thread_id IS ? ORDER BY seq DESC LIMIT 1`,
  );
  const failed = db.prepare<[string, number], TurnRow>(
    `SELECT ${TURN_COLUMNS} FROM turns INDEXED BY turns_failed WHERE state = 'failed' AND finished_at >= ?
     ORDER BY seq DESC LIMIT ?`,
  );
  const began = db
    .prepare<[string, number], string>(
      `SELECT queued_at FROM turns WHERE chat_jid = ? AND kind = 'messages' AND attempt = 1
       ORDER BY seq DESC LIMIT 1 OFFSET ?`,
    )
    .pluck();
  const run = db.prepare(
    "UPDATE turns SET state = 'running', container_id = ?, started_at = ? WHERE id = ? AND state = 'queued'",
  );
  const requestStop = db.prepare<[string, string, Conversation]>(
    `UPDATE turns SET stopped_by = ? WHERE chat_jid = ? AND state IN ('queued', 'running') AND stopped_by IS NULL
       AND coalesce(thread_id, 0) IS coalesce(?, thread_id, 0)`,
  );
  const requestStopOf = db.prepare(
    "UPDATE turns SET stopped_by = ? WHERE id = ? AND state IN ('queued', 'running') AND stopped_by IS NULL",
  );
  const takeEvent = db.prepare(
    `UPDATE turns SET last_event = ?, reply = reply || ?, agent_started_at = coalesce(agent_started_at, ?),
       first_output_at = coalesce(first_output_at, ?) WHERE id = ? AND state = 'running' AND last_event < ?`,
  );
  const finish = db.prepare(
    `UPDATE turns SET state = ?, finished_at = ?, error_code = ?, error = ?, input_tokens = ?, output_tokens = ?,
       cost_usd = ?, retry_at = ? WHERE id = ? AND state IN ('queued', 'running')`,
  );
  const addCost = db.prepare(
    `INSERT INTO model_usage (group_folder, day, requests, failures, input_tokens, output_tokens, cost_usd)
       SELECT group_folder, substr(finished_at, 1, 10), 0, 0, 0, 0, cost_usd FROM turns WHERE id = ?
     ON CONFLICT (group_folder, day) DO UPDATE SET cost_usd = cost_usd + excluded.cost_usd`,
  );
  const settleMessages = db.prepare(
    'UPDATE messages SET disposition = ?, reason = ? WHERE turn_id = ? AND disposition IS NULL',
  );
  const releaseMessages = db.prepare(
    `UPDATE messages SET turn_id = NULL, content = coalesce(edited_content, content), edited_content = NULL,
       request = CASE WHEN edited_content IS NULL THEN request END WHERE turn_id = ?`,
  );
  const lastMessage = db
    .prepare<[string], number>(
      // Below zero are messages that came along when their group moved to a new chat id: nobody can reply to those.
      `SELECT message_id FROM messages WHERE turn_id = ? AND trigger_kind IS NOT NULL AND message_id >= 0
       ORDER BY seq DESC LIMIT 1`,
    )
    .pluck();

  return {
    /** In the caller's transaction: creates the turn and gives it its messages. */
    claim(turn: {
      id: TurnId;
      chatJid: ChatJid;
      folder: Folder;
      threadId: number | null;
      /** Default: its topic's. */
      conversation?: Conversation;
      kind: TurnKind;
      attempt: number;
      at: Iso;
      fromSeq: Seq | null;
      toSeq: Seq | null;
      omitted: number;
      sessionId: string | null;
      messages: readonly Seq[];
      /** The attempt before, when there was one. */
      repeats?: TurnId | null;
      /** For a task: when it was due. Default: when the oldest message that it answers was received. */
      askedAt?: Iso;
      /** What it is to be thought with. Default: nobody has said. */
      thinks?: { provider: ProviderName; model: string | null } | undefined;
      /** Default: nobody in particular, on the UTC day of `at`. */
      payer?: Payer;
    }): void {
      for (const one of turn.messages) claimMessage.run(turn.id, one);
      insert.run(
        turn.id,
        turn.chatJid,
        turn.folder,
        turn.threadId,
        turn.conversation === undefined ? (turn.threadId ?? 0) : turn.conversation,
        turn.kind,
        turn.attempt,
        turn.at,
        turn.fromSeq,
        turn.toSeq,
        turn.omitted,
        turn.sessionId,
        turn.repeats ?? null,
        turn.id,
        turn.askedAt ?? null,
        turn.id,
        turn.thinks?.provider ?? null,
        turn.thinks?.model ?? null,
      );
      const nobody = { person: null, taskId: null, day: turn.at.slice(0, 10), reserved: null };
      charges.begin(turn.id, turn.folder, turn.payer ?? nobody, turn.at);
    },
    /** The ids that begin like this: none, one, or two of more. */
    startingWith: (start: string): string[] => startingWith.all(start, `${start}\uffff`),
    byId: (id: string): Turn | null => {
      const row = byId.get(id);
      return row ? toTurn(row) : null;
    },
    bySeq: (seq: number): Turn | null => {
      const row = bySeq.get(seq);
      return row ? toTurn(row) : null;
    },
    open: (): Turn[] => open.all().map(toTurn),
    openOf: (jid: ChatJid): Turn[] => openOf.all(jid).map(toTurn),
    /** The last of this kind that was claimed for the chat. */
    latest: (jid: ChatJid, kind: TurnKind): Turn | null => {
      const row = latest.get(jid, kind);
      return row ? toTurn(row) : null;
    },
    /** The last over messages of this topic. */
    latestIn: (jid: ChatJid, threadId: number | null): Turn | null => {
      const row = latestIn.get(jid, threadId);
      return row ? toTurn(row) : null;
    },
    /** Those that failed for good, newest first. */
    failedSince: (since: Iso, limit: number): Turn[] => failed.all(since, limit).map(toTurn),
    /** When the last but `count - 1` turn over messages was begun, repeats not counted; null when there were fewer. */
    beganBefore: (jid: ChatJid, count: number): Iso | null =>
      (began.get(jid, count - 1) ?? null) as Iso | null,
    /** The kind of the chat's last turn: by the order of claiming, whatever the clock said. */
    latestKind: (jid: ChatJid): TurnKind | null => {
      const task = latest.get(jid, 'task')?.seq ?? 0;
      const messages = latest.get(jid, 'messages')?.seq ?? 0;
      return task === messages ? null : task > messages ? 'task' : 'messages';
    },
    /** The container is about to be told. False when the turn is no longer queued. */
    markRunning: (id: TurnId, containerName: string, at: Iso): boolean =>
      run.run(containerName, at, id).changes === 1,
    /**
     * The open turns of a chat, or of one conversation of it, are to end; remembered, so that a restart in between does not
     * let them go on.
     */
    requestStop(jid: ChatJid, by: string, of: Conversation = null): void {
      requestStop.run(by, jid, of);
    },
    /** The same for one of them. False when it is over, or is to end already. */
    requestStopOf: (id: TurnId, by: string): boolean => requestStopOf.run(by, id).changes === 1,
    /**
     * Notes event `n` and what it adds to the reply; `seen`: when it was taken, and whether the model has spoken in it.
     * False when it was taken before or the turn has ended.
     */
    takeEvent: (id: TurnId, n: number, text: string, seen?: { at: Iso; isOutput: boolean }): boolean =>
      takeEvent.run(n, text, seen?.at ?? null, seen?.isOutput ? seen.at : null, id, n).changes === 1,
    /** Ends and charges the turn. False when it had ended already: then nothing else may be done for it. */
    finish(
      id: TurnId,
      state: Exclude<TurnState, 'queued' | 'running'>,
      at: Iso,
      error: { code: string; message: string } | null,
      reported: Usage | null,
      retryAt: Iso | null = null,
    ): boolean {
      const usage = reported && charges.priced(id, reported);
      const { changes } = finish.run(
        state,
        at,
        error?.code ?? null,
        error?.message ?? null,
        usage?.input_tokens ?? null,
        usage?.output_tokens ?? null,
        usage?.cost_usd ?? null,
        retryAt,
        id,
      );
      if (changes !== 1) return false;
      if (usage !== null && usage.cost_usd > 0) addCost.run(id);
      charges.settle(id, usage, at);
      return true;
    },
    /** The turn's messages get their final answer and count as shown. */
    settleMessages(turn: Turn, disposition: Disposition, reason: string | null): void {
      settleMessages.run(disposition, reason, turn.id);
      if (turn.toSeq !== null) topics.moveShown(turn.chatJid, turn.conversation, turn.toSeq);
    },
    /** The turn's messages wait again, as they were edited meanwhile. */
    releaseMessages(turn: Turn): void {
      releaseMessages.run(turn.id);
    },
    /** Telegram id of the newest message that the turn answers. */
    triggerMessageId: (id: TurnId): number | null => lastMessage.get(id) ?? null,
  };
}
