/** What happens in the simulator, told at once and in order, so that tests and the page wait without sleeping. */
import type { SimCall, SimMessage, SimUpdate } from './types.ts';

export interface SimEvents {
  /** A Bot API call ended, getUpdates included. */
  call: SimCall;
  /** The bot's message is in the chat. */
  sent: SimMessage;
  /** Any message is in a chat: a person's, the bot's, a service message. */
  message: SimMessage;
  edited: SimMessage;
  deleted: { chatId: number; messageIds: number[] };
  /** `emoji` is now the whole reaction of that user to that message. */
  reaction: { chatId: number; messageId: number; userId: number; emoji: string[] };
  /** A chat was added, renamed, migrated, or its members or topics changed. */
  chat: { chatId: number };
  /** The commands that the bot offers have changed, somewhere. */
  commands: object;
  typing: { chatId: number; action: string; threadId: number | undefined };
  /** A streamed draft; empty text means "thinking". */
  draft: { chatId: number; draftId: number; text: string; canStop: boolean };
  'callback-answered': { id: string; text: string; showAlert: boolean };
  /** An update waits for the bot. */
  'update-queued': SimUpdate;
  /** The bot's offset went past it: it will not be handed out again. */
  'update-confirmed': SimUpdate;
  /** A getUpdates arrived. `waiting` tells that it found nothing and is held open. */
  poll: { offset: number; waiting: boolean };
}

type Listener<T> = (event: T) => void;

export class SimEmitter {
  readonly #listeners = new Map<keyof SimEvents, Set<Listener<never>>>();

  /** Listens until the returned function is called. Listeners must not throw. */
  on<K extends keyof SimEvents>(event: K, listener: Listener<SimEvents[K]>): () => void {
    const set = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, set);
    set.add(listener as Listener<never>);
    return () => {
      set.delete(listener as Listener<never>);
    };
  }

  /** The next such event that `accept` takes. Rejects only when `signal` is aborted. */
  next<K extends keyof SimEvents>(
    event: K,
    accept: (event: SimEvents[K]) => boolean = () => true,
    signal?: AbortSignal,
  ): Promise<SimEvents[K]> {
    return new Promise((resolve, reject) => {
      const off = this.on(event, (value) => {
        if (!accept(value)) return;
        off();
        signal?.removeEventListener('abort', abort);
        resolve(value);
      });
      const abort = () => {
        off();
        reject(new Error(`no "${event}" came before the wait was aborted`));
      };
      if (signal?.aborted) abort();
      else signal?.addEventListener('abort', abort, { once: true });
    });
  }

  emit<K extends keyof SimEvents>(event: K, value: SimEvents[K]): void {
    for (const listener of [...(this.#listeners.get(event) ?? [])])
      (listener as Listener<SimEvents[K]>)(value);
  }
}
