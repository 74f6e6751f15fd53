/**
 * A group where the bot may not write is paused: nothing is sent and no turn begins, and what waits, waits, for a week.
 *
 *   goes on ─ removed, blocked, restricted (Telegram tells), or a send is refused for that ─► paused, main is told once
 *   paused ─ Telegram tells that it may again, somebody writes there, or a look finds so ────► goes on, main is told
 *          ─ a week ─► what has waited that long is settled as failed; the group stays paused
 *
 * It is the group's own state in the database, so a restart changes nothing. Whoever changes it wakes after the commit.
 */

import type { Pause, PauseReason } from '../db/pauses.ts';
import type { Db } from '../db.ts';
import { messageOf } from '../errors.ts';
import type { Clock } from '../lib/clock.ts';
import { oneLine } from '../lib/one-line.ts';
import { repeat } from '../lib/repeat.ts';
import type { Logger } from '../log.ts';
import { skipRun } from '../tasks/waiting-runs.ts';
import { type Telegram, TelegramError } from '../telegram/api.ts';
import { type ChatJid, chatJid, type Group, iso } from '../types.ts';
import { REASONS, type Words } from '../words.ts';
import { MOST_TOLD, timesTold } from './told.ts';

export interface PauseContext {
  db: Db;
  clock: Clock;
  log: Logger;
}

/** How long what waits in a paused group waits. */
export const PATIENCE_MS = 7 * 86_400_000;
/** Between two looks whether it may write again. */
export const LOOK_MS = 15 * 60_000;
/** Between two looks since somebody has written there. */
const HEARD_MS = 60_000;

/** Why a refused send means that nothing can be sent there at all; null where it means something else. */
export function pauseReasonOf({ status, message }: TelegramError): PauseReason | null {
  if (status === 403) {
    if (/blocked|deactivated|initiate/i.test(message)) return 'blocked';
    return /deleted/i.test(message) ? 'gone' : 'removed';
  }
  if (status !== 400) return null;
  if (/chat not found|CHANNEL_PRIVATE|PEER_ID_INVALID/i.test(message)) return 'gone';
  const isMute = /(not enough|no) rights to send (text messages|a message)|CHAT_WRITE_FORBIDDEN/i;
  return isMute.test(message) ? 'restricted' : null;
}

/** In the caller's transaction. Returns main's chat when it is told; that is once for each pause. */
export function pauseGroup(
  { db, clock, log }: PauseContext,
  group: Group,
  reason: PauseReason,
  detail: string,
  say?: (words: Words, name: string) => string,
): ChatJid | null {
  const was = db.pauses.of(group.chatJid);
  db.pauses.set(group.chatJid, reason, oneLine(detail, 200), iso(clock.now()));
  if (was !== null) return null;
  log.warn({ event: 'group_paused', group: group.folder, reason }, detail);
  return tellMain({ db, clock, log }, group, (words) => {
    const name = oneLine(group.name, 100);
    return say?.(words, name) ?? words.cannotWriteIn(name, words.pauses[reason]);
  });
}

/** In the caller's transaction. `say`: what main hears; else that it goes on. Returns main's chat when it is told. */
export function resumeGroup(
  { db, clock, log }: PauseContext,
  group: Group,
  say?: (words: Words) => string,
): ChatJid | null {
  const { chatJid: jid, folder, name } = group;
  const was = db.pauses.of(jid);
  const questions = db.pauses.questions(jid);
  const replies = db.outbox.waiting(jid).messages;
  if (was !== null) {
    db.pauses.clear(jid);
    log.info({ event: 'group_resumed', group: folder, reason: was.reason, since: was.since });
    const words = db.languages.wordsFor(jid);
    const said = [
      ...(questions + replies > 0 ? [words.wasAway] : []),
      ...(was.gaveUp > 0 ? [words.gaveUpMeanwhile(was.gaveUp)] : []),
    ];
    if (said.length > 0) {
      const text = said.join(' ');
      db.outbox.add({
        chatJid: jid,
        threadId: null,
        turnId: null,
        replyTo: null,
        text,
        at: iso(clock.now()),
      });
    }
  }
  return tellMain({ db, clock, log }, group, (words) => {
    const waits = questions + replies === 0 ? '' : ` ${words.waitsThere(questions, replies)}`;
    return (say?.(words) ?? words.canWriteIn(oneLine(name, 100))) + waits;
  });
}

