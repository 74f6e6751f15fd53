/**
 * How a turn ends, in the database. Every function is one transaction: the turn's state, the dispositions of its
 * messages and what the chat is told become true together or not at all. A turn that has ended stays as it is.
 */

import { sayAgain, turnWaitsNoMore } from '../asked.ts';
import type { Turn } from '../db/turn-row.ts';
import type { Db } from '../db.ts';
import type { RunResult } from '../group-queue.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../log.ts';
import type { ProblemKind, Problems } from '../problems.ts';
import { type AgentEvent, SILENT_ACTIVITIES, type Usage } from '../protocol.ts';
import type { Router } from '../router.ts';
import { type ChatJid, type Group, iso, type ProviderName } from '../types.ts';
import type { Words } from '../words.ts';
import { type Failure, HANDLING, type Next, nextStep, noticeFor, sentenceFor } from './failure.ts';
import type { McpGate } from './mcp-gate.ts';
import { taskEnded, taskFailed, taskNextStep, taskOf, taskRunAgain } from './task-outcome.ts';
import { appendTurnLog } from './turn-log.ts';

export interface SettlementOptions {
  db: Db;
  clock: Clock;
  log: Logger;
  home: string;
  assistantName: string;
  record: Router['record'];
  wakeDelivery: (jid: ChatJid) => void;
  /** In the caller's transaction: what was recorded is being sent behind the commit, if it can be. */
  beginDelivery: (jid: ChatJid) => void;
  /** Named to the chat when they were hit. */
  timeoutMs: number;
  memoryMb: number;
  timezoneOf: (group: Group) => string;
  /** Something that only the operator can put right was met, or was not met any more. In the caller's transaction. */
  problems: Pick<Problems, 'report' | 'solved'>;
  mcp: Pick<McpGate, 'report'>;
  /** The subject of a problem with this provider: empty for the one that the settings name. */
  aboutProvider: (provider: ProviderName | null) => string;
}

export interface Settlement {
  /** Takes one event of a running turn. Returns what the queue should do when that ended the turn, else null. */
  take(turn: Turn, event: AgentEvent): RunResult | null;
  /** Ends an attempt that did not work: the messages wait for the next one, or the chat is told. */
  fail(turn: Turn, failure: Failure): RunResult;
  /** Somebody wanted it to end. */
  stop(turn: Turn): RunResult;
}

/** Problems of one group, not of all. */
const GROUPS_OWN: ReadonlySet<ProblemKind> = new Set<ProblemKind>(['workspace', 'network']);

/** About a hundred messages. What an agent writes beyond that would keep the chat busy for minutes. */
export const MAX_REPLY_LENGTH = 400_000;

/** What a part adds to the reply so far; cut once, where the reply gets too long. */
function addition(reply: string, text: string, words: () => Words): string {
  if (reply.length > MAX_REPLY_LENGTH) return '';
  const added = reply === '' ? text : `\n\n${text}`;
  const room = MAX_REPLY_LENGTH - reply.length;
  return added.length <= room
    ? added
    : `${added.slice(0, room).toWellFormed()}\n\n${words().cut(MAX_REPLY_LENGTH)}`;
}

/** Whether a script was all, or said that there is nothing to do: then the model was not asked. */
type Woken = Pick<Extract<AgentEvent, { type: 'turn_finished' }>, 'gated' | 'scripted'>;

/** The model has said or done something. */
const isOutput = (event: AgentEvent): boolean =>
  event.type === 'text' || (event.type === 'progress' && !SILENT_ACTIVITIES.has(event.activity));

