/**
 * Who may do what to which group: one pure table, and the only judge. Main may do all; the others only what
 * concerns their own chat and tasks. Who asks is the folder's group, never what a payload says.
 */
import type { CommandType } from './protocol/commands.ts';
import type { Group } from './types.ts';

/** own: the asker's chat or tasks. any: every registered chat. none: refused. */
type Reach = 'own' | 'any' | 'none';

const TABLE: Record<CommandType, { group: Reach; main: Reach }> = {
  send_message: { group: 'own', main: 'any' },
  send_file: { group: 'own', main: 'any' },
  react: { group: 'own', main: 'any' },
  ask_user: { group: 'own', main: 'any' },
  search_history: { group: 'own', main: 'any' },
  read_history: { group: 'own', main: 'any' },
  schedule_task: { group: 'own', main: 'any' },
  preview_task: { group: 'own', main: 'any' },
  pause_task: { group: 'own', main: 'any' },
  resume_task: { group: 'own', main: 'any' },
  cancel_task: { group: 'own', main: 'any' },
  run_task: { group: 'own', main: 'any' },
  update_task: { group: 'own', main: 'any' },
  register_group: { group: 'none', main: 'any' },
  unregister_group: { group: 'none', main: 'any' },
  refresh_groups: { group: 'none', main: 'any' },
};

export type Verdict = { allowed: true } | { allowed: false; reason: string };

/**
 * May `asker` run `type` on `target`? `target` is the group concerned, or null when the command concerns none
 * (or a chat that is not registered).
 */
export function mayCommand(
  asker: Pick<Group, 'isMain' | 'folder'>,
  type: CommandType,
  target: Pick<Group, 'folder'> | null,
): Verdict {
  const reach = TABLE[type][asker.isMain ? 'main' : 'group'];
  if (reach === 'any') return { allowed: true };
  if (reach === 'none') return { allowed: false, reason: `${type} is only for the main group` };
  if (target !== null && target.folder === asker.folder) return { allowed: true };
  return { allowed: false, reason: `${type} is only for this group's own chat and tasks` };
}
