import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { frameReader, Tail } from './log-frames.ts';

const frame = (stream: 1 | 2, data: string): Buffer => {
  const payload = Buffer.from(data);
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(payload.length, 4);
  return Buffer.concat([header, payload]);
};

describe('frameReader', () => {
  it('gives the same for every cut of the bytes', () => {
    const frames = fc.array(
      fc.tuple(fc.constantFrom(1 as const, 2 as const), fc.string({ unit: 'grapheme', maxLength: 20 })),
    );
    fc.assert(
      fc.property(frames, fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1 }), (list, cuts) => {
        const bytes = Buffer.concat(list.map(([stream, data]) => frame(stream, data)));
        const got = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
        const read = frameReader((stream, data) => got[stream].push(Buffer.from(data)));
        for (let at = 0, i = 0; at < bytes.length; i++) {
          const size = cuts[i % cuts.length] ?? 1;
          read(bytes.subarray(at, at + size));
          at += size;
        }
        const of = (wanted: 1 | 2) =>
          list
            .filter(([stream]) => stream === wanted)
            .map(([, data]) => data)
            .join('');
        expect(Buffer.concat(got.stdout).toString()).toBe(of(1));
        expect(Buffer.concat(got.stderr).toString()).toBe(of(2));
      }),
    );
  });
});

describe('Tail', () => {
  it('keeps exactly the last bytes, at a whole character', () => {
    const tail = new Tail(5);
    for (const part of ['abc', 'def', 'ghi']) tail.push(Buffer.from(part));
    expect(tail.text()).toBe('efghi');
    tail.push(Buffer.from('ääb'));
    expect(tail.text()).toBe('ääb');
    tail.push(Buffer.from('c'));
    expect(tail.text()).toBe('äbc');
    tail.push(Buffer.alloc(100_000, 'x'));
    expect(tail.text()).toBe('xxxxx');
  });
});
