/**
 * Tells of each row of a ledger that comes to an end from now on, exactly once, whenever it is asked to look: nobody has to
 * call out where a row ends, and what was rolled back never counts. It goes by keys, not by the clock.
 */
import { setImmediate as breathe } from 'node:timers/promises';
import type { Ledger } from '../db/ledger.ts';

/** Between two of them the event loop turns. */
const CHUNK = 500;

/** Returns the look. Looks must not overlap. */
export function followLedger<R extends { key: number; isOver: boolean }>(
  ledger: Ledger<R>,
  onOver: (row: R) => void,
): () => Promise<void> {
  let cursor = ledger.newest();
  const open = new Set(ledger.open());

  function lookAt(key: number): void {
    const row = ledger.at(key);
    if (row && !row.isOver) return;
    open.delete(key);
    if (row) onOver(row);
  }

  return async () => {
    const waiting = [...open];
    for (let start = 0; start < waiting.length; start += CHUNK) {
      for (const key of waiting.slice(start, start + CHUNK)) lookAt(key);
      await breathe();
    }
    for (;;) {
      const rows = ledger.after(cursor, CHUNK);
      for (const row of rows) {
        cursor = row.key;
        if (row.isOver) onOver(row);
        else open.add(row.key);
      }
      if (rows.length < CHUNK) return;
      await breathe();
    }
  };
}
