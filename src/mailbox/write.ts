/**
 * The host's side of a mailbox: files for the agent. Each is written in the host-only staging folder and renamed
 * in, so the agent sees it whole or not at all. They are hints: the truth is in the database, which is why a file
 * need not survive a power cut (after one, the container that would read it is gone, too).
 */
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { writeFileAtomic } from '../lib/atomic-file.ts';
import { type ControlFile, MAILBOX, type ResultFile, type TurnFile } from '../protocol.ts';
import type { GroupPaths } from './layout.ts';

const turnName = (id: string) => `${id}.json`;

/** Writes a turn where the agent does not see it yet. Whole when this returns: a turn runs only after that. */
export function stageTurn(paths: GroupPaths, turn: TurnFile): void {
  writeFileSync(path.join(paths.staging, turnName(turn.id)), JSON.stringify(turn), { mode: 0o644 });
}

/** Shows a staged turn to the agent. Does nothing when it was shown before. */
export function publishTurn(paths: GroupPaths, id: string): void {
  const staged = path.join(paths.staging, turnName(id));
  if (existsSync(staged)) renameSync(staged, path.join(paths.mailbox, MAILBOX.turns, turnName(id)));
}

/** The agent was shown the turn, or is about to be. */
export function turnFileExists(paths: GroupPaths, id: string): boolean {
  return (
    existsSync(path.join(paths.staging, turnName(id))) ||
    existsSync(path.join(paths.mailbox, MAILBOX.turns, turnName(id)))
  );
}

/** The turn is over: its file goes, and with it what was asked of its agent and what the agent was answered. */
export function removeTurn(paths: GroupPaths, id: string): void {
  for (const directory of [MAILBOX.control, MAILBOX.results].map((dir) => path.join(paths.mailbox, dir)))
    for (const name of existsSync(directory) ? readdirSync(directory) : [])
      rmSync(path.join(directory, name), { force: true });
  rmSync(path.join(paths.staging, turnName(id)), { force: true });
  rmSync(path.join(paths.mailbox, MAILBOX.turns, turnName(id)), { force: true });
}

/** `number` must never repeat within a mailbox. */
export function writeControl(paths: GroupPaths, number: string, control: ControlFile): void {
  put(paths, path.join(MAILBOX.control, `${number}.json`), control);
}

export function writeResult(paths: GroupPaths, result: ResultFile): void {
  put(paths, path.join(MAILBOX.results, `${result.id}.json`), result);
}

/** Removes the oldest answers but `keep`; whoever asked has read them, or does not wait any more. */
export function pruneResults(paths: GroupPaths, keep: number): void {
  const directory = path.join(paths.mailbox, MAILBOX.results);
  const names = existsSync(directory) ? readdirSync(directory) : [];
  if (names.length <= keep) return;
  const byAge = names
    .map((name) => ({ name, at: statSync(path.join(directory, name)).mtimeMs }))
    .sort((a, b) => a.at - b.at);
  for (const { name } of byAge.slice(0, names.length - keep))
    rmSync(path.join(directory, name), { force: true });
}

/**
 * A snapshot that replaces the last one, e.g. available_groups. One that says the same but for when it was written stays: it is
 * written before each turn, and most of them change nothing.
 */
export function writeSnapshot(paths: GroupPaths, name: string, content: { written_at: string }): void {
  const relative = path.join('in', `${name}.json`);
  const { written_at, ...rest } = content;
  const said = JSON.stringify(rest).slice(1);
  const text = `{"written_at":${JSON.stringify(written_at)},${said}`;
  if (saysNow(path.join(paths.mailbox, relative), said, text.length)) return;
  writeFileAtomic(path.join(paths.mailbox, relative), text, { stagingDir: paths.staging, sync: false });
}

/** `in/` is the host's alone, so what was written there is what the agent reads. */
function saysNow(file: string, said: string, length: number): boolean {
  try {
    const before = readFileSync(file, 'utf8');
    return before.length === length && before.endsWith(said);
  } catch {
    return false;
  }
}

function put(paths: GroupPaths, relative: string, content: unknown): void {
  writeFileAtomic(path.join(paths.mailbox, relative), JSON.stringify(content), {
    stagingDir: paths.staging,
    sync: false,
  });
}
