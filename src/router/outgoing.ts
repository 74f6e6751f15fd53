/**
 * What is to be said, as entries of the outbox: an agent's words with their formatting as their group wants them, the
 * daemon's own as they are. What is too long becomes its beginning and the whole as a file. In the caller's transaction.
 */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type { Db } from '../db.ts';
import { stripInternal } from '../format/reply-text.ts';
import { formatCaption, formatReply, type Reading } from '../format.ts';
import { writeFileAtomic } from '../lib/atomic-file.ts';
import type { Clock } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';
import { fileKindOf } from '../mailbox/file-kind.ts';
import { OUTBOX_COPIES } from '../mailbox/layout.ts';
import { type ChatJid, iso, type ReplyFormat, type TurnId } from '../types.ts';

export interface Reply {
  chatJid: ChatJid;
  threadId: number | null;
  turnId: TurnId | null;
  /** Message that this answers; shown as a reply. */
  replyTo: number | null;
  text: string;
  /** The text is an agent's Markdown. */
  markdown?: true;
  /** A file of the host's, already copied out of the group's reach; `text` is its caption. */
  filePath?: string;
}

export interface OutgoingOptions {
  db: Db;
  clock: Clock;
  home: string;
  random: Random;
}

/**
 * Returns what puts a reply into the outbox and tells in how many entries; zero when there was nothing to say.
 * Throws what the file system throws, when a long reply cannot be written.
 */
export function createOutgoing({ db, clock, home, random }: OutgoingOptions): (reply: Reply) => number {
  return (reply) => {
    const { threadId, turnId, replyTo, filePath } = reply;
    const at = iso(clock.now());
    // Whoever wants it said may know the chat by the id that it had a moment ago.
    const group = db.groups.find(reply.chatJid);
    const chatJid = group?.chatJid ?? reply.chatJid;
    const format: ReplyFormat = reply.markdown ? (group?.format ?? 'formatted') : 'plain';
    const reading: Reading = format === 'plain' ? 'plain' : 'markdown';
    const common = { chatJid, threadId, turnId, at };
    if (filePath !== undefined) {
      const { caption, rest } = formatCaption(reply.text, reading);
      const fileKind = fileKindOf(path.resolve(home, filePath));
      db.outbox.add({ ...common, ...caption, replyTo, filePath, fileKind });
      for (const part of rest) db.outbox.add({ ...common, ...part, replyTo: null });
      return 1 + rest.length;
    }
    const source = stripInternal(reply.text);
    const { parts, whole } = formatReply(source, reading);
    parts.forEach((part, index) => {
      const rich = format === 'rich' && whole === null && parts.length === 1 ? source : null;
      db.outbox.add({ ...common, ...part, replyTo: index === 0 ? replyTo : null, rich });
    });
    if (whole === null) return parts.length;
    const file = path.join(
      OUTBOX_COPIES,
      `${random.uuid()}-${reading === 'plain' ? 'reply.txt' : 'reply.md'}`,
    );
    mkdirSync(path.join(home, OUTBOX_COPIES), { recursive: true });
    writeFileAtomic(path.join(home, file), whole.toWellFormed());
    db.outbox.add({ ...common, text: '', entities: [], replyTo: null, filePath: file });
    return parts.length + 1;
  };
}
