/**
 * From what waits to a turn: the row, what it owns and the file for the agent, in one transaction.
 * A due task comes before messages, but not twice in a row while messages wait: neither starves.
 */
import type { TaskRun } from '../db/task-runs.ts';
import type { Turn } from '../db/turns.ts';
import type { Db } from '../db.ts';
import type { Random } from '../lib/random.ts';
import { renderPrompt, renderTaskPrompt } from '../prompt.ts';
import { PROTOCOL_VERSION, type TurnFile } from '../protocol.ts';
import { describeSchedule } from '../tasks.ts';
import { type ChatJid, type Group, iso, type TurnId, turnId } from '../types.ts';
import { pickBatch } from './batch.ts';
import { isCounted } from './failure.ts';
import { filesFor } from './turn-files.ts';

export interface Claimed {
  turn: Turn;
  /** Complete but for the container, which is not known yet. */
  file: Omit<TurnFile, 'container'>;
}

export interface ClaimContext {
  db: Db;
  random: Random;
  assistantName: string;
  timezone: string;
  nowMs: number;
  /** False: only a task, for the group has had its turns of this hour, or its messages' files are not there yet. */
  messagesMay?: boolean;
}

/** Null when nothing waits. */
export function claimNext(context: ClaimContext, group: Group): Claimed | null {
  const { db, nowMs } = context;
  return db.transaction(() => {
    const run = db.taskRuns.nextWaiting(group.chatJid, iso(nowMs));
    const messagesWait = context.messagesMay !== false && messagesDueIn(db, group.chatJid, nowMs) === 0;
    const messagesTurn = messagesWait && db.turns.latestKind(group.chatJid) === 'task';
    const claimed = run && !messagesTurn ? claimTask(context, group, run) : null;
    return claimed ?? (messagesWait ? claimMessages(context, group) : null);
  });
}

function claimTask(context: ClaimContext, group: Group, run: TaskRun): Claimed | null {
  const { db, nowMs, random } = context;
  const task = db.tasks.byId(run.taskId);
  if (!task) return null;
  const id = turnId(random.uuid());
  const attempt = run.attempt + 1;
  const at = iso(nowMs);
  db.turns.claim({
    id,
    chatJid: group.chatJid,
    folder: group.folder,
    threadId: task.threadId,
    kind: 'task',
    attempt,
    at,
    fromSeq: null,
    toSeq: null,
    omitted: 0,
    sessionId: task.contextMode === 'isolated' ? null : db.agents.session(group.folder, null),
    messages: [],
    repeats: run.turnId,
    askedAt: run.due,
  });
  const dueMs = Date.parse(run.due);
  db.taskRuns.start(run.id, id, at, Math.max(0, nowMs - dueMs));
  const { timezone } = task;
  const prompt = renderTaskPrompt({
    groupName: group.name,
    timezone,
    nowMs,
    taskId: task.id,
    prompt: task.prompt,
    schedule: describeSchedule(task),
    dueMs,
    missed: run.missed,
    attempt,
  });
  const file = turnFile({ ...context, timezone }, group, stored(db, id), { prompt, requests: [task.prompt] });
  if (task.script !== null) file.gate_script = task.script;
  return { turn: stored(db, id), file };
}

function claimMessages(context: ClaimContext, group: Group): Claimed | null {
  const { db, nowMs, timezone, random } = context;
  const batch = pickBatch(db, group.chatJid, timezone);
  if (!batch) return null;
  const id = turnId(random.uuid());
  const attempt = nextAttempt(db, group.chatJid);
  const { messages, omitted, threadId, fromSeq, toSeq } = batch;
  db.turns.claim({
    id,
    chatJid: group.chatJid,
    folder: group.folder,
    threadId,
    kind: 'messages',
    attempt,
    at: iso(nowMs),
    fromSeq,
    toSeq,
    omitted,
    sessionId: db.agents.session(group.folder, null),
    messages: messages.map((m) => m.seq),
    repeats: lastTry(db, group.chatJid)?.id ?? null,
  });
  if (group.reactions === 'on') db.reactions.work(id);
  const reactions = db.reactions.showTo(id, group.chatJid);
  const turn = stored(db, id);
  const prompt = renderPrompt({
    groupName: group.name,
    timezone,
    nowMs,
    messages,
    omitted,
    attempt,
    reactions,
  });
  const requests = messages
    .flatMap((m) => (m.forNina ? [m.request ?? m.content] : []))
    .filter((r) => r !== '');
  const attachments = filesFor(messages);
  const work = { prompt, requests, ...(attachments.length > 0 ? { attachments } : {}) };
  return { turn, file: turnFile(context, group, turn, work) };
}

function stored(db: Db, id: TurnId): Turn {
  const turn = db.turns.byId(id);
  if (!turn) throw new Error(`turn ${id} was not stored`);
  return turn;
}

function turnFile(
  { assistantName, timezone }: ClaimContext,
  group: Group,
  turn: Turn,
  work: Pick<TurnFile, 'prompt' | 'requests' | 'attachments'>,
): Omit<TurnFile, 'container'> {
  return {
    protocol: PROTOCOL_VERSION,
    id: turn.id,
    kind: turn.kind,
    attempt: turn.attempt,
    chat_jid: group.chatJid,
    thread_id: turn.threadId,
    group_name: group.name,
    is_main: group.isMain,
    assistant_name: assistantName,
    timezone,
    session_id: turn.sessionId,
    ...(turn.kind === 'messages' && group.progress === 'progress' && !group.chatJid.startsWith('-')
      ? { drafts: true }
      : {}),
    ...work,
  };
}

/** The attempt that the messages which wait have behind them, if they were given back. */
function lastTry(db: Db, jid: ChatJid): Turn | null {
  const last = db.turns.latest(jid, 'messages');
  const first = db.messages.firstOpen(jid);
  if (last?.state !== 'retried' || last.toSeq === null || first === null) return null;
  return first <= last.toSeq ? last : null; // else they were settled meanwhile, by /stop perhaps
}

/** One more than the last, as long as that was given back; what is nobody's fault does not count. */
function nextAttempt(db: Db, jid: ChatJid): number {
  const last = lastTry(db, jid);
  if (last === null) return 1;
  return isCounted(last.errorCode) ? last.attempt + 1 : last.attempt;
}

/** Milliseconds until the messages that wait may have their turn: 0 for now, null when none waits. */
export function messagesDueIn(db: Db, jid: ChatJid, nowMs: number): number | null {
  if (db.messages.firstOpen(jid) === null) return null;
  const last = lastTry(db, jid);
  if (!last?.retryAt || !last.finishedAt) return 0;
  // A clock that was set back must not make a wait of seconds one of hours.
  if (nowMs < Date.parse(last.finishedAt)) return 0;
  return Math.max(0, Date.parse(last.retryAt) - nowMs);
}
