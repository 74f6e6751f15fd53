/** What the bot is at in the open chat: that it types, or the draft that it writes. */
import { byId } from './composer.js';
import { formatted, make } from './text.js';

const TYPING_MS = 5500;
const DRAFT_MS = 30_000;
/** So near to the end, one who reads follows it. */
const NEAR = 140;

export class Live {
  place = byId('live', HTMLElement);
  #model;
  #scroll;
  /** @type {Map<number, {text: string | undefined, until: number}>} chat → what the bot is at */
  #busy = new Map();

  /** @param {import('./model.js').Model} model @param {HTMLElement} scroll */
  constructor(model, scroll) {
    this.#model = model;
    this.#scroll = scroll;
  }

  /** @param {number} chatId */
  typing(chatId) {
    this.#is(chatId, undefined, TYPING_MS);
  }

  /** @param {number} chatId @param {string} text */
  draft(chatId, text) {
    this.#is(chatId, text, DRAFT_MS);
  }

  /** It has said what it was at. @param {number} chatId */
  over(chatId) {
    this.#busy.delete(chatId);
  }

  show() {
    const { openId, bot } = this.#model;
    const state = openId === undefined ? undefined : this.#busy.get(openId);
    if (!state || state.until < Date.now()) {
      this.place.replaceChildren();
      return;
    }
    if (state.text) {
      const draft = make('div', 'draft');
      draft.append(formatted(state.text));
      this.place.replaceChildren(draft);
      return;
    }
    if (this.place.firstElementChild?.className === 'typing') return;
    const line = make('p', 'typing');
    const dots = make('span');
    dots.append(make('i'), make('i'), make('i'));
    line.append(dots, `${bot.first_name} is typing…`);
    this.place.replaceChildren(line);
    const { scrollHeight, scrollTop, clientHeight } = this.#scroll;
    if (scrollHeight - scrollTop - clientHeight < NEAR) this.#scroll.scrollTop = scrollHeight;
  }

  /** @param {number} chatId @param {string | undefined} text @param {number} forMs */
  #is(chatId, text, forMs) {
    this.#busy.set(chatId, { text, until: Date.now() + forMs });
    setTimeout(() => this.show(), forMs + 50);
    this.show();
  }
}
