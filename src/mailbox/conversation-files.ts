/**
 * The files in which agents keep conversations, below their home (data/sessions/<folder>): Claude Code's transcripts with what
 * belongs to them, and those of the other providers. Each bears its session's id at the beginning of its name, or lies in a folder
 * that does. The agent can write there at any moment: no link is followed, and only so much is looked at.
 */
import { closeSync, type Dirent, lstatSync, opendirSync, rmdirSync, unlinkSync } from 'node:fs';
import path from 'node:path';
import { openBelow } from '../lib/open-below.ts';

export interface ConversationFile {
  /** The session's. */
  id: string;
  /** Below the home. */
  components: readonly string[];
  bytes: number;
  changedMs: number;
}

const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}/i;
const CLAUDE = '.claude';
const PROJECTS = 'projects';
const OTHERS = ['.nanoclaw-openai', '.nanoclaw-offline'];
/** In one home. */
const MOST_FILES = 20_000;
/** Names that are looked at, and what it counts to open a folder. */
const MOST_NAMES = 200_000;
const FOLDER_NAMES = 10;
const DEEPEST = 6;

interface Budget {
  names: number;
}

/** In no order. Ends after so many. Null: a folder was looked into, which may have been for nothing. */
export function* conversationFiles(homeDir: string): Generator<ConversationFile | null, void> {
  let left = MOST_FILES;
  const budget = { names: MOST_NAMES };
  for (const place of places(homeDir, budget)) {
    yield null;
    for (const entry of list(homeDir, place, budget)) {
      const id = UUID.exec(entry.name)?.[0].toLowerCase();
      if (id === undefined) continue;
      for (const file of filesOf(homeDir, [...place, entry.name], entry, { budget, deepest: DEEPEST })) {
        yield file === null ? null : { id, ...file };
        if (file !== null) left -= 1;
        if (left === 0) return;
      }
    }
  }
}

/** The file, and the folders around it that are empty then. What is not there stays away. Throws what the file system throws. */
export function removeConversationFile(
  homeDir: string,
  { components }: Pick<ConversationFile, 'components'>,
): void {
  at(homeDir, components, (file) => unlinkSync(file));
  for (let length = components.length - 1; UUID.test(components[length - 1] ?? '') || length > 4; length -= 1)
    if (!at(homeDir, components.slice(0, length), (folder) => rmdirSync(folder))) return;
}

function* places(homeDir: string, budget: Budget): Generator<string[], void> {
  for (const name of OTHERS) yield [name];
  for (const above of [[CLAUDE, PROJECTS], [CLAUDE]])
    for (const entry of list(homeDir, above, budget))
      if (entry.isDirectory() && (above.length > 1 || entry.name !== PROJECTS)) yield [...above, entry.name];
}

function* filesOf(
  homeDir: string,
  components: string[],
  entry: Dirent,
  { budget, deepest }: { budget: Budget; deepest: number },
): Generator<Omit<ConversationFile, 'id'> | null, void> {
  if (entry.isDirectory()) {
    const children = deepest === 0 ? [] : list(homeDir, components, budget);
    yield null;
    for (const child of children)
      yield* filesOf(homeDir, [...components, child.name], child, { budget, deepest: deepest - 1 });
    // An empty one belongs to nobody else.
    if (children.length === 0) at(homeDir, components, (folder) => rmdirSync(folder));
    return;
  }
  let file: Omit<ConversationFile, 'id'> | null = null;
  at(homeDir, components, (name) => {
    const { size, mtimeMs } = lstatSync(name);
    file = { components, bytes: size, changedMs: mtimeMs };
  });
  if (file !== null) yield file;
}

/** No more than what is left of the budget, nor than one look may take. */
function list(homeDir: string, components: readonly string[], budget: Budget): Dirent[] {
  const entries: Dirent[] = [];
  budget.names -= FOLDER_NAMES;
  if (budget.names <= 0) return entries;
  at(homeDir, [...components, '.'], (folder) => {
    const dir = opendirSync(folder);
    try {
      for (let entry = dir.readSync(); entry !== null && budget.names > 0; entry = dir.readSync()) {
        budget.names -= 1;
        if (entries.push(entry) === MOST_FILES) break;
      }
    } finally {
      dir.closeSync();
    }
  });
  return entries;
}

/** Calls `act` with a name that leads through no link but perhaps in its last step. False: it is not there, or does not go. */
function at(homeDir: string, components: readonly string[], act: (name: string) => void): boolean {
  const folder = components.slice(0, -1);
  const last = components.at(-1) ?? '.';
  let fd: number;
  try {
    fd = openBelow(homeDir, folder, true);
  } catch (error) {
    return passOver(error);
  }
  try {
    act(process.platform === 'linux' ? `/proc/self/fd/${fd}/${last}` : path.join(homeDir, ...components));
    return true;
  } catch (error) {
    return passOver(error);
  } finally {
    closeSync(fd);
  }
}

function passOver(error: unknown): false {
  const { code = '' } = error as NodeJS.ErrnoException;
  const passed = ['ENOENT', 'ELOOP', 'ENOTDIR', 'EACCES', 'ENOTEMPTY', 'EEXIST', 'EISDIR', 'EPERM', 'EBUSY'];
  if (passed.includes(code)) return false;
  throw error;
}
