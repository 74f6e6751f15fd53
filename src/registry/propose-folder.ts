/** A folder for a chat that is to be registered, from its title. */
import { existsSync } from 'node:fs';
import type { Db } from '../db.ts';
import { groupPaths } from '../mailbox/layout.ts';
import { type ChatJid, FOLDER_PATTERN, type Folder, RESERVED_FOLDERS } from '../types.ts';

const MOST_LETTERS = 40;
const LOOKED_BACK = 200;

/**
 * One that nobody has and that holds nobody's files: the one that the chat itself had before, else its title in small letters,
 * with a number behind it where that is taken.
 */
export function proposeFolder(db: Db, home: string, chat: { chatJid: ChatJid; name: string }): string {
  const former = (db.turns.latest(chat.chatJid, 'messages') ?? db.turns.latest(chat.chatJid, 'task'))?.folder;
  const base = folderOf(chat.name);
  const isFree = (folder: string): boolean =>
    db.groups.byFolder(folder) === null &&
    (!isUsed(db, home, folder) || lastChatOf(db, folder) === chat.chatJid);
  if (former !== undefined && isFree(former) && former !== 'main') return former;
  for (let n = 1; ; n += 1) {
    const folder = n === 1 ? base : `${base}-${n}`;
    if (isFree(folder)) return folder;
  }
}

/** Files or tasks are waiting there for a group that comes back. */
const isUsed = (db: Db, home: string, folder: string): boolean =>
  existsSync(groupPaths(home, folder).groupDir) || db.tasks.ofGroup(folder as Folder).length > 0;

/** Which chat was registered last with this folder, as far as the audit log knows. */
function lastChatOf(db: Db, folder: string): string | null {
  const notes = db.audit.list({ group: folder, limit: LOOKED_BACK });
  return (
    notes.find(({ action, outcome }) => action === 'register_group' && outcome === 'done')?.detail ?? null
  );
}

/** A title as a folder's name. Pure; whatever the title, the name is one that a group may have. */
export function folderOf(title: string): string {
  const name = title
    .replaceAll('ß', 'ss')
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, MOST_LETTERS)
    .replace(/^-+|-+$/g, '');
  const fits = FOLDER_PATTERN.test(name) && !RESERVED_FOLDERS.has(name) && name !== 'main';
  return fits ? name : `chat${name === '' ? '' : `-${name}`}`;
}
