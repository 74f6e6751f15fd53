/**
 * Files that were sent in either direction. Kept in memory up to a budget, and beside the state file when there is one,
 * up to a larger one; the oldest go first. A file id says nothing about the file, as in Telegram.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { imageSize } from '../lib/image-size.ts';
import type { MediaKind, SimFileRef } from './types.ts';

const MEMORY_BYTES = 256 * 1024 * 1024;
const DISK_BYTES = 1024 * 1024 * 1024;
const MOST_FILES = 2000;
const FOLDERS: Readonly<Record<MediaKind, string>> = {
  photo: 'photos',
  document: 'documents',
  audio: 'music',
  voice: 'voice',
  video: 'videos',
  video_note: 'video_notes',
  animation: 'animations',
};
const LINK_MS = 3_600_000;
const SAFE_EXTENSION = /\.([A-Za-z0-9]{1,8})$/;

export interface SimFile {
  readonly id: string;
  readonly uniqueId: string;
  readonly kind: MediaKind;
  readonly name: string;
  readonly mime: string;
  readonly size: number;
  /** What getFile hands out; unique, and safe as a path. */
  readonly path: string;
  readonly width: number | null;
  readonly height: number | null;
}

export class FileStore {
  readonly #files = new Map<string, SimFile>();
  readonly #bytes = new Map<string, Buffer>();
  readonly #links = new Map<string, number>();
  readonly #random: () => number;
  readonly #directory: string | undefined;
  #held = 0;
  #stored = 0;
  #count = 0;

  constructor(random: () => number, directory?: string, saved: readonly SimFile[] = []) {
    this.#random = random;
    this.#directory = directory;
    for (const file of saved) {
      this.#files.set(file.id, file);
      this.#stored += file.size;
      // Paths are never used twice, also when older files are forgotten.
      this.#count = Math.max(this.#count, Number(/file_(\d+)_/.exec(file.path)?.[1] ?? 0));
    }
  }

  add(kind: MediaKind, name: string, mime: string, bytes: Buffer): SimFile {
    this.#count += 1;
    const size = kind === 'photo' || kind === 'video' ? imageSize(bytes) : undefined;
    const extension = SAFE_EXTENSION.exec(name)?.[1] ?? (kind === 'photo' ? 'jpg' : 'bin');
    const uniqueId = `AQAD${this.#word(10)}`;
    const file: SimFile = {
      id: `${kind === 'photo' ? 'AgACAgI' : 'BQACAgI'}${this.#word(40)}`,
      uniqueId,
      kind,
      name,
      mime,
      size: bytes.length,
      path: `${FOLDERS[kind]}/file_${this.#count}_${uniqueId}.${extension}`,
      width: size?.width ?? null,
      height: size?.height ?? null,
    };
    this.#files.set(file.id, file);
    this.#stored += file.size;
    this.#hold(file, bytes);
    this.#forgetOldest(file);
    if (this.#directory) {
      mkdirSync(this.#directory, { recursive: true });
      writeFileSync(join(this.#directory, uniqueId), bytes);
    }
    return file;
  }

  byId(id: string): SimFile | undefined {
    return this.#files.get(id);
  }

  byPath(path: string): SimFile | undefined {
    for (const file of this.#files.values()) if (file.path === path) return file;
    return undefined;
  }

  /** getFile has named its path: it can be fetched from there for an hour. */
  link(file: SimFile, now: number): void {
    this.#links.delete(file.path);
    this.#links.set(file.path, now);
    const [oldest] = this.#links.keys();
    if (this.#links.size > MOST_FILES && oldest !== undefined) this.#links.delete(oldest);
  }

  isLinked(file: SimFile, now: number): boolean {
    const since = this.#links.get(file.path);
    return since !== undefined && now - since < LINK_MS;
  }

  /** Undefined when it is gone: too much else was sent since. */
  bytes(file: SimFile): Buffer | undefined {
    const held = this.#bytes.get(file.id);
    if (held || !this.#directory) return held;
    const path = join(this.#directory, file.uniqueId);
    if (!existsSync(path)) return undefined;
    const bytes = readFileSync(path);
    this.#hold(file, bytes);
    return bytes;
  }

  save(): SimFile[] {
    return [...this.#files.values()];
  }

  #hold(file: SimFile, bytes: Buffer): void {
    this.#bytes.set(file.id, bytes);
    this.#held += bytes.length;
    for (const [id, old] of this.#bytes) {
      if (this.#held <= MEMORY_BYTES || id === file.id) break;
      this.#bytes.delete(id);
      this.#held -= old.length;
      const gone = this.#directory ? undefined : this.#files.get(id);
      if (gone) this.#forget(gone);
    }
  }

  #forgetOldest(newest: SimFile): void {
    for (const file of this.#files.values()) {
      if (file === newest || (this.#files.size <= MOST_FILES && this.#stored <= DISK_BYTES)) return;
      this.#held -= this.#bytes.get(file.id)?.length ?? 0;
      this.#bytes.delete(file.id);
      this.#forget(file);
      if (this.#directory) rmSync(join(this.#directory, file.uniqueId), { force: true });
    }
  }

  #forget(file: SimFile): void {
    this.#files.delete(file.id);
    this.#stored -= file.size;
  }

  #word(length: number): string {
    const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
    return Array.from({ length }, () => letters.charAt(Math.floor(this.#random() * letters.length))).join('');
  }
}

/** A grey picture of 90 × 68: the small size that comes with every larger photo. */
const THUMBNAIL = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAFoAAABECAAAAAAkH301AAAAMUlEQVR42u3MMQ0AAAwDoEqv9KpYsgMEkJ6JWq1Wq9VqtVqtVqvVarVarVar1er/9QCHnfSmNyI5ugAAAABJRU5ErkJggg==',
  'base64',
);
const THUMBNAIL_EDGE = 90;

/** A photo's sizes, as Telegram offers them: each a file of its own, the largest last. */
export function photoSizes(files: FileStore, photo: SimFile): SimFileRef[] {
  if (Math.max(photo.width ?? 0, photo.height ?? 0) <= THUMBNAIL_EDGE) return [fileRef(photo)];
  return [fileRef(files.add('photo', photo.name, photo.mime, THUMBNAIL)), fileRef(photo)];
}

/** The file as it stands in a message. */
export function fileRef(file: SimFile): SimFileRef {
  const named = ['document', 'audio', 'video', 'animation'].includes(file.kind);
  const sized = ['photo', 'video', 'animation'].includes(file.kind);
  return {
    file_id: file.id,
    file_unique_id: file.uniqueId,
    file_size: file.size,
    ...(named ? { file_name: file.name } : {}),
    ...(file.kind === 'photo' ? {} : { mime_type: file.mime }),
    ...(sized ? { width: file.width ?? 320, height: file.height ?? 240 } : {}),
    ...(file.kind === 'document' || file.kind === 'photo' ? {} : { duration: 1 }),
    ...(file.kind === 'video_note' ? { length: 240 } : {}),
  };
}
