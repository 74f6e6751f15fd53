/**
 * Presses of buttons, in the router's transaction: whose button it is decides (stop-button, agent-questions, questions). Telegram is
 * to be told of each; one person's flood is bounded, and loses nobody else's press, nor one that would stop a turn.
 */
import type { Press } from '../telegram/update.ts';
import { type Group, iso } from '../types.ts';
import { DEFAULT_LANGUAGE, languageOf, wordsOf } from '../words.ts';
import { type AgentQuestionsOptions, type Answered, createAgentQuestions } from './agent-questions.ts';
import type { Questions } from './questions.ts';
import type { RequestLimits } from './request-limits.ts';
import { createStopButton, type StopButtonOptions, type Stopping } from './stop-button.ts';
import { noteEffect, type Woken } from './woken.ts';

export interface PressesOptions extends StopButtonOptions, AgentQuestionsOptions {
  limits: Pick<RequestLimits, 'check' | 'press'>;
  questions: Pick<Questions, 'press'>;
}

export interface Presses {
  /** Takes a press, once. `group` null: in a chat that is none of ours. */
  take(press: Press, group: Group | null, woken: Woken): void;
  /** Telegram's own stop button under a draft. */
  draftStopped(group: Group, draftId: number, woken: Woken): void;
}

export function createPresses(options: PressesOptions): Presses {
  const { db, clock, questions } = options;
  const agentQuestions = createAgentQuestions(options);
  const stopButton = createStopButton(options);

  /** Somebody presses without end: what is beyond has no effect, and they are told so once a minute. */
  function isTooMany(press: Press, group: Group | null): boolean {
    const over = options.limits.press(press.sender);
    if (over === null || stopButton.wouldStop(press, group)) return false;
    if (over.tell !== null) {
      const language = languageOf(press.language) ?? DEFAULT_LANGUAGE;
      const words = group === null ? wordsOf(language) : db.languages.wordsFor(group.chatJid);
      db.questions.addAnswer({
        id: press.id,
        text: over.tell(words),
        alert: true,
        createdAt: iso(clock.now()),
      });
    }
    return true;
  }

  function followStop({ stop, over }: Stopping, woken: Woken): void {
    if (over !== undefined) woken.over.add(over);
    if (stop === undefined) return;
    woken.delivery.add(stop.jid);
    woken.stopOnly.set(stop.turn, stop.jid);
  }

  function followAnswer({ said, owed }: Answered, woken: Woken): void {
    if (owed) woken.asked = true;
    if (said !== undefined) woken.queue.add(said);
  }

  return {
    take(press, group, woken) {
      woken.answers = true;
      if (isTooMany(press, group)) return;
      if (group !== null) woken.delivery.add(group.chatJid);
      if (stopButton.isPressed(press)) return followStop(stopButton.press(press, group), woken);
      if (agentQuestions.isPressed(press)) return followAnswer(agentQuestions.press(press, group), woken);
      const effect = questions.press(press, group);
      if (effect !== null && group !== null) noteEffect(woken, effect, group.chatJid);
    },
    draftStopped(group, draftId, woken) {
      followStop(stopButton.draftStopped(group, draftId), woken);
    },
  };
}
