/**
 * Questions with buttons, inside the router's transaction: what is asked, and what a press does.
 *
 *   ask → open ─┬─ choose, back, page ─► shows something else (rev + 1), still open
 *               ├─ yes, or a choice that needs no second one ─► its effect, decided
 *               └─ no, or nobody for a day ─► decided: nothing was changed, or what "no" means to it
 *
 * Invariants: a question is decided once, in the transaction that has its effect, and the message then loses its buttons
 * through the outbox; a press that names an earlier rev, lies under another message, or comes from somebody who may not ask
 * here, has no effect and is told so; Telegram is told of every press (callback_answers), whatever it was. It never calls the network.
 */
import { standsAs } from '../asked.ts';
import type { Question } from '../db/questions.ts';
import type { Db } from '../db.ts';
import { NanoClawError } from '../errors.ts';
import type { Clock } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';
import type { Press } from '../telegram/update.ts';
import { type Group, type Iso, iso } from '../types.ts';
import { DEFAULT_LANGUAGE, languageOf, wordsOf } from '../words.ts';
import type { ChatAnswer, ChatCommandContext } from './chat-commands.ts';
import { type Choice, type ChoiceKind, choiceOf } from './choices.ts';
import { confirmView, listView, type Pressed, readPress, type View } from './keyboard.ts';
import type { People } from './people.ts';

/** How long an answer is waited for. */
export const OPEN_MS = 24 * 60 * 60_000;
const KEPT_MS = 30 * 24 * 60 * 60_000;
/** Telegram's limit for what a press is answered with. */
const MOST_TOLD = 200;

export interface QuestionsOptions {
  db: Db;
  clock: Clock;
  random: Random;
  people: People;
  /** What a command of this person in this group would have at hand. */
  contextOf: (group: Group, sender: string) => ChatCommandContext;
}

export interface Asked {
  kind: ChoiceKind;
  threadId: number | null;
  /** What it is about from the beginning, and the words to ask that with. */
  about?: { subject: string; text: string };
}

export interface Questions {
  /** Puts it into the outbox; or that there is nothing to choose from. */
  ask(context: ChatCommandContext, asked: Asked): void;
  /** Takes a press, once. Returns what is to be woken for its effect, if it had one. */
  press(press: Press, group: Group | null): ChatAnswer | null;
}

