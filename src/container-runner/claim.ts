/**
 * From what waits to a turn: the row, what it owns and the file for the agent, in one transaction.
 * A due task comes before messages, but not twice in a row while messages wait: neither starves.
 */
import type { Payer } from '../db/charges.ts';
import type { TaskRun } from '../db/task-runs.ts';
import type { Turn } from '../db/turn-row.ts';
import type { Db } from '../db.ts';
import { lazily } from '../lib/lazily.ts';
import type { Random } from '../lib/random.ts';
import { groupPaths } from '../mailbox/layout.ts';
import type { Thinks } from '../policy/thinking.ts';
import { renderPrompt, renderTaskPrompt } from '../prompt.ts';
import { PROTOCOL_VERSION, type TurnFile } from '../protocol.ts';
import { describeSchedule, titleOf } from '../tasks.ts';
import { askedIn, readTeam } from '../team.ts';
import { type Conversation, conversationOf, type Group, iso, type TurnId, turnId } from '../types.ts';
import { pickBatch } from './batch.ts';
import { type Conversed, conversationFor, type Left } from './conversation.ts';
import { isCounted } from './failure.ts';
import { filesFor } from './turn-files.ts';
import { type WaitingTopic, waitingTopics } from './waiting-topics.ts';

export interface Claimed {
  turn: Turn;
  /** Complete but for the container, which is not known yet. */
  file: Omit<TurnFile, 'container'>;
  /** The conversation that was left for a fresh one. */
  left: Left | null;
}

export interface ClaimContext {
  db: Db;
  random: Random;
  assistantName: string;
  timezone: string;
  nowMs: number;
  /** Where the groups' folders lie. */
  home: string;
  /** A conversation that was not used for longer is left for a fresh one; null: none is. */
  sessionMaxIdleMs?: number | null;
  /** False: not these messages: a limit is reached, or their files are not there yet. */
  mayBegin?: (topic: WaitingTopic) => boolean;
  /** False: not this run now. */
  mayRun?: (run: TaskRun) => boolean;
  /** What the group's agent is to think with. */
  thinks?: (group: Group) => Thinks;
  /** Who is charged with it. */
  payerOf?: (person: string | null, taskId: string | null) => Payer;
}

/** Null when nothing waits. `onClaimed` is called in the same transaction; when it throws, nothing was claimed. */
export function claimNext(
  context: ClaimContext,
  group: Group,
  onClaimed: (claimed: Claimed) => void = () => {},
): Claimed | null {
  const { db, nowMs } = context;
  return db.transaction(() => {
    const run = db.taskRuns.nextWaiting(group.chatJid, iso(nowMs));
    const topics = waitingTopics(db, group, nowMs).filter(({ dueInMs }) => dueInMs === 0);
    const topic = topics.find((each) => context.mayBegin?.(each) ?? true);
    const messagesTurn = topic !== undefined && db.turns.latestKind(group.chatJid) === 'task';
    const mayRun = run !== null && (context.mayRun?.(run) ?? true);
    const task = mayRun && !messagesTurn ? claimTask(context, group, run) : null;
    const claimed = task ?? (topic ? claimMessages(context, group, topic) : null);
    if (claimed) onClaimed(claimed);
    return claimed;
  });
}

function claimTask(context: ClaimContext, group: Group, run: TaskRun): Claimed | null {
  const { db, nowMs, random } = context;
  const task = db.tasks.byId(run.taskId);
  if (!task) return null;
  const id = turnId(random.uuid());
  const attempt = run.attempt + 1;
  const at = iso(nowMs);
  const conversation = conversationOf(group, task.threadId);
  const conversed = task.contextMode === 'isolated' ? ALONE : goneOnWith(context, group, conversation);
  db.turns.claim({
    id,
    chatJid: group.chatJid,
    folder: group.folder,
    threadId: task.threadId,
    conversation,
    kind: 'task',
    attempt,
    at,
    fromSeq: null,
    toSeq: null,
    omitted: 0,
    sessionId: conversed.sessionId,
    thinks: context.thinks?.(group),
    messages: [],
    repeats: run.turnId,
    askedAt: run.due,
    ...payer(context, null, task.id),
  });
  const dueMs = Date.parse(run.due);
  db.taskRuns.start(run.id, id, at, Math.max(0, nowMs - dueMs));
  const { timezone } = task;
  const prompt = renderTaskPrompt({
    groupName: group.name,
    timezone,
    nowMs,
    taskId: task.id,
    prompt: titleOf(task),
    schedule: describeSchedule(task),
    dueMs,
    missed: run.missed,
    attempt,
    asked: askedIn(teamOf(context, group), task.prompt)?.name,
  });
  const file = turnFile({ ...context, timezone }, group, stored(db, id), {
    prompt,
    requests: [titleOf(task)],
  });
  if (task.script !== null) file.gate_script = task.script;
  if (task.prompt === '') file.script_only = true;
  return claimed(stored(db, id), file, conversed);
}

