/**
 * The rules for scheduled tasks: creating, changing, showing them. Used alike by agents (ipc), people (chat) and the
 * operator (command line). Every function that changes something runs in the caller's transaction or its own, and
 * throws TASK_INVALID or TASK_UNKNOWN with a sentence that names what was expected; then nothing was saved.
 */
import type { Task } from './db/tasks.ts';
import type { Db } from './db.ts';
import { NanoClawError } from './errors.ts';
import { parseDuration } from './lib/duration.ts';
import { localTime } from './lib/local-time.ts';
import { type Random, systemRandom } from './lib/random.ts';
import {
  checkSchedule,
  DEFAULT_LIMITS,
  nextRun,
  type Preview,
  previewSchedule,
  type Schedule,
  ScheduleError,
  type ScheduleLimits,
} from './next-run.ts';
import { checkedMisfire, checkedPrompt, checkedWork, guarded, invalid, newId, open } from './tasks/checks.ts';
import { type Group, type Iso, iso } from './types.ts';
import { ENGLISH, inWords, type Words } from './words.ts';

export interface TaskRules {
  db: Db;
  /** Milliseconds. */
  now: () => number;
  /** Of tasks whose group has no zone of its own. */
  defaultTimezone: string;
  limits?: ScheduleLimits;
  /** Default: the system's. */
  random?: Random;
}

export interface TaskInput {
  /** Empty: the script is all, and its output is posted. */
  prompt?: string | undefined;
  scheduleType: Task['scheduleType'];
  scheduleValue: string;
  timezone?: string | undefined;
  contextMode?: Task['contextMode'] | undefined;
  misfire?: string | undefined;
  /** Empty: none. */
  script?: string | undefined;
}

const MAX_TASKS_PER_GROUP = 500;

export function scheduleTask(
  rules: TaskRules,
  group: Group,
  input: TaskInput,
  createdBy: string,
  threadId: number | null = null,
): Task {
  const { db } = rules;
  const now = rules.now();
  if (db.tasks.countOpen(group.folder) >= MAX_TASKS_PER_GROUP) {
    throw invalid(`this group has ${MAX_TASKS_PER_GROUP} tasks already; cancel some first`);
  }
  const task: Task = {
    id: newId(db, rules.random ?? systemRandom),
    folder: group.folder,
    chatJid: group.chatJid,
    prompt: checkedPrompt(input.prompt ?? ''),
    scheduleType: input.scheduleType,
    scheduleValue: input.scheduleValue.trim(),
    timezone: input.timezone ?? group.timezone ?? rules.defaultTimezone,
    contextMode: input.contextMode ?? 'group',
    misfire: checkedMisfire(input.misfire ?? 'run_once'),
    script: input.script?.trim() ? input.script : null,
    threadId,
    status: 'active',
    statusReason: null,
    anchor: iso(now),
    nextRun: null,
    lastRun: null,
    lastResult: null,
    failures: 0,
    createdBy,
    createdAt: iso(now),
  };
  checkedWork(task);
  task.nextRun = firstRun(rules, task, now);
  db.tasks.insert(task);
  return task;
}

/** What is not given stays. A changed schedule begins anew from now. */
export function updateTask(rules: TaskRules, task: Task, patch: Partial<TaskInput>): Task {
  open(task);
  const now = rules.now();
  const changed: Task = {
    ...task,
    prompt: patch.prompt === undefined ? task.prompt : checkedPrompt(patch.prompt),
    scheduleType: patch.scheduleType ?? task.scheduleType,
    scheduleValue: patch.scheduleValue?.trim() ?? task.scheduleValue,
    timezone: patch.timezone ?? task.timezone,
    contextMode: patch.contextMode ?? task.contextMode,
    misfire: patch.misfire === undefined ? task.misfire : checkedMisfire(patch.misfire),
    script: patch.script === undefined ? task.script : patch.script.trim() === '' ? null : patch.script,
  };
  checkedWork(changed);
  const moved =
    changed.scheduleType !== task.scheduleType ||
    changed.scheduleValue !== task.scheduleValue ||
    changed.timezone !== task.timezone;
  if (moved) {
    changed.anchor = iso(now);
    const next = firstRun(rules, changed, now);
    if (task.status === 'active') changed.nextRun = next;
  }
  rules.db.tasks.update(changed);
  return changed;
}

export function pauseTask(rules: TaskRules, task: Task, reason: string): Task {
  open(task);
  if (task.status === 'paused') throw invalid((w) => w.refused.taskIsPaused(task.id));
  rules.db.tasks.setStatus(task.id, 'paused', reason);
  rules.db.taskRuns.skipWaiting(task.id, 'the task was paused', iso(rules.now()));
  return { ...task, status: 'paused', statusReason: reason, nextRun: null };
}

/** From now on: what was missed meanwhile is not made up for, unless one run is asked for. */
export function resumeTask(rules: TaskRules, task: Task, runMissed: boolean): Task {
  open(task);
  if (task.status === 'active') throw invalid((w) => w.refused.taskIsActive(task.id));
  if (rules.db.groups.byFolder(task.folder) === null)
    throw invalid((w) => w.refused.taskWithoutGroup(task.id));
  const resumed: Task = { ...task, status: 'active', statusReason: null, failures: 0 };
  const now = rules.now();
  const isOver = task.scheduleType === 'once' && nextRun(scheduleOf(task), now) === null;
  // Then the missed run is all there is to resume.
  resumed.nextRun = isOver && runMissed ? null : firstRun(rules, resumed, now);
  rules.db.tasks.update(resumed);
  if (runMissed) runTaskNow(rules, resumed, 'resume');
  return resumed;
}

