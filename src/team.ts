/**
 * A group's team: its specialists, from the Markdown files in `agents/` of the group's folder and of the global one.
 * Read alike by the daemon (who is there?) and by the agent runner (what are they told?). Invariants: each name stands for
 * one specialist; the group's goes before a global one of the same name; a file that cannot be used is named with its
 * line and the reason, and keeps none of the others. Containers write these files: nothing is followed out of the folder.
 */
import type { FileFault } from './lib/front-matter.ts';
import { editDistance, nameSlug } from './lib/name-slug.ts';
import { namesBelow, readBelow } from './lib/read-below.ts';
import { MAX_SPECIALIST_BYTES, readSpecialist, type SpecialistFile, stemOf } from './team/specialist.ts';

/** The folder of what is for everybody, beside those of the groups. */
export const GLOBAL = 'global';
/** Below a group's folder and below the global one. */
export const AGENTS = 'agents';
/** Files of one folder that are read, and their bytes together. */
export const MOST_FILES = 100;
const MOST_BYTES = 2 * 1024 * 1024;

export type Scope = 'group' | 'global';

export interface Specialist extends Omit<SpecialistFile, 'notes' | 'nameLine'> {
  scope: Scope;
  /** In agents/. */
  file: string;
}

/** What is wrong with a file, or used otherwise than it is written there. */
export interface FileNote extends FileFault {
  scope: Scope;
  file: string;
  /** It is not used at all. */
  isBad: boolean;
}

export interface Team {
  /** By name. */
  specialists: Specialist[];
  notes: FileNote[];
}

export interface TeamFolders {
  groupDir: string;
  globalDir: string;
}

/** Reads the files as they are now. Never throws. */
export function readTeam({ groupDir, globalDir }: TeamFolders): Team {
  const own = readAgents(groupDir, 'group');
  const shared = readAgents(globalDir, 'global');
  const names = new Set(own.specialists.map(({ name }) => name));
  const specialists = [...own.specialists, ...shared.specialists.filter(({ name }) => !names.has(name))];
  return {
    specialists: specialists.sort((a, b) => (a.name < b.name ? -1 : 1)),
    notes: [...own.notes, ...shared.notes],
  };
}

/** The files of one folder; `more`: as if this one lay there, too. */
export function readAgents(root: string, scope: Scope, more?: { file: string; text: string }): Team {
  const team: Team = { specialists: [], notes: [] };
  const note = (file: string, fault: FileFault, isBad: boolean) =>
    team.notes.push({ scope, file, ...fault, isBad });
  const found = namesBelow(root, [AGENTS]);
  if ('reason' in found) {
    note('', found, true);
    return team;
  }
  const names = more ? [...found.names, more.file].sort() : found.names;
  const files = names.filter((name) => /\.md$/i.test(name));
  let bytes = 0;
  for (const [index, file] of files.entries()) {
    if (index >= MOST_FILES || bytes > MOST_BYTES) {
      note(file, { line: null, reason: (w) => w.files.tooMany(index) }, true);
      break;
    }
    const text = file === more?.file ? more.text : readBelow(root, [AGENTS, file], MAX_SPECIALIST_BYTES);
    if (text === null) continue;
    if (typeof text !== 'string') {
      note(file, text, true);
      continue;
    }
    bytes += text.length;
    const read = readSpecialist(file, text);
    if ('reason' in read) note(file, read, true);
    else add(team, scope, file, read, note);
  }
  return team;
}

/** Of two that are called the same, the second is called as its file. */
function add(
  team: Team,
  scope: Scope,
  file: string,
  read: SpecialistFile,
  note: (file: string, fault: FileFault, isBad: boolean) => void,
): void {
  const { notes, nameLine, ...specialist } = read;
  const taken = (name: string) => team.specialists.find((other) => other.name === name);
  const other = taken(specialist.name);
  const name = other ? nameSlug(stemOf(file)) : specialist.name;
  if (other && (name === '' || taken(name))) {
    note(file, { line: nameLine, reason: (w) => w.files.sameName(specialist.name, other.file) }, true);
    return;
  }
  for (const each of notes) note(file, each, false);
  if (other)
    note(file, { line: nameLine, reason: (w) => w.files.renamed(specialist.name, other.file, name) }, false);
  team.specialists.push({ ...specialist, name, scope, file });
}

/** So many words may be a name: "ask backend architect what …". */
const MOST_NAME_WORDS = 5;

export interface Asked {
  /** Null: there is none of that name. */
  specialist: Specialist | null;
  /** What was said for a name: one word, where there is none. */
  name: string;
  /** What it is asked. */
  request: string;
}

/** Who is meant by words that begin with a name, in whatever spelling, or with the name of its file. Null: there are no words. */
export function whoIsAsked(team: Team, words: string): Asked | null {
  const text = words.trimStart();
  const parts = [...text.matchAll(/\S+/g)];
  const [first] = parts;
  if (!first) return null;
  const behind = (part: RegExpExecArray) => text.slice(part.index + part[0].length).trim();
  for (let count = Math.min(parts.length, MOST_NAME_WORDS); count > 0; count -= 1) {
    const said = parts.slice(0, count).map(([word]) => word);
    // A name ends where a sentence does.
    const isOne = said.slice(0, -1).every((word) => !/[.,:;!?]$/.test(word));
    const specialist = isOne ? find(team, nameSlug(said.join('-'))) : null;
    if (specialist) return { specialist, name: specialist.name, request: behind(parts[count - 1] ?? first) };
  }
  return { specialist: null, name: first[0].replace(/[.,:;!?]+$/, ''), request: behind(first) };
}

function find({ specialists }: Team, slug: string): Specialist | null {
  if (slug === '') return null;
  const named = specialists.find(({ name }) => name === slug || name === `${slug}-specialist`);
  return named ?? specialists.find(({ file }) => nameSlug(stemOf(file)) === slug) ?? null;
}

/** Those whose names are nearly this one, nearest first. */
export function nearTo({ specialists }: Team, name: string): Specialist[] {
  const slug = nameSlug(name).slice(0, 64);
  if (slug.length < 3) return [];
  const distance = (specialist: Specialist): number => {
    const names = [specialist.name, nameSlug(stemOf(specialist.file))];
    if (names.some((each) => each.startsWith(slug) || (slug.length > 4 && each.includes(slug)))) return 0;
    const compared = names.flatMap((each) => [each, each.slice(0, slug.length + 1)]);
    return Math.min(...compared.map((each) => editDistance(slug, each)));
  };
  return specialists
    .map((specialist) => ({ specialist, far: distance(specialist) }))
    .filter(({ far }) => far <= Math.max(1, Math.floor(slug.length / 4)))
    .sort((a, b) => a.far - b.far)
    .map(({ specialist }) => specialist);
}

const COMMAND = /^\/ask(?:@\w+)?(?=\s|$)/i;
const WORDS = /^(?:please\s+|bitte\s+)?(?:ask|frage?)\s+(?:(?:the|den|die|das)\s+)?/i;

/** What stands behind "ask", where a request begins with it; null where it does not. */
export function behindAsk(request: string): string | null {
  // What stands for a file comes first.
  const own = request.replace(/^\[[^\]]*\]\s*/, '');
  const match = COMMAND.exec(own) ?? WORDS.exec(own);
  return match ? own.slice(match[0].length).trim() : null;
}

/** Whom a request asks, if it begins like that and there is one. */
export function askedIn(team: () => Team, request: string): Specialist | null {
  const words = behindAsk(request);
  return words === null || words === '' ? null : (whoIsAsked(team(), words)?.specialist ?? null);
}
