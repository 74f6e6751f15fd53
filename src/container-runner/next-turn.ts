/**
 * What may this chat's next turn be, if any? In the order of asking: is it registered, does something wait, does each topic wait
 * for another attempt, for the group's hour's limit, for an allowance or for its files, is there a model for it, can agents run at
 * all; then the claim.
 * Nothing is counted before it.
 */
import type { TaskRun } from '../db/task-runs.ts';
import type { Turn } from '../db/turn-row.ts';
import { messageOf, NanoClawError } from '../errors.ts';
import type { RunResult } from '../group-queue.ts';
import { groupPaths } from '../mailbox/layout.ts';
import { removeTurn } from '../mailbox/write.ts';
import { refuseUnenforced } from '../policy/network.ts';
import { type ChatJid, type Group, iso, type TurnId } from '../types.ts';
import { REASONS } from '../words.ts';
import type { Agent } from './agent.ts';
import type { AllowanceGate } from './allowance-gate.ts';
import { type Claimed, claimNext } from './claim.ts';
import type { ContainerRunnerOptions } from './contract.ts';
import type { Left } from './conversation.ts';
import { createLacking } from './lacking.ts';
import type { McpGate } from './mcp-gate.ts';
import type { Pool } from './pool.ts';
import { stageFor } from './stage.ts';
import type { Standstill } from './standstill.ts';
import { createTurnLimit } from './turn-limit.ts';
import { type WaitingTopic, waitingTopics } from './waiting-topics.ts';

export const ENGINE_RETRY_MS = 5000;

export interface NextTurnOptions extends ContainerRunnerOptions {
  allowances: AllowanceGate;
  mcp: McpGate;
  pool: Pick<Pool, 'acquireWarm' | 'release'>;
  standstill: Pick<Standstill, 'away'>;
  /** Somebody in this process works on the turn. */
  isAtWork: (id: TurnId) => boolean;
  /** Turns of the chat that nobody works on are given back before anything new is claimed. */
  giveBack: (jid: ChatJid) => void;
  /** In the moment of the claim. */
  onClaimed: (id: TurnId) => void;
}

/** A turn that was claimed; `running` and staged for this agent already, or `queued` where there is none yet. */
export interface Claim {
  group: Group;
  claimed: Claimed;
  agent: Agent | null;
}

/** A claim, or what the queue should do instead. */
export type Next = Claim | { instead: RunResult };

export function createNextTurn(options: NextTurnOptions): (jid: ChatJid) => Promise<Next> {
  const { db, clock, log, allowances } = options;
  const turnLimit = createTurnLimit(options);
  const lacking = createLacking(options);
  const limitMs = (group: Group, { lastTry }: WaitingTopic): number =>
    turnLimit.waitMs(group, clock.now(), lastTry);

  const filesMs = (group: Group, { conversation }: WaitingTopic): number =>
    options.incompleteMs(group.chatJid, conversation);

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
    const wait = waitOf(group);
    if (wait !== null) return { instead: wait };
    if (lacking.holds(group, clock.now())) return { instead: 'idle' };
    const agent = await warmAgent(group);
    try {
      if (!agent) await options.runtime().prepare();
    } catch (error) {
      return { instead: engineAway(error) };
    }
    if (agent) await options.writeSnapshots(group);
    const claimed = claim(group, agent);
    if (!claimed) return { instead: waitOf(group) ?? 'idle' };
    options.onClaimed(claimed.turn.id);
    return { group, claimed, agent };
  };

  /** Not one that may not run under the group's policy: that is told when a turn for it fails. */
  async function warmAgent(group: Group): Promise<Agent | null> {
    try {
      refuseUnenforced(group, options.runtime().networkEnforcement());
    } catch {
      return null;
    }
    return options.pool.acquireWarm(group);
  }

  /** For a warm agent the claim, the staged file and that it runs are one commit: then only the file has to be shown. */
  function claim(group: Group, agent: Agent | null): Claimed | null {
    const timezone = options.timezoneOf(group);
    const nowMs = clock.now();
    const mayRun = (work: WaitingTopic | TaskRun) => allowances.judge(group, work, nowMs).verdict === 'go';
    const mayBegin = (topic: WaitingTopic) =>
      limitMs(group, topic) === 0 && filesMs(group, topic) === 0 && mayRun(topic);
    const payerOf = (person: string | null, taskId: string | null) =>
      allowances.payer(group, person, taskId, nowMs);
    const context = { ...options, timezone, nowMs, mayBegin, mayRun, payerOf };
    let staged: TurnId | null = null;
    let claimed: Claimed | null = null;
    try {
      claimed = claimNext(context, group, ({ turn, file, left }) => {
        if (left) tellLeft(turn, left, nowMs);
        if (!agent) return;
        staged = turn.id;
        stageFor(options, group, agent, turn, file);
      });
      return claimed;
    } finally {
      if (agent && !claimed) {
        if (staged !== null) removeTurn(groupPaths(options.home, group.folder), staged);
        options.pool.release(agent);
      }
    }
  }

  /** In the claim's transaction, so it is said once. */
  function tellLeft({ id, chatJid, threadId }: Turn, { session, why }: Left, nowMs: number): void {
    const words = db.languages.wordsFor(chatJid);
    const text =
      why === 'provider'
        ? words.otherProvider
        : words.idleSession(words.duration(nowMs - Date.parse(session.usedAt)));
    options.record({ chatJid, threadId, turnId: id, replyTo: null, text });
    db.afterCommit(() => options.wakeDelivery(chatJid));
  }

  /** Null: something may begin now. Else until when nothing may; a message in another topic, or a task, may come before. */
  function waitOf(group: Group): RunResult | null {
    const nowMs = clock.now();
    allowances.clear(group, nowMs);
    const run = db.taskRuns.nextWaiting(group.chatJid, iso(nowMs));
    const waits = run === null ? [] : [allowances.waitMs(group, run, nowMs)];
    if (waits[0] === 0) return null;
    for (const topic of waitingTopics(db, group, nowMs)) {
      const limitedMs = topic.dueInMs === 0 ? limitMs(group, topic) : 0;
      if (limitedMs > 0) turnLimit.tell(group, nowMs, limitedMs, topic.threadId);
      const waitMs =
        topic.dueInMs || limitedMs || allowances.waitMs(group, topic, nowMs) || filesMs(group, topic);
      if (waitMs === 0) return null;
      waits.push(waitMs);
    }
    return waits.length === 0 ? 'idle' : { retryInMs: Math.min(...waits), orWoken: true };
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
