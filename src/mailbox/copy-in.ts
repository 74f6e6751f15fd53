/**
 * A file of the host's into a group's folder, where its container can write at any moment: no link that it has planted is
 * followed, nothing of what it has there is overwritten, and nobody ever sees half a file. copy-out.ts is the other way.
 */
import {
  closeSync,
  constants,
  copyFileSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  unlinkSync,
} from 'node:fs';
import path from 'node:path';
import { NanoClawError } from '../errors.ts';
import { openBelow } from '../lib/open-below.ts';

/** Below a group's folder: what people have sent. */
export const ATTACHMENTS = 'attachments';

/** So many files may bear the same name but for a number. */
const MOST_ALIKE = 100;

/**
 * Puts `source` under attachments/ as `name`, or as `name` with a number where that is taken by something else. Returns the
 * name. Where it was put before, it stays as it is. Throws FILE_REFUSED when attachments/ is no plain folder, and what the
 * file system throws, such as ENOSPC. `source` may go afterwards, and should.
 */
export function copyIn(groupDir: string, source: string, name: string): string {
  const dir = openFolder(groupDir, ATTACHMENTS, true);
  if (dir === null) throw refused(ATTACHMENTS);
  try {
    giveTo(ownerOf(groupDir), source);
    for (let n = 1; n <= MOST_ALIKE; n += 1) {
      const candidate = n === 1 ? name : numbered(name, n);
      if (put(source, dir, candidate)) {
        syncFolder(dir.fd);
        return candidate;
      }
      if (isSame(source, dir, candidate)) return candidate;
    }
    throw new NanoClawError('FILE_REFUSED', `there are too many files named ${name} in ${ATTACHMENTS}/`);
  } finally {
    closeSync(dir.fd);
  }
}

/**
 * Puts `source` into a folder right below `root` as `name`. False: that name is taken, and stays what it is. Throws as copyIn
 * does. `source` may go afterwards, and should.
 */
export function placeIn(root: string, folder: string, source: string, name: string): boolean {
  const dir = openFolder(root, folder, true);
  if (dir === null) throw refused(folder);
  try {
    giveTo(ownerOf(root), source);
    const isPut = put(source, dir, name);
    if (isPut) syncFolder(dir.fd);
    return isPut;
  } finally {
    closeSync(dir.fd);
  }
}

/** Takes a file away that was put there, whatever it has become; what is not there, or a folder by now, stays away or stays. */
export function takeFrom(groupDir: string, name: string): void {
  const dir = openFolder(groupDir, ATTACHMENTS, false);
  if (dir === null) return;
  try {
    unlinkSync(path.join(dir.path, name));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'EISDIR' && code !== 'EPERM') throw error;
  } finally {
    closeSync(dir.fd);
  }
}

/**
 * Moves what is called `name` in a folder right below `root`, whatever it is, into the folder `into` in there, as `as`. False: it
 * is not there, or one of the folders is none. Throws FILE_REFUSED where that name is taken, and what the file system throws.
 */
export function setAsideIn(root: string, folder: string, name: string, into: string, as: string): boolean {
  const from = openFolder(root, folder, false);
  if (from === null) return false;
  const to = openInside(root, folder, from, into);
  try {
    if (to === null) return false;
    if (lstatSync(path.join(to.path, as), { throwIfNoEntry: false }))
      throw new NanoClawError('FILE_REFUSED', `${into}/${as} is there already`);
    renameSync(path.join(from.path, name), path.join(to.path, as));
    syncFolder(to.fd);
    syncFolder(from.fd);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  } finally {
    closeSync(from.fd);
    if (to !== null) closeSync(to.fd);
  }
}

/** Makes it where it is missing. Null: there is a link or no folder. */
function openInside(root: string, folder: string, from: OpenFolder, name: string): OpenFolder | null {
  makeFolder(path.join(from.path, name), ownerOf(root));
  try {
    const fd = openBelow(root, [folder, name], true);
    return { fd, path: process.platform === 'linux' ? `/proc/self/fd/${fd}` : path.join(root, folder, name) };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ELOOP' || code === 'ENOTDIR') return null;
    throw error;
  }
}

interface OpenFolder {
  fd: number;
  /** By which its entries are named without asking again what leads there. */
  path: string;
}

