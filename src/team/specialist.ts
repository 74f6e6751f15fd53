/**
 * One specialist: what its file says, whoever wrote it for whichever program. Pure. Keys that are not ours are no fault.
 */
import { type FileFault, listOf, oneLine, openingOf, readMarkdown, textOf } from '../lib/front-matter.ts';
import { nameSlug } from '../lib/name-slug.ts';

/** The largest file of a specialist, in bytes. */
export const MAX_SPECIALIST_BYTES = 128 * 1024;
const MAX_DESCRIPTION = 1000;

export interface SpecialistFile {
  /** Safe as a word and as a folder's name; never empty. */
  name: string;
  description: string;
  /** Everything behind the front matter, unchanged but for blank lines around it. */
  instructions: string;
  /** As the SDK takes it; null: the one that the group has. */
  model: string | null;
  /** As they are written; null: all that Nina has. */
  tools: string[] | null;
  /** Where its name stands; null: it is the file's. */
  nameLine: number | null;
  /** What is used otherwise than it is written. */
  notes: FileFault[];
}

/** Folders of a workspace that are something else: no specialist may be called so, or its notes would lie among them. */
const TAKEN = new Set([
  ...[
    'agents',
    'skills',
    'memory',
    'attachments',
    'conversations',
    'logs',
    'log',
    'ipc',
    'global',
    'main',
    'group',
  ],
  ...['claude', 'claude-md', 'memory-md', 'mcp-json', 'node-modules', 'team', 'tmp', 'nina', 'all'],
  // Names that the SDK gives to its own.
  ...['general-purpose', 'explore', 'plan', 'fork', 'claude-code-guide', 'statusline-setup', 'worker'],
]);

const MODELS = new Set(['opus', 'sonnet', 'haiku', 'fable']);

/** `file` is its name, with `.md`. */
export function readSpecialist(file: string, text: string): SpecialistFile | FileFault {
  const markdown = readMarkdown(text);
  if ('reason' in markdown) return markdown;
  const { body, bodyLine, fields } = markdown;
  if (body === '') return { line: bodyLine, reason: (w) => w.files.noInstructions };
  if (body.includes('\0')) return { line: null, reason: (w) => w.files.notText };
  const notes: FileFault[] = [];
  const line = (key: string): number | null => fields.get(key)?.line ?? null;

  const given = nameSlug(textOf(markdown, 'name') ?? '');
  const own = given === '' ? nameSlug(stemOf(file)) : given;
  if (own === '') return { line: line('name'), reason: (w) => w.files.noName };
  const name = TAKEN.has(own) ? `${own}-specialist` : own;
  if (name !== own) notes.push({ line: line('name'), reason: (w) => w.files.nameTaken(own, name) });

  const written = textOf(markdown, 'model');
  const model = written === null ? null : modelOf(written);
  if (written !== null && model === undefined)
    notes.push({ line: line('model'), reason: (w) => w.files.unknownModel(oneLine(written, 60)) });

  return {
    name,
    description: describe(textOf(markdown, 'description'), body, name),
    instructions: body,
    model: model ?? null,
    tools: listOf(markdown, 'tools'),
    nameLine: given === '' ? null : line('name'),
    notes,
  };
}

function describe(said: string | null, body: string, name: string): string {
  const { heading, paragraph } = openingOf(body);
  const words = said ?? ([heading, paragraph].filter((part) => part !== null).join('. ') || name);
  return oneLine(words, MAX_DESCRIPTION) || name;
}

/** Null: the group's own; undefined: nobody knows such a model. */
function modelOf(written: string): string | null | undefined {
  const model = written.toLowerCase();
  if (model === 'inherit' || model === 'default') return null;
  const isKnown = MODELS.has(model) || /^claude-[a-z0-9][a-z0-9.-]{1,60}$/.test(model);
  return isKnown ? model : undefined;
}

export const stemOf = (file: string): string => file.replace(/\.md$/i, '');
