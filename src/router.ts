/**
 * The router. Inbound: takes a batch of updates and, in ONE transaction, stores them, gives each message its
 * disposition or leaves it open for the queue, and moves the offset. Outbound: turns a text into outbox entries.
 * Invariants: when accept() returns, everything is on the disk; an update is taken once; one bad update never
 * holds up the others; of a chat that is not registered only its metadata is kept.
 * It never calls the network, starts a turn or waits: it wakes those who do.
 */
import type { Update } from 'grammy/types';
import { isStorageFailure } from './db/open.ts';
import { messageOf } from './errors.ts';
import type { Reach } from './lib/failpoint.ts';
import type { Random } from './lib/random.ts';
import { runEach } from './lib/run-each.ts';
import type { Logger } from './log.ts';
import { type AttachedOptions, createAttached } from './router/attached.ts';
import type { ChatCommandContext } from './router/chat-commands.ts';
import { createEdits, isMove } from './router/edits.ts';
import { hearReaction } from './router/heard-reactions.ts';
import { createJudge, type JudgeOptions, type Verdict } from './router/judge.ts';
import { asOfNow, moveGroup } from './router/moves.ts';
import { createNewChats } from './router/new-chats.ts';
import { createOutgoing, type Reply } from './router/outgoing.ts';
import { createPauseUpdates } from './router/pause-updates.ts';
import { createPresses } from './router/presses.ts';
import { type Asked, createQuestions } from './router/questions.ts';
import { createStrangers } from './router/strangers.ts';
import { nobodyYet, noteEffect, type Wakes, type Woken, wakesOf } from './router/woken.ts';
import type { BotIdentity } from './telegram/api.ts';
import type { IncomingMessage } from './telegram/message.ts';
import { type Incoming, parseUpdate } from './telegram/update.ts';
import { type ChatJid, type Group, type Iso, iso, type Seq } from './types.ts';

export interface RouterOptions extends JudgeOptions, AttachedOptions, Wakes {
  log: Logger;
  random: Random;
  /** In the transaction: a group that was paused goes on, and runs of its tasks may be too late by now. */
  judgeRuns: (jid: ChatJid) => void;
  reach?: Reach | undefined;
}

export interface Router {
  /** Throws when the batch could not be committed: then nothing of it was. */
  accept(bot: BotIdentity, updates: readonly Update[], nextOffset: number): void;
  /**
   * In the caller's transaction: puts a reply into the outbox, in parts; returns how many. Zero when there was
   * nothing to say. Call wakeDelivery after the commit.
   */
  record(reply: Reply): number;
  /** In the caller's transaction: asks main with buttons, if there is one. Call wakeDelivery after the commit. */
  askMain(asked: Pick<Asked, 'kind' | 'about'>): void;
}

