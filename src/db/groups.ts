/** Registrations and the chats the bot has seen. */
import {
  type ChatInfo,
  type ChatJid,
  EFFORTS,
  type Folder,
  GROUP_CHOICES,
  type Group,
  type GroupChoices,
  type Iso,
  NETWORK_POLICIES,
  PROVIDERS,
  type Thinking,
} from '../types.ts';
import { groupMove } from './group-move.ts';
import type { Sqlite } from './open.ts';

/** A chat as known, and the folder it is registered with, if any. */
export interface KnownChat extends ChatInfo {
  botStatus: string | null;
  lastActivity: Iso;
  folder: Folder | null;
}

interface ThinkingRow {
  provider: string | null;
  model: string | null;
  effort: string | null;
  max_turns: number | null;
  max_thinking: number | null;
}

type GroupRow = Record<keyof GroupChoices, string> &
  ThinkingRow & {
    chat_jid: string;
    name: string;
    folder: string;
    trigger: string;
    requires_trigger: number;
    is_main: number;
    timezone: string | null;
    network: string;
    network_allow: string;
    added_at: string;
    former_jid: string | null;
  };

interface ChatRow {
  chat_jid: string;
  name: string;
  type: string;
  username: string | null;
  is_forum: number;
  bot_status: string | null;
  last_activity: string;
  folder: string | null;
}

const toKnown = (row: ChatRow): KnownChat => ({
  chatJid: row.chat_jid as ChatJid,
  name: row.name,
  type: row.type,
  username: row.username,
  isForum: row.is_forum === 1,
  botStatus: row.bot_status,
  lastActivity: row.last_activity as Iso,
  folder: row.folder as Folder | null,
});

const toGroup = (row: GroupRow): Group => ({
  chatJid: row.chat_jid as ChatJid,
  name: row.name,
  folder: row.folder as Folder,
  trigger: row.trigger,
  requiresTrigger: row.requires_trigger === 1,
  isMain: row.is_main === 1,
  timezone: row.timezone,
  ...networkOf(row),
  ...choicesOf(row),
  ...thinkingOf(row),
  addedAt: row.added_at as Iso,
  formerJid: row.former_jid as ChatJid | null,
});

const CHOICES = Object.keys(GROUP_CHOICES) as (keyof GroupChoices)[];

/** A word that nobody knows, as from a newer program, counts as the default. */
const choicesOf = (row: GroupRow): GroupChoices =>
  Object.fromEntries(
    CHOICES.map((key) => [
      key,
      GROUP_CHOICES[key].find((word) => word === row[key]) ?? GROUP_CHOICES[key][0],
    ]),
  ) as unknown as GroupChoices;

/** A word that nobody knows counts as not chosen. */
const thinkingOf = (row: ThinkingRow): Thinking => ({
  provider: PROVIDERS.find((one) => one === row.provider) ?? null,
  model: row.model,
  effort: EFFORTS.find((one) => one === row.effort) ?? null,
  maxTurns: row.max_turns,
  maxThinking: row.max_thinking,
});
/** As they stand in a row. */
const THINKING = ['provider', 'model', 'effort', 'max_turns', 'max_thinking'] as const;
const thinkingIn = (g: Thinking) => [g.provider, g.model, g.effort, g.maxTurns, g.maxThinking];

/** A row that somebody has damaged by hand opens nothing. */
function networkOf(row: GroupRow): Pick<Group, 'network' | 'networkAllow'> {
  try {
    const hosts: unknown = JSON.parse(row.network_allow);
    const network = NETWORK_POLICIES.find((policy) => policy === row.network);
    if (network && Array.isArray(hosts) && hosts.every((host) => typeof host === 'string'))
      return { network, networkAllow: hosts };
  } catch {
    // Not JSON.
  }
  return { network: 'none', networkAllow: [] };
}

const COLUMNS = `chat_jid, name, folder, "trigger", requires_trigger, is_main, timezone, network, network_allow,
  added_at, former_jid, ${[...CHOICES, ...THINKING].join(', ')}`;

