/**
 * The button that ends a turn, under the message that shows how it goes, and Telegram's own under a draft. Inside the
 * router's transaction. It names its turn, so that pressed late it never stops the next one; whoever may ask in the group may
 * press it; it ends that turn alone, while /stop also ends what waits.
 */
import type { InlineKeyboardMarkup } from 'grammy/types';
import type { Turn } from '../db/turn-row.ts';
import type { Db } from '../db.ts';
import type { Clock } from '../lib/clock.ts';
import type { Press } from '../telegram/update.ts';
import { type ChatJid, type Group, iso, type TurnId } from '../types.ts';
import { DEFAULT_LANGUAGE, languageOf, type Words, wordsOf } from '../words.ts';
import type { Reply } from './outgoing.ts';
import type { People } from './people.ts';

export interface StopButtonOptions {
  db: Db;
  clock: Clock;
  people: People;
  record: (reply: Reply) => number;
}

/** What is to be done after the commit. */
export interface Stopping {
  /** The turn to end. */
  stop?: { jid: ChatJid; turn: TurnId };
  /** A message of a turn that is over still stands. */
  over?: TurnId;
}

export interface StopButton {
  /** The press is of such a button. */
  isPressed(press: Press): boolean;
  /** It would end a turn that goes on: such a press counts however often somebody presses. */
  wouldStop(press: Press, group: Group | null): boolean;
  /** Takes a press, once; Telegram is to be told of it. */
  press(press: Press, group: Group | null): Stopping;
  /** Telegram's own button under the draft with this number, which only the one person of a private chat can press. */
  draftStopped(group: Group, draftId: number): Stopping;
}

const PRESSED = /^stop\.([0-9a-f]{8}-[0-9a-f-]{27})$/;

export const stopKeyboard = (words: Words, turn: TurnId): InlineKeyboardMarkup => ({
  inline_keyboard: [[{ text: words.stopIt, callback_data: `stop.${turn}` }]],
});

export function createStopButton({ db, clock, people, record }: StopButtonOptions): StopButton {
  const isOpen = ({ state }: Turn) => state === 'queued' || state === 'running';

  /** False when it was to end already. */
  function stop(turn: Turn, group: Group, sender: string): boolean {
    if (!db.turns.requestStopOf(turn.id, `by telegram:${sender}`)) return false;
    const { chatJid } = group;
    record({
      chatJid,
      threadId: turn.threadId,
      turnId: null,
      replyTo: null,
      text: db.languages.wordsFor(chatJid).stopped,
    });
    return true;
  }

  function take(press: Press, group: Group | null): { told: string; effect?: Stopping } {
    const words =
      group === null
        ? wordsOf(languageOf(press.language) ?? DEFAULT_LANGUAGE)
        : db.languages.wordsFor(group.chatJid);
    const turn = turnOf(press);
    if (group === null || turn?.chatJid !== group.chatJid) return { told: words.turnIsOver };
    const standing = people.standing(group, press.sender);
    if (!standing.admitted) {
      const entry = {
        actor: `telegram:${press.sender}`,
        group: group.folder,
        action: 'chat_command',
      } as const;
      const detail = `stop button: ${standing.reason}`;
      db.audit.note({ at: iso(clock.now()), ...entry, outcome: 'refused', detail });
      return { told: words.mayNotStop };
    }
    if (isOpen(turn)) {
      stop(turn, group, press.sender);
      return { told: '', effect: { stop: { jid: group.chatJid, turn: turn.id } } };
    }
    // Its id was not known to us. A message of any other kind is stored, and stays.
    const known = db.messages.byMessageId(group.chatJid, press.messageId) !== null;
    // Below zero: it stayed behind in the chat that the group was before, where nothing can be taken away.
    if (known || press.messageId < 0) return { told: words.turnIsOver };
    db.progress.found(turn.id, group.chatJid, press.messageId, iso(clock.now()));
    return { told: words.turnIsOver, effect: { over: turn.id } };
  }

  const turnOf = ({ data }: Press): Turn | null => {
    const id = PRESSED.exec(data)?.[1];
    return id === undefined ? null : db.turns.byId(id);
  };

  return {
    isPressed: ({ data }) => data.startsWith('stop.'),
    wouldStop(press, group) {
      const turn = turnOf(press);
      return (
        turn !== null &&
        turn.chatJid === group?.chatJid &&
        isOpen(turn) &&
        turn.stoppedBy === null &&
        people.standing(group, press.sender).admitted
      );
    },
    press(press, group) {
      const { told, effect = {} } = take(press, group);
      const createdAt = iso(clock.now());
      db.questions.addAnswer({ id: press.id, text: told, alert: told !== '', createdAt });
      return effect;
    },
    draftStopped(group, draftId) {
      const turn = db.turns.bySeq(draftId);
      const sender = group.chatJid; // a private chat has the id of its one person
      if (turn === null || turn.chatJid !== group.chatJid || !isOpen(turn)) return {};
      if (!people.standing(group, sender).admitted) return {};
      stop(turn, group, sender);
      return { stop: { jid: group.chatJid, turn: turn.id } };
    },
  };
}
