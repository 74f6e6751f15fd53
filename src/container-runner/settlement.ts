/**
 * How a turn ends, in the database. Every function is one transaction: the turn's state, the dispositions of its
 * messages and what the chat is told become true together or not at all. A turn that has ended stays as it is.
 */

import type { Turn } from '../db/turns.ts';
import type { Db } from '../db.ts';
import type { RunResult } from '../group-queue.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../log.ts';
import type { AgentEvent, Usage } from '../protocol.ts';
import type { Router } from '../router.ts';
import { iso } from '../types.ts';
import { type Failure, retryDelay, sentenceFor } from './failure.ts';
import { appendTurnLog } from './turn-log.ts';

export interface SettlementOptions {
  db: Db;
  clock: Clock;
  log: Logger;
  home: string;
  record: Router['record'];
  /** Named to the chat when they were hit. */
  timeoutMs: number;
  memoryMb: number;
}

export interface Settlement {
  /** Takes one event of a running turn. Returns what the queue should do when that ended the turn, else null. */
  take(turn: Turn, event: AgentEvent): RunResult | null;
  /** Ends an attempt that did not work: the messages wait for the next one, or the chat is told. */
  fail(turn: Turn, failure: Failure): RunResult;
}

export function createSettlement(options: SettlementOptions): Settlement {
  const { db, clock, log, home } = options;
  const now = () => iso(clock.now());

  function take(turn: Turn, event: AgentEvent): RunResult | null {
    return db.transaction(() => {
      const added = event.type === 'text' ? (turn.reply === '' ? event.text : `\n\n${event.text}`) : '';
      if (!db.turns.takeEvent(turn.id, event.n, added)) return null;
      if (event.type === 'session') noteSession(turn, event.session_id, event.fresh);
      if (event.type !== 'turn_finished') return null;
      const usage = event.usage ?? null;
      if (event.status === 'ok') return succeed(turn, usage);
      if (event.status === 'interrupted') return finish(turn, 'stopped', null, usage);
      const failure = {
        code: event.error?.code ?? 'agent',
        message: event.error?.message ?? 'no reason given',
      };
      return fail(turn, failure, usage);
    });
  }

  function noteSession(turn: Turn, sessionId: string, fresh: boolean): void {
    db.agents.setSession(turn.folder, null, sessionId, now());
    if (!fresh) return;
    const details = { event: 'session_replaced', group: turn.folder, turn: turn.id };
    log.warn(details, 'the session was gone; a fresh one was begun');
  }

  function succeed(turn: Turn, usage: Usage | null): RunResult {
    const { chatJid, threadId, id, toSeq } = turn;
    const others = toSeq !== null && db.messages.hasNewer(chatJid, toSeq);
    options.record({
      chatJid,
      threadId,
      turnId: id,
      replyTo: others ? db.turns.triggerMessageId(id) : null,
      text: db.turns.byId(id)?.reply ?? '',
    });
    return finish(turn, 'done', null, usage);
  }

  function finish(
    turn: Turn,
    state: 'done' | 'failed' | 'stopped',
    failure: Failure | null,
    usage: Usage | null,
  ): RunResult {
    if (db.turns.finish(turn.id, state, now(), failure, usage)) {
      db.turns.settleMessages(turn, state === 'done' ? 'answered' : state, failure?.code ?? null);
    }
    return 'again';
  }

  function fail(turn: Turn, failure: Failure, usage: Usage | null = null): RunResult {
    const retryInMs = retryDelay(failure.code, turn.attempt);
    const { id, folder, attempt, chatJid, threadId } = turn;
    const details = { event: 'turn_failed', group: folder, turn: id, attempt, code: failure.code, retryInMs };
    log[retryInMs === null ? 'error' : 'warn'](details, failure.message);
    appendTurnLog(home, folder, id, clock.now(), `failed: ${failure.code}: ${failure.message}`);
    return db.transaction((): RunResult => {
      if (failure.code === 'stale_session') db.agents.dropSession(folder, null);
      if (retryInMs === null) {
        const replyTo = db.turns.triggerMessageId(id);
        options.record({ chatJid, threadId, turnId: id, replyTo, text: sentenceFor(failure.code, options) });
        return finish(turn, 'failed', failure, usage);
      }
      if (db.turns.finish(id, 'retried', now(), failure, usage)) db.turns.releaseMessages(turn);
      return retryInMs === 0 ? 'again' : { retryInMs };
    });
  }

  return { take, fail };
}
