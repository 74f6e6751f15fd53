/**
 * What only the operator can put right: kept in the database, told to main once when it begins and once when it is
 * over, however often it is met and however often the daemon is restarted in between. `status` shows what is open.
 * Invariants: a problem that cannot be stored (a full disk) is never the reason why something else fails; what main
 * was not told of is not told to be over. What it says goes through the outbox, but for a full disk, which is said
 * directly and once.
 */
import { isStorageFailure } from './db/open.ts';
import { CHAT_TOLD, type ProblemRow } from './db/problems.ts';
import type { Db } from './db.ts';
import { messageOf } from './errors.ts';
import type { Clock } from './lib/clock.ts';
import type { Logger } from './log.ts';
import type { Router } from './router.ts';
import { type ChatJid, type Group, type Iso, iso } from './types.ts';
import { ENGLISH, type Words } from './words.ts';

export type ProblemKind = keyof Words['problems'];
const KINDS = Object.keys(ENGLISH.problems) as ProblemKind[];

/** While these last nothing can be sent: main hears of them afterwards, in one sentence. */
const ONLY_AFTERWARDS: ReadonlySet<ProblemKind> = new Set(['disk', 'telegram_token']);

/** Those that concern who may do what stand in the audit log, too. */
const AUDITED: ReadonlySet<ProblemKind> = new Set<ProblemKind>([
  'credential',
  'telegram_token',
  'sender_rules',
]);

export const PROBLEM_KINDS: readonly string[] = KINDS;

export interface ProblemsOptions {
  db: Db;
  clock: Clock;
  log: Logger;
  record: Router['record'];
  wakeDelivery: (jid: ChatJid) => void;
  /** Sends at once, past the outbox, best effort: for what cannot be stored. */
  sendNow: (jid: ChatJid, text: string) => void;
  timezoneOf: (group: Group) => string;
}

export interface Problems {
  /** It was met, now or again. Joins the caller's transaction; never throws for want of storage. */
  report(kind: ProblemKind, detail: string, subject?: string): void;
  /** It was not met although it would have been. Cheap when it is not open. */
  solved(kind: ProblemKind, subject?: string): void;
  /** Says in a chat, and in this topic of it, that it has to wait; once until forgetTold(), also over restarts. */
  tellChatOnce(jid: ChatJid, threadId: number | null, sentence: (words: Words) => string): void;
  forgetTold(): void;
  /** What is open, oldest first. */
  open(): { kind: string; subject: string; detail: string; since: Iso; told: boolean }[];
}

const MOST_DETAIL = 300;

export function createProblems(options: ProblemsOptions): Problems {
  const { db, clock, log } = options;
  const now = () => iso(clock.now());
  /** Seen in this process though it could not be stored. */
  const unstored = new Map<string, { kind: ProblemKind; subject: string; detail: string; since: Iso }>();
  const keyOf = (kind: string, subject: string) => `${kind}\n${subject}`;

  const find = (kind: string, subject: string): ProblemRow | undefined =>
    db.problems.open().find((row) => row.kind === kind && row.subject === subject);

  function say(jid: ChatJid, threadId: number | null, text: string): void {
    options.record({ chatJid: jid, threadId, turnId: null, replyTo: null, text });
    // Not before the commit, which may be the caller's.
    queueMicrotask(() => options.wakeDelivery(jid));
  }

  function tellMain(sentence: (words: Words, main: Group) => string): boolean {
    const main = db.groups.main();
    if (main) say(main.chatJid, null, sentence(db.languages.wordsFor(main.chatJid), main));
    return main !== null;
  }

  function audit(kind: ProblemKind, outcome: 'failed' | 'done', detail: string): void {
    if (!AUDITED.has(kind)) return;
    db.audit.note({ at: now(), actor: 'daemon', group: null, action: kind, outcome, detail });
  }

  function store(kind: ProblemKind, subject: string, detail: string, since: Iso): void {
    const isTold = !ONLY_AFTERWARDS.has(kind);
    db.transaction(() => {
      if (find(kind, subject) === undefined) {
        db.problems.add(kind, subject, detail, since);
        log.error({ event: 'problem', kind, subject, told: isTold }, detail);
        audit(kind, 'failed', detail);
      }
      const row = find(kind, subject);
      if (!row || row.toldAt !== null || !isTold) return;
      if (tellMain((w) => w.problems[kind].begins(row.detail, subject))) db.problems.setTold(row.id, now());
    });
  }

  /** Throws only what is not the disk's fault, or when a transaction of the caller's was lost with it. */
  function surely(work: () => void): boolean {
    const joins = db.sqlite.inTransaction;
    try {
      work();
      return true;
    } catch (error) {
      if (joins || !isStorageFailure(error)) throw error;
      log.error({ event: 'problem_not_stored', err: error }, messageOf(error));
      return false;
    }
  }

  return {
    report(kind, text, subject = '') {
      const detail = text.length > MOST_DETAIL ? `${text.slice(0, MOST_DETAIL)}…` : text;
      const since = unstored.get(keyOf(kind, subject))?.since ?? now();
      const key = keyOf(kind, subject);
      if (surely(() => store(kind, subject, detail, since))) unstored.delete(key);
      else if (!unstored.has(key)) {
        unstored.set(key, { kind, subject, detail, since });
        const main = db.groups.main();
        if (main)
          options.sendNow(
            main.chatJid,
            db.languages.wordsFor(main.chatJid).problems[kind].begins(detail, subject),
          );
      }
    },
    solved(kind, subject = '') {
      const missed = unstored.get(keyOf(kind, subject));
      if (!missed && !find(kind, subject)) return;
      surely(() =>
        db.transaction(() => {
          if (missed) db.problems.add(kind, subject, missed.detail, missed.since);
          const row = find(kind, subject);
          if (!row) return;
          if (row.toldAt !== null || ONLY_AFTERWARDS.has(kind))
            tellMain((w, main) =>
              w.problems[kind].ends(subject, w.minute(Date.parse(row.openedAt), options.timezoneOf(main))),
            );
          db.problems.close(row.id, now());
          audit(kind, 'done', 'it works again');
          log.info({ event: 'problem_solved', kind, subject, since: row.openedAt });
        }),
      ) && unstored.delete(keyOf(kind, subject));
    },
    tellChatOnce(jid, threadId, sentence) {
      const subject = threadId === null ? jid : `${jid}/${threadId}`;
      if (find(CHAT_TOLD, subject)) return;
      const text = sentence(db.languages.wordsFor(jid));
      surely(() =>
        db.transaction(() => {
          db.problems.add(CHAT_TOLD, subject, text, now());
          const row = find(CHAT_TOLD, subject);
          if (row) db.problems.setTold(row.id, now());
          say(jid, threadId, text);
        }),
      );
    },
    forgetTold() {
      const told = db.problems.open().filter(({ kind }) => kind === CHAT_TOLD);
      if (told.length === 0) return;
      surely(() => db.transaction(() => told.forEach(({ id }) => void db.problems.close(id, now()))));
    },
    open: () => [
      ...db.problems
        .open()
        .filter(({ kind }) => kind !== CHAT_TOLD)
        .map(({ kind, subject, detail, openedAt, toldAt }) => ({
          kind,
          subject,
          detail,
          since: openedAt,
          told: toldAt !== null,
        })),
      ...[...unstored.values()].map((problem) => ({ ...problem, told: false })),
    ],
  };
}
