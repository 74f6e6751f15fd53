/** Failures a test switches on: the next calls of a method end badly, or the whole network is gone. */
import type { Params } from './params.ts';
import type { SimFault } from './types.ts';

export interface FaultOptions {
  /** How often; default once. `Infinity` until `clear()`. */
  readonly times?: number;
  /** Only calls into this chat. */
  readonly chatId?: string | number;
  /** Lets this many matching calls through first. */
  readonly after?: number;
}

interface Armed {
  readonly method: string;
  readonly fault: SimFault;
  readonly chatId: string | undefined;
  skip: number;
  left: number;
}

export class SimFaults {
  #armed: Armed[] = [];
  #partition: boolean | 'hang' = false;
  /** How far the server's clock is ahead, in ms, as its answers' Date header tells it. */
  clockSkewMs = 0;
  readonly #onPartition: () => void;

  constructor(onPartition: () => void) {
    this.#onPartition = onPartition;
  }

  /** `method` is a Bot API method, `download` for a file's bytes, or `*`. Faults are used up in the order they were set. */
  failNext(method: string, fault: SimFault, options: number | FaultOptions = {}): void {
    const { times = 1, chatId, after = 0 } = typeof options === 'number' ? { times: options } : options;
    const chat = chatId === undefined ? undefined : String(chatId);
    this.#armed.push({ method: method.toLowerCase(), fault, chatId: chat, skip: after, left: times });
  }

  /**
   * True: every Bot API connection is cut at once, polls in flight too. `hang`: they are taken and never answered
   * (a dead link). False: the network is back; what hung is cut.
   */
  partition(on: boolean | 'hang'): void {
    this.#partition = on;
    this.#onPartition();
  }

  get partitioned(): boolean | 'hang' {
    return this.#partition;
  }

  clear(): void {
    this.#armed = [];
    this.clockSkewMs = 0;
    if (this.#partition !== false) this.partition(false);
  }

  /** How many are still armed. */
  get pending(): number {
    return this.#armed.length;
  }

  /** The fault for this call, used up by it. */
  take(method: string, params?: Params): SimFault | undefined {
    const name = method.toLowerCase();
    const hit = this.#armed.find(
      (a) =>
        (a.method === '*' || a.method === name) &&
        (a.chatId === undefined || a.chatId === params?.text('chat_id')),
    );
    if (!hit) return undefined;
    if (hit.skip > 0) {
      hit.skip -= 1;
      return undefined;
    }
    hit.left -= 1;
    if (hit.left <= 0) this.#armed = this.#armed.filter((a) => a !== hit);
    return hit.fault;
  }
}
