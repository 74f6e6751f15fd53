/** Scheduled tasks: what is to be done and when. Their runs are in task-runs.ts. */
import type { ChatJid, Folder, Iso } from '../types.ts';
import type { Sqlite } from './open.ts';

export type TaskStatus = 'active' | 'paused' | 'done' | 'cancelled';

export interface Task {
  id: string;
  folder: Folder;
  chatJid: ChatJid;
  prompt: string;
  scheduleType: 'cron' | 'interval' | 'once';
  scheduleValue: string;
  timezone: string;
  contextMode: 'group' | 'isolated';
  /** run_once, skip, or within:<duration> */
  misfire: string;
  script: string | null;
  threadId: number | null;
  status: TaskStatus;
  statusReason: string | null;
  anchor: Iso;
  nextRun: Iso | null;
  lastRun: Iso | null;
  lastResult: string | null;
  /** Failed runs in a row. */
  failures: number;
  createdBy: string;
  createdAt: Iso;
}

type Row = Record<string, string | number | null>;

/** Folder, creation and id of a task: where a page of them ends. */
export type OpenPlace = [string, string, string];
export const FIRST_PLACE: OpenPlace = ['', '', ''];

const TASK = `id, group_folder, chat_jid, prompt, schedule_type, schedule_value, timezone, context_mode, misfire, script,
  thread_id, status, status_reason, anchor, next_run, last_run, last_result, failures, created_by, created_at`;
const toTask = (r: Row): Task => ({
  id: r.id as string,
  folder: r.group_folder as Folder,
  chatJid: r.chat_jid as ChatJid,
  prompt: r.prompt as string,
  scheduleType: r.schedule_type as Task['scheduleType'],
  scheduleValue: r.schedule_value as string,
  timezone: r.timezone as string,
  contextMode: r.context_mode as Task['contextMode'],
  misfire: r.misfire as string,
  script: r.script as string | null,
  threadId: r.thread_id as number | null,
  status: r.status as TaskStatus,
  statusReason: r.status_reason as string | null,
  anchor: r.anchor as Iso,
  nextRun: r.next_run as Iso | null,
  lastRun: r.last_run as Iso | null,
  lastResult: r.last_result as string | null,
  failures: r.failures as number,
  createdBy: r.created_by as string,
  createdAt: r.created_at as Iso,
});

