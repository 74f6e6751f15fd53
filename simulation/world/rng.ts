/** Chance from a seed: sfc32. Each part of the world draws from a stream of its own, named by a label. */
import type { Random } from '../../src/lib/random.ts';

export interface Rng extends Random {
  /** From 0 up to, not including, 1. */
  next(): number;
  chance(probability: number): boolean;
  /** A whole number from `least` to `most`, both included. */
  between(least: number, most: number): number;
  /** Exponentially distributed around `mean`: the gaps of things that happen at any time. */
  around(mean: number): number;
  pick<T>(from: readonly T[]): T;
  /** One of the keys, as often as its weight says. */
  weighted<K extends string>(weights: Readonly<Record<K, number>>): K;
}

export function createRng(seed: number, label: string): Rng {
  const next = generator(seed, label);
  const byte = () => Math.floor(next() * 256);
  const rng: Rng = {
    next,
    chance: (probability) => next() < probability,
    between: (least, most) => least + Math.floor(next() * (most - least + 1)),
    around: (mean) => Math.round(-Math.log(1 - next()) * mean),
    pick(from) {
      if (from.length === 0) throw new Error('nothing to pick from');
      return from[Math.floor(next() * from.length)] as (typeof from)[number];
    },
    weighted<K extends string>(weights: Readonly<Record<K, number>>): K {
      const entries = Object.entries(weights) as [K, number][];
      let at = next() * entries.reduce((sum, [, weight]) => sum + weight, 0);
      for (const [key, weight] of entries) {
        at -= weight;
        if (at < 0) return key;
      }
      throw new Error('no weights');
    },
    bytes: (count) => Uint8Array.from({ length: count }, byte),
    uuid() {
      const hex = Array.from({ length: 32 }, (_, n) =>
        n === 12 ? '4' : n === 16 ? 'a' : Math.floor(next() * 16).toString(16),
      ).join('');
      return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
    },
  };
  return rng;
}

function generator(seed: number, label: string): () => number {
  let [a, b, c, d] = [0x9e3779b9 ^ seed, 0x243f6a88 ^ (seed / 2 ** 32), 0xb7e15162, 1];
  for (const letter of label) c = Math.imul(c ^ letter.charCodeAt(0), 0x85ebca6b);
  const next = () => {
    const t = (((a + b) | 0) + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + t) | 0;
    return (t >>> 0) / 2 ** 32;
  };
  for (let n = 0; n < 20; n += 1) next();
  return next;
}
