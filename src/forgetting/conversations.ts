/**
 * Conversations with the model that hold what is to be forgotten: which they are, by the messages that their prompts name and by what
 * they quote. Transcripts are the agent's own files: no link is followed, and they are read in slices with a pause behind each.
 */
import { closeSync, fstatSync, readSync } from 'node:fs';
import { openBelow } from '../lib/open-below.ts';
import { type ConversationFile, conversationFiles } from '../mailbox/conversation-files.ts';
import { quotes, type Sought } from './sought.ts';

const SLICE_BYTES = 48 * 1024;
/** Of one home; some minutes. A file may seem to be of any size. */
const MOST_BYTES = 512 * 1024 * 1024;
/** Of the slice before, so that nothing is cut in two. */
const OVERLAP_BYTES = 2 * 1024;
/** The offline agent's: a few dozen lines of its own that no model knows of. They go without being looked through. */
const OFFLINE = '.nanoclaw-offline';

/**
 * `ids`: the home is that of the messages' own group. Yields between slices; returns the sessions' ids, and how many files were too
 * large to be looked through.
 */
export function* conversationsWith(
  homeDir: string,
  sought: Sought,
  { ids, sinceMs }: { ids: boolean; sinceMs: number },
): Generator<void, { found: Set<string>; left: number }> {
  const found = new Set<string>();
  let looked = 0;
  let left = 0;
  let room = MOST_BYTES;
  for (const file of conversationFiles(homeDir)) {
    looked += 1;
    if (looked % 50 === 0) yield;
    if (file === null) continue;
    // What was written last before they were said does not hold them.
    if (found.has(file.id) || file.changedMs < sinceMs) continue;
    const isOffline = ids && file.components[0] === OFFLINE;
    if (!isOffline && file.bytes > room) {
      left += 1;
      continue;
    }
    if (!isOffline) room -= file.bytes;
    if (isOffline || (yield* holds(homeDir, file, sought, ids))) found.add(file.id);
  }
  return { found, left };
}

function* holds(
  homeDir: string,
  file: ConversationFile,
  sought: Sought,
  ids: boolean,
): Generator<void, boolean> {
  let fd: number;
  try {
    fd = openBelow(homeDir, file.components);
  } catch {
    return false; // gone, or a link by now
  }
  try {
    if (!fstatSync(fd).isFile()) return false;
    const slice = Buffer.alloc(SLICE_BYTES);
    for (let from = 0; from < file.bytes; from += SLICE_BYTES - OVERLAP_BYTES) {
      const got = readSync(fd, slice, 0, SLICE_BYTES, from);
      const raw = slice.toString('utf8', 0, got);
      if (ids && names(raw, sought.ids)) return true;
      if (sought.quotes.size > 0 && quotes(sought, plain(raw))) return true;
      yield;
      if (got < SLICE_BYTES) break;
    }
    return false;
  } finally {
    closeSync(fd);
  }
}

/** As prompt.ts shows a message, in JSON or not. */
function names(raw: string, ids: ReadonlySet<number>): boolean {
  for (const [, id] of raw.matchAll(/<message id=\\*"(-?\d{1,15})\\*"/g))
    if (ids.has(Number(id))) return true;
  return false;
}

/** What a prompt in a JSON text says, near enough to tell its words. */
const plain = (raw: string): string =>
  raw
    .replace(/\\[nrt]/g, ' ')
    .replace(/\\/g, '')
    .replace(/&#x[0-9a-f]{1,6};/gi, '')
    .replace(/&(?:amp|lt|gt|quot|apos);/g, ' ');
