/** Counts commits from outside, in SQLite's write-ahead log (https://www.sqlite.org/fileformat2.html#walformat). */
import { readFileSync } from 'node:fs';

const HEADER = 32;
const FRAME_HEADER = 24;

/** Those in the log as it is; it must not have begun anew since what they are compared with. */
export function commitsIn(database: string): number {
  const wal = readFileSync(`${database}-wal`);
  const pageSize = wal.readUInt32BE(8);
  const salts = wal.subarray(16, 24);
  let commits = 0;
  for (let at = HEADER; at + FRAME_HEADER + pageSize <= wal.length; at += FRAME_HEADER + pageSize) {
    if (!wal.subarray(at + 8, at + 16).equals(salts)) break; // left from before the log began anew
    if (wal.readUInt32BE(at + 4) > 0) commits += 1;
  }
  return commits;
}
