/**
 * What is to be forgotten, in files, before any of its rows goes: archives and notes line by line, conversations with the model whole.
 * Doing it again after a kill finds what is left.
 */
import type { Done, Forgetting } from '../db/forgettings.ts';
import type { Db } from '../db.ts';
import type { Clock } from '../lib/clock.ts';
import {
  type ConversationFile,
  conversationFiles,
  removeConversationFile,
} from '../mailbox/conversation-files.ts';
import { addLines, forgetLines, type Wanted } from '../mailbox/forget-lines.ts';
import { groupPaths } from '../mailbox/layout.ts';
import type { Folder, Seq } from '../types.ts';
import { conversationsWith } from './conversations.ts';
import { placesIn } from './notes.ts';
import { type Sought, seek } from './sought.ts';

const WINDOW = 500;
/** How long an agent may take to end. */
const REST_MS = 15_000;

interface InFiles {
  db: Db;
  home: string;
  clock: Clock;
  /** Ends the folder's agent where it only waits; true: none runs. Without it, none does. */
  rest?: ((folder: Folder) => boolean) | undefined;
  /** The messages were said since then, milliseconds. */
  sinceMs: number;
}

/** Counts in `done` what went, and names there what of the notes stays. */
export function* forgetInFiles(options: InFiles, job: Forgetting, done: Done): Generator<void> {
  const { db, home } = options;
  const group = db.groups.byJid(job.chatJid);
  if (group === null) return;
  const wanted: Wanted = { whole: new Set(), starts: new Set() };
  const sought: Sought = { ids: new Set(), quotes: new Set() };
  for (let cursor: Seq | null = (job.fromSeq - 1) as Seq; cursor !== null; yield) {
    const { next, meant } = db.forgettings.window(job, cursor, WINDOW);
    for (const { messageId, texts } of meant) {
      seek(sought, messageId, texts);
      for (const text of texts) addLines(wanted, text);
    }
    cursor = next;
  }
  if (sought.ids.size === 0) return;
  const { groupDir, globalDir } = groupPaths(home, group.folder);
  for (const { lines, left } of forgetLines(groupDir, wanted)) {
    done.lines += lines;
    done.left += left;
    yield;
  }
  yield* inConversations(options, group.folder, sought, done);
  // Main may have looked into the group. Nobody else ends its conversations, or learns by a receipt what is said in them.
  const main = db.groups.main();
  done.mains = main === null || job.toldJid === null || job.toldJid === main.chatJid;
  if (done.mains && main && main.folder !== group.folder)
    yield* inConversations(options, main.folder, { ...sought, ids: new Set() }, done);
  done.notes = [
    ...(yield* placesIn(groupDir, '', sought)),
    ...(group.isMain ? yield* placesIn(globalDir, 'global/', sought) : []),
  ];
}

function* inConversations(options: InFiles, folder: Folder, sought: Sought, done: Done): Generator<void> {
  const { db, home, clock, sinceMs } = options;
  const { homeDir } = groupPaths(home, folder);
  const { found, left } = yield* conversationsWith(homeDir, sought, { ids: sought.ids.size > 0, sinceMs });
  done.left += left;
  if (found.size === 0) return;
  for (const { sessionId, threadId } of db.sessions.ofGroup(folder)) {
    if (!found.has(sessionId.toLowerCase())) continue;
    db.sessions.drop(folder, threadId);
    done.renewed += 1;
  }
  // An agent that waits for its next turn writes down what was said last as it ends.
  const until = clock.monotonic() + REST_MS;
  while (!(options.rest?.(folder) ?? true)) {
    if (clock.monotonic() >= until) {
      done.busy += 1;
      break;
    }
    yield;
  }
  const going: ConversationFile[] = [];
  let looked = 0;
  for (const file of conversationFiles(homeDir)) {
    looked += 1;
    if (looked % 50 === 0) yield;
    if (file !== null && found.has(file.id)) going.push(file);
  }
  for (const file of going) {
    removeConversationFile(homeDir, file);
    yield;
  }
  done.conversations += found.size;
}
