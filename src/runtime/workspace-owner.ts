/**
 * Which user the agent is inside the container, and that this user can work in its folders.
 *
 * The rule: never root on the host. An ordinary daemon lends its own uid. A daemon that is root uses 1000 and gives
 * the agent's folders to it. A rootless engine maps the container's root to the daemon's user, so there it is 0.
 * Ownership is changed without following links and only for folders the agent must write and files in them that
 * root put there: what a container planted cannot make root change anything elsewhere.
 */
import {
  chmodSync,
  chownSync,
  closeSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  opendirSync,
  rmSync,
  type Stats,
} from 'node:fs';
import { join } from 'node:path';
import { openBelow } from '../lib/open-below.ts';
import { ATTACHMENTS } from '../mailbox/copy-in.ts';
import { MAILBOX } from '../protocol.ts';
import type { AgentLaunch } from './agent-runtime.ts';

export interface User {
  uid: number;
  gid: number;
}

/** For a daemon that is root. The first ordinary user of nearly every system and image. */
const UNPRIVILEGED: User = { uid: 1000, gid: 1000 };

/** `daemon` is null where the platform has no uids. */
export function agentUser(daemon: User | null, engineIsRootless: boolean): User {
  if (engineIsRootless) return { uid: 0, gid: 0 };
  return daemon && daemon.uid !== 0 ? daemon : UNPRIVILEGED;
}

/**
 * Makes the launch's folders where missing, and, for a daemon that is root, gives them to the agent.
 * `owner` is the user of the host that the agent's files shall belong to, or null to leave owners alone.
 */
export function prepareWorkspace(launch: AgentLaunch, owner: User | null): void {
  const mine = [launch.groupDir, launch.homeDir, ...(launch.isMain ? [launch.globalDir] : [])];
  for (const dir of [...mine, launch.globalDir]) mkdirSync(dir, { recursive: true });
  for (const folder of Object.values(MAILBOX)) {
    const path = join(launch.mailboxDir, folder);
    // The agent may have put a file or a link in place of a folder of its out/.
    const stat = look(path);
    if (stat && !stat.isDirectory()) rmSync(path, { force: true });
    mkdirSync(path, { recursive: true });
  }
  if (!owner) return;
  for (const dir of mine) {
    giveDirectory(dir, owner);
    for (const name of firstNames(dir)) giveSeeded(join(dir, name), owner);
  }
  giveAttachments(launch.groupDir, owner);
  const out = join(launch.mailboxDir, 'out');
  giveDirectory(out, owner);
  for (const folder of Object.values(MAILBOX)) {
    if (folder.startsWith('out/')) giveDirectory(join(launch.mailboxDir, folder), owner);
  }
  // in/ stays the host's; the agent only has to read it.
  for (const folder of ['in', MAILBOX.turns, MAILBOX.control, MAILBOX.results]) {
    makeReadable(join(launch.mailboxDir, folder), owner);
  }
}

/**
 * Lets the agent's user read the database through a read-only mount: SQLite needs the file, its -wal and its -shm,
 * and gives new ones the mode and (as root) the owner of the main file. Only ever adds the agent's group.
 */
export function makeDatabaseReadable(dataDir: string, reader: User): void {
  makeReadable(dataDir, reader);
  for (const suffix of ['', '-wal', '-shm']) makeReadable(join(dataDir, `nanoclaw.db${suffix}`), reader);
}

function giveDirectory(path: string, owner: User): void {
  const stat = look(path);
  if (stat?.isDirectory() && stat.uid !== owner.uid) lchownSync(path, owner.uid, owner.gid);
}

/** What root has put there are a few files; an agent may have put a million beside them. */
const MOST_SEEDED = 5000;

function firstNames(directory: string): string[] {
  const names: string[] = [];
  const dir = opendirSync(directory);
  try {
    for (let entry = dir.readSync(); entry && names.length < MOST_SEEDED; entry = dir.readSync())
      names.push(entry.name);
  } finally {
    dir.closeSync();
  }
  return names;
}

/** What people sent before the group's first container began was put there while the folder was root's. */
function giveAttachments(groupDir: string, owner: User): void {
  let fd: number;
  try {
    fd = openBelow(groupDir, [ATTACHMENTS], true);
  } catch {
    return; // not there, or not a plain folder
  }
  try {
    const dir = process.platform === 'linux' ? `/proc/self/fd/${fd}` : join(groupDir, ATTACHMENTS);
    for (const name of firstNames(dir)) giveSeeded(join(dir, name), owner);
  } finally {
    closeSync(fd);
  }
}

function giveSeeded(path: string, owner: User): void {
  const stat = look(path);
  const plain = stat?.isDirectory() || (stat?.isFile() && stat.nlink === 1);
  if (stat && plain && stat.uid === 0) lchownSync(path, owner.uid, owner.gid);
}

/** Host-owned paths only (never one a container can replace): adds group rights for the reader when others have none. */
function makeReadable(path: string, reader: User): void {
  const stat = look(path);
  if (!stat || stat.isSymbolicLink()) return;
  const bits = stat.isDirectory() ? 0o5 : 0o4;
  if (stat.uid === reader.uid || (stat.mode & bits) === bits) return;
  if (stat.gid !== reader.gid) chownSync(path, stat.uid, reader.gid);
  if ((stat.mode & (bits << 3)) !== bits << 3) chmodSync(path, (stat.mode & 0o7777) | (bits << 3));
}

function look(path: string): Stats | null {
  try {
    return lstatSync(path);
  } catch {
    return null;
  }
}
