/**
 * Reading what a container wrote, as if it were an attacker: it may plant links, pipes, devices, directories, huge
 * or changing files, and swap any of them at any moment.
 * A directory is opened once, refusing a link, and its entries are reached through that handle (/proc/self/fd is
 * Linux's openat), so no swap can lead us elsewhere. Where there is no /proc the checks are by path; there the
 * agents run behind a virtual machine.
 */
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  opendirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
} from 'node:fs';
import path from 'node:path';
import { NanoClawError } from '../errors.ts';
import { MAX_MAILBOX_FILE_BYTES } from '../protocol.ts';

const MAX_QUARANTINED = 50;
const NAME = /^[\w.-]{1,128}\.json$/;

export interface MailboxDirectory {
  /**
   * The first `limit` names of candidate files, in order, and up to `limit` entries with unusable names, as the
   * bytes they are. `more` when there are others.
   */
  list(limit: number): { names: string[]; bad: Buffer[]; more: boolean };
  /** The file's text. Throws FILE_REFUSED with the reason; ENOENT when it is gone. */
  read(name: string): string;
  remove(name: string): void;
  /** Moves the entry out of the agent's reach, bounded in number, or removes it. Never throws. False: it stays. */
  setAside(name: string | Buffer, quarantine: string, stamp: string): boolean;
  close(): void;
}

/** Opens out/<something>. Null when it is not a real directory (the agent broke its own mailbox). */
export function openMailboxDirectory(directory: string): MailboxDirectory | null {
  let fd: number;
  try {
    fd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  } catch {
    return null;
  }
  const base = process.platform === 'linux' ? `/proc/self/fd/${fd}` : directory;
  const at = (name: string) => `${base}/${name}`;
  /** A name of any bytes: what is not UTF-8 must be removable, too. */
  const atBytes = (name: string | Buffer) =>
    Buffer.concat([Buffer.from(`${base}/`), typeof name === 'string' ? Buffer.from(name) : name]);

  return {
    list(limit) {
      const names: string[] = [];
      const bad: Buffer[] = [];
      let more = false;
      /** However many there are: the first by name are taken first, and only so many are held. */
      const cut = () => {
        names.sort();
        if (names.length <= limit) return;
        names.length = limit;
        more = true;
      };
      const dir = opendirSync(base, { encoding: 'buffer' as BufferEncoding, bufferSize: 256 });
      try {
        for (let entry = dir.readSync(); entry !== null; entry = dir.readSync()) {
          const bytes = entry.name as unknown as Buffer;
          const name = bytes.toString('latin1'); // the pattern admits ASCII alone
          if (NAME.test(name)) names.push(name);
          else if (bad.length < limit) bad.push(bytes);
          else more = true;
          if (names.length >= 4 * limit) cut();
        }
      } finally {
        dir.closeSync();
      }
      cut();
      return { names, bad, more };
    },
    read: (name) => decode(readRegularFile(at(name), MAX_MAILBOX_FILE_BYTES)),
    remove(name) {
      rmSync(at(name), { force: true, recursive: true });
    },
    setAside(name, quarantine, stamp) {
      try {
        mkdirSync(quarantine, { recursive: true });
        const kept = readdirSync(quarantine).sort();
        for (const old of kept.slice(0, Math.max(0, kept.length - MAX_QUARANTINED + 1))) {
          rmSync(path.join(quarantine, old), { force: true, recursive: true });
        }
        const info = lstatSync(atBytes(name));
        // A file with a second name may be one of the host's, and to rename it onto itself would do nothing.
        if (info.isFile() && info.nlink === 1 && info.size <= MAX_MAILBOX_FILE_BYTES) {
          const safe = name
            .toString()
            .replace(/[^\w.-]/g, '_')
            .slice(0, 100);
          renameSync(atBytes(name), path.join(quarantine, `${stamp}-${safe}`));
          return true;
        }
      } catch {
        // Falls through: what cannot be kept is removed.
      }
      try {
        rmSync(atBytes(name), { force: true, recursive: true });
        return true;
      } catch {
        return false; // the agent harms only its own mailbox
      }
    },
    close: () => closeSync(fd),
  };
}

/**
 * The bytes of a regular file, not following a link, never blocking on a pipe, at most `limit` of them.
 * A second name of the file (hard link) is refused. Throws FILE_REFUSED, or ENOENT when it is gone.
 */
export function readRegularFile(file: string, limit: number): Buffer {
  let fd: number;
  try {
    fd = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT') throw error;
    if (code === 'ELOOP' || code === 'EMLINK') throw refused('is a symbolic link');
    if (code === 'ENXIO') throw refused('is a socket or a pipe');
    throw refused(`cannot be opened (${code ?? 'unknown'})`);
  }
  try {
    const info = fstatSync(fd);
    if (!info.isFile()) throw refused('is not a regular file');
    if (info.nlink > 1) throw refused('has a second name (hard link)');
    if (info.size > limit) throw refused(`has ${info.size} bytes, at most ${limit} are allowed`);
    // The size may change while we read: the buffer, not the promise, is the limit.
    const buffer = Buffer.allocUnsafe(Math.min(info.size, limit) + 1);
    let length = 0;
    while (length < buffer.length) {
      const got = readSync(fd, buffer, length, buffer.length - length, null);
      if (got === 0) break;
      length += got;
    }
    if (length === buffer.length) throw refused('grew while it was read');
    return buffer.subarray(0, length);
  } finally {
    closeSync(fd);
  }
}

function decode(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw refused('is not UTF-8');
  }
}

const refused = (why: string) => new NanoClawError('FILE_REFUSED', `the file ${why}`);
