/**
 * Whom the files of a home must belong to: the user that the daemon runs as. Which is known from the running process, else
 * from the service that starts it, else it is whoever asks. Root asks for others: then it is whose database that is, else
 * who called sudo, else whose home.
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, readFileSync, type Stats, statSync } from 'node:fs';
import path from 'node:path';
import { callerName } from '../../config.ts';
import { databaseFile } from '../../db/open.ts';
import type { DaemonInfo } from '../../lib/home-lock.ts';
import type { InstalledService } from './installed-service.ts';

export interface DaemonUser {
  uid: number;
  gids: readonly number[];
  /** For people and commands: the name, or the number. */
  name: string;
}

export function daemonUser(
  home: string,
  daemon: DaemonInfo | null,
  service: InstalledService | null,
): DaemonUser {
  if (daemon) {
    const running = userOfProcess(daemon.pid) ?? statSync(path.join(home, 'data', 'daemon.json')).uid;
    return userOf(String(running));
  }
  const uid = process.getuid?.() ?? 0;
  return userOf(service?.user ?? (uid === 0 ? rootAsksFor(home) : String(uid)));
}

function rootAsksFor(home: string): string {
  const ownerOf = (file: string) => statSync(file, { throwIfNoEntry: false })?.uid;
  return String(ownerOf(databaseFile(home)) ?? callerName() ?? ownerOf(home) ?? 0);
}

function userOfProcess(pid: number): number | null {
  try {
    const uid = /^Uid:\s+\d+\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return uid === undefined ? null : Number(uid);
  } catch {
    return null;
  }
}

/** By name or number. A number without a name is a user, too. */
function userOf(nameOrUid: string): DaemonUser {
  const id = (flag: string) => spawnSync('id', [flag, nameOrUid], { encoding: 'utf8' }).stdout?.trim() ?? '';
  const uid = /^\d+$/.test(nameOrUid) ? Number(nameOrUid) : Number(id('-u') || 0);
  if (uid === process.getuid?.())
    return {
      uid,
      gids: [process.getgid?.() ?? 0, ...(process.getgroups?.() ?? [])],
      name: id('-un') || nameOrUid,
    };
  const gids = id('-G').split(/\s+/).filter(Boolean).map(Number);
  return { uid, gids, name: id('-un') || nameOrUid };
}

export type Right = 'read' | 'write';

/** All of these. For the one who asks it is the kernel's answer, which knows of access lists and read-only disks; else by owner and mode. */
export const may = (user: DaemonUser, file: string, stat: Stats, ...rights: Right[]): boolean =>
  rights.every((right) => mayOne(user, file, stat, right));

function mayOne(user: DaemonUser, file: string, stat: Stats, right: Right): boolean {
  if (user.uid === process.getuid?.()) {
    const bits =
      (right === 'read' ? constants.R_OK : constants.W_OK) | (stat.isDirectory() ? constants.X_OK : 0);
    try {
      accessSync(file, bits);
      return true;
    } catch {
      return false;
    }
  }
  if (user.uid === 0) return true;
  const wanted = (right === 'read' ? 0o4 : 0o2) | (stat.isDirectory() ? 0o1 : 0);
  const shift = stat.uid === user.uid ? 6 : user.gids.includes(stat.gid) ? 3 : 0;
  return ((stat.mode >> shift) & wanted) === wanted;
}
