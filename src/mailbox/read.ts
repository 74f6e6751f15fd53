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
  opendirSync,
  openSync,
  readSync,
  renameSync,
  type Stats,
  unlinkSync,
} from 'node:fs';
import { NanoClawError } from '../errors.ts';
import { MAX_MAILBOX_FILE_BYTES } from '../protocol.ts';

const NAME = /^[\w.-]{1,128}\.json$/;

export interface MailboxDirectory {
  /**
   * Looks at no more than `limit` entries: names of candidate files, in order, and unusable names, as the bytes
   * they are. `more`: there are others, and which ones were seen is up to the file system.
   */
  list(limit: number): { names: string[]; bad: Buffer[]; more: boolean };
  /** The file's text. Throws FILE_REFUSED with the reason; ENOENT when it is gone. */
  read(name: string): string;
  /** Up to `limit` bytes of a plain file, to be kept. Throws FILE_REFUSED, or ENOENT. */
  sample(name: string | Buffer, limit: number): Buffer;
  stat(name: string | Buffer): Stats;
  /** Removes anything but a directory. Throws what the file system throws, but not when it is gone. */
  unlink(name: string | Buffer): void;
  /** Renames the entry to `target`, a path of the host's. Never follows it. */
  move(name: string | Buffer, target: string): void;
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
  /** A name of any bytes: what is not UTF-8 must be removable, too. */
  const at = (name: string | Buffer) =>
    typeof name === 'string' ? `${base}/${name}` : Buffer.concat([Buffer.from(`${base}/`), name]);

  return {
    list(limit) {
      const names: string[] = [];
      const bad: Buffer[] = [];
      const dir = opendirSync(base, { encoding: 'buffer' as BufferEncoding, bufferSize: 256 });
      let entry = dir.readSync();
      try {
        for (; entry !== null && names.length + bad.length < limit; entry = dir.readSync()) {
          const bytes = entry.name as unknown as Buffer;
          const name = bytes.toString('latin1'); // the pattern admits ASCII alone
          if (NAME.test(name)) names.push(name);
          else bad.push(bytes);
        }
      } finally {
        dir.closeSync();
      }
      return { names: names.sort(), bad, more: entry !== null };
    },
    read: (name) => decode(readRegularFile(at(name), MAX_MAILBOX_FILE_BYTES)),
    sample: (name, limit) => readSample(at(name), limit),
    stat: (name) => lstatSync(at(name)),
    unlink(name) {
      try {
        unlinkSync(at(name));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      }
    },
    move: (name, target) => renameSync(at(name), target),
    close: () => closeSync(fd),
  };
}

/**
 * The bytes of a regular file, not following a link, never blocking on a pipe, at most `limit` of them.
 * A second name of the file (hard link) is refused. Throws FILE_REFUSED, or ENOENT when it is gone.
 */
export function readRegularFile(file: string | Buffer, limit: number): Buffer {
  return withRegularFile(file, (fd, size) => {
    if (size > limit) throw refused(`has ${size} bytes, at most ${limit} are allowed`);
    // The size may change while we read: the buffer, not the promise, is the limit.
    const read = readUpTo(fd, Math.min(size, limit) + 1);
    if (read.length > Math.min(size, limit)) throw refused('grew while it was read');
    return read;
  });
}

/** As readRegularFile, but the beginning of it is enough. */
const readSample = (file: string | Buffer, limit: number): Buffer =>
  withRegularFile(file, (fd) => readUpTo(fd, limit));

function withRegularFile<T>(file: string | Buffer, use: (fd: number, size: number) => T): T {
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
    return use(fd, info.size);
  } finally {
    closeSync(fd);
  }
}

function readUpTo(fd: number, limit: number): Buffer {
  const buffer = Buffer.allocUnsafe(limit);
  let length = 0;
  while (length < limit) {
    const got = readSync(fd, buffer, length, limit - length, null);
    if (got === 0) break;
    length += got;
  }
  return buffer.subarray(0, length);
}

function decode(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw refused('is not UTF-8');
  }
}

const refused = (why: string) => new NanoClawError('FILE_REFUSED', `the file ${why}`);
