/**
 * Chance, passed in like the clock, for all that shows: ids of turns and tasks, names of containers and files. Secrets and names of
 * temporary files are not drawn from it.
 */
import { randomBytes, randomUUID } from 'node:crypto';

export interface Random {
  /** A UUID, version 4. */
  uuid(): string;
  bytes(count: number): Uint8Array;
}

export const systemRandom: Random = { uuid: () => randomUUID(), bytes: (count) => randomBytes(count) };
