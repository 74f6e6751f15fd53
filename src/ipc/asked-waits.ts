/**
 * Ends what nobody has answered: an agent's wait when its time is over, a question when it is seven days old. And writes the
 * result files that are owed, whoever settled the question: what is owed is a row, so a daemon that starts later writes it.
 * Writing one twice does no harm: it is the same file. It takes no press and asks nothing.
 */
import { ASKED_KEPT_MS, ASKED_OPEN_MS, endWait, expireAsked } from '../asked.ts';
import type { AgentQuestion } from '../db/agent-questions.ts';
import type { Db } from '../db.ts';
import { messageOf } from '../errors.ts';
import type { Clock, Timer } from '../lib/clock.ts';
import type { Reach } from '../lib/failpoint.ts';
import type { Logger } from '../log.ts';
import { groupPaths } from '../mailbox/layout.ts';
import { writeResult } from '../mailbox/write.ts';
import { type ChatJid, iso } from '../types.ts';

/** A full disk may have room again. */
const RETRY_MS = 5000;
/** Questions grow old that nobody waits for, and wall clocks jump. */
const LOOK_MS = 15 * 60_000;

export interface AskedWaitsOptions {
  db: Db;
  clock: Clock;
  log: Logger;
  home: string;
  wakeDelivery: (jid: ChatJid) => void;
  reach?: Reach | undefined;
}

export interface AskedWaits {
  /** Something was asked or settled, or the wait for it may be over. Never throws. */
  wake(): void;
  stop(): void;
}

export function createAskedWaits({
  db,
  clock,
  log,
  home,
  wakeDelivery,
  reach,
}: AskedWaitsOptions): AskedWaits {
  let timer: Timer | undefined;
  let isStopped = false;

  function wake(): void {
    if (isStopped || !db.sqlite.open) return;
    timer?.cancel();
    let waitMs = LOOK_MS;
    try {
      waitMs = Math.min(endWaits(), LOOK_MS);
      expire();
      tellAll();
    } catch (error) {
      waitMs = RETRY_MS;
      log.error({ event: 'asked_waits_failed', err: error }, messageOf(error));
    }
    timer = clock.after(waitMs, wake);
  }

  /** Returns how long until the next one ends, ms. */
  function endWaits(): number {
    for (const question of db.asked.waiting()) {
      const leftMs = Date.parse(question.waitUntil ?? '') - clock.now();
      if (leftMs > 0) return leftMs;
      db.transaction(() => endWait(db, question));
      log.info({ event: 'question_unanswered', group: question.folder, command: question.commandId });
    }
    return LOOK_MS;
  }

  function expire(): void {
    for (const question of db.asked.openBefore(iso(clock.now() - ASKED_OPEN_MS))) {
      const words = db.languages.wordsFor(question.chatJid);
      if (db.transaction(() => expireAsked(db, question, words, clock.now()))) wakeDelivery(question.chatJid);
    }
    db.asked.prune(iso(clock.now() - ASKED_KEPT_MS));
  }

  function tellAll(): void {
    for (let owed = db.asked.owed(); owed.length > 0; owed = db.asked.owed())
      for (const question of owed) tell(question);
  }

  function tell(question: AgentQuestion): void {
    const { folder, commandId: id, turnId } = question;
    reach?.('question.settled');
    const command = db.agents.command(folder, id);
    const waits = turnId !== null && db.turns.byId(turnId)?.state === 'running';
    if (waits && command !== null)
      writeResult(groupPaths(home, folder), { id, ok: true, detail: command.reason ?? '' });
    reach?.('question.told');
    db.asked.told(question);
  }

  return {
    wake,
    stop() {
      isStopped = true;
      timer?.cancel();
    },
  };
}
