/**
 * Exports one group as a readable archive (gzipped tar): for its people to keep, or to look at elsewhere. Only what is the
 * group's own: no other group's rows, none of the settings, no link that leads out of its folders. Not a backup: it cannot
 * be restored.
 *   group.json            the registration        messages.jsonl   every message, one JSON object a line, oldest first
 *   tasks.json            tasks with their runs   messages.md      the same to read
 *   groups/<folder>/      its workspace           turns.jsonl      what the agent did
 *   data/sessions/<folder>/  its conversations    usage.jsonl      what it has used, by day, person and task
 */
import { randomUUID } from 'node:crypto';
import {
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import type { ExportedMessage } from '../db/exports.ts';
import type { Db } from '../db.ts';
import { messageOf, NanoClawError } from '../errors.ts';
import { syncDirectory } from '../lib/atomic-file.ts';
import { localTime } from '../lib/local-time.ts';
import { groupRecord } from '../registry.ts';
import type { Group } from '../types.ts';
import { addFile, addFolder, addText, type Packed, writeArchive } from './pack.ts';

export interface ExportOptions {
  db: Db;
  home: string;
  group: Group;
  /** Where the archive is to be; must not exist. */
  target: string;
  /** Zone of the times in messages.md. */
  timezone: string;
}

export interface Exported {
  file: string;
  bytes: number;
  messages: number;
  tasks: number;
  turns: number;
  files: number;
  /** What was left out, with the reason. */
  skipped: string[];
}

/** nanoclaw-export-family-20261121T063000123Z.tar.gz */
export const exportName = (group: Group, at: Date): string =>
  `nanoclaw-export-${group.folder}-${at.toISOString().replace(/[-:.]/g, '')}.tar.gz`;

/** Throws BACKUP_FAILED; leaves nothing half-made behind. */
export async function exportGroup(options: ExportOptions): Promise<Exported> {
  const { target } = options;
  if (existsSync(target)) throw new NanoClawError('BACKUP_FAILED', `${target} exists already.`);
  const working = `${target}.${randomUUID()}.tmp`;
  try {
    mkdirSync(path.dirname(target), { recursive: true });
    mkdirSync(working, { mode: 0o700 });
    const archive = path.join(working, 'archive');
    const counted = await write(options, working, archive);
    renameSync(archive, target);
    syncDirectory(path.dirname(target));
    return { file: target, bytes: lstatSync(target).size, ...counted };
  } catch (error) {
    if (error instanceof NanoClawError) throw error;
    throw new NanoClawError('BACKUP_FAILED', `The export could not be made: ${messageOf(error)}.`, {
      fix: `Check that ${path.dirname(target)} can be written and has room.`,
      cause: error,
    });
  } finally {
    rmSync(working, { recursive: true, force: true });
  }
}

async function write({ db, home, group, timezone }: ExportOptions, working: string, archive: string) {
  const { exports } = db;
  const file = (name: string) => path.join(working, name);
  // One state of the database, whatever the daemon does meanwhile.
  const { messages, turns, tasks } = db.savepoint(() => ({
    messages: writeMessages(everyMessage(db, group), group, timezone, file),
    turns: writeLines(file('turns.jsonl'), exports.turns(group.chatJid, group.folder)),
    usage: writeLines(file('usage.jsonl'), exports.usage(group.folder)),
    tasks: exports.tasks(group.folder),
  }));
  const packed: Packed = { files: {}, skipped: [] };
  await writeArchive(archive, async (tar) => {
    addText(tar, packed, 'group.json', `${JSON.stringify(groupRecord(group), null, 2)}\n`);
    addText(tar, packed, 'tasks.json', `${JSON.stringify(tasks, null, 2)}\n`);
    for (const name of ['messages.jsonl', 'messages.md', 'turns.jsonl', 'usage.jsonl'])
      await addFile(tar, packed, name, openSync(file(name), 'r'), 0o644);
    for (const parts of [
      ['groups', group.folder],
      ['data', 'sessions', group.folder],
    ])
      await addFolder(tar, packed, home, parts, (link, to) => staysBelow(parts, link, to));
  });
  const { skipped } = packed;
  return { messages, turns, tasks: tasks.length, files: Object.keys(packed.files).length, skipped };
}

/** Also those of the chat's time before it became a supergroup, which have its old id. */
function* everyMessage({ exports }: Db, { formerJid, chatJid }: Group): Generator<ExportedMessage> {
  if (formerJid !== null) yield* exports.messages(formerJid);
  yield* exports.messages(chatJid);
}

/**
 * Where a link leads as it is written; nothing is looked up. Behind a name, which may itself be a link, `..` may lead anywhere.
 */
function staysBelow(root: readonly string[], link: readonly string[], target: string): boolean {
  if (path.posix.isAbsolute(target) || /(^|\/)(?!\.{1,2}\/)[^/]+\/+(.*\/)?\.\.(\/|$)/.test(target))
    return false;
  const to = path.posix.normalize(path.posix.join(...link.slice(0, -1), target));
  return to === root.join('/') || to.startsWith(`${root.join('/')}/`);
}

function writeMessages(
  rows: Iterable<ExportedMessage>,
  group: Group,
  timezone: string,
  file: (name: string) => string,
): number {
  const [lines, text] = [openSync(file('messages.jsonl'), 'wx'), openSync(file('messages.md'), 'wx')];
  let count = 0;
  try {
    writeSync(text, `# ${group.name}\n\nTimes in ${timezone}.\n`);
    for (const row of rows) {
      writeSync(lines, `${JSON.stringify(row)}\n`);
      const quoted = row.content.split('\n').map((line) => `> ${line}`);
      writeSync(
        text,
        `\n**${row.sender_name}**, ${localTime(Date.parse(row.timestamp), timezone)}\n\n${quoted.join('\n')}\n`,
      );
      count += 1;
    }
  } finally {
    closeSync(lines);
    closeSync(text);
  }
  return count;
}

function writeLines(file: string, rows: Iterable<unknown>): number {
  const fd = openSync(file, 'wx');
  let count = 0;
  try {
    for (const row of rows) {
      writeSync(fd, `${JSON.stringify(row)}\n`);
      count += 1;
    }
  } finally {
    closeSync(fd);
  }
  return count;
}
