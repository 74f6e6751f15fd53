/**
 * What people are asked with buttons, the presses Telegram is still to be told about, and which command menus it was
 * given. A question is open until it has an answer; each change of what it shows counts its `rev` up.
 */
import type { ChatJid, Iso } from '../types.ts';
import type { Sqlite } from './open.ts';

export interface Question {
  id: string;
  chatJid: ChatJid;
  kind: string;
  /** What was chosen, or what it is about from the beginning. */
  subject: string | null;
  page: number;
  rev: number;
  askedAt: Iso;
  /** The outbox entry that shows it; null: asked before that was noted. */
  outboxId: number | null;
  /** What the message says since it was decided; null while it is open. */
  answer: string | null;
  answeredBy: string | null;
  answeredAt: Iso | null;
}

export interface CallbackAnswer {
  /** Telegram's id of the press. */
  id: string;
  /** Empty: the button only stops waiting. */
  text: string;
  /** Shown until it is read, not for a moment. */
  alert: boolean;
  createdAt: Iso;
}

/** More presses than this wait for nobody: Telegram could not be reached for long. */
const MOST_ANSWERS = 1000;

export function questionRepository(db: Sqlite) {
  const COLUMNS = `id, chat_jid AS chatJid, kind, subject, page, rev, asked_at AS askedAt, answer,
    answered_by AS answeredBy, answered_at AS answeredAt, outbox_id AS outboxId`;
  const insert = db.prepare(
    'INSERT INTO questions (id, chat_jid, kind, subject, asked_at) VALUES (?, ?, ?, ?, ?)',
  );
  const byId = db.prepare<[string], Question>(`SELECT ${COLUMNS} FROM questions WHERE id = ?`);
  const lastAbout = db
    .prepare<[string, string], string>(
      'SELECT asked_at FROM questions WHERE kind = ? AND subject = ? ORDER BY asked_at DESC LIMIT 1',
    )
    .pluck();
  const shownBy = db.prepare('UPDATE questions SET outbox_id = ? WHERE id = ?');
  const show = db.prepare('UPDATE questions SET subject = ?, page = ?, rev = rev + 1 WHERE id = ?');
  const settle = db.prepare(
    'UPDATE questions SET answer = ?, answered_by = ?, answered_at = ?, rev = rev + 1 WHERE id = ? AND answer IS NULL',
  );
  const prune = db.prepare('DELETE FROM questions WHERE asked_at < ?');

  const addAnswer = db.prepare(
    'INSERT INTO callback_answers (id, text, alert, created_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING',
  );
  const answers = db.prepare<[], Omit<CallbackAnswer, 'alert'> & { alert: number }>(
    'SELECT id, text, alert, created_at AS createdAt FROM callback_answers ORDER BY id LIMIT 100',
  );
  const countAnswers = db.prepare<[], number>('SELECT count(*) FROM callback_answers').pluck();
  const removeAnswer = db.prepare('DELETE FROM callback_answers WHERE id = ?');

  const menus = db.prepare<[number], { scope: string; digest: string }>(
    'SELECT scope, digest FROM command_menus WHERE bot_id = ?',
  );
  const setMenu = db.prepare(
    `INSERT INTO command_menus (bot_id, scope, digest) VALUES (?, ?, ?)
     ON CONFLICT (bot_id, scope) DO UPDATE SET digest = excluded.digest`,
  );
  const dropMenu = db.prepare('DELETE FROM command_menus WHERE bot_id = ? AND scope = ?');

  return {
    add(question: Pick<Question, 'id' | 'chatJid' | 'kind' | 'subject' | 'askedAt'>): void {
      insert.run(question.id, question.chatJid, question.kind, question.subject, question.askedAt);
    },
    byId: (id: string): Question | null => byId.get(id) ?? null,
    /** When this was asked about this last. */
    lastAbout: (kind: string, subject: string): Iso | null =>
      (lastAbout.get(kind, subject) ?? null) as Iso | null,
    /** The message of this entry shows it from now on. */
    shownBy(id: string, outboxId: number): void {
      shownBy.run(outboxId, id);
    },
    /** It shows something else from now on; what was pressed before is outdated. */
    show(id: string, subject: string | null, page: number): void {
      show.run(subject, page, id);
    },
    /** False when it was decided before. */
    settle: (id: string, answer: string, by: string, at: Iso): boolean =>
      settle.run(answer, by, at, id).changes === 1,
    /** Forgets what was asked before. */
    prune(before: Iso): void {
      prune.run(before);
    },

    /** Telegram is to be told that this press was taken. */
    addAnswer({ id, text, alert, createdAt }: CallbackAnswer): void {
      if ((countAnswers.get() ?? 0) < MOST_ANSWERS) addAnswer.run(id, text, +alert, createdAt);
    },
    answers: (): CallbackAnswer[] => answers.all().map((row) => ({ ...row, alert: row.alert === 1 })),
    removeAnswer(id: string): void {
      removeAnswer.run(id);
    },

    /** By scope: a digest of what was set last. */
    menus: (botId: number): Map<string, string> =>
      new Map(menus.all(botId).map(({ scope, digest }) => [scope, digest])),
    setMenu(botId: number, scope: string, digest: string): void {
      setMenu.run(botId, scope, digest);
    },
    dropMenu(botId: number, scope: string): void {
      dropMenu.run(botId, scope);
    },
  };
}
