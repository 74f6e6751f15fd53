/**
 * A specialist's file that main has sent: checked as it was fetched (the host's own copy), laid into `agents/` of a group or
 * of all, where nothing is ever overwritten, and told in main. In the caller's transaction, with the note that the file has
 * come: killed in between, the same is done again and finds its own file there.
 */
import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Attachment } from '../db/attachments.ts';
import type { Db } from '../db.ts';
import { messageOf, NanoClawError } from '../errors.ts';
import type { Clock } from '../lib/clock.ts';
import { safeFileName } from '../lib/file-name.ts';
import { oneLine } from '../lib/front-matter.ts';
import { readBelow } from '../lib/read-below.ts';
import { placeIn } from '../mailbox/copy-in.ts';
import { ATTACHMENT_COPIES, groupPaths } from '../mailbox/layout.ts';
import { MAX_SPECIALIST_BYTES } from '../team/specialist.ts';
import { AGENTS, GLOBAL, readAgents, type Specialist } from '../team.ts';
import { type ChatJid, iso } from '../types.ts';
import type { Sentence, Words } from '../words.ts';
import type { Reply } from './outgoing.ts';

export interface TeamAddOptions {
  db: Db;
  clock: Clock;
  home: string;
  record: (reply: Reply) => number;
}

/** `copy`: where the file was fetched to, or why it was not. Returns the chat that is told, or null: nobody waits for it. */
export type FileCame = (
  attachment: Attachment,
  copy: { path: string } | { missing: string },
) => ChatJid | null;

export function createTeamAdd({ db, clock, home, record }: TeamAddOptions): FileCame {
  return (attachment, copy) => {
    const wanted = attachment.ofReply ? null : db.additions.of(attachment.seq);
    if (wanted === null) return null;
    db.additions.settle(wanted.seq);
    const group = db.groups.byFolder(attachment.folder);
    const message = db.messages.bySeq(wanted.seq);
    if (group === null || message === null) return null;
    const words = db.languages.wordsFor(group.chatJid);
    const name = oneLine(attachment.name ?? '', 100);
    const { chatJid } = group;
    const { messageId: replyTo, threadId } = message;
    const tell = (text: string) => record({ chatJid, threadId, turnId: null, replyTo, text });
    let outcome: 'done' | 'refused' = 'refused';
    let detail: string;
    try {
      if ('missing' in copy) throw refused((w) => w.team.notFetched(name, copy.missing));
      const { specialist, placed } = lay(wanted.folder, copy.path, attachment);
      outcome = 'done';
      detail = `${specialist.name}: ${placed}`;
      tell(words.team.added(specialist.name, placed));
    } catch (error) {
      if (!(error instanceof NanoClawError)) throw error;
      detail = messageOf(error);
      tell(words.didNotWork(error.in(words)));
    }
    const entry = {
      actor: wanted.actor,
      group: wanted.folder,
      action: 'add_specialist',
      outcome,
      detail,
    } as const;
    db.audit.note({ at: iso(clock.now()), ...entry });
    return chatJid;
  };

  /** Throws FILE_REFUSED with what is wrong, and what the file system throws. */
  function lay(
    folder: string,
    copy: string,
    attachment: Attachment,
  ): { specialist: Specialist; placed: string } {
    const root = rootOf(folder);
    const file = safeFileName(attachment.name ?? 'specialist.md').replace(/\.md$/i, '.md');
    const placed = folder === GLOBAL ? `${GLOBAL}/${AGENTS}/${file}` : `${folder}/${AGENTS}/${file}`;
    const text = readBelow(path.dirname(copy), [path.basename(copy)], MAX_SPECIALIST_BYTES);
    const faulty = (line: number | null, reason: Sentence) =>
      refused((w: Words) => w.team.refusedFile(file, line, reason(w)));
    if (text === null) throw refused((w) => w.team.notFetched(file, 'ENOENT'));
    if (typeof text !== 'string') throw faulty(text.line, text.reason);
    const there = readBelow(root, [AGENTS, file], MAX_SPECIALIST_BYTES);
    const team = readAgents(
      root,
      folder === GLOBAL ? 'global' : 'group',
      there === null ? { file, text } : undefined,
    );
    const bad = team.notes.find((note) => note.isBad && (note.file === file || note.file === ''));
    const specialist = team.specialists.find((each) => each.file === file);
    const isOther = there !== null && there !== text && bad?.file !== '';
    if (isOther) throw refused((w) => w.team.isThere(placed));
    if (!specialist) throw faulty(bad?.line ?? null, bad?.reason ?? ((w) => w.files.noFile));
    if (there === null && !put(root, file, text, attachment.id)) throw refused((w) => w.team.isThere(placed));
    return { specialist, placed };
  }

  function rootOf(folder: string): string {
    if (folder === GLOBAL) return groupPaths(home, folder).globalDir;
    // It may have been unregistered while the file was fetched.
    if (db.groups.byFolder(folder) === null) throw refused((w) => w.team.wrongPlace(folder));
    return groupPaths(home, folder).groupDir;
  }

  /** Not the fetched copy itself, which is to be another file of main's. */
  function put(root: string, file: string, text: string, id: number): boolean {
    const staged = path.join(home, ATTACHMENT_COPIES, `${id}-${AGENTS}.part`);
    rmSync(staged, { force: true });
    writeFileSync(staged, text, { mode: 0o644, flush: true });
    try {
      return placeIn(root, AGENTS, staged, file);
    } finally {
      rmSync(staged, { force: true });
    }
  }
}

const refused = (why: Sentence) => new NanoClawError('FILE_REFUSED', why);