export function createQuestions({ db, clock, random, people, contextOf }: QuestionsOptions): Questions {
  const now = (): Iso => iso(clock.now());

  function ask(context: ChatCommandContext, { kind, threadId, about }: Asked): void {
    const choice = choiceOf(kind);
    if (choice === null) throw new Error(`there is no choice "${kind}"`);
    const { chatJid } = context.group;
    const id = Buffer.from(random.bytes(6)).toString('base64url');
    const question: Question = {
      id,
      chatJid,
      kind,
      subject: about?.subject ?? null,
      page: 0,
      rev: 0,
      askedAt: now(),
      outboxId: null,
      answer: null,
      answeredBy: null,
      answeredAt: null,
    };
    const view = viewOf(context, choice, question);
    const entry = { chatJid, threadId, turnId: null, replyTo: null, at: now() };
    if (view === null) {
      db.outbox.add({ ...entry, text: choice.none(context.words) });
      return;
    }
    db.questions.prune(iso(clock.now() - KEPT_MS));
    db.questions.add(question);
    const text = about?.text ?? view.text;
    db.questions.shownBy(id, db.outbox.add({ ...entry, text, keyboard: JSON.stringify(view.keyboard) }));
  }

  /** What the question shows now; null when there is nothing to choose from. */
  function viewOf(context: ChatCommandContext, choice: Choice, question: Question): View | null {
    const { subject } = question;
    const { words } = context;
    if (subject !== null && choice.confirm) {
      const { text, yes } = choice.confirm(context, subject);
      const no = choice.no?.(words) ?? words.neverMind;
      return confirmView(question, text, { yes, no, back: choice.no === undefined ? words.back : null });
    }
    const options = choice.options(context);
    return options.length === 0 ? null : listView(question, choice.title(words), options, words);
  }

  function press(pressed: Press, group: Group | null): ChatAnswer | null {
    const { told, effect = null } = take(pressed, group);
    const text = told.length > MOST_TOLD ? `${told.slice(0, MOST_TOLD - 1)}…` : told;
    db.questions.addAnswer({ id: pressed.id, text, alert: told !== '', createdAt: now() });
    return effect;
  }

  /** `told`: what only who pressed it is told; the message says the rest. */
  function take(pressed: Press, group: Group | null): { told: string; effect?: ChatAnswer } {
    if (group === null) return { told: wordsOf(languageOf(pressed.language) ?? DEFAULT_LANGUAGE).outdated };
    const wanted = readPress(pressed.data);
    const question = wanted === null ? null : db.questions.byId(wanted.id);
    const choice = question === null ? null : choiceOf(question.kind);
    const before = db.languages.wordsFor(group.chatJid);
    if (question?.chatJid !== group.chatJid || !wanted || !choice) return { told: before.outdated };
    if (!isShownBy(question, pressed.messageId)) return { told: before.outdated };
    const standing = people.standing(group, pressed.sender);
    const mayPress = choice.mayPress?.(group, pressed.sender, question.subject) ?? group.isMain;
    if (!standing.admitted || !mayPress) {
      const detail = `button of /${question.kind}: ${standing.admitted ? 'not in main' : standing.reason}`;
      note(pressed, group, detail);
      return { told: before.mayNotDecide };
    }
    db.languages.note(group.chatJid, pressed.language);
    const words = db.languages.wordsFor(group.chatJid);
    const change = (text: string, view?: View) => {
      const keyboard = view === undefined ? null : JSON.stringify(view.keyboard);
      const entry = { chatJid: group.chatJid, threadId: null, turnId: null, replyTo: null, text, keyboard };
      // Below zero: it stayed behind in the chat that the group was before, so it is said anew.
      const editOf = pressed.messageId < 0 ? null : pressed.messageId;
      const shown = db.outbox.add({ ...entry, editOf, at: now() });
      if (editOf === null) db.questions.shownBy(question.id, shown);
    };
    const context = contextOf(group, pressed.sender);
    if (question.answer !== null) {
      change(question.answer);
      return { told: words.decidedAlready(question.answer) };
    }
    const decide = (answer: string) => {
      db.questions.settle(question.id, answer, `telegram:${pressed.sender}`, now());
      change(answer);
    };
    const show = () => {
      const current = db.questions.byId(question.id) ?? question;
      const view = viewOf(context, choice, current);
      if (view === null) decide(choice.none(words));
      else change(view.text, view);
    };
    // A clock that was set back makes nothing older.
    if (clock.now() - Date.parse(question.askedAt) > OPEN_MS) {
      decide(words.tooLate(choice.title(words)));
      return { told: words.outdated };
    }
    try {
      return db.savepoint(() => {
        if (wanted.rev === question.rev)
          return { told: '', effect: go(wanted, { question, choice, context, decide, show }) };
        show();
        return { told: words.changedMeanwhile };
      });
    } catch (error) {
      if (!(error instanceof NanoClawError) || error.kind !== 'rejected') throw error;
      decide(words.didNotWork(error.in(words)));
      return { told: '' };
    }
  }

  /** Whatever a program makes up: no other message of ours is taken for the question, nor made to say what it says. */
  const isShownBy = ({ outboxId, chatJid }: Question, messageId: number): boolean =>
    outboxId === null || standsAs(db, { outboxId, chatJid }, messageId);

  interface Step {
    question: Question;
    choice: Choice;
    context: ChatCommandContext;
    decide: (answer: string) => void;
    show: () => void;
  }

  function go({ verb, value }: Pressed, { question, choice, context, decide, show }: Step): ChatAnswer {
    const nothing: ChatAnswer = { text: '' };
    if (verb === 'no') {
      const declined = question.subject === null ? undefined : choice.decline?.(context, question.subject);
      decide(declined?.text ?? context.words.nothingChanged);
      return declined ?? nothing;
    }
    const subject = verb === 'yes' ? question.subject : verb === 'choose' ? value : null;
    const isAskedAgain = choice.confirm !== undefined && verb === 'choose';
    if (subject === null || isAskedAgain) {
      db.questions.show(
        question.id,
        subject,
        verb === 'page' ? Math.trunc(Number(value)) || 0 : question.page,
      );
      show();
      return nothing;
    }
    const effect = choice.act(context, subject);
    decide(effect.text);
    return effect;
  }

  function note({ sender }: Press, { folder }: Group, detail: string): void {
    const entry = { actor: `telegram:${sender}`, group: folder, action: 'chat_command' } as const;
    db.audit.note({ at: now(), ...entry, outcome: 'refused', detail });
  }

  return { ask, press };
}
