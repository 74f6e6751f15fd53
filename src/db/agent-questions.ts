/**
 * What agents ask people with buttons. A question is open until it is settled, once; meanwhile an agent may wait for the
 * answer, until `waitUntil`: its command is then `waiting` in ipc_commands, and told when the wait ends either way.
 */
import type { Entity } from '../format/entities.ts';
import type { ChatJid, Folder, Iso } from '../types.ts';
import type { Sqlite } from './open.ts';

/** result: the answer was given to the turn that waited; message: it was said in the chat; expired, dropped: nobody's. */
export type SettledAs = 'result' | 'message' | 'expired' | 'dropped';

export interface AgentQuestion {
  id: string;
  /** Whose agent asks. */
  folder: Folder;
  chatJid: ChatJid;
  threadId: number | null;
  /** The topic of the turn that asked. */
  replyThreadId: number | null;
  turnId: string | null;
  commandId: string;
  digest: string;
  /** As it is shown. */
  question: string;
  entities: readonly Entity[];
  choices: readonly string[];
  outboxId: number;
  askedAt: Iso;
  waitUntil: Iso | null;
  settledAs: SettledAs | null;
  /** What the message says since it was settled, behind the question. */
  answer: string | null;
  /** Who chose which; null: nobody. */
  chosen: Chosen | null;
}

export interface Chosen {
  /** Counted from 0. */
  choice: number;
  sender: string;
  senderName: string;
}

type Row = Omit<AgentQuestion, 'entities' | 'choices' | 'chosen'> & {
  entities: string | null;
  choices: string;
  choice: number | null;
  sender: string | null;
  senderName: string | null;
};

const toQuestion = ({ choice, sender, senderName, ...row }: Row): AgentQuestion => ({
  ...row,
  chosen: choice === null ? null : { choice, sender: sender ?? '', senderName: senderName ?? '' },
  entities: row.entities === null ? [] : (JSON.parse(row.entities) as Entity[]),
  choices: JSON.parse(row.choices) as string[],
});

