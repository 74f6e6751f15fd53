/** Conversations kept as `<id>.jsonl` in one folder; each run of a task may leave one that nobody resumes, so they are bounded. */
import * as fs from 'node:fs';
import { join } from 'node:path';

/** When there are `most` of them, the half that was used longest ago goes. Throws what the disk throws. */
export function forgetOldest(directory: string, most: number): void {
  const names = fs.readdirSync(directory).filter((name) => name.endsWith('.jsonl'));
  if (names.length < most) return;
  const files = names.map((name) => join(directory, name));
  const age = new Map(files.map((file) => [file, fs.statSync(file).mtimeMs]));
  files.sort((a, b) => (age.get(a) ?? 0) - (age.get(b) ?? 0));
  for (const file of files.slice(0, files.length - most / 2)) fs.rmSync(file, { force: true });
}
