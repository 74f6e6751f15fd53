/** in/available_groups.json for main: every chat the bot has seen, and whether it is registered. */
import type { Db } from '../db.ts';
import { groupPaths } from '../mailbox/layout.ts';
import { writeSnapshot } from '../mailbox/write.ts';
import type { AvailableGroups } from '../protocol.ts';
import type { Group, Iso } from '../types.ts';

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
