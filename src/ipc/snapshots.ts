/**
 * Snapshots in the mailboxes: what an agent can look at without asking. Written before each turn and after each
 * change; the database is the truth.
 */
import type { Db } from '../db.ts';
import { groupPaths } from '../mailbox/layout.ts';
import { writeSnapshot } from '../mailbox/write.ts';
import { localTime } from '../prompt.ts';
import type { AvailableGroups, CurrentTasks } from '../protocol.ts';
import { taskRecord } from '../tasks.ts';
import type { Group, Iso } from '../types.ts';

/** in/available_groups.json, main only: every chat the bot has seen, and whether it is registered. */
export function writeAvailableGroups(db: Db, home: string, group: Group, at: Iso): void {
  if (!group.isMain) return;
  const snapshot: AvailableGroups = {
    written_at: at,
    chats: db.groups.knownChats().map((c) => ({
      chat_jid: c.chatJid,
      name: c.name,
      type: c.type,
      registered: c.folder !== null,
      folder: c.folder,
      last_activity: c.lastActivity,
    })),
  };
  writeSnapshot(groupPaths(home, group.folder), 'available_groups', snapshot);
}

/** in/current_tasks.json: the group's own tasks that are not over; those of all groups for main. */
export function writeCurrentTasks(db: Db, home: string, group: Group, at: Iso): void {
  const tasks = group.isMain ? db.tasks.all() : db.tasks.ofGroup(group.folder);
  const snapshot: CurrentTasks = {
    written_at: at,
    tasks: tasks
      .filter((t) => t.status === 'active' || t.status === 'paused')
      .map((t) => ({
        ...taskRecord(t),
        next_run_local: t.nextRun === null ? null : localTime(Date.parse(t.nextRun), t.timezone),
      })),
  };
  writeSnapshot(groupPaths(home, group.folder), 'current_tasks', snapshot);
}