export function agentQuestionRepository(db: Sqlite) {
  const COLUMNS = `q.id, q.group_folder AS folder, q.chat_jid AS chatJid, q.thread_id AS threadId,
    q.reply_thread_id AS replyThreadId, q.turn_id AS turnId, q.command_id AS commandId, q.digest, q.question, q.entities,
    q.choices, q.outbox_id AS outboxId, q.asked_at AS askedAt, q.wait_until AS waitUntil, q.settled_as AS settledAs, q.answer,
    q.choice, q.answered_by AS sender, q.answered_name AS senderName`;
  const insert = db.prepare(
    `INSERT INTO agent_questions (id, group_folder, chat_jid, thread_id, reply_thread_id, turn_id, command_id, digest,
       question, entities, choices, outbox_id, asked_at, wait_until)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const byId = db.prepare<[string], Row>(`SELECT ${COLUMNS} FROM agent_questions q WHERE q.id = ?`);
  const ofAttempts = db.prepare<[string, string], Row>(
    `SELECT ${COLUMNS} FROM turns me JOIN turns t ON t.chain = me.chain
       JOIN agent_questions q INDEXED BY agent_questions_by_turn ON q.turn_id = t.id
     WHERE me.id = ? AND q.digest = ?`,
  );
  const countOpen = db
    .prepare<[string], number>(
      'SELECT count(*) FROM agent_questions INDEXED BY agent_questions_open WHERE group_folder = ? AND settled_as IS NULL',
    )
    .pluck();
  const settle = db.prepare(
    `UPDATE agent_questions SET settled_as = ?, answer = ?, choice = ?, answered_by = ?, answered_name = ?, settled_at = ?,
       owed = owed OR wait_until IS NOT NULL, wait_until = NULL WHERE id = ? AND settled_as IS NULL`,
  );
  const answeredTo = db.prepare<[string], Row>(
    `SELECT ${COLUMNS} FROM agent_questions q INDEXED BY agent_questions_by_turn
     WHERE q.turn_id = ? AND q.settled_as = 'result' ORDER BY q.outbox_id`,
  );
  const sayInstead = db.prepare(
    "UPDATE agent_questions SET settled_as = 'message' WHERE id = ? AND settled_as = 'result'",
  );
  const openOf = db.prepare<[string, string], Row>(
    `SELECT ${COLUMNS} FROM agent_questions q INDEXED BY agent_questions_open
     WHERE q.settled_as IS NULL AND (q.group_folder = ? OR q.chat_jid = ?)`,
  );
  const openByOutbox = db.prepare<[number], Row>(
    `SELECT ${COLUMNS} FROM agent_questions q INDEXED BY agent_questions_by_outbox
     WHERE q.outbox_id = ? AND q.settled_as IS NULL`,
  );
  const attach = db.prepare(
    'UPDATE agent_questions SET turn_id = ?, command_id = ?, wait_until = ?, owed = 0 WHERE id = ? AND settled_as IS NULL',
  );
  const endWait = db.prepare(
    'UPDATE agent_questions SET wait_until = NULL, owed = 1 WHERE id = ? AND wait_until IS NOT NULL',
  );
  const waiting = db.prepare<[], Row>(
    `SELECT ${COLUMNS} FROM agent_questions q INDEXED BY agent_questions_waits WHERE q.wait_until IS NOT NULL
     ORDER BY q.wait_until`,
  );
  const waits = db
    .prepare<[string, string], number>(
      `SELECT 1 FROM agent_questions INDEXED BY agent_questions_by_turn WHERE turn_id = ? AND wait_until > ? LIMIT 1`,
    )
    .pluck();
  const waitsOf = db
    .prepare<[string], string>(
      'SELECT id FROM agent_questions INDEXED BY agent_questions_by_turn WHERE turn_id = ? AND wait_until IS NOT NULL',
    )
    .pluck();
  const owed = db.prepare<[], Row>(
    `SELECT ${COLUMNS} FROM agent_questions q INDEXED BY agent_questions_owed WHERE q.owed = 1`,
  );
  const told = db.prepare('UPDATE agent_questions SET owed = 0 WHERE id = ? AND command_id = ?');
  const openBefore = db.prepare<[string], Row>(
    `SELECT ${COLUMNS} FROM agent_questions q INDEXED BY agent_questions_by_age
     WHERE q.asked_at < ? AND q.settled_as IS NULL LIMIT 100`,
  );
  const prune = db.prepare(
    `DELETE FROM agent_questions WHERE id IN (SELECT id FROM agent_questions INDEXED BY agent_questions_by_age
       WHERE asked_at < ? AND settled_as IS NOT NULL AND owed = 0 LIMIT 1000)`,
  );

  return {
    add(q: Omit<AgentQuestion, 'settledAs' | 'answer' | 'chosen'>): void {
      insert.run(
        q.id,
        q.folder,
        q.chatJid,
        q.threadId,
        q.replyThreadId,
        q.turnId,
        q.commandId,
        q.digest,
        q.question,
        q.entities.length > 0 ? JSON.stringify(q.entities) : null,
        JSON.stringify(q.choices),
        q.outboxId,
        q.askedAt,
        q.waitUntil,
      );
    },
    byId(id: string): AgentQuestion | null {
      const row = byId.get(id);
      return row ? toQuestion(row) : null;
    },
    /** The last one like this that an attempt of this turn has asked. */
    ofAttempts(turn: string, digest: string): AgentQuestion | null {
      const [row] = ofAttempts.all(turn, digest).sort((a, b) => b.outboxId - a.outboxId);
      return row ? toQuestion(row) : null;
    },
    countOpen: (folder: Folder): number => countOpen.get(folder) ?? 0,
    /** Whoever waits is owed a result from now on. False when it was settled before. */
    settle: (id: string, as: SettledAs, answer: string, by: Chosen | null, at: Iso): boolean =>
      settle.run(as, answer, by?.choice ?? null, by?.sender ?? null, by?.senderName ?? null, at, id)
        .changes === 1,
    /** Those whose answer this turn was given. */
    answeredTo: (turn: string): AgentQuestion[] => answeredTo.all(turn).map(toQuestion),
    /** The answer was given to nobody after all: it is said as a message. */
    sayInstead(id: string): void {
      sayInstead.run(id);
    },
    /** Open ones that this group asked, or that stand in its chat. */
    openOf: (folder: Folder, jid: ChatJid): AgentQuestion[] => openOf.all(folder, jid).map(toQuestion),
    /** The open one that this entry of the outbox puts into its chat. */
    openByOutbox(outboxId: number): AgentQuestion | null {
      const row = openByOutbox.get(outboxId);
      return row ? toQuestion(row) : null;
    },
    /** Another command waits for the answer; false when there is one already. */
    attach: (id: string, turn: string | null, commandId: string, waitUntil: Iso | null): boolean =>
      attach.run(turn, commandId, waitUntil, id).changes === 1,
    /** Nobody has answered: whoever waits is owed that as the result. False when nobody waits. */
    endWait: (id: string): boolean => endWait.run(id).changes === 1,
    /** Those that an agent waits for, by the end of the wait. */
    waiting: (): AgentQuestion[] => waiting.all().map(toQuestion),
    /** The turn's agent waits for people just now. */
    waits: (turn: string, at: Iso): boolean => waits.get(turn, at) === 1,
    waitsOf: (turn: string): string[] => waitsOf.all(turn),
    /** Those whose result file is to be written. */
    owed: (): AgentQuestion[] => owed.all().map(toQuestion),
    /** The result of this command was written, or nobody reads it any more. */
    told({ id, commandId }: Pick<AgentQuestion, 'id' | 'commandId'>): void {
      told.run(id, commandId);
    },
    /** Open ones that were asked before. */
    openBefore: (before: Iso): AgentQuestion[] => openBefore.all(before).map(toQuestion),
    /** Forgets settled ones that were asked before. */
    prune(before: Iso): void {
      prune.run(before);
    },
  };
}
