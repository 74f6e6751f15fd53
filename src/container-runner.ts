/**
 * The container runner: claims a group's unanswered messages into a turn, has an agent run it, settles it.
 *
 *   claim (COMMIT queued) → agent warm or launched → stage the turn file → COMMIT running → show the file
 *   → events arrive through ipc → turn_finished: reply into the outbox + dispositions, ONE transaction
 *   or: error, agent gone, no sign of life → COMMIT retried (messages wait again) or failed (the chat is told)
 *
 * Invariants: what a turn's fate depends on is in the database or the mailbox, never in this process's memory, so
 * a daemon that starts later goes on where this one ended; a turn ends once. It never reads a chat's policy and
 * never talks to Telegram.
 */
import { randomUUID } from 'node:crypto';
import { pickBatch } from './container-runner/batch.ts';
import { type Failure, type FailureCode, retryDelay, sentenceFor } from './container-runner/failure.ts';
import { type Agent, createPool, type PoolOptions } from './container-runner/pool.ts';
import { appendTurnLog } from './container-runner/turn-log.ts';
import type { Turn } from './db/turns.ts';
import { messageOf, NanoClawError } from './errors.ts';
import type { RunResult } from './group-queue.ts';
import type { Ipc } from './ipc.ts';
import type { Timer } from './lib/clock.ts';
import { groupPaths } from './mailbox/layout.ts';
import { publishTurn, removeTurn, stageTurn, turnFileExists } from './mailbox/write.ts';
import { renderPrompt } from './prompt.ts';
import {
  type AgentEvent,
  EXIT_WORKSPACE_UNWRITABLE,
  PROTOCOL_VERSION,
  type TurnFile,
  type Usage,
} from './protocol.ts';
import type { Router } from './router.ts';
import type { AgentExit } from './runtime/agent-runtime.ts';
import { type ChatJid, type Folder, type Group, iso, type TurnId, turnId } from './types.ts';

export interface ContainerRunnerOptions extends Omit<PoolOptions, 'onStarted' | 'onExit'> {
  assistantName: string;
  /** How long a turn may show no sign of life. */
  timeoutMs: number;
  memoryMb: number;
  record: Router['record'];
  wakeDelivery: (jid: ChatJid) => void;
  /** Shows "typing" in the chat until the returned function is called. */
  typing: (jid: ChatJid, threadId: number | null) => () => void;
  /** Called before each turn, so that the snapshots in the mailbox are fresh. */
  writeSnapshots: (group: Group) => void;
  /** Late, because ipc needs the runner, too. */
  ipc: () => Pick<Ipc, 'attach' | 'detach' | 'drain'>;
}

export interface ContainerRunner {
  /** The queue's run: one turn of this chat, or nothing when nothing waits. */
  run(jid: ChatJid): Promise<RunResult>;
  /** An event from the mailbox. False: an earlier one is missing, look again. */
  onEvent(folder: Folder, event: AgentEvent): boolean;
  onLostEvent(folder: Folder, turn: string, n: number): void;
  /** At start, before the queue runs: takes over agents that still work and settles what others left. */
  recover(): Promise<ChatJid[]>;
  status(): { agents: { group: string; container: string; state: string }[]; turns: number };
  /** Idle agents go; busy ones go on and are adopted by the next daemon. */
  stop(): Promise<void>;
}

/** A turn that runs now, in this process's eyes. */
interface Active {
  turn: Turn;
  agent: Agent;
  finished: (result: RunResult) => void;
  lifeTimer?: Timer;
  stopTyping: () => void;
  missing: number;
}

const ENGINE_RETRY_MS = 5000;
/** How often a gap in a turn's events is looked at again before it is accepted. */
const GAP_LOOKS = 5;