export function cancelTask(rules: TaskRules, task: Task): Task {
  open(task);
  rules.db.tasks.setStatus(task.id, 'cancelled', null);
  rules.db.taskRuns.skipWaiting(task.id, 'the task was cancelled', iso(rules.now()));
  return { ...task, status: 'cancelled', nextRun: null };
}

/** One run besides the schedule, as soon as its group has time. */
export function runTaskNow(rules: TaskRules, task: Task, origin: string): void {
  open(task);
  const { db } = rules;
  if (db.groups.byFolder(task.folder) === null) throw invalid((w) => w.refused.taskWithoutGroup(task.id));
  if (db.taskRuns.open(task.id)) throw invalid((w) => w.refused.taskWaits(task.id));
  if (!db.taskRuns.add({ taskId: task.id, chatJid: task.chatJid, due: iso(rules.now()), origin })) {
    throw invalid((w) => w.refused.taskJustRan(task.id));
  }
}

/** Throws TASK_UNKNOWN when there is none, or when it belongs to another group and `group` is not main. */
export function findTask(
  rules: Pick<TaskRules, 'db'>,
  id: string,
  group: Pick<Group, 'folder' | 'isMain'> | null,
): Task {
  const task = rules.db.tasks.byId(id.trim().replace(/^#/, ''));
  // The same words for both: whether another group has such a task is none of this one's business.
  if (!task || (group && !group.isMain && task.folder !== group.folder)) {
    throw new NanoClawError('TASK_UNKNOWN', (w) => w.refused.noTask(id.slice(0, 40)));
  }
  return task;
}

/** Of a schedule as it would be saved now, or of a task as it was saved. Throws TASK_INVALID as saving would. */
export function previewOf(
  rules: Omit<TaskRules, 'db'>,
  input: Pick<TaskInput, 'scheduleType' | 'scheduleValue' | 'timezone'> & { anchor?: Iso },
  group: Group | null,
): Preview {
  const timezone = input.timezone ?? group?.timezone ?? rules.defaultTimezone;
  const from = input.anchor === undefined ? rules.now() : Date.parse(input.anchor);
  const schedule = { type: input.scheduleType, value: input.scheduleValue.trim(), timezone, anchor: from };
  return guarded(() => {
    checkSchedule(schedule, from, rules.limits ?? DEFAULT_LIMITS);
    return previewSchedule(schedule, from);
  });
}

/** Up to here a run counts as on time. */
export const GRACE_MS = 60_000;

/** Why a run that is so late is not to begin, by the task's own choice; null: it may. */
export function tooLate(task: Pick<Task, 'misfire'>, latenessMs: number): string | null {
  if (latenessMs <= GRACE_MS || task.misfire === 'run_once') return null;
  const within = /^within:(.+)$/.exec(task.misfire)?.[1];
  if (within === undefined) return 'missed; this task skips missed runs';
  return latenessMs <= (parseDuration(within) ?? 0) ? null : `missed by more than ${within}`;
}

/** For a sentence to people and agents: "next run …", in the task's zone. */
export function describeNext(task: Task, words: Words = ENGLISH): string {
  const { status, statusReason, nextRun: next, timezone } = task;
  if (status !== 'active')
    return words.taskStates[status] + (statusReason ? ` (${inWords(words, statusReason)})` : '');
  return next === null ? words.noFurtherRun : words.nextRun(Date.parse(next), timezone);
}

/** "every 2 h", "cron 0 9 * * 1-5", "once 2026-12-24T18:00" */
export function describeSchedule(
  { scheduleType, scheduleValue }: Pick<Task, 'scheduleType' | 'scheduleValue'>,
  words: Words = ENGLISH,
): string {
  return scheduleType === 'interval'
    ? words.every(parseDuration(scheduleValue) ?? 0)
    : words[scheduleType](scheduleValue);
}

/** The next five runs in the zone, and what is worth knowing about them. */
export function describePreview(preview: Preview): string {
  const times = preview.next.map((at) => localTime(Date.parse(at), preview.timezone));
  return [`Next runs (${preview.timezone}): ${times.join(', ') || 'none'}.`, ...preview.notes].join(' ');
}

/** A task as files and scripts see it (mailbox snapshots, `--json`); documented in docs/ipc.md. */
export const taskRecord = (t: Task) => ({
  id: t.id,
  group_folder: t.folder,
  chat_jid: t.chatJid,
  prompt: t.prompt,
  schedule_type: t.scheduleType,
  schedule_value: t.scheduleValue,
  timezone: t.timezone,
  context_mode: t.contextMode,
  misfire: t.misfire,
  status: t.status,
  next_run: t.nextRun,
  last_run: t.lastRun,
  last_result: t.lastResult,
});

/** What a task does, in words for people: its prompt, or the first line of the script that is all of it. */
export const titleOf = ({ prompt, script }: Pick<Task, 'prompt' | 'script'>): string =>
  prompt !== '' || script === null ? prompt : `script: ${script.trim().split('\n')[0]}`;

export const scheduleOf = (
  task: Pick<Task, 'scheduleType' | 'scheduleValue' | 'timezone' | 'anchor'>,
): Schedule => ({
  type: task.scheduleType,
  value: task.scheduleValue,
  timezone: task.timezone,
  anchor: Date.parse(task.anchor),
});

function firstRun(rules: TaskRules, task: Task, now: number): Iso {
  return guarded(() => {
    checkSchedule(scheduleOf(task), now, rules.limits ?? DEFAULT_LIMITS);
    const next = nextRun(scheduleOf(task), now);
    if (next === null) throw new ScheduleError('this schedule has no run to come');
    return iso(next);
  });
}
