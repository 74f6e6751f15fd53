/**
 * The container runner: claims a group's unanswered messages into a turn, has an agent run it, settles it.
 *
 *   claim (COMMIT queued) → launch an agent → stage the turn file → COMMIT running → show the file
 *   or, the agent being warm: claim and stage the turn file, COMMIT running → show the file
 *   → events arrive through ipc → turn_finished: reply into the outbox + dispositions, ONE transaction
 *   or: error, agent gone, no sign of life → COMMIT retried (messages wait again) or failed (the chat is told)
 *
 * Invariants: what a turn's fate depends on is in the database or the mailbox, never in this process's memory, so
 * a daemon that starts later goes on where this one ended; a turn ends once. It never reads a chat's policy and
 * never talks to Telegram.
 */
import { type ActiveTurn, createActiveTurns } from './container-runner/active-turns.ts';
import type { Agent } from './container-runner/agent.ts';
import { createAllowanceGate } from './container-runner/allowance-gate.ts';
import type { ContainerRunner, ContainerRunnerOptions } from './container-runner/contract.ts';
import { type Failure, failureOfExit } from './container-runner/failure.ts';
import { createHandOver } from './container-runner/hand-over.ts';
import { createLastWords } from './container-runner/last-words.ts';
import { createMcpGate } from './container-runner/mcp-gate.ts';
import { createNextTurn } from './container-runner/next-turn.ts';
import { createPool } from './container-runner/pool.ts';
import { createReconciler } from './container-runner/reconcile.ts';
import { recoverTurns } from './container-runner/recover.ts';
import { createSettlement } from './container-runner/settlement.ts';
import { createStandstill } from './container-runner/standstill.ts';
import { createStartGate } from './container-runner/start-gate.ts';
import { appendTurnLog } from './container-runner/turn-log.ts';
import type { Turn } from './db/turn-row.ts';
import { messageOf } from './errors.ts';
import type { RunResult } from './group-queue.ts';
import { sleep } from './lib/clock.ts';
import { runEach } from './lib/run-each.ts';
import { groupPaths } from './mailbox/layout.ts';
import { publishTurn, removeTurn } from './mailbox/write.ts';
import type { AgentEvent } from './protocol.ts';
import type { AgentExit } from './runtime/agent-runtime.ts';
import { type ChatJid, type Folder, iso, type TurnId } from './types.ts';

const CLOSE_IDLE_MS = 3000;
/** How often a gap in a turn's events is looked at again before it is accepted. */
const GAP_LOOKS = 5;
const MAX_LOGGED_EVENT = 2000;