export function taskRepository(db: Sqlite) {
  const insert = db.prepare(
    `INSERT INTO scheduled_tasks (${TASK}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const update = db.prepare(
    `UPDATE scheduled_tasks SET prompt = ?, schedule_type = ?, schedule_value = ?, timezone = ?, context_mode = ?,
       misfire = ?, script = ?, anchor = ?, next_run = ?, status = ?, status_reason = ?, failures = ? WHERE id = ?`,
  );
  const byId = db.prepare<[string], Row>(`SELECT ${TASK} FROM scheduled_tasks WHERE id = ?`);
  const ofGroup = db.prepare<[string], Row>(
    `SELECT ${TASK} FROM scheduled_tasks WHERE group_folder = ? ORDER BY created_at`,
  );
  const all = db.prepare<[], Row>(`SELECT ${TASK} FROM scheduled_tasks ORDER BY group_folder, created_at`);
  const OPEN = `SELECT ${TASK} FROM scheduled_tasks INDEXED BY scheduled_tasks_by_group`;
  const openOf = db.prepare<[string], Row>(
    `${OPEN} WHERE group_folder = ? AND status IN ('active', 'paused') ORDER BY created_at, id`,
  );
  const openAfter = db.prepare<[string, string, string, number], Row>(
    `${OPEN} WHERE (group_folder, created_at, id) > (?, ?, ?) AND status IN ('active', 'paused')
     ORDER BY group_folder, created_at, id LIMIT ?`,
  );
  const elsewhere = db.prepare<[], number>('PRAGMA data_version').pluck();
  const countOpen = db
    .prepare<[string], number>(
      "SELECT count(*) FROM scheduled_tasks WHERE group_folder = ? AND status IN ('active', 'paused')",
    )
    .pluck();
  const due = db.prepare<[string, number], Row>(
    `SELECT ${TASK} FROM scheduled_tasks INDEXED BY scheduled_tasks_due
     WHERE status = 'active' AND next_run IS NOT NULL AND next_run <= ? ORDER BY next_run LIMIT ?`,
  );
  const firstDue = db
    .prepare<[], string>(
      `SELECT next_run FROM scheduled_tasks INDEXED BY scheduled_tasks_due
       WHERE status = 'active' AND next_run IS NOT NULL ORDER BY next_run LIMIT 1`,
    )
    .pluck();
  const firstLater = db
    .prepare<[string], string | null>(
      `SELECT min(not_before) FROM task_runs INDEXED BY task_runs_waiting WHERE state = 'due' AND not_before > ?`,
    )
    .pluck();
  const setNext = db.prepare('UPDATE scheduled_tasks SET next_run = ? WHERE id = ?');
  const setStatus = db.prepare(
    'UPDATE scheduled_tasks SET status = ?, status_reason = ?, next_run = NULL WHERE id = ?',
  );
  const ran = db.prepare(
    'UPDATE scheduled_tasks SET last_run = ?, last_result = ?, failures = ? WHERE id = ?',
  );
  const find = (row: Row | undefined): Task | null => (row === undefined ? null : toTask(row));
  let changes = 0;
  return {
    insert(t: Task): void {
      changes += 1;
      insert.run(
        t.id,
        t.folder,
        t.chatJid,
        t.prompt,
        t.scheduleType,
        t.scheduleValue,
        t.timezone,
        t.contextMode,
        t.misfire,
        t.script,
        t.threadId,
        t.status,
        t.statusReason,
        t.anchor,
        t.nextRun,
        t.lastRun,
        t.lastResult,
        t.failures,
        t.createdBy,
        t.createdAt,
      );
    },
    update(t: Task): void {
      changes += 1;
      update.run(
        t.prompt,
        t.scheduleType,
        t.scheduleValue,
        t.timezone,
        t.contextMode,
        t.misfire,
        t.script,
        t.anchor,
        t.nextRun,
        t.status,
        t.statusReason,
        t.failures,
        t.id,
      );
    },
    byId: (id: string): Task | null => find(byId.get(id)),
    ofGroup: (folder: Folder): Task[] => ofGroup.all(folder).map(toTask),
    all: (): Task[] => all.all().map(toTask),
    /** Active and paused ones of a group, oldest first. */
    openOf: (folder: Folder): Task[] => openOf.all(folder).map(toTask),
    /** Active and paused ones of all groups, the next so many; `after`: where the ones before ended. */
    openAfter(after: OpenPlace, limit: number): { tasks: Task[]; end: OpenPlace } {
      const rows = openAfter.all(...after, limit);
      const tasks = rows.map(toTask);
      const last = tasks.at(-1);
      return { tasks, end: last ? [last.folder, last.createdAt, last.id] : after };
    },
    /** Another text: a task may be another than before, whoever changed it. */
    version: (): string => `${changes} ${elsewhere.get()}`,
    /** Active and paused ones of a group. */
    countOpen: (folder: Folder): number => countOpen.get(folder) ?? 0,
    /** Active tasks whose time has come, oldest first. */
    due: (now: Iso, limit: number): Task[] => due.all(now, limit).map(toTask),
    /** When the next task or postponed run is due. */
    nextWake(now: Iso): Iso | null {
      const times = [firstDue.get(), firstLater.get(now)].filter((t): t is string => typeof t === 'string');
      return (times.sort()[0] ?? null) as Iso | null;
    },
    setNextRun(id: string, next: Iso | null): void {
      changes += 1;
      setNext.run(next, id);
    },
    /** Ends or pauses: no further run is due. */
    setStatus(id: string, status: TaskStatus, reason: string | null): void {
      changes += 1;
      setStatus.run(status, reason, id);
    },
    noteResult(id: string, lastRun: Iso, result: string, failures: number): void {
      changes += 1;
      ran.run(lastRun, result, failures, id);
    },
  };
}
