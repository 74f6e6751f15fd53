/**
 * About how many tokens a request and its answer were, where the server's own count did not come: a client that hangs up before it,
 * or never asks for it, asks for nothing free of charge. From the bytes that passed; nothing is kept or delayed.
 */
const BYTES_A_TOKEN = 4;
/** Of an event stream: the words of an event, and all that is written around them. */
const STREAMED_BYTES_A_TOKEN = { messages: 32, chat: 200 } as const;
/** Pictures and other files come as base64, whose bytes are a hundredth of what words are. */
const FILE_BYTES_A_TOKEN = 100 * BYTES_A_TOKEN;
const BLOCK = 1024;
const SPACE = 0x20;
const QUOTE = 0x22;

/** Weighs a request as it passes. */
export class RequestWeight {
  #words = 0;
  #files = 0;

  push(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; at += BLOCK) {
      const block = chunk.subarray(at, at + BLOCK);
      if (isOfFile(block)) this.#files += block.length;
      else this.#words += block.length;
    }
  }

  tokens(): number {
    return Math.ceil(this.#words / BYTES_A_TOKEN + this.#files / FILE_BYTES_A_TOKEN);
  }
}

/** Nearly every block of words has a space or a quotation mark soon: the others are looked at letter by letter. */
const isOfFile = (block: Buffer): boolean =>
  block.length === BLOCK &&
  !block.includes(SPACE) &&
  !block.includes(QUOTE) &&
  /^[A-Za-z0-9+/=]+$/.test(block.toString('latin1'));

export function answerTokens(bytes: number, api: 'messages' | 'chat', isStream: boolean): number {
  return Math.ceil(bytes / (isStream ? STREAMED_BYTES_A_TOKEN[api] : BYTES_A_TOKEN));
}