function tellMain({ db, clock }: PauseContext, group: Group, say: (words: Words) => string): ChatJid | null {
  const main = db.groups.main();
  if (main === null || main.chatJid === group.chatJid || timesTold(db, clock) > MOST_TOLD) return null;
  const text = say(db.languages.wordsFor(main.chatJid));
  const { chatJid: to } = main;
  db.outbox.add({ chatJid: to, threadId: null, turnId: null, replyTo: null, text, at: iso(clock.now()) });
  return to;
}

export interface PauseLookOptions extends PauseContext {
  telegram: Pick<Telegram, 'sendTyping'>;
  /** In the transaction in which the group goes on: runs of its tasks that are too late by now are not begun. */
  judgeRuns: (jid: ChatJid) => void;
  /** The chat goes on, or was told something. */
  wake: (jid: ChatJid) => void;
  /** The chat has become another one. */
  moved: (from: ChatJid, to: ChatJid) => void;
}

export interface PauseLook {
  start(): void;
  /** Somebody has written in a paused chat: perhaps it may write there by now. */
  heard(jid: ChatJid): void;
  stop(): void;
}

/** Looks now and then whether paused groups can go on, by showing "typing" there, and settles what has waited too long. */
export function createPauseLook(options: PauseLookOptions): PauseLook {
  const { db, clock, log } = options;
  const lookedAt = new Map<ChatJid, number>();

  async function look(): Promise<void> {
    for (const pause of db.pauses.all()) {
      if (looking.stopped) return;
      db.transaction(() => expire(pause));
      await lookAt(pause.chatJid);
    }
  }

  function expire({ chatJid: jid }: Pause): void {
    const before = iso(clock.now() - PATIENCE_MS);
    const { pausedTooLong } = REASONS;
    for (const turn of db.pauses.giveUp(jid, before, pausedTooLong)) db.taskRuns.noteDelivery(turn);
    for (const run of db.taskRuns.waiting(jid))
      if (run.due < before) skipRun(db, run, pausedTooLong, clock.now());
  }

  async function lookAt(jid: ChatJid): Promise<void> {
    lookedAt.set(jid, clock.monotonic());
    try {
      await options.telegram.sendTyping(jid, null);
    } catch (error) {
      log.debug({ event: 'still_paused', chat: jid }, messageOf(error));
      if (error instanceof TelegramError && error.migratedTo !== null)
        options.moved(jid, chatJid(error.migratedTo));
      return;
    }
    if (looking.stopped || !db.sqlite.open) return;
    const told = db.transaction(() => {
      const group = db.groups.byJid(jid);
      if (group === null || db.pauses.of(jid) === null) return null;
      options.judgeRuns(jid);
      return { main: resumeGroup(options, group) };
    });
    lookedAt.delete(jid);
    if (told === null) return;
    options.wake(jid);
    if (told.main !== null) options.wake(told.main);
  }

  const looking = repeat(clock, LOOK_MS, look, (error) =>
    log.warn({ event: 'pause_look_failed', err: error }, messageOf(error)),
  );
  return {
    start: looking.start,
    heard(jid) {
      if (clock.monotonic() - (lookedAt.get(jid) ?? Number.NEGATIVE_INFINITY) < HEARD_MS) return;
      lookAt(jid).catch((error: unknown) =>
        log.warn({ event: 'pause_look_failed', err: error }, messageOf(error)),
      );
    },
    stop: looking.stop,
  };
}