export function createContainerRunner(options: ContainerRunnerOptions): ContainerRunner {
  const { db, clock, log, home, reach } = options;
  const adopted = new Map<ChatJid, Promise<RunResult>>();
  /** Claimed here, until it has ended. */
  const starting = new Set<TurnId>();
  /** How often in a row an earlier event of a turn was missing. */
  const gaps = new Map<TurnId, number>();
  let stopping = false;
  const mcp = createMcpGate(options);
  const settlement = createSettlement({ ...options, mcp });
  const startGate = createStartGate(clock, options.startsAtOnce);
  const pool = createPool({
    ...options,
    startGate,
    onStarted: (folder) => options.ipc().attach(folder),
    onExit: agentEnded,
    isStopping: () => stopping,
  });
  const lastWords = createLastWords({
    ...options,
    drain: (folder) => options.ipc().drain(folder),
    isStopping: () => stopping,
  });
  const active = createActiveTurns({
    ...options,
    pool,
    lastWords,
    isAwaiting: (id) => db.sqlite.open && db.asked.waits(id, iso(clock.now())),
    settle(entry) {
      void lastWords(entry.agent.folder, () => {
        if (active.get(entry.turn.id) === entry)
          end(entry.turn.id, settleEnding(entry, { code: 'crash', message: 'the agent is gone' }));
      });
    },
  });
  const standstill = createStandstill({
    ...options,
    chatsWithWork,
    probe: async () => {
      await options.runtime().prepare();
    },
  });
  const allowances = createAllowanceGate(options);
  const nextTurn = createNextTurn({
    ...options,
    allowances,
    mcp,
    pool,
    standstill,
    isAtWork: (id) => active.get(id) !== undefined || starting.has(id),
    giveBack,
    onClaimed: (id) => starting.add(id),
  });
  const handOver = createHandOver({
    ...options,
    mcp,
    pool,
    active,
    settlement,
    standstill,
    end,
    closeIdle: (folder) => closeIdle((each) => each === folder),
  });
  const reconciler = createReconciler({ ...options, pool, chatsWithWork });
  /** As we wanted it, or as its agent's exit tells. */
  const settleEnding = ({ turn, ending }: ActiveTurn, otherwise: Failure): RunResult =>
    ending === 'stop' ? settlement.stop(turn) : settlement.fail(turn, ending ?? otherwise);

  async function run(jid: ChatJid): Promise<RunResult> {
    const waiting = adopted.get(jid);
    if (waiting) {
      adopted.delete(jid);
      return waiting;
    }
    const next = await nextTurn(jid);
    if ('instead' in next) return next.instead;
    const { id } = next.claimed.turn;
    try {
      return await handOver(next);
    } finally {
      starting.delete(id);
    }
  }

  /** A turn that is open but that nobody runs was begun and not handed over: its messages wait again. */
  function giveBack(jid: ChatJid): void {
    for (const turn of db.turns.openOf(jid)) {
      end(turn.id, settlement.fail(turn, { code: 'restart', message: 'the turn could not be handed over' }));
    }
  }

  function stopTurn(jid: ChatJid, only?: TurnId): void {
    for (const turn of db.turns.openOf(jid)) {
      if (turn.stoppedBy === null || (only !== undefined && turn.id !== only)) continue;
      log.info({ event: 'turn_stopping', group: turn.folder, turn: turn.id });
      const entry = active.get(turn.id);
      if (entry) active.stop(entry);
      else end(turn.id, settlement.stop(turn)); // its agent is only being started
    }
  }

  function onEvent(folder: Folder, event: AgentEvent): boolean {
    const turn = db.turns.byId(event.turn);
    // An event of another group's turn, of one that ended or that was taken before: nothing to do.
    if (!turn || turn.folder !== folder || turn.state !== 'running' || event.n <= turn.lastEvent) return true;
    const looks = gaps.get(turn.id) ?? 0;
    if (event.n > turn.lastEvent + 1 && looks < GAP_LOOKS) {
      gaps.set(turn.id, looks + 1);
      return false;
    }
    gaps.delete(turn.id);
    const result = settlement.take(turn, event);
    db.afterCommit(() => taken(turn, event, result));
    return true;
  }

  function taken({ id, folder }: Turn, event: AgentEvent, result: RunResult | null): void {
    reach?.('event.taken');
    if (result) end(id, result);
    else active.signOfLife(id, event);
    // A hostile agent has a million numbers; the log of a turn stays short.
    if (event.type !== 'progress' && event.n <= MAX_LOGGED_EVENT)
      appendTurnLog(home, folder, id, clock.now(), event.type);
  }

  /** After the commit: cleans up behind a turn and lets the queue go on, whatever fails in between. */
  function end(id: TurnId, result: RunResult): void {
    const turn = db.turns.byId(id);
    const works: (() => void)[] = [() => reach?.('turn.settled')];
    if (turn) {
      const { folder: group, chatJid, state, attempt } = turn;
      works.push(
        // First: the reply may be marked as being sent already.
        () => options.wakeDelivery(chatJid),
        () => removeTurn(groupPaths(home, group), id),
        () => options.presence.ended(id),
        () => mcp.look(group),
        allowances.ended,
        () => turn.errorCode === 'allowance' && allowances.usedUp(group, clock.now()),
        () => turn.kind === 'task' && options.tasksChanged(chatJid),
        () => log.info({ event: 'turn_ended', group, turn: id, state, attempt }),
      );
    }
    gaps.delete(id);
    runEach(works, (error) =>
      log.error({ event: 'turn_end_failed', turn: id, err: error }, messageOf(error)),
    );
    const entry = active.remove(id);
    if (!entry) return;
    pool.release(entry.agent);
    // Nor may a warm one, which could go on asking the model.
    if (turn && allowances.isSpent(turn.folder, clock.now())) closeIdle((folder) => folder === turn.folder);
    entry.finished(result);
  }

  function agentEnded(agent: Agent, exit: AgentExit): void {
    options.ipc().detach(agent.folder);
    if (stopping || !db.sqlite.open) return;
    void lastWords(agent.folder, () => {
      for (const entry of active.all().filter((a) => a.agent === agent)) {
        end(entry.turn.id, settleEnding(entry, failureOfExit(exit, options.memoryMb)));
      }
    });
  }

  async function recover(): Promise<void> {
    await recoverTurns({
      db,
      log,
      home,
      runtime: options.runtime(),
      pool,
      now: () => iso(clock.now()),
      drain: (folder) => options.ipc().drain(folder),
      resume,
      stop: (turn) => stopTurn(turn.chatJid),
      reach,
      fail: (turn, failure) => end(turn.id, settlement.fail(turn, failure)),
    });
    if (!stopping) reconciler.start();
  }

  function chatsWithWork(): ChatJid[] {
    const waiting = db.taskRuns.chatsWithWaiting(iso(clock.now()));
    const left = db.turns.open().filter(({ id }) => !active.get(id) && !starting.has(id));
    const chats = [...db.messages.chatsWithOpen(), ...waiting, ...left.map((turn) => turn.chatJid)];
    return [...new Set([...adopted.keys(), ...chats])];
  }

  function resume(turn: Turn, agent: Agent): void {
    log.info({ event: 'turn_adopted', group: turn.folder, turn: turn.id, container: agent.container.name });
    const shown = options.presence.begin(turn);
    const waiting = new Promise<RunResult>((finished) => {
      active.add({ turn, agent, finished, shown });
    });
    adopted.set(turn.chatJid, waiting);
    publishTurn(groupPaths(home, turn.folder), turn.id);
    active.signOfLife(turn.id);
  }

  function closeIdle(isUnwanted: (folder: Folder) => boolean): void {
    for (const agent of pool.agents())
      if (agent.state === 'idle' && isUnwanted(agent.folder)) void pool.close(agent);
  }

  return {
    run,
    onEvent,
    onLostEvent(folder, turn, n) {
      const known = db.turns.byId(turn);
      if (known?.folder === folder) db.turns.takeEvent(known.id, n, '');
    },
    recover,
    chatsWithWork,
    stopTurn,
    away: standstill.away,
    back: standstill.back,
    closeUnwanted() {
      closeIdle((folder) => db.groups.byFolder(folder) === null);
      void pool.closeOutdated();
    },
    rest(folder) {
      closeIdle((each) => each === folder);
      return !pool.agents().some((agent) => agent.folder === folder);
    },
    status: () => ({
      agents: pool.agents().map((a) => ({ group: a.folder, container: a.container.name, state: a.state })),
      turns: active.all().length,
    }),
    activityOf: (turn) => active.get(turn)?.activity ?? null,
    async stop() {
      stopping = true;
      startGate.stop();
      reconciler.stop();
      standstill.stop();
      for (const { turn } of active.all()) active.remove(turn.id);
      const idle = pool.agents().filter((a) => a.state !== 'busy');
      const waited = new AbortController();
      // What a slow engine has not removed by then is the next daemon's warm agent.
      await Promise.race([
        Promise.all(idle.map((a) => pool.close(a))),
        sleep(clock, CLOSE_IDLE_MS, waited.signal),
      ]);
      waited.abort();
    },
  };
}
