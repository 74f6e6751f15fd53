/** Where one writes: text, files, the reply or edit in hand, and who one speaks as. */
import { post, upload } from './api.js';
import { nameOf, paintAvatar, size, summary } from './bubble.js';
import { showCommands } from './commands.js';
import { make } from './text.js';

/** @typedef {import('./api.js').Message} Message */
/** @typedef {import('./model.js').Model} Model */

/**
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} type
 * @returns {T}
 */
export function byId(id, type) {
  const element = document.getElementById(id);
  if (!(element instanceof type)) throw new Error(`the page has no ${id}`);
  return element;
}

export class Composer {
  #form = byId('composer', HTMLFormElement);
  #text = byId('text', HTMLTextAreaElement);
  #file = byId('file', HTMLInputElement);
  #send = byId('send', HTMLButtonElement);
  #context = byId('context', HTMLElement);
  #contextText = byId('context-text', HTMLElement);
  #files = byId('files', HTMLElement);
  #commands = byId('commands', HTMLDetailsElement);
  #speaker = byId('speaker', HTMLSelectElement);
  #speakerName = byId('speaker-name', HTMLElement);
  #speakerAvatar = byId('speaker-avatar', HTMLElement);
  /** @type {{kind: 'reply' | 'edit', message: Message} | undefined} */
  #held;
  /** @type {File[]} */
  #attached = [];
  #busy = false;

  /**
   * @param {Model} model
   * @param {{changed: () => void, say: (error: unknown) => void}} hooks
   */
  constructor(model, hooks) {
    this.model = model;
    this.hooks = hooks;
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#submit();
    });
    this.#text.addEventListener('input', () => this.#resize());
    this.#text.addEventListener('keydown', (event) => this.#key(event));
    this.#text.addEventListener('paste', (event) => this.#attach(event.clipboardData?.files));
    this.#file.addEventListener('change', () => {
      this.#attach(this.#file.files);
      this.#file.value = '';
    });
    byId('context-cancel', HTMLButtonElement).addEventListener('click', () => this.release(true));
    this.#speaker.addEventListener('change', () => {
      if (this.model.open) this.model.speakAs(this.model.open, this.#speaker.value);
      this.hooks.changed();
      this.#text.focus();
    });
    this.#commands.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape') return;
      this.#commands.open = false;
      this.#text.focus();
    });
    const drop = byId('chat', HTMLElement);
    drop.addEventListener('dragover', (event) => event.preventDefault());
    drop.addEventListener('drop', (event) => {
      event.preventDefault();
      this.#attach(event.dataTransfer?.files);
    });
  }

  /** Brings the composer in line with the open chat. */
  show() {
    const chat = this.model.open;
    if (!chat) return;
    const speaker = this.model.speaker(chat);
    const people = this.model.speakers(chat);
    this.#speaker.replaceChildren(
      ...people.map((p) => {
        const option = make('option', '', `Speak as ${nameOf(p.user)}`);
        option.value = p.key;
        return option;
      }),
    );
    this.#speaker.value = speaker?.key ?? '';
    if (speaker) {
      paintAvatar(this.#speakerAvatar, nameOf(speaker.user), speaker.user);
      this.#speakerName.textContent = nameOf(speaker.user);
      this.#speakerName.dataset.hue = this.#speakerAvatar.dataset.hue;
    }
    const offered = (speaker && chat.commands[speaker.key]) ?? [];
    showCommands(this.#commands, byId('command-items', HTMLElement), offered, (command) => {
      this.#text.focus();
      this.#sendNew(chat.id, speaker?.key ?? '', command, undefined).catch(this.hooks.say);
    });
    const bot = this.model.bot.first_name;
    this.#text.placeholder = chat.type === 'private' ? `Write to ${bot}` : `Try “@${bot} hello”`;
    this.#resize();
  }

  /** @param {'reply' | 'edit'} kind @param {Message} message */
  hold(kind, message) {
    this.#held = { kind, message };
    const what = kind === 'reply' ? `Reply to ${nameOf(message.from)}: ` : 'Edit: ';
    this.#contextText.textContent = what + summary(message);
    this.#context.hidden = false;
    if (kind === 'edit') this.#text.value = message.text ?? message.caption ?? '';
    this.#resize();
    this.#text.focus();
  }

  /** Lets go of the reply or edit in hand. @param {boolean} [clear] also the text of an edit */
  release(clear) {
    if (clear && this.#held?.kind === 'edit') this.#text.value = '';
    this.#held = undefined;
    this.#context.hidden = true;
    this.#resize();
  }

  /** @param {string} text */
  fill(text) {
    this.#text.value = text;
    this.#resize();
    this.#text.focus();
  }

  focus() {
    if (matchMedia('(hover: hover)').matches) this.#text.focus();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.key === 'Escape') {
      this.#commands.open = false;
      if (this.#held) this.release(true);
    }
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    void this.#submit();
  }

  /** @param {FileList | null | undefined} files */
  #attach(files) {
    if (!files || files.length === 0) return;
    this.#attached.push(...files);
    this.#showFiles();
  }

  #showFiles() {
    this.#files.hidden = this.#attached.length === 0;
    this.#files.replaceChildren(
      ...this.#attached.map((file) => {
        const chip = make('button', '', `${file.name} · ${size(file.size)} ×`);
        chip.type = 'button';
        chip.setAttribute('aria-label', `Remove ${file.name}`);
        chip.addEventListener('click', () => {
          this.#attached = this.#attached.filter((f) => f !== file);
          this.#showFiles();
        });
        return chip;
      }),
    );
    this.#resize();
  }

  async #submit() {
    const chat = this.model.open;
    const from = chat && this.model.speaker(chat)?.key;
    const text = this.#text.value.trim();
    if (!chat || !from || this.#busy || (text === '' && this.#attached.length === 0)) return;
    this.#busy = true;
    try {
      const held = this.#held;
      if (held?.kind === 'edit')
        await post('edit', { chat: chat.id, messageId: held.message.message_id, text });
      else await this.#sendNew(chat.id, from, text, held?.message.message_id);
      this.#text.value = '';
      this.release();
    } catch (error) {
      this.hooks.say(error);
    }
    this.#busy = false;
    this.#resize();
  }

  /** @param {number} chat @param {string} from @param {string} text @param {number | undefined} replyTo */
  async #sendNew(chat, from, text, replyTo) {
    const threadId = this.model.topicId ? { threadId: this.model.topicId } : {};
    const reply = replyTo === undefined ? {} : { replyTo };
    if (this.#attached.length === 0) {
      await post('say', { chat, from, text, ...threadId, ...reply });
      return;
    }
    let caption = text;
    // Files that are sent together are an album, as in Telegram's apps.
    const album = this.#attached.length > 1 ? { mediaGroupId: String(Date.now()) } : {};
    for (const file of [...this.#attached]) {
      const about = Object.entries({ chat, from, caption, ...album, ...threadId, ...reply });
      await upload(file, Object.fromEntries(about.map(([k, v]) => [k, String(v)])));
      caption = '';
      this.#attached = this.#attached.filter((f) => f !== file);
      this.#showFiles();
    }
  }

  #resize() {
    this.#text.style.height = 'auto';
    this.#text.style.height = `${Math.min(180, this.#text.scrollHeight + 2)}px`;
    this.#send.disabled = this.#text.value.trim() === '' && this.#attached.length === 0;
  }
}