export function createContainerRunner(options: ContainerRunnerOptions): ContainerRunner {
  const { db, clock, log, home } = options;
  const active = new Map<TurnId, Active>();
  const adopted = new Map<ChatJid, Promise<RunResult>>();
  let stopping = false;
  const now = () => iso(clock.now());
  const pool = createPool({
    ...options,
    onStarted: (folder) => options.ipc().attach(folder),
    onExit: agentEnded,
  });

  async function run(jid: ChatJid): Promise<RunResult> {
    const waiting = adopted.get(jid);
    if (waiting) {
      adopted.delete(jid);
      return waiting;
    }
    const group = db.groups.byJid(jid);
    if (!group) {
      db.messages.disposeOpen(jid, 'unregistered', 'the chat is not registered');
      return 'idle';
    }
    if (db.messages.firstOpen(jid) === null) return 'idle';
    try {
      if (!pool.isWarm(group.folder)) await options.runtime().prepare();
    } catch (error) {
      return engineAway(error);
    }
    const claimed = claim(group);
    if (!claimed) return 'idle';
    return start(group, claimed.turn, claimed.file);
  }

  /** Nothing was claimed: the messages wait, and no attempt is counted. */
  function engineAway(error: unknown): RunResult {
    log.warn(
      { event: 'runtime_not_ready', fix: error instanceof NanoClawError ? error.fix : undefined },
      messageOf(error),
    );
    return { retryInMs: ENGINE_RETRY_MS };
  }

  function claim(group: Group): { turn: Turn; file: Omit<TurnFile, 'container'> } | null {
    return db.transaction(() => {
      const timezone = options.timezoneOf(group);
      const batch = pickBatch(db.messages, group.chatJid, timezone);
      if (!batch) return null;
      const id = turnId(randomUUID());
      const attempt = nextAttempt(group.chatJid);
      db.turns.claim({
        id,
        chatJid: group.chatJid,
        folder: group.folder,
        threadId: batch.threadId,
        kind: 'messages',
        attempt,
        at: now(),
        fromSeq: batch.fromSeq,
        toSeq: batch.toSeq,
        omitted: batch.omitted,
        messages: batch.messages.map((m) => m.seq),
      });
      const turn = db.turns.byId(id);
      if (!turn) return null;
      const prompt = renderPrompt({
        groupName: group.name,
        timezone,
        nowMs: clock.now(),
        messages: batch.messages,
        omitted: batch.omitted,
        attempt,
      });
      const file = {
        protocol: PROTOCOL_VERSION as typeof PROTOCOL_VERSION,
        id,
        kind: 'messages' as const,
        attempt,
        chat_jid: group.chatJid,
        thread_id: batch.threadId,
        group_name: group.name,
        is_main: group.isMain,
        assistant_name: options.assistantName,
        timezone,
        session_id: db.agents.session(group.folder, null),
        prompt,
        requests: batch.messages.flatMap((m) => (m.forNina ? [m.request ?? m.content] : [])),
      };
      return { turn, file };
    });
  }

  function nextAttempt(jid: ChatJid): number {
    const last = db.turns.latest(jid, 5).find((t) => t.kind === 'messages');
    if (last?.state !== 'retried') return 1;
    return last.errorCode === 'restart' ? last.attempt : last.attempt + 1;
  }

  async function start(group: Group, turn: Turn, file: Omit<TurnFile, 'container'>): Promise<RunResult> {
    const paths = groupPaths(home, group.folder);
    // From here on somebody works on the answer, and the chat may see it.
    const stopTyping = options.typing(group.chatJid, turn.threadId);
    let agent: Agent;
    try {
      agent = await pool.acquire(group);
    } catch (error) {
      stopTyping();
      const failure: Failure = { code: 'engine', message: messageOf(error) };
      return fail(turn, failure);
    }
    if (agent.state !== 'busy') {
      stopTyping();
      return fail(turn, { code: 'crash', message: 'the agent ended before its turn began' });
    }
    return new Promise((finished) => {
      active.set(turn.id, { turn, agent, finished, stopTyping, missing: 0 });
      try {
        options.writeSnapshots(group);
        stageTurn(paths, { ...file, container: agent.container.name });
        db.turns.markRunning(turn.id, agent.container.name, now());
        publishTurn(paths, turn.id);
        signOfLife(turn.id);
        appendTurnLog(
          home,
          group.folder,
          turn.id,
          clock.now(),
          `started in ${agent.container.name}, attempt ${turn.attempt}`,
        );
      } catch (error) {
        end(
          turn.id,
          fail(turn, { code: 'agent', message: `the turn could not be handed over: ${messageOf(error)}` }),
        );
      }
    });
  }

  function signOfLife(id: TurnId): void {
    const entry = active.get(id);
    if (!entry) return;
    entry.lifeTimer?.cancel();
    entry.lifeTimer = clock.after(options.timeoutMs, () => void timedOut(id));
  }

  async function timedOut(id: TurnId): Promise<void> {
    const entry = active.get(id);
    if (!entry) return;
    const seconds = Math.round(options.timeoutMs / 1000);
    await pool.close(entry.agent);
    options.ipc().drain(entry.turn.folder); // it may have ended in the last moment
    end(
      id,
      fail(entry.turn, { code: 'timeout', message: `no sign of life for ${seconds} s (CONTAINER_TIMEOUT)` }),
    );
  }

  function onEvent(folder: Folder, event: AgentEvent): boolean {
    const turn = db.turns.byId(event.turn);
    // An event of another group's turn, of one that ended or that was taken before: nothing to do.
    if (!turn || turn.folder !== folder || turn.state !== 'running' || event.n <= turn.lastEvent) return true;
    const entry = active.get(turn.id);
    if (event.n > turn.lastEvent + 1 && entry && entry.missing < GAP_LOOKS) {
      entry.missing += 1;
      return false;
    }
    if (entry) entry.missing = 0;
    const result = db.transaction(() => take(turn, event));
    if (event.type !== 'progress') appendTurnLog(home, folder, turn.id, clock.now(), event.type);
    if (result) end(turn.id, result);
    else signOfLife(turn.id);
    return true;
  }

  /** In a transaction. Returns what the queue should do when the turn is over, else null. */
  function take(turn: Turn, event: AgentEvent): RunResult | null {
    const added = event.type === 'text' ? (turn.reply === '' ? event.text : `\n\n${event.text}`) : '';
    if (!db.turns.takeEvent(turn.id, event.n, added)) return null;
    if (event.type === 'session') {
      db.agents.setSession(turn.folder, null, event.session_id, now());
      if (event.fresh)
        log.warn(
          { event: 'session_replaced', group: turn.folder, turn: turn.id },
          'the session was gone; a fresh one was begun',
        );
    }
    if (event.type !== 'turn_finished') return null;
    const usage = event.usage ?? null;
    if (event.status === 'ok') return succeed(turn, usage);
    if (event.status === 'interrupted') return settle(turn, 'stopped', 'stopped', null, usage);
    return fail(
      turn,
      { code: event.error?.code ?? 'agent', message: event.error?.message ?? 'no reason given' },
      usage,
    );
  }

  function succeed(turn: Turn, usage: Usage | null): RunResult {
    const reply = db.turns.byId(turn.id)?.reply ?? '';
    const replyTo =
      turn.toSeq !== null && db.messages.hasNewer(turn.chatJid, turn.toSeq)
        ? db.turns.triggerMessageId(turn.id)
        : null;
    options.record({ chatJid: turn.chatJid, threadId: turn.threadId, turnId: turn.id, replyTo, text: reply });
    return settle(turn, 'done', 'answered', null, usage);
  }

  function settle(
    turn: Turn,
    state: 'done' | 'failed' | 'stopped',
    disposition: 'answered' | 'failed' | 'stopped',
    failure: Failure | null,
    usage: Usage | null,
  ): RunResult {
    db.transaction(() => {
      if (!db.turns.finish(turn.id, state, now(), failure, usage)) return;
      db.turns.settleMessages(turn, disposition, failure?.code ?? null);
    });
    return 'again';
  }

  /** Ends an attempt that did not work: the messages wait for the next one, or the chat is told. */
  function fail(turn: Turn, failure: Failure, usage: Usage | null = null): RunResult {
    const delay = retryDelay(failure.code, turn.attempt);
    const details = {
      event: 'turn_failed',
      group: turn.folder,
      turn: turn.id,
      attempt: turn.attempt,
      code: failure.code,
      retryInMs: delay,
    };
    log[delay === null ? 'error' : 'warn'](details, failure.message);
    appendTurnLog(home, turn.folder, turn.id, clock.now(), `failed: ${failure.code}: ${failure.message}`);
    return db.transaction((): RunResult => {
      if (failure.code === 'stale_session') db.agents.dropSession(turn.folder, null);
      if (delay === null) {
        options.record({
          chatJid: turn.chatJid,
          threadId: turn.threadId,
          turnId: turn.id,
          replyTo: db.turns.triggerMessageId(turn.id),
          text: sentenceFor(failure.code, options),
        });
        return settle(turn, 'failed', 'failed', failure, usage);
      }
      if (db.turns.finish(turn.id, 'retried', now(), failure, usage)) db.turns.releaseMessages(turn);
      return delay === 0 ? 'again' : { retryInMs: delay };
    });
  }

  /** After the commit: cleans up behind a turn and lets the queue go on. */
  function end(id: TurnId, result: RunResult): void {
    const turn = db.turns.byId(id);
    if (turn) {
      removeTurn(groupPaths(home, turn.folder), id);
      options.wakeDelivery(turn.chatJid);
      log.info({
        event: 'turn_ended',
        group: turn.folder,
        turn: id,
        state: turn.state,
        attempt: turn.attempt,
      });
    }
    const entry = active.get(id);
    if (!entry) return;
    active.delete(id);
    entry.lifeTimer?.cancel();
    entry.stopTyping();
    pool.release(entry.agent);
    entry.finished(result);
  }

  function agentEnded(agent: Agent, exit: AgentExit): void {
    options.ipc().detach(agent.folder);
    if (stopping || !db.sqlite.open) return;
    try {
      options.ipc().drain(agent.folder); // what it still said counts
    } catch (error) {
      log.error({ event: 'ipc_failed', group: agent.folder, err: error }, messageOf(error));
    }
    for (const { turn } of [...active.values()].filter((a) => a.agent === agent))
      end(turn.id, fail(turn, exitFailure(exit)));
  }

  async function recover(): Promise<ChatJid[]> {
    const runtime = options.runtime();
    const known = new Map((await runtime.list()).map((c) => [c.name, c]));
    for (const name of db.agents.liveContainers())
      if (!known.has(name)) db.agents.containerEnded(name, now());
    const folders = new Set([
      ...db.turns.open().map((t) => t.folder),
      ...[...known.values()].map((c) => c.folder),
    ]);
    for (const folder of folders) options.ipc().drain(folder);
    for (const turn of db.turns.open()) {
      const container = turn.containerName === null ? undefined : known.get(turn.containerName);
      if (turn.state === 'queued') {
        fail(turn, { code: 'restart', message: 'the daemon ended before the turn began' });
      } else if (container && turnFileExists(groupPaths(home, turn.folder), turn.id)) {
        known.delete(container.name);
        resume(turn, pool.adopt(container, 'busy'));
      } else {
        end(turn.id, fail(turn, lostFailure(turn)));
      }
    }
    for (const container of known.values()) await adoptIdle(container);
    return [...new Set([...adopted.keys(), ...db.messages.chatsWithOpen()])];
  }

  /** In the `process` runtime agents end with the daemon: nobody's fault. A container that is gone has crashed. */
  const lostFailure = (turn: Turn): Failure =>
    options.runtime().name === 'process'
      ? { code: 'restart', message: 'the daemon ended and its agent with it' }
      : {
          code: 'crash',
          message: `the container ${turn.containerName ?? ''} was gone when the daemon came back`,
        };

  function resume(turn: Turn, agent: Agent): void {
    log.info({ event: 'turn_adopted', group: turn.folder, turn: turn.id, container: agent.container.name });
    const stopTyping = options.typing(turn.chatJid, turn.threadId);
    const waiting = new Promise<RunResult>((finished) => {
      active.set(turn.id, { turn, agent, finished, stopTyping, missing: 0 });
    });
    adopted.set(turn.chatJid, waiting);
    publishTurn(groupPaths(home, turn.folder), turn.id);
    signOfLife(turn.id);
  }

  async function adoptIdle(
    container: Awaited<ReturnType<ReturnType<PoolOptions['runtime']>['list']>>[number],
  ): Promise<void> {
    const wanted =
      db.groups.byFolder(container.folder) !== null && db.agents.liveContainers().includes(container.name);
    if (
      wanted &&
      pool.agents().length < options.cap &&
      !pool.agents().some((a) => a.folder === container.folder)
    ) {
      pool.adopt(container, 'idle');
      return;
    }
    log.info({ event: 'orphan_removed', container: container.name, group: container.folder });
    await container
      .remove()
      .catch((error: unknown) =>
        log.warn({ event: 'agent_remove_failed', container: container.name }, messageOf(error)),
      );
    db.agents.containerEnded(container.name, now());
  }

  return {
    run,
    onEvent,
    onLostEvent(folder, turn, n) {
      const known = db.turns.byId(turn);
      if (known?.folder === folder) db.turns.takeEvent(known.id, n, '');
    },
    recover,
    status: () => ({
      agents: pool.agents().map((a) => ({ group: a.folder, container: a.container.name, state: a.state })),
      turns: active.size,
    }),
    async stop() {
      stopping = true;
      for (const { lifeTimer, stopTyping } of active.values()) {
        lifeTimer?.cancel();
        stopTyping();
      }
      await Promise.all(
        pool
          .agents()
          .filter((a) => a.state !== 'busy')
          .map((a) => pool.close(a)),
      );
    },
  };
}

function exitFailure(exit: AgentExit): Failure {
  const output = exit.lastOutput.trim().slice(-1000);
  if (exit.oomKilled)
    return {
      code: 'out_of_memory',
      message: 'the agent was killed because it used more memory than CONTAINER_MEMORY_MB',
    };
  const code: FailureCode = exit.code === EXIT_WORKSPACE_UNWRITABLE ? 'workspace' : 'crash';
  return {
    code,
    message: `the agent ended with code ${exit.code ?? 'unknown'}${output === '' ? '' : `: ${output}`}`,
  };
}