export function createSettlement(options: SettlementOptions): Settlement {
  const { db, clock, log, home } = options;
  const now = () => iso(clock.now());
  const wordsOf = ({ chatJid }: Turn): Words => db.languages.wordsFor(chatJid);

  function take(turn: Turn, event: AgentEvent): RunResult | null {
    return db.transaction(() => {
      const added = event.type === 'text' ? addition(turn.reply, event.text, () => wordsOf(turn)) : '';
      if (!db.turns.takeEvent(turn.id, event.n, added, { at: now(), isOutput: isOutput(event) })) return null;
      if (event.type === 'session') noteSession(turn, event.session_id, event.fresh);
      if (event.type !== 'turn_finished') return null;
      if (event.context) db.sessions.noteTurn(turn.folder, turn.conversation, event.context, now());
      const usage = event.usage ?? null;
      if (event.mcp) options.mcp.report(turn, event.mcp);
      if (event.status === 'ok' && lacksWords(turn, event.words))
        return fail(
          turn,
          { code: 'crash', message: 'the end of the turn is there, not all of its words' },
          usage,
        );
      if (event.status === 'ok') return succeed(turn, usage, event);
      if (event.status === 'interrupted') return stop(turn, usage);
      const { code = 'agent', message = 'no reason given', resets_at: at } = event.error ?? {};
      return fail(turn, { code, message, resetsAt: at === undefined ? undefined : Date.parse(at) }, usage);
    });
  }

  /** A power cut can leave an end without the words before it: nobody waits for those to be on the disk. */
  function lacksWords({ id }: Turn, words = 0): boolean {
    return words > 0 && (db.turns.byId(id)?.reply.length ?? 0) < Math.min(words, MAX_REPLY_LENGTH);
  }

  function noteSession(turn: Turn, sessionId: string, fresh: boolean): void {
    if (taskOf(db, turn)?.task.contextMode === 'isolated') return; // its conversation ends with it
    db.sessions.set(turn.folder, turn.conversation, sessionId, now(), turn.provider);
    if (!fresh) return;
    const details = { event: 'session_replaced', group: turn.folder, turn: turn.id };
    log.warn(details, 'the session was gone; a fresh one was begun');
    tell(turn, wordsOf(turn).freshSession);
  }

  function succeed(turn: Turn, usage: Usage | null, { gated, scripted }: Woken): RunResult {
    const { chatJid, threadId, id, toSeq } = turn;
    const text = db.turns.byId(id)?.reply ?? '';
    const others = toSeq !== null && db.messages.hasNewer(chatJid, threadId, toSeq);
    const replyTo = others ? db.turns.triggerMessageId(id) : null;
    const parts = options.record({ chatJid, threadId, turnId: id, replyTo, text, markdown: true });
    if (parts > 0) options.beginDelivery(chatJid);
    taskEnded(outcomes(), turn, gated ? 'gated' : parts === 0 ? 'quiet' : 'ok', usage);
    if (!gated && !scripted) {
      options.problems.solved('credential', options.aboutProvider(turn.provider));
      options.problems.solved('quota', options.aboutProvider(turn.provider));
    }
    options.problems.solved('workspace', turn.folder);
    options.problems.solved('network', turn.folder);
    return finish(turn, 'done', null, usage);
  }

  function stop(turn: Turn, usage: Usage | null): RunResult {
    taskEnded(outcomes(), turn, 'stopped', usage);
    return finish(turn, 'stopped', null, usage);
  }

  /** It may have been read before: since then somebody may want it to stop, or its chat have another id. */
  const asItIs = (turn: Turn): Turn => db.turns.byId(turn.id) ?? turn;

  const outcomes = () => ({ db, record: options.record, nowMs: clock.now() });

  function finish(
    turn: Turn,
    state: 'done' | 'failed' | 'stopped',
    failure: Failure | null,
    usage: Usage | null,
  ): RunResult {
    if (db.turns.finish(turn.id, state, now(), failure, usage)) {
      turnWaitsNoMore(db, turn.id);
      const reason = state === 'stopped' ? asItIs(turn).stoppedBy : (failure?.code ?? null);
      db.turns.settleMessages(turn, state === 'done' ? 'answered' : state, reason);
    }
    return 'again';
  }

  function fail(known: Turn, failure: Failure, usage: Usage | null = null): RunResult {
    const turn = asItIs(known);
    // Whatever has become of it: nobody wants it to be tried again.
    if (turn.stoppedBy !== null) return db.transaction(() => stop(turn, usage));
    const isTask = turn.kind === 'task';
    const nowMs = clock.now();
    const attempt = { attempt: turn.attempt, resumed: mayLeave(turn), nowMs };
    const next = isTask ? taskNextStep(db, turn, failure, attempt) : nextStep(failure, attempt);
    const { retryInMs } = next;
    const { id, folder } = turn;
    const details = { event: 'turn_failed', group: folder, turn: id, attempt: turn.attempt };
    const level = retryInMs === null ? 'error' : 'warn';
    log[level]({ ...details, code: failure.code, retryInMs }, failure.message);
    appendTurnLog(home, folder, id, nowMs, `failed: ${failure.code}: ${failure.message}`);
    return db.transaction((): RunResult => {
      leaveSession(turn, failure);
      const { problem } = HANDLING[failure.code];
      if (problem) options.problems.report(problem, failure.message, subjectOf(problem, turn));
      if (retryInMs === null) return failForGood(turn, failure, usage);
      const retryAt = retryInMs === 0 ? null : iso(nowMs + retryInMs);
      if (!db.turns.finish(id, 'retried', now(), failure, usage, retryAt)) return 'again';
      turnWaitsNoMore(db, turn.id);
      if (!isTask) sayAgain(db, id, options.assistantName, now());
      db.turns.releaseMessages(turn);
      taskRunAgain(outcomes(), turn, failure, retryInMs);
      announce(turn, failure, next);
      // What else waits in the chat, in another topic or as a task, need not wait with it: the next run sees what is due.
      return 'again';
    });
  }

  function subjectOf(problem: ProblemKind, { folder, provider }: Turn): string {
    if (GROUPS_OWN.has(problem)) return folder;
    return problem === 'credential' || problem === 'quota' ? options.aboutProvider(provider) : '';
  }

  /** What could not be resumed, or is too long, is not resumed again. An isolated task never was in the conversation. */
  function leaveSession(turn: Turn, { code }: Failure): void {
    if (!HANDLING[code].freshSession || taskOf(db, turn)?.task.contextMode === 'isolated') return;
    db.sessions.drop(turn.folder, turn.conversation);
  }

  /** It was in a conversation that can be left for a fresh one: not one that this turn, or an earlier attempt, has begun itself. */
  function mayLeave({ id, folder, conversation, sessionId }: Turn): boolean {
    if (sessionId === null || db.sessions.wasLeftFor(id)) return false;
    const now = db.sessions.of(folder, conversation);
    return now === null || now.sessionId === sessionId;
  }

  function announce(turn: Turn, failure: Failure, next: Next): void {
    const group = db.groups.byJid(turn.chatJid);
    if (!group) return;
    const at = { nowMs: clock.now(), timezone: options.timezoneOf(group) };
    const notice = noticeFor(failure, next, at, wordsOf(turn));
    if (notice !== null) tell(turn, notice);
  }

  /** Whoever ends the turn, or takes its event, wakes the delivery. */
  function tell({ chatJid, threadId, id }: Turn, text: string): void {
    options.record({ chatJid, threadId, turnId: id, replyTo: null, text });
    queueMicrotask(() => options.wakeDelivery(chatJid));
  }

  function failForGood(turn: Turn, failure: Failure, usage: Usage | null): RunResult {
    const { id, chatJid, threadId } = turn;
    if (turn.kind === 'task') {
      const sentence = (words: Words) => sentenceFor(failure.code, options, words);
      const told = taskFailed(outcomes(), turn, failure, sentence, usage);
      // Whoever ends the turn wakes its own chat; this one is main's. Not before the commit, which is not awaited here.
      if (told !== null) queueMicrotask(() => options.wakeDelivery(told));
    } else
      options.record({
        chatJid,
        threadId,
        turnId: id,
        replyTo: db.turns.triggerMessageId(id),
        text: sentenceFor(failure.code, options, wordsOf(turn)),
      });
    return finish(turn, 'failed', failure, usage);
  }

  return { take, fail, stop: (turn) => db.transaction(() => stop(asItIs(turn), null)) };
}