function claimMessages(context: ClaimContext, group: Group, topic: WaitingTopic): Claimed {
  const { db, nowMs, timezone, random } = context;
  const { threadId, conversation, lastTry } = topic;
  const id = turnId(random.uuid());
  const attempt = nextAttempt(lastTry);
  const { messages, omitted, fromSeq, toSeq } = pickBatch(db, group.chatJid, topic, timezone);
  const conversed = goneOnWith(context, group, conversation);
  db.turns.claim({
    id,
    chatJid: group.chatJid,
    folder: group.folder,
    threadId,
    conversation,
    kind: 'messages',
    attempt,
    at: iso(nowMs),
    fromSeq,
    toSeq,
    omitted,
    sessionId: conversed.sessionId,
    thinks: context.thinks?.(group),
    messages: messages.map((m) => m.seq),
    repeats: lastTry?.id ?? null,
    ...payer(context, messages.find((m) => m.forNina)?.sender ?? null, null),
  });
  if (group.reactions === 'on') db.reactions.work(id);
  const reactions = db.reactions.showTo(id, group.chatJid, conversation);
  const corrections = db.corrections.takeFor(id, group.chatJid, conversation);
  const turn = stored(db, id);
  const team = teamOf(context, group);
  const prompt = renderPrompt({
    groupName: group.name,
    timezone,
    nowMs,
    messages,
    omitted,
    attempt,
    reactions,
    corrections,
    asked: messages.flatMap(({ forNina, request, content, messageId }) => {
      const specialist = forNina ? askedIn(team, request ?? content)?.name : undefined;
      return specialist === undefined ? [] : [{ messageId, specialist }];
    }),
  });
  const requests = messages
    .flatMap((m) => (m.forNina ? [m.request ?? m.content] : []))
    .filter((r) => r !== '');
  const attachments = filesFor(messages);
  const work = { prompt, requests, ...(attachments.length > 0 ? { attachments } : {}) };
  return claimed(turn, turnFile(context, group, turn, work), conversed);
}

/** As the files are now; they are read once, and only where somebody may be asked. */
const teamOf = ({ home }: ClaimContext, { folder }: Group) =>
  lazily(() => readTeam(groupPaths(home, folder)));

const goneOnWith = (context: ClaimContext, group: Group, conversation: Conversation): Conversed =>
  conversationFor({ ...context, provider: context.thinks?.(group).provider ?? null }, group, conversation);

const ALONE: Conversed = { sessionId: null, left: null };

const claimed = (turn: Turn, file: Claimed['file'], { left }: Conversed): Claimed => ({
  turn,
  // Another provider could not read it.
  file: left?.why === 'idle' ? { ...file, left_session: left.session.sessionId } : file,
  left,
});

const payer = ({ payerOf }: ClaimContext, person: string | null, taskId: string | null) =>
  payerOf === undefined ? {} : { payer: payerOf(person, taskId) };

function stored(db: Db, id: TurnId): Turn {
  const turn = db.turns.byId(id);
  if (!turn) throw new Error(`turn ${id} was not stored`);
  return turn;
}

function turnFile(
  { assistantName, timezone, thinks }: ClaimContext,
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
    ...(thinks ? thinkingFor(thinks(group)) : {}),
  };
}

const thinkingFor = ({ model, effort, maxTurns, maxThinking }: Thinks) => ({
  ...(model === null ? {} : { model }),
  ...(effort === null ? {} : { effort }),
  ...(maxTurns === null ? {} : { max_turns: maxTurns }),
  ...(maxThinking === null ? {} : { max_thinking: maxThinking }),
});

/** One more than the last, as long as that was given back; what is nobody's fault does not count. */
function nextAttempt(last: Turn | null): number {
  if (last === null) return 1;
  return isCounted(last.errorCode) ? last.attempt + 1 : last.attempt;
}