export function createRouter(options: RouterOptions): Router {
  const { db, clock, log } = options;
  const strangers = createStrangers(options);
  const judge = createJudge(options);
  const record = createOutgoing({
    db,
    clock,
    home: options.registry.home,
    random: options.random,
  });
  const contextOf = (group: Group, sender: string): ChatCommandContext => {
    const { tasks, registry, assistantName, describe } = options;
    const words = db.languages.wordsFor(group.chatJid);
    const about = { group, sender, threadId: null, replyTo: null, file: null };
    return { db, tasks, registry, assistantName, words, describe, ...about };
  };
  const questions = createQuestions({ ...options, contextOf });
  const presses = createPresses({ ...options, record, questions });
  const newChats = createNewChats({ ...options, record, questions, contextOf });
  const attached = createAttached(options);
  const applyEdit = createEdits<Woken>({ db, judge, noteFiles });
  const pauseUpdates = createPauseUpdates(options);

  function accept(bot: BotIdentity, updates: readonly Update[], nextOffset: number): void {
    const woken = nobodyYet();
    const at = iso(clock.now());
    let isStored = false;
    try {
      db.transaction(() => {
        for (const update of updates) acceptOne(bot, update, at, woken);
        db.inbox.setOffset(bot.id, nextOffset);
      });
      isStored = true;
    } finally {
      options.limits.settle(isStored);
    }
    const wakes = [() => options.reach?.('updates.stored'), ...wakesOf(woken, options)];
    // A mirror that cannot be written must not keep a message waiting, or make the batch come again.
    runEach(wakes, (error) => log.error({ event: 'wake_failed', err: error }, messageOf(error)));
  }

  function acceptOne(bot: BotIdentity, update: Update, at: Iso, woken: Woken): void {
    const incoming = parseUpdate(update);
    const jid = chatOf(incoming);
    const group = jid === null ? null : db.groups.find(jid);
    const isNew = db.inbox.insert({
      botId: bot.id,
      updateId: update.update_id,
      kind: incoming.kind === 'other' ? incoming.name : incoming.kind,
      chatJid: jid,
      at,
      payload: group === null || isMove(incoming) ? null : JSON.stringify(update),
    });
    if (!isNew) return;
    try {
      if (group === null || group.chatJid === jid) db.savepoint(() => apply(bot, incoming, group, at, woken));
      else db.savepoint(() => applyLate(bot, incoming, group, at, woken));
    } catch (error) {
      // A full disk is not this update's fault, and may have ended the transaction: the whole batch comes again.
      if (isStorageFailure(error) || !db.sqlite.inTransaction) throw error;
      db.inbox.fail(bot.id, update.update_id, messageOf(error));
      if (incoming.kind === 'callback_query') {
        db.questions.addAnswer({ id: incoming.press.id, text: '', alert: false, createdAt: at });
        woken.answers = true;
      }
      log.error(
        { event: 'update_failed', update: update.update_id, err: error },
        'an update could not be applied; it is kept in inbox',
      );
    }
  }

  function apply(bot: BotIdentity, incoming: Incoming, group: Group | null, at: Iso, woken: Woken): void {
    if (incoming.kind === 'other') return;
    if (incoming.kind === 'unreadable') throw new Error(`not an update as documented: ${incoming.reason}`);
    if (incoming.kind === 'my_chat_member') {
      db.groups.chatSeen(incoming.chat, at);
      db.groups.setBotStatus(incoming.chat.chatJid, incoming.status);
      woken.chats = true;
      const main =
        group === null ? newChats.moved(incoming) : pauseUpdates.membership(incoming, group, woken);
      if (main !== null) woken.delivery.add(main);
      return;
    }
    if (incoming.kind === 'message_reaction') {
      if (group !== null) hearReaction(options, incoming.reaction, group);
      return;
    }
    if (incoming.kind === 'stopped_message_generation') {
      if (group !== null) presses.draftStopped(group, incoming.draftId, woken);
      return;
    }
    if (incoming.kind === 'callback_query') return presses.take(incoming.press, group, woken);
    const { message } = incoming;
    if (group === null) {
      db.groups.chatSeen(message.chat, at);
      woken.chats = true;
      if (message.migratedFrom !== null) migrate(message.migratedFrom, message.chat.chatJid, woken);
      else if (incoming.kind === 'message') answerStranger(bot, message, woken);
      return;
    }
    if (incoming.kind === 'edited_message') return applyEdit(bot, message, incoming.editedAt, group, woken);
    if (message.service && db.groups.chat(message.chat.chatJid)?.name !== message.chat.name)
      woken.chats = true;
    db.groups.chatSeen(message.chat, at);
    if (message.migratedTo !== null && migrate(group.chatJid, message.migratedTo, woken)) return;
    pauseUpdates.heard(message, group, woken);
    store(bot, message, group, at, woken);
  }

  /** Said in the chat that the group was before it became a supergroup. */
  function applyLate(bot: BotIdentity, incoming: Incoming, group: Group, at: Iso, woken: Woken): void {
    if (incoming.kind === 'my_chat_member') {
      db.groups.setBotStatus(incoming.chat.chatJid, incoming.status);
      return;
    }
    const now = asOfNow(incoming, group.chatJid);
    if (now.kind !== 'message') return apply(bot, now, group, at, woken);
    // That it moved is known; whoever learned it first may not have woken all.
    if (now.message.migratedTo !== null) wakeBoth(group.chatJid, woken);
    else store(bot, now.message, group, at, woken);
  }

  function answerStranger(bot: BotIdentity, message: IncomingMessage, woken: Woken): void {
    const text = strangers.answer(message, bot.username);
    if (text === null) return;
    const { chatJid } = message.chat;
    record({ chatJid, threadId: message.threadId, turnId: null, replyTo: message.messageId, text });
    woken.delivery.add(chatJid);
  }

  function migrate(from: ChatJid, to: ChatJid, woken: Woken): boolean {
    if (!moveGroup(options, from, to)) return false;
    woken.moved.push({ from, to });
    return true;
  }

  function wakeBoth(jid: ChatJid, woken: Woken): void {
    woken.queue.add(jid);
    woken.delivery.add(jid);
  }

  function store(bot: BotIdentity, message: IncomingMessage, group: Group, at: Iso, woken: Woken): void {
    db.topics.noteName(group.chatJid, message.threadId, message.topicName);
    const verdict = judge.judge(bot, message, group);
    const stored = db.messages.insert({
      chatJid: group.chatJid,
      messageId: message.messageId,
      threadId: message.threadId,
      sender: message.sender,
      senderName: message.senderName,
      content: message.text,
      timestamp: message.timestamp,
      isBotMessage: false,
      turnId: null,
      disposition: verdict.disposition,
      reason: verdict.reason ?? null,
      triggerKind: verdict.kind ?? null,
      request: verdict.disposition === null ? judge.requestFor(bot, message, group) : null,
      replyTo: message.replyTo,
      forwardedFrom: message.forwardedFrom,
      albumId: message.albumId,
      receivedAt: at,
    });
    if (stored === null) return;
    noteFiles(stored, message, group, verdict, woken);
    if (verdict.disposition === null) woken.queue.add(group.chatJid);
    if (verdict.answer === undefined) return;
    const { text, ask, about, addsSpecialist } = verdict.answer;
    if (addsSpecialist) {
      db.additions.want(stored, addsSpecialist.folder, `telegram:${message.sender}`);
      attached.note(stored, message, group, { isStranger: false, forNina: true });
      woken.files = true;
    }
    const { chatJid } = group;
    const { threadId } = message;
    if (ask !== undefined)
      questions.ask(contextOf(group, message.sender), { kind: ask, threadId, ...(about ? { about } : {}) });
    // Of a paused chat nobody could read it, and it would be one of many.
    else if (db.pauses.of(chatJid) === null) record({ chatJid, threadId, turnId: null, replyTo: null, text });
    woken.delivery.add(chatJid);
    noteEffect(woken, verdict.answer, chatJid);
  }

  /** What the agent is shown with it, and what else of its album is for her now. */
  function noteFiles(seq: Seq, message: IncomingMessage, group: Group, verdict: Verdict, woken: Woken): void {
    const { disposition, kind, isStranger = false } = verdict;
    const forNina = disposition === null;
    if (!forNina && disposition !== 'not_for_nina') return;
    attached.note(seq, message, group, { isStranger, forNina });
    if (message.file || message.replyTo?.file) woken.files = true;
    if (forNina && kind !== 'album' && message.albumId !== null)
      db.messages.openAlbum(group.chatJid, message.albumId, message.sender);
  }

  function askMain(asked: Pick<Asked, 'kind' | 'about'>): void {
    const main = db.groups.main();
    if (main !== null) questions.ask(contextOf(main, 'daemon'), { ...asked, threadId: null });
  }

  return { accept, record, askMain };
}

function chatOf(incoming: Incoming): ChatJid | null {
  if ('message' in incoming) return incoming.message.chat.chatJid;
  if ('chat' in incoming) return incoming.chat.chatJid;
  if ('reaction' in incoming) return incoming.reaction.chatJid;
  return 'press' in incoming ? (incoming.press.chat?.chatJid ?? null) : incoming.chatJid;
}
