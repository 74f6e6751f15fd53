/**
 * What may this chat's next turn be, if any? In the order of asking: is it registered, does something wait, does it wait
 * for another attempt, for its hour's limit or for its files, can agents run at all; then the claim. Nothing is counted
 * before it.
 */
import type { ContainerRunnerOptions } from '../container-runner.ts';
import { messageOf, NanoClawError } from '../errors.ts';
import type { RunResult } from '../group-queue.ts';
import { type ChatJid, type Group, iso, type TurnId } from '../types.ts';
import { REASONS } from '../words.ts';
import { type Claimed, claimNext, messagesDueIn } from './claim.ts';
import type { Pool } from './pool.ts';
import type { Standstill } from './standstill.ts';
import { createTurnLimit } from './turn-limit.ts';

export const ENGINE_RETRY_MS = 5000;
const LIMITED_LOOK_MS = 10_000;

export interface NextTurnOptions extends ContainerRunnerOptions {
  pool: Pick<Pool, 'isWarm'>;
  standstill: Pick<Standstill, 'away'>;
  /** Somebody in this process works on the turn. */
  isAtWork: (id: TurnId) => boolean;
  /** Turns of the chat that nobody works on are given back before anything new is claimed. */
  giveBack: (jid: ChatJid) => void;
  /** In the moment of the claim. */
  onClaimed: (id: TurnId) => void;
}

/** A turn that was claimed, or what the queue should do instead. */
export type Next = { group: Group; claimed: Claimed } | { instead: RunResult };

export function createNextTurn(options: NextTurnOptions): (jid: ChatJid) => Promise<Next> {
  const { db, clock, log } = options;
  const turnLimit = createTurnLimit(options);

  return async function nextTurn(jid) {
    const group = db.groups.byJid(jid);
    if (!group) {
      db.messages.disposeOpen(jid, 'unregistered', REASONS.notRegistered);
      db.taskRuns.skipWaitingIn(jid, REASONS.notRegistered, iso(clock.now()));
      return { instead: 'idle' };
    }
    // Nobody could read the answer: what waits, waits (router/pauses.ts).
    if (db.pauses.of(jid) !== null) return { instead: 'idle' };
    // A chat whose id has changed comes here by its new key while its turn goes on under the old one.
    if (db.turns.openOf(jid).some(({ id }) => options.isAtWork(id))) return { instead: { retryInMs: 1000 } };
    options.giveBack(jid);
    const { wait, messagesMay } = waitOf(group);
    if (wait !== null) return { instead: wait };
    try {
      if (!options.pool.isWarm(group.folder)) await options.runtime().prepare();
    } catch (error) {
      return { instead: engineAway(error) };
    }
    const timezone = options.timezoneOf(group);
    const claimed = claimNext({ ...options, timezone, nowMs: clock.now(), messagesMay }, group);
    if (!claimed) return { instead: 'idle' };
    options.onClaimed(claimed.turn.id);
    return { group, claimed };
  };

  /** `wait` null: something may begin now; messages only when nothing limits them and they are complete. */
  function waitOf(group: Group): { wait: RunResult | null; messagesMay: boolean } {
    const jid = group.chatJid;
    const taskWaits = () => db.taskRuns.nextWaiting(jid, iso(clock.now())) !== null;
    const dueInMs = messagesDueIn(db, jid, clock.now());
    const limitedMs = dueInMs === 0 ? turnLimit.waitMs(group, clock.now()) : 0;
    const incompleteMs = dueInMs === 0 && limitedMs === 0 ? options.incompleteMs(jid) : 0;
    if (incompleteMs > 0 && !taskWaits()) return { wait: { retryInMs: incompleteMs }, messagesMay: false };
    if (limitedMs > 0) {
      turnLimit.tell(group, clock.now(), limitedMs);
      // A task may become due meanwhile, and a key that backs off is not woken.
      if (!taskWaits())
        return { wait: { retryInMs: Math.min(limitedMs, LIMITED_LOOK_MS) }, messagesMay: false };
    }
    const messagesMay = limitedMs === 0 && incompleteMs === 0;
    if (dueInMs === 0 || taskWaits()) return { wait: null, messagesMay };
    return { wait: dueInMs === null ? 'idle' : { retryInMs: dueInMs }, messagesMay };
  }

  /** Nothing was claimed: the messages wait, and no attempt is counted. */
  function engineAway(error: unknown): RunResult {
    options.standstill.away(error);
    log.warn(
      { event: 'runtime_not_ready', fix: error instanceof NanoClawError ? error.fix : undefined },
      messageOf(error),
    );
    return { retryInMs: ENGINE_RETRY_MS };
  }
}