/** Null: it is not there, and shall not be made, or is a link or no folder. */
function openFolder(groupDir: string, folder: string, make: boolean): OpenFolder | null {
  let root: number;
  try {
    root = openSync(groupDir, constants.O_RDONLY | constants.O_DIRECTORY);
  } catch (error) {
    // Of a group that is gone, the operator may have removed the folder.
    if (!make && (error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  try {
    const rootPath = process.platform === 'linux' ? `/proc/self/fd/${root}` : groupDir;
    if (make) makeFolder(path.join(rootPath, folder), ownerOf(groupDir));
    // Elsewhere there is no /proc/self/fd: a link in its place is refused still, as it is opened.
    const fd = openBelow(groupDir, [folder], true);
    return {
      fd,
      path: process.platform === 'linux' ? `/proc/self/fd/${fd}` : path.join(groupDir, folder),
    };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ELOOP' || code === 'ENOTDIR') return null;
    throw error;
  } finally {
    closeSync(root);
  }
}

interface Owner {
  uid: number;
  gid: number;
}

function makeFolder(folder: string, owner: Owner): void {
  try {
    mkdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return;
    throw error;
  }
  const fd = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    own(fd, owner);
  } finally {
    closeSync(fd);
  }
}

/** Whom the group's folder belongs to by now: the container's user, once it had a container. */
function ownerOf(groupDir: string): Owner {
  const { uid, gid } = lstatSync(groupDir);
  return { uid, gid };
}

/** Only root can give away, and only root needs to. */
function own(fd: number, { uid, gid }: Owner): void {
  if (process.getuid?.() === 0 && fstatSync(fd).uid !== uid) fchownSync(fd, uid, gid);
}

function giveTo(owner: Owner, source: string): void {
  const fd = openSync(source, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    own(fd, owner);
  } finally {
    closeSync(fd);
  }
}

/** False: the name is taken. */
function put(source: string, dir: OpenFolder, name: string): boolean {
  try {
    linkSync(source, path.join(dir.path, name));
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    // Another file system, or one without hard links.
    if (code !== 'EXDEV' && code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'EMLINK') throw error;
    return putCopy(source, dir, name);
  }
}

function putCopy(source: string, dir: OpenFolder, name: string): boolean {
  const temporary = path.join(dir.path, `.${path.basename(source)}.part`);
  rmSync(temporary, { force: true }); // of one that was killed
  copyFileSync(source, temporary, constants.COPYFILE_EXCL);
  try {
    // By now the container may have put a pipe in its place, which must not be waited for.
    const fd = openSync(temporary, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      own(fd, fstatSync(dir.fd));
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    return moveTo(temporary, path.join(dir.path, name));
  } finally {
    rmSync(temporary, { force: true });
  }
}

/** A rename takes the place of what is there, so it is the last resort. */
function moveTo(temporary: string, target: string): boolean {
  try {
    linkSync(temporary, target);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    if (code !== 'EPERM' && code !== 'ENOTSUP') throw error;
    if (lstatSync(target, { throwIfNoEntry: false })) return false;
    renameSync(temporary, target);
    return true;
  }
}

/** It lies there already: a daemon was killed before it could note it. */
function isSame(source: string, dir: OpenFolder, name: string): boolean {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  let there: number;
  try {
    there = openSync(path.join(dir.path, name), flags);
  } catch {
    return false;
  }
  const ours = openSync(source, flags);
  try {
    const [a, b] = [fstatSync(ours), fstatSync(there)];
    if (!b.isFile() || a.size !== b.size) return false;
    if (a.ino === b.ino && a.dev === b.dev) return true;
    return sameBytes(ours, there);
  } finally {
    closeSync(ours);
    closeSync(there);
  }
}

function sameBytes(a: number, b: number): boolean {
  const [left, right] = [Buffer.alloc(65_536), Buffer.alloc(65_536)];
  for (;;) {
    const length = readSync(a, left);
    if (readSync(b, right) !== length || !left.subarray(0, length).equals(right.subarray(0, length)))
      return false;
    if (length === 0) return true;
  }
}

function syncFolder(fd: number): void {
  try {
    fsyncSync(fd);
  } catch {
    // Some file systems refuse; there is nothing better to do.
  }
}

/** `report.pdf` → `report-2.pdf` */
function numbered(name: string, n: number): string {
  const { name: stem, ext } = path.parse(name);
  return `${stem}-${n}${ext}`;
}

const refused = (folder: string) =>
  new NanoClawError(
    'FILE_REFUSED',
    `${folder}/ in the group's folder is not a plain folder; expected one, or nothing there`,
  );
