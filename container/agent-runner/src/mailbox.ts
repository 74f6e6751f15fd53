/**
 * The agent's side of the mailbox: writes files whole (staged, synced, renamed), reads the host's files, and tells
 * listeners when something may have changed. A file event is a hint; the sweep behind it is the truth, since events
 * are unreliable on some mounts. Writes nothing under `in/` and never uses a name twice.
 */
import { randomUUID } from 'node:crypto';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { MAILBOX, MAX_MAILBOX_FILE_BYTES } from '../../../src/protocol.ts';

export type OutDirectory = 'messages' | 'tasks' | 'events';
export type InDirectory = 'turns' | 'control' | 'results';

const WATCHED: readonly InDirectory[] = ['turns', 'control', 'results'];
/** A snapshot may be larger than other files: main's lists the tasks of all groups. */
const MAX_SNAPSHOT_BYTES = 32 * 1024 * 1024;
/** A staged file this old belongs to an agent that died while writing it. */
const STALE_STAGING_MS = 10 * 60_000;

export class Mailbox {
  readonly #directory: string;
  readonly #listeners = new Set<() => void>();
  readonly #watchers = new Map<InDirectory, fs.FSWatcher>();
  #sweep: NodeJS.Timeout | undefined;
  #closed = false;

  readonly #sync: (handle: number) => void;

  /** `sync` brings a file or a directory to the disk. */
  constructor(directory: string, sync: (handle: number) => void = fs.fsyncSync) {
    this.#directory = directory;
    this.#sync = sync;
  }

  /** Begins to watch; listeners are called on each file event under in/ and at least every `sweepMs`. */
  start(sweepMs: number): void {
    this.#removeStaleStaging();
    this.#watchAll();
    this.#sweep = setInterval(() => {
      this.#watchAll();
      this.#notify();
    }, sweepMs);
  }

  /** Ends watching. What was written stays. Idempotent. */
  close(): void {
    this.#closed = true;
    clearInterval(this.#sweep);
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
    this.#listeners.clear();
  }

  /** Calls `listener` whenever the host may have left something. Returns how to stop that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Puts one file, durably and all at once. Synchronous, so that neither a signal nor another event can come
   * between. Throws what the file system threw; then nothing is visible to the host.
   */
  put(directory: OutDirectory, name: string, value: unknown): void {
    this.#putAll(directory, [{ name, value, sync: true }]);
    this.#syncDirectory(join(this.#directory, MAILBOX[directory]));
  }

  /**
   * Puts events, all or none, so that the host finds them together. A power cut ends the agent, too, and what it had said is said
   * again by the next attempt: an event need not survive one, but an end must not survive without what came before it. So that
   * is marked `sync`, or counted in the end; names in one directory reach the disk in the order in which they were given.
   */
  putEvents(events: readonly { name: string; value: unknown; sync: boolean }[]): void {
    this.#putAll('events', events);
  }

  #putAll(directory: OutDirectory, files: readonly { name: string; value: unknown; sync: boolean }[]): void {
    const target = join(this.#directory, MAILBOX[directory]);
    const staged: { from: string; to: string }[] = [];
    try {
      for (const { name, value, sync } of files) {
        const bytes = Buffer.from(`${JSON.stringify(value)}\n`);
        if (bytes.length > MAX_MAILBOX_FILE_BYTES) {
          throw new RangeError(
            `a mailbox file may have ${MAX_MAILBOX_FILE_BYTES} bytes, this has ${bytes.length}`,
          );
        }
        const from = join(this.#directory, MAILBOX.staging, `${randomUUID()}.json`);
        staged.push({ from, to: join(target, name) });
        this.#write(from, bytes, sync);
      }
      for (const { from, to } of staged) fs.renameSync(from, to);
    } catch (error) {
      for (const { from } of staged) fs.rmSync(from, { force: true });
      throw error;
    }
  }

  #write(path: string, bytes: Buffer, sync: boolean): void {
    const handle = fs.openSync(path, 'wx', 0o644);
    try {
      fs.writeFileSync(handle, bytes);
      if (sync) this.#sync(handle);
    } finally {
      fs.closeSync(handle);
    }
  }

  /** Makes a rename survive a power cut. Some mounts cannot sync a directory; the rename itself has happened. */
  #syncDirectory(path: string): void {
    try {
      const handle = fs.openSync(path, 'r');
      try {
        this.#sync(handle);
      } finally {
        fs.closeSync(handle);
      }
    } catch {
      // EINVAL or EACCES on network and virtual file systems.
    }
  }

  /** Names of the .json files in an in/ directory, oldest first. A directory that is not there is empty. */
  list(directory: InDirectory): string[] {
    const path = join(this.#directory, MAILBOX[directory]);
    const found: { name: string; time: bigint }[] = [];
    for (const name of readNames(path)) {
      if (!name.endsWith('.json')) continue;
      const stat = fs.statSync(join(path, name), { bigint: true, throwIfNoEntry: false });
      if (stat?.isFile()) found.push({ name, time: stat.mtimeNs });
    }
    found.sort((a, b) => (a.time === b.time ? (a.name < b.name ? -1 : 1) : a.time < b.time ? -1 : 1));
    return found.map((file) => file.name);
  }

  /** The parsed content of a host's file; undefined when it is not there. Throws on a file that is no JSON. */
  read(directory: InDirectory, name: string): unknown {
    return readJsonFile(join(this.#directory, MAILBOX[directory], name), MAX_MAILBOX_FILE_BYTES);
  }

  /** As `read`, for a file directly in in/, such as available_groups.json. */
  readSnapshot(name: string): unknown {
    return readJsonFile(join(this.#directory, 'in', name), MAX_SNAPSHOT_BYTES);
  }

  #notify(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  #watchAll(): void {
    for (const directory of WATCHED) {
      if (this.#closed || this.#watchers.has(directory)) continue;
      try {
        const watcher = fs.watch(join(this.#directory, MAILBOX[directory]), () => this.#notify());
        watcher.on('error', () => {
          watcher.close();
          this.#watchers.delete(directory);
        });
        this.#watchers.set(directory, watcher);
      } catch {
        // Not there yet, or no watches left: the next sweep tries again.
      }
    }
  }

  #removeStaleStaging(): void {
    const path = join(this.#directory, MAILBOX.staging);
    for (const name of readNames(path)) {
      const file = join(path, name);
      const stat = fs.lstatSync(file, { throwIfNoEntry: false });
      if (stat?.isFile() && Date.now() - stat.mtimeMs > STALE_STAGING_MS) fs.rmSync(file, { force: true });
    }
  }
}

function readNames(path: string): string[] {
  try {
    return fs.readdirSync(path);
  } catch {
    return [];
  }
}

function readJsonFile(path: string, limitBytes: number): unknown {
  const stat = fs.statSync(path, { throwIfNoEntry: false });
  if (!stat?.isFile()) return undefined;
  if (stat.size > limitBytes) throw new RangeError(`${path} is larger than a mailbox file may be`);
  return JSON.parse(fs.readFileSync(path, 'utf8'));
}
