/**
 * Registrations: the rules for names and folders, the folders themselves, and the readable mirror
 * data/registered_groups.json. Used alike by the command line, by main's agent and by the simulator's first start.
 */
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { dropAsked } from './asked.ts';
import { isTimezone } from './config/settings.ts';
import type { Db } from './db.ts';
import { NanoClawError } from './errors.ts';
import { writeFileAtomic } from './lib/atomic-file.ts';
import type { Reach } from './lib/failpoint.ts';
import { projectRoot } from './lib/project-root.ts';
import { ensureGroupFolders } from './mailbox/layout.ts';
import { checkNetwork } from './policy/network.ts';
import { NOTHING_CHOSEN, type ThinkingGround } from './policy/thinking.ts';
import {
  type ChatJid,
  chatJid,
  DEFAULT_CHOICES,
  FOLDER_PATTERN,
  type Folder,
  GROUP_CHOICES,
  type Group,
  type GroupChoices,
  type Iso,
  RESERVED_FOLDERS,
} from './types.ts';
import { REASONS, type Sentence } from './words.ts';

export interface NewGroup {
  chatJid: string;
  name: string;
  folder: string;
  trigger?: string | undefined;
  /** Default: false for main and for private chats, true for groups. */
  requiresTrigger?: boolean | undefined;
  isMain?: boolean | undefined;
  timezone?: string | undefined;
  /** open (default), allowlist or none. */
  network?: string | undefined;
  networkAllow?: readonly string[] | undefined;
}

/** Kinds of problems whose subject is a group's folder. */
const PROBLEMS_OF_A_GROUP: ReadonlySet<string> = new Set(['provider', 'workspace', 'network']);

export interface RegistryOptions {
  db: Db;
  home: string;
  assistantName: string;
  now: () => Iso;
  /** What groups may choose to think with. Default: the offline agent alone. */
  thinking?: ThinkingGround;
  reach?: Reach | undefined;
}

/** Checks, stores, makes the folders, writes the mirror. Throws GROUP_INVALID or GROUP_EXISTS; then nothing changed. */
export function registerGroup(options: RegistryOptions, input: NewGroup, actor: string): Group {
  const { db, home, now } = options;
  const group = validated(options, input);
  db.transaction(() => {
    const taken = db.groups.find(group.chatJid);
    if (taken) throw exists((w) => w.refused.chatTaken(group.chatJid, taken.folder));
    if (db.groups.byFolder(group.folder)) throw exists((w) => w.refused.folderTaken(group.folder));
    const main = group.isMain ? db.groups.main() : null;
    if (main) throw exists((w) => w.refused.hasMain(main.name, main.chatJid));
    db.groups.insert(group);
    db.audit.note({
      at: now(),
      actor,
      group: group.folder,
      action: 'register_group',
      outcome: 'done',
      detail: group.chatJid,
    });
    prepareFolders(home, group);
  });
  writeMirror(options);
  return group;
}

/** What waits in the chat gets its disposition. The folder with its files stays. Throws GROUP_UNKNOWN. */
export function unregisterGroup(options: RegistryOptions, jid: ChatJid, actor: string): Group {
  const group = options.db.groups.find(jid);
  if (!group) throw new NanoClawError('GROUP_UNKNOWN', (w) => w.refused.notRegistered(jid));
  if (group.isMain) throw new NanoClawError('GROUP_INVALID', (w) => w.refused.mainStays);
  removeGroup(options, group, actor);
  return group;
}

/** As unregisterGroup, without its protection of main: for the operator. */
export function removeGroup(options: RegistryOptions, group: Group, actor: string): void {
  const { db, now } = options;
  db.transaction(() => {
    db.messages.disposeOpen(group.chatJid, 'unregistered', REASONS.unregistered);
    pauseTasksOf(options, group);
    dropAsked(db, group.folder, group.chatJid, now());
    db.mcp.forget(group.folder);
    closeProblemsOf(options, group);
    db.groups.remove(group.chatJid);
    db.audit.note({
      at: now(),
      actor,
      group: group.folder,
      action: 'unregister_group',
      outcome: 'done',
      detail: group.chatJid,
    });
  });
  writeMirror(options);
}

/** Nobody meets them any more, so nobody would find them solved. Main heard of the group's end. */
function closeProblemsOf({ db, now }: RegistryOptions, { folder }: Group): void {
  for (const { id, kind, subject } of db.problems.open())
    if (subject === folder && PROBLEMS_OF_A_GROUP.has(kind)) db.problems.close(id, now());
}

/** Stores what was changed of a group, notes it in the audit log, and writes the mirror. */
export function changeGroup(options: RegistryOptions, group: Group, changed: string, actor: string): void {
  const { db, now } = options;
  db.transaction(() => {
    db.groups.update(group);
    db.audit.note({
      at: now(),
      actor,
      group: group.folder,
      action: 'set_group',
      outcome: 'done',
      detail: changed,
    });
  });
  writeMirror(options);
}

