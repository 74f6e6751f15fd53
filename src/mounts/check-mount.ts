/**
 * May this folder be given to this group now? The only judge of extra mounts.
 *
 * Follows every link first and judges what is really there: it must lie below an allowed root (whose own links are
 * followed, too), bear no blocked name in any component nor show one directly inside, and be nothing that guards the machine
 * or this daemon. Returns the resolved path and the identity of what was judged, so that whoever mounts it can tell
 * whether somebody put something else there in between. Never throws.
 */
import { constants } from 'node:fs';
import { type FileHandle, lstat, open, opendir, readlink, realpath } from 'node:fs/promises';
import path from 'node:path';
import type { GroupMount } from '../db/mounts.ts';
import { messageOf } from '../errors.ts';
import { type Allowlist, isWithin } from './allowlist.ts';
import { createNameFilter, DEFAULT_BLOCKED } from './names.ts';

/** What the operator asks for. */
export type MountRequest = GroupMount;

export interface GrantedMount extends MountRequest {
  /** Resolved: no part of it is a link. */
  hostPath: string;
  /** Device and inode, "<dev>:<ino>" in decimal. */
  identity: string;
  /** Asked for read-write, and not allowed so. */
  madeReadOnly: boolean;
}

export type MountVerdict = { ok: true; mount: GrantedMount } | { ok: false; reason: string };

export interface CheckContext {
  allowlist: Allowlist;
  isMain: boolean;
  /** Never mounted, nor anything inside or around them. Absolute. */
  guarded: readonly string[];
}

/** Parts of a system that no group needs and that give the machine away. */
const SYSTEM = [
  '/proc',
  '/sys',
  '/dev',
  '/run',
  '/var/run',
  '/etc',
  '/boot',
  '/var/lib/docker',
  '/var/lib/containerd',
];
const MOST_ENTRIES = 100_000;

export async function checkMount(request: MountRequest, context: CheckContext): Promise<MountVerdict> {
  const { allowlist } = context;
  if (!allowlist.ok) return refused(allowlist.reason);
  const isBlocked = createNameFilter(
    [...DEFAULT_BLOCKED, ...allowlist.blockedPatterns],
    allowlist.allowedNames,
  );
  const asked = request.hostPath;
  if (!path.isAbsolute(asked) || asked.includes('\0')) return refused(`${asked} is no absolute path`);
  let handle: FileHandle | undefined;
  try {
    const real = await realpath(asked);
    for (const name of [...path.normalize(asked).split('/'), ...real.split('/')]) {
      const by = name === '' ? null : isBlocked(name);
      if (by !== null) return refused(`"${name}" in ${real} is blocked (pattern "${by}")`);
    }
    const root = await rootOf(real, allowlist.allowedRoots);
    if (!root) return refused(`${real} is not below any of the allowedRoots`);
    const guard = await guardOf(real, [...SYSTEM, ...context.guarded]);
    if (guard) return refused(guard);

    const stat = await lstat(real, { bigint: true });
    if (!stat.isDirectory() && !stat.isFile()) return refused(`${real} is neither a folder nor a file`);
    if (stat.isDirectory()) {
      handle = await open(real, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_DIRECTORY);
      const shown = await blockedEntry(inside(handle, real), isBlocked);
      if (shown) return refused(`${real} contains "${shown.name}", which is blocked (pattern "${shown.by}")`);
    }
    const again = await (handle ? handle.stat({ bigint: true }) : lstat(real, { bigint: true }));
    if (again.dev !== stat.dev || again.ino !== stat.ino || (await truePath(handle, real)) !== real)
      return refused(`${real} was changed while it was looked at`);

    const mayWrite =
      root.allowReadWrite === true
        ? context.isMain || !allowlist.nonMainReadOnly
        : root.allowReadWrite === 'main' && context.isMain;
    const writable = request.writable && mayWrite;
    const identity = `${stat.dev}:${stat.ino}`;
    const madeReadOnly = request.writable && !writable;
    return { ok: true, mount: { name: request.name, hostPath: real, writable, identity, madeReadOnly } };
  } catch (error) {
    const gone = (error as NodeJS.ErrnoException).code === 'ENOENT';
    return refused(gone ? `${asked} does not exist` : `${asked} cannot be looked at: ${messageOf(error)}`);
  } finally {
    await handle?.close().catch(() => {});
  }
}

const refused = (reason: string): MountVerdict => ({ ok: false, reason });

/** The most specific root that holds the path; one that does not exist holds nothing. */
async function rootOf<T extends { path: string }>(real: string, roots: readonly T[]): Promise<T | null> {
  let best: { root: T; length: number } | null = null;
  for (const root of roots) {
    const resolved = await realpath(root.path).catch(() => null);
    if (resolved === null || !isWithin(real, resolved)) continue;
    if (best === null || resolved.length > best.length) best = { root, length: resolved.length };
  }
  return best?.root ?? null;
}

/** Why the path may not be mounted because of something that lies in it or around it. */
async function guardOf(real: string, guarded: readonly string[]): Promise<string | null> {
  for (const each of guarded) {
    for (const place of new Set([each, await realpath(each).catch(() => each)])) {
      if (isWithin(real, place)) return `${real} lies in ${place}, which no agent may see`;
      if (isWithin(place, real)) return `${real} contains ${place}, which no agent may see`;
    }
  }
  return null;
}

const LINUX = process.platform === 'linux';

/** The open folder itself, whatever its path leads to by now. */
const inside = (handle: FileHandle, real: string): string => (LINUX ? `/proc/self/fd/${handle.fd}` : real);

/** Where the kernel says that the open folder is; elsewhere than on Linux, and for files, the path resolved once more. */
async function truePath(handle: FileHandle | undefined, real: string): Promise<string> {
  return handle && LINUX ? readlink(`/proc/self/fd/${handle.fd}`) : realpath(real);
}

async function blockedEntry(
  dir: string,
  isBlocked: (name: string) => string | null,
): Promise<{ name: string; by: string } | null> {
  let seen = 0;
  for await (const { name } of await opendir(dir)) {
    const by = isBlocked(name);
    if (by !== null) return { name, by };
    seen += 1;
    if (seen >= MOST_ENTRIES) break;
  }
  return null;
}