export function groupRepository(db: Sqlite) {
  const byJid = db.prepare<[string], GroupRow>(`SELECT ${COLUMNS} FROM registered_groups WHERE chat_jid = ?`);
  const byFormer = db.prepare<[string], GroupRow>(
    `SELECT ${COLUMNS} FROM registered_groups WHERE former_jid = ?`,
  );
  const byFolder = db.prepare<[string], GroupRow>(
    `SELECT ${COLUMNS} FROM registered_groups WHERE folder = ?`,
  );
  const main = db.prepare<[], GroupRow>(`SELECT ${COLUMNS} FROM registered_groups WHERE is_main = 1`);
  const all = db.prepare<[], GroupRow>(
    `SELECT ${COLUMNS} FROM registered_groups ORDER BY is_main DESC, added_at, folder`,
  );
  // What was said before the registration is not Nina's business: she is shown only what came after.
  const insert = db.prepare(
    `INSERT INTO registered_groups (${COLUMNS}, shown_seq)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ${[...CHOICES, ...THINKING].map(() => '?').join(', ')}, (SELECT coalesce(max(seq), 0) FROM messages))`,
  );
  const update = db.prepare(
    `UPDATE registered_groups SET name = ?, "trigger" = ?, requires_trigger = ?, timezone = ?, network = ?, network_allow = ?,
       ${[...CHOICES, ...THINKING].map((key) => `${key} = ?`).join(', ')} WHERE chat_jid = ?`,
  );
  const remove = db.prepare('DELETE FROM registered_groups WHERE chat_jid = ?');
  const seen = db.prepare(
    `INSERT INTO chats (chat_jid, name, type, username, is_forum, first_seen, last_activity) VALUES (?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (chat_jid) DO UPDATE SET name = excluded.name, type = excluded.type, username = excluded.username,
       is_forum = excluded.is_forum, last_activity = max(last_activity, excluded.last_activity)
     WHERE (name, type, username, is_forum) IS NOT (excluded.name, excluded.type, excluded.username, excluded.is_forum)
       OR substr(last_activity, 1, 19) < substr(excluded.last_activity, 1, 19)`,
  );
  const admins = db.prepare<[string], { ids: string; at: string }>(
    'SELECT ids, at FROM chat_admins WHERE chat_jid = ?',
  );
  const setAdmins = db.prepare(
    `INSERT INTO chat_admins (chat_jid, ids, at) VALUES (?, ?, ?)
     ON CONFLICT (chat_jid) DO UPDATE SET ids = excluded.ids, at = excluded.at`,
  );
  const refuse = db.prepare('UPDATE chats SET refused_at = ? WHERE chat_jid = ?');
  const refusedAt = db
    .prepare<[string], string | null>('SELECT refused_at FROM chats WHERE chat_jid = ?')
    .pluck();
  const status = db.prepare('UPDATE chats SET bot_status = ? WHERE chat_jid = ?');
  const KNOWN = `c.chat_jid, c.name, c.type, c.username, c.is_forum, c.bot_status, c.last_activity, g.folder
     FROM chats c LEFT JOIN registered_groups g USING (chat_jid)`;
  const known = db.prepare<[], ChatRow>(`SELECT ${KNOWN} ORDER BY c.last_activity DESC LIMIT 1000`);
  const knownOne = db.prepare<[string], ChatRow>(`SELECT ${KNOWN} WHERE c.chat_jid = ?`);
  const move = groupMove(db);
  // A folder that is registered again, perhaps for another chat, brings its tasks along.
  const takeTasks = db.prepare('UPDATE scheduled_tasks SET chat_jid = ? WHERE group_folder = ?');
  const find = (row: GroupRow | undefined) => (row === undefined ? null : toGroup(row));

  return {
    byJid: (jid: ChatJid): Group | null => find(byJid.get(jid)),
    /** Also by the id that its chat had before it became a supergroup. */
    find: (jid: ChatJid): Group | null => find(byJid.get(jid) ?? byFormer.get(jid)),
    byFolder: (folder: string): Group | null => find(byFolder.get(folder)),
    main: (): Group | null => find(main.get()),
    all: (): Group[] => all.all().map(toGroup),
    /** Throws SQLITE_CONSTRAINT when the chat or the folder is taken; callers check first for a better sentence. */
    insert(g: Group): void {
      insert.run(
        g.chatJid,
        g.name,
        g.folder,
        g.trigger,
        +g.requiresTrigger,
        +g.isMain,
        g.timezone,
        g.network,
        JSON.stringify(g.networkAllow),
        g.addedAt,
        g.formerJid,
        ...CHOICES.map((key) => g[key]),
        ...thinkingIn(g),
      );
      takeTasks.run(g.chatJid, g.folder);
    },
    update(g: Group): void {
      const allow = JSON.stringify(g.networkAllow);
      const choices = [...CHOICES.map((key) => g[key]), ...thinkingIn(g)];
      update.run(g.name, g.trigger, +g.requiresTrigger, g.timezone, g.network, allow, ...choices, g.chatJid);
    },
    remove: (jid: ChatJid): boolean => remove.run(jid).changes > 0,
    /** In the caller's transaction: all that is the group's is the new chat's from now on (group-move.ts). False, and
     * nothing has happened, when the old chat is not registered or the new one is. */
    migrate(from: ChatJid, to: ChatJid): boolean {
      if (byJid.get(from) === undefined || byJid.get(to) !== undefined) return false;
      move(from, to);
      return true;
    },
    /** Of many messages within a second the first one is noted: a busy chat's row is not written for each. */
    chatSeen(chat: ChatInfo, at: Iso): void {
      seen.run(chat.chatJid, chat.name, chat.type, chat.username, +chat.isForum, at, at);
    },
    setBotStatus(jid: ChatJid, botStatus: string): void {
      status.run(botStatus, jid);
    },
    /** The chat's administrators as they were asked for last; null before that. */
    admins(jid: ChatJid): { ids: string[]; at: Iso } | null {
      const row = admins.get(jid);
      return row === undefined ? null : { ids: JSON.parse(row.ids) as string[], at: row.at as Iso };
    },
    setAdmins(jid: ChatJid, ids: readonly string[], at: Iso): void {
      setAdmins.run(jid, JSON.stringify(ids), at);
    },
    /** This stranger was told that Nina is not for them. */
    wasRefused: (jid: ChatJid): boolean => (refusedAt.get(jid) ?? null) !== null,
    refuse(jid: ChatJid, at: Iso): void {
      refuse.run(at, jid);
    },
    /** The 1,000 most recently active chats. */
    knownChats: (): KnownChat[] => known.all().map(toKnown),
    /** A chat that the bot has seen. */
    chat: (jid: ChatJid): KnownChat | null => {
      const row = knownOne.get(jid);
      return row === undefined ? null : toKnown(row);
    },
  };
}