/** A task whose group is gone is not retried for ever. */
function pauseTasksOf({ db, now }: RegistryOptions, group: Group): void {
  for (const task of db.tasks.ofGroup(group.folder)) {
    if (task.status === 'active') db.tasks.setStatus(task.id, 'paused', REASONS.unregistered);
    db.taskRuns.skipWaiting(task.id, REASONS.unregistered, now());
  }
}

/** data/registered_groups.json: an object by chat id. */
export function writeMirror({ db, home, reach }: Pick<RegistryOptions, 'db' | 'home' | 'reach'>): void {
  const mirror: Record<string, unknown> = {};
  for (const group of db.groups.all()) {
    const { chat_jid, ...record } = groupRecord(group);
    mirror[chat_jid] = record;
  }
  const file = path.join(home, 'data', 'registered_groups.json');
  const text = `${JSON.stringify(mirror, null, 2)}\n`;
  mkdirSync(path.dirname(file), { recursive: true });
  if (existsSync(file) && readFileSync(file, 'utf8') === text) return;
  writeFileAtomic(file, text);
  reach?.('mirror.written');
}

/** A group as files and scripts see it (the mirror, `--json`). */
export const groupRecord = (g: Group) => ({
  chat_jid: g.chatJid,
  name: g.name,
  folder: g.folder,
  trigger: g.trigger,
  requires_trigger: g.requiresTrigger,
  is_main: g.isMain,
  timezone: g.timezone,
  network: g.network,
  network_allow: g.networkAllow,
  ...choicesOf(g),
  provider: g.provider,
  model: g.model,
  effort: g.effort,
  max_turns: g.maxTurns,
  max_thinking: g.maxThinking,
  added_at: g.addedAt,
});

const choicesOf = (g: GroupChoices) =>
  Object.fromEntries(
    Object.keys(GROUP_CHOICES).map((key) => [key, g[key as keyof GroupChoices]]),
  ) as GroupChoices;

/** Folders and a first CLAUDE.md, where there is none. */
export function prepareFolders(home: string, group: Pick<Group, 'folder' | 'name' | 'isMain'>): void {
  const paths = ensureGroupFolders(home, group.folder);
  seed(path.join(paths.globalDir, 'CLAUDE.md'), () => shipped('global'));
  seed(path.join(paths.groupDir, 'CLAUDE.md'), () =>
    group.isMain ? shipped('main') : groupMemory(group.name),
  );
}

function seed(file: string, text: () => string): void {
  if (!existsSync(file)) writeFileAtomic(file, text());
}

function validated({ assistantName, now }: RegistryOptions, input: NewGroup): Group {
  const problems: Sentence[] = [];
  if (!/^-?\d{1,20}$/.test(input.chatJid)) problems.push((w) => w.refused.chatId);
  const name = input.name.trim();
  if (name === '' || name.length > 128) problems.push((w) => w.refused.name);
  if (!FOLDER_PATTERN.test(input.folder)) {
    problems.push((w) => w.refused.folder);
  } else if (RESERVED_FOLDERS.has(input.folder)) {
    problems.push((w) => w.refused.folderReserved(input.folder));
  } else if (input.folder === 'main' && input.isMain !== true) {
    problems.push((w) => w.refused.folderOfMain);
  }
  const trigger = input.trigger?.trim() ?? `@${assistantName}`;
  if (trigger === '' || trigger.length > 64) problems.push(() => 'trigger: expected 1 to 64 characters');
  if (input.timezone !== undefined && !isTimezone(input.timezone))
    problems.push(() => 'timezone: expected an IANA time zone like Europe/Berlin');
  const network = checkNetwork(input.network ?? 'open', input.networkAllow ?? []);
  problems.push(...network.problems.map((problem) => () => problem));
  if (problems.length > 0)
    throw new NanoClawError('GROUP_INVALID', (w) => problems.map((problem) => problem(w)).join('; '));
  const isPrivate = !input.chatJid.startsWith('-');
  return {
    chatJid: chatJid(input.chatJid),
    name,
    folder: input.folder as Folder,
    trigger,
    requiresTrigger: input.requiresTrigger ?? !(input.isMain || isPrivate),
    isMain: input.isMain ?? false,
    timezone: input.timezone ?? null,
    ...network.rules,
    ...DEFAULT_CHOICES,
    ...NOTHING_CHOSEN,
    addedAt: now(),
    formerJid: null,
  };
}

const exists = (why: Sentence) => new NanoClawError('GROUP_EXISTS', why);

/** The first memory of main and of all groups is what this program ships in groups/. */
const shipped = (folder: 'main' | 'global'): string =>
  readFileSync(path.join(projectRoot(), 'groups', folder, 'CLAUDE.md'), 'utf8');

const groupMemory = (name: string) => `# ${name.replace(/\s+/g, ' ')}

Instructions for the assistant in this group, and facts that last, go below: anybody who may write here can change them,
or ask for it. What the assistant keeps by itself is in \`MEMORY.md\`, what happened on a day in \`memory/\`.
`;
