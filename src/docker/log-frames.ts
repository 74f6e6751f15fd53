/**
 * The engine's 8-byte framing of stdout and stderr (1 stream, 3 zero, 4 length big-endian).
 * Invariant: memory is bounded by `limit`, whatever the container wrote; the last bytes are kept.
 * A container with a TTY sends no frames; we never ask for one.
 */

/** Keeps the last `limit` bytes pushed. */
export class Tail {
  readonly #limit: number;
  #chunks: Buffer[] = [];
  #size = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  push(chunk: Buffer): void {
    const kept = chunk.length > this.#limit ? chunk.subarray(chunk.length - this.#limit) : chunk;
    this.#chunks.push(kept);
    this.#size += kept.length;
    while (this.#size - (this.#chunks[0]?.length ?? 0) >= this.#limit) {
      this.#size -= this.#chunks.shift()?.length ?? 0;
    }
  }

  /** The kept bytes as text; a character cut in half at the front is left out. */
  text(): string {
    const all = Buffer.concat(this.#chunks);
    let start = Math.max(0, all.length - this.#limit);
    if (start > 0) while (start < all.length && ((all[start] ?? 0) & 0xc0) === 0x80) start++;
    return all.subarray(start).toString('utf8');
  }
}

/** Takes chunks in any cut and calls `onData` with the payload as it comes. */
export function frameReader(
  onData: (stream: 'stdout' | 'stderr', data: Buffer) => void,
): (chunk: Buffer) => void {
  const header = Buffer.alloc(8);
  let headerSize = 0;
  let left = 0;
  return (chunk) => {
    let at = 0;
    while (at < chunk.length) {
      if (left === 0) {
        const taken = chunk.copy(header, headerSize, at, Math.min(chunk.length, at + 8 - headerSize));
        headerSize += taken;
        at += taken;
        if (headerSize < 8) return;
        headerSize = 0;
        left = header.readUInt32BE(4);
      } else {
        const part = chunk.subarray(at, at + left);
        onData(header[0] === 2 ? 'stderr' : 'stdout', part);
        left -= part.length;
        at += part.length;
      }
    }
  };
}
