/**
 * A press under a question of an agent's, inside the router's transaction: who may, what it settles, and where the answer goes
 * (asked.ts has the states). Whoever may ask in the group where it stands may answer. It calls nobody: what is to be woken
 * comes back.
 */
import {
  expireAsked,
  isAwaited,
  readAskedPress,
  sayAnswer,
  settleAsked,
  showAgain,
  standsAs,
} from '../asked.ts';
import type { AgentQuestion, Chosen } from '../db/agent-questions.ts';
import type { Db } from '../db.ts';
import type { Clock } from '../lib/clock.ts';
import { oneLine } from '../lib/one-line.ts';
import type { Press } from '../telegram/update.ts';
import { type ChatJid, type Group, iso } from '../types.ts';
import { DEFAULT_LANGUAGE, languageOf, wordsOf } from '../words.ts';
import type { People } from './people.ts';

export interface AgentQuestionsOptions {
  db: Db;
  clock: Clock;
  people: People;
  assistantName: string;
}

/** What is to be done after the commit. */
export interface Answered {
  /** An answer was said as a message in this chat. */
  said?: ChatJid;
  /** A result file may be owed. */
  owed?: true;
}

export interface AgentQuestions {
  /** The press is of such a button. */
  isPressed(press: Press): boolean;
  /** Takes a press, once; Telegram is to be told of it. */
  press(press: Press, group: Group | null): Answered;
}

/** Telegram's limit for what a press is answered with. */
const MOST_TOLD = 200;
const MOST_NAME = 64;

export function createAgentQuestions(options: AgentQuestionsOptions): AgentQuestions {
  const { db, clock, people, assistantName } = options;

  function take(press: Press, group: Group | null): { told: string; answered?: Answered } {
    if (group === null) return { told: wordsOf(languageOf(press.language) ?? DEFAULT_LANGUAGE).askedOver };
    const words = db.languages.wordsFor(group.chatJid);
    const wanted = readAskedPress(press.data);
    const question = wanted === null ? null : db.asked.byId(wanted.id);
    const choice = question?.choices[wanted?.choice ?? -1];
    if (question?.chatJid !== group.chatJid || choice === undefined) return { told: words.askedOver };
    const { messageId: pressed } = press;
    if (!standsAs(db, question, pressed)) return { told: words.askedOver };
    const standing = people.standing(group, press.sender);
    if (!standing.admitted) {
      const entry = { actor: `telegram:${press.sender}`, group: group.folder, action: 'ask_user' } as const;
      db.audit.note({ at: iso(clock.now()), ...entry, outcome: 'refused', detail: standing.reason });
      return { told: words.mayNotDecide };
    }
    if (question.settledAs !== null) {
      showAgain(db, question, pressed, iso(clock.now()));
      return { told: question.chosen === null ? words.askedOver : words.askedAnswered };
    }
    const owed = question.waitUntil === null ? {} : ({ owed: true } as const);
    if (expireAsked(db, question, words, clock.now())) return { told: words.askedOver, answered: owed };
    const asker = db.groups.byFolder(question.folder);
    if (asker === null) {
      const line = words.askedOver;
      settleAsked(db, question, { as: 'dropped', line, by: null, nowMs: clock.now(), pressed });
      return { told: words.askedOver, answered: owed };
    }
    db.languages.note(group.chatJid, press.language);
    const chosen = { choice: wanted?.choice ?? 0, sender: press.sender, senderName: press.senderName };
    return { told: '', answered: { ...owed, ...settle(question, chosen, asker, pressed) } };
  }

  function settle(question: AgentQuestion, chosen: Chosen, asker: Group, pressed: number): Answered {
    const nowMs = clock.now();
    const at = iso(nowMs);
    const isWaited = isAwaited(db, question, at);
    const who = oneLine(chosen.senderName, MOST_NAME) || chosen.sender;
    const words = db.languages.wordsFor(question.chatJid);
    const line = `✓ ${words.chose(who, question.choices[chosen.choice] ?? '')}`;
    const as = isWaited ? 'result' : 'message';
    if (!settleAsked(db, question, { as, line, by: chosen, nowMs, pressed })) return {};
    if (isWaited) return {};
    sayAnswer(db, { question, asker, chosen, assistantName, pressed, at });
    return { said: asker.chatJid };
  }

  return {
    isPressed: ({ data }) => data.startsWith('ask.'),
    press(press, group) {
      const { told, answered = {} } = take(press, group);
      const text = told.length > MOST_TOLD ? `${told.slice(0, MOST_TOLD - 1)}…` : told;
      db.questions.addAnswer({ id: press.id, text, alert: told !== '', createdAt: iso(clock.now()) });
      return answered;
    },
  };
}
