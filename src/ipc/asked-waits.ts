/**
 * Ends what nobody has answered: an agent's wait when its time is over, or when others wait for its place; a question when it is
 * seven days old. And writes the
 * result files that are owed, whoever settled the question: what is owed is a row, so a daemon that starts later writes it.
 * Writing one twice does no harm: it is the same file. It takes no press and asks nothing.
 */
import { ASKED_KEPT_MS, ASKED_OPEN_MS, endWait, expireAsked, notNow } from '../asked.ts';
import type { AgentQuestion } from '../db/agent-questions.ts';
import type { Db } from '../db.ts';
import { messageOf } from '../errors.ts';
import type { Clock, Timer } from '../lib/clock.ts';
import type { Reach } from '../lib/failpoint.ts';
import type { Logger } from '../log.ts';
import { groupPaths } from '../mailbox/layout.ts';
import { writeResult } from '../mailbox/write.ts';
import { LONGEST_ASK_S } from '../protocol/commands.ts';
import { type ChatJid, iso } from '../types.ts';

/** A full disk may have room again. */
const RETRY_MS = 5000;
/** Questions grow old that nobody waits for, and wall clocks jump. */
const LOOK_MS = 15 * 60_000;
/** So long people may take in any case; then nobody else has to wait for their agent. */
export const UNDISTURBED_MS = 30_000;
/** While an agent waits it is looked whether others do. */
const CROWD_LOOK_MS = 5000;

export interface AskedWaitsOptions {
  db: Db;
  clock: Clock;
  log: Logger;
  home: string;
  wakeDelivery: (jid: ChatJid) => void;
  /** All places are taken, and somebody waits for one. */
  isCrowded: () => boolean;
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
  isCrowded,
  reach,
}: AskedWaitsOptions): AskedWaits {
  let timer: Timer | undefined;
  let isStopped = false;
  /** When a wait began here and ends at the latest, monotonic, by its command: a wall clock that is set back prolongs none. */
  const spans = new Map<string, { from: number; to: number }>();

  function wake(): void {
    if (isStopped || !db.sqlite.open) return;
    timer?.cancel();
    let waitMs = LOOK_MS;
    try {
      waitMs = endWaits();
      expire();
      if (!tellAll()) waitMs = RETRY_MS;
    } catch (error) {
      waitMs = RETRY_MS;
      log.error({ event: 'asked_waits_failed', err: error }, messageOf(error));
    }
    timer = clock.after(waitMs, wake);
  }

  /** Returns how long until the next one ends, ms. */
  function endWaits(): number {
    const now = clock.monotonic();
    const waiting = db.asked.waiting();
    const known = new Set(waiting.map(({ commandId }) => commandId));
    for (const commandId of spans.keys()) if (!known.has(commandId)) spans.delete(commandId);
    const others = waiting.length > 0 && isCrowded();
    let nextMs = LOOK_MS;
    for (const question of waiting) {
      const leftMs = Date.parse(question.waitUntil ?? '') - clock.now();
      const span = spans.get(question.commandId) ?? {
        from: now,
        to: now + Math.min(leftMs, 1000 * LONGEST_ASK_S),
      };
      spans.set(question.commandId, span);
      const waitedMs = now - span.from;
      const restMs = Math.min(leftMs, span.to - now);
      const isPushed = restMs > 0 && others && waitedMs >= UNDISTURBED_MS;
      if (restMs > 0 && !isPushed) {
        nextMs = Math.min(nextMs, restMs, CROWD_LOOK_MS);
        continue;
      }
      const why = isPushed ? notNow(Math.round(waitedMs / 1000)) : undefined;
      db.transaction(() => endWait(db, question, why));
      log.info({ event: 'question_unanswered', group: question.folder, command: question.commandId });
    }
    return nextMs;
  }

  function expire(): void {
    for (const question of db.asked.openBefore(iso(clock.now() - ASKED_OPEN_MS))) {
      const words = db.languages.wordsFor(question.chatJid);
      if (db.transaction(() => expireAsked(db, question, words, clock.now()))) wakeDelivery(question.chatJid);
    }
    db.asked.prune(iso(clock.now() - ASKED_KEPT_MS));
  }

  /** False when one could not be written; that holds up nobody else's. */
  function tellAll(): boolean {
    let isDone = true;
    for (const question of db.asked.owed())
      try {
        tell(question);
      } catch (error) {
        isDone = false;
        log.error({ event: 'result_not_written', group: question.folder, err: error }, messageOf(error));
      }
    return isDone;
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
