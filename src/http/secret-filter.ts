/**
 * Blanks a secret in a byte stream, also where it is cut across chunks. Same length, so that Content-Length stays
 * true. Holds bytes back only while the end of what came could be the beginning of the secret.
 */
export class SecretFilter {
  readonly #secret: Buffer;
  readonly #blank: Buffer;
  #held: Buffer = Buffer.alloc(0);

  constructor(secret: string) {
    this.#secret = Buffer.from(secret);
    this.#blank = Buffer.alloc(this.#secret.length, '*');
  }

  push(chunk: Buffer): Buffer {
    const secret = this.#secret;
    let data = this.#held.length ? Buffer.concat([this.#held, chunk]) : chunk;
    let at = data.indexOf(secret);
    if (at >= 0) data = Buffer.from(data);
    for (; at >= 0; at = data.indexOf(secret, at + secret.length)) this.#blank.copy(data, at);
    const keep = this.#startOfSecretAtEnd(data);
    this.#held = data.subarray(data.length - keep);
    return data.subarray(0, data.length - keep);
  }

  end(): Buffer {
    return this.#held;
  }

  #startOfSecretAtEnd(data: Buffer): number {
    const first = this.#secret[0] ?? -1;
    let from = Math.max(0, data.length - this.#secret.length + 1);
    for (;;) {
      const at = data.indexOf(first, from);
      if (at < 0) return 0;
      if (data.subarray(at).equals(this.#secret.subarray(0, data.length - at))) return data.length - at;
      from = at + 1;
    }
  }
}
