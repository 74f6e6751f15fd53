/**
 * What came with a message, noted in the transaction that stores it: which files are to be fetched, which are named only.
 * Files are fetched for messages that the agent is shown, when their sender may ask her, up to so many an hour.
 */
import type { NewAttachment } from '../db/attachments.ts';
import type { Db } from '../db.ts';
import type { Clock } from '../lib/clock.ts';
import { tooLarge } from '../telegram/download.ts';
import type { IncomingFile } from '../telegram/media.ts';
import type { IncomingMessage } from '../telegram/message.ts';
import { type Group, iso, type Seq } from '../types.ts';

const HOUR_MS = 3_600_000;
/** Files of one group that are fetched within an hour. */
export const MOST_FILES_AN_HOUR = 200;

export interface AttachedOptions {
  db: Db;
  clock: Clock;
  /** The largest file that is fetched. */
  maxFileBytes: number;
}

export interface Attached {
  /**
   * Notes the files of a message that the agent will be shown. Says again what it said before when it is called again, for
   * an edit, and takes another file for the one that it was. `isStranger`: the sender may not ask; `forNina`: it asks her.
   */
  note(
    seq: Seq,
    message: IncomingMessage,
    group: Group,
    how: { isStranger: boolean; forNina: boolean },
  ): void;
}

export function createAttached({ db, clock, maxFileBytes }: AttachedOptions): Attached {
  const now = () => iso(clock.now());

  function add(seq: Seq, group: Group, file: IncomingFile, ofReply: boolean, isStranger: boolean): void {
    const { folder } = group;
    const { state, error } = stateOf(group, file, isStranger);
    db.attachments.insert({ folder, seq, ofReply, ...file, state, error, at: now() });
  }

  function stateOf(
    group: Group,
    file: IncomingFile,
    isStranger: boolean,
  ): Pick<NewAttachment, 'state' | 'error'> {
    if (isStranger) return { state: 'unwanted', error: 'its sender may not ask you, so it was not fetched' };
    if ((file.size ?? 0) > maxFileBytes) return { state: 'failed', error: tooLarge(maxFileBytes).message };
    const hourAgo = iso(clock.now() - HOUR_MS);
    if (db.attachments.countSince(group.folder, hourAgo) >= MOST_FILES_AN_HOUR)
      return { state: 'failed', error: `more than ${MOST_FILES_AN_HOUR} files came within an hour` };
    return { state: 'pending', error: null };
  }

  /** Whoever may ask points at it: so it is wanted now, and one that could not be fetched is tried once more. */
  function addQuoted(seq: Seq, group: Group, messageId: number | null, file: IncomingFile): void {
    const replied = messageId === null ? null : db.messages.byMessageId(group.chatJid, messageId);
    const known = replied === null ? null : db.attachments.ofMessage(replied.seq);
    if (known === null) return add(seq, group, file, true, false);
    db.attachments.refer(seq, known.id, now());
    if (known.state === 'pending' || known.state === 'stored') return;
    if (stateOf(group, file, false).state === 'pending') db.attachments.fetchAgain(known.id, file.fileId);
  }

  return {
    note(seq, message, group, { isStranger, forNina }) {
      const { file, replyTo } = message;
      if (file) {
        const known = db.attachments.ofMessage(seq);
        if (known && known.uniqueId !== file.uniqueId) db.attachments.forget(seq);
        add(seq, group, file, false, isStranger);
      }
      if (forNina && !isStranger && replyTo?.file) addQuoted(seq, group, replyTo.messageId, replyTo.file);
    },
  };
}
