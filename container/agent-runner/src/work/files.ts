/** The tools that read, write and change files. Only ordinary files: a pipe or a device would hold the agent up for ever. */
import * as fs from 'node:fs';
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { define, failure, type Tool, type ToolResult } from '../tool.ts';
import type { Workplace } from './workplace.ts';

const LARGEST_BYTES = 10 * 1024 * 1024;
const LISTED = 500;

const path = z.string().min(1).describe('relative to the group’s folder, or absolute');

export function fileTools({ folder, longestResult }: Workplace): Tool[] {
  const at = (given: string) => resolve(folder, given);

  function read(given: string, offset: number, limit: number | undefined): ToolResult {
    const file = at(given);
    if (fs.statSync(file).isDirectory()) return done(listing(file));
    const content = readOrdinary(file);
    if (content.subarray(0, 8000).includes(0))
      return failure(`${given} is no text (${content.length} bytes); use Bash to look at it`);
    const lines = content.toString('utf8').split('\n');
    if (lines.at(-1) === '') lines.pop();
    if (lines.length === 0) return done('(the file is empty)');
    if (offset > lines.length) return failure(`${given} has only ${lines.length} lines`);
    const wanted = lines.slice(offset - 1, limit === undefined ? undefined : offset - 1 + limit);
    const shown: string[] = [];
    let length = 0;
    for (const line of wanted) {
      length += line.length + 1;
      if (length > longestResult - 100 && shown.length > 0) break;
      shown.push(line.length > longestResult ? `${line.slice(0, longestResult - 100)}…` : line);
    }
    const last = offset - 1 + shown.length;
    const note =
      last < lines.length || offset > 1
        ? `\n(lines ${offset} to ${last} of ${lines.length}; read others with offset)`
        : '';
    return done(shown.join('\n') + note);
  }

  function write(given: string, content: string): ToolResult {
    const file = at(given);
    const existed = ordinaryIfThere(file);
    fs.mkdirSync(dirname(file), { recursive: true });
    fs.writeFileSync(file, content);
    return done(`${existed ? 'Replaced' : 'Wrote'} ${given} (${Buffer.byteLength(content)} bytes).`);
  }

  function edit(given: string, before: string, after: string, all: boolean): ToolResult {
    const file = at(given);
    const content = readOrdinary(file).toString('utf8');
    const found = content.split(before).length - 1;
    if (found === 0)
      return failure(`not changed: old_string is not in ${given}; it must match exactly, spaces included`);
    if (found > 1 && !all)
      return failure(
        `not changed: old_string is ${found} times in ${given}; give more of what is around it, or replace_all`,
      );
    fs.writeFileSync(file, content.split(before).join(after));
    return done(`Changed ${given} in ${found} ${found === 1 ? 'place' : 'places'}.`);
  }

  return [
    define(
      'Read',
      'Reads a text file, or lists a folder.',
      z.object({
        path,
        offset: z.number().int().min(1).optional().describe('the first line wanted, from 1'),
        limit: z.number().int().min(1).optional().describe('how many lines'),
      }),
      (args) => read(args.path, args.offset ?? 1, args.limit),
    ),
    define(
      'Write',
      'Writes a text file; what was in it before is gone. Folders are made as needed. To change a part, use Edit.',
      z.object({ path, content: z.string() }),
      (args) => write(args.path, args.content),
    ),
    define(
      'Edit',
      'Replaces a text in a file by another. `old_string` must be in the file exactly once, unless `replace_all`.',
      z.object({
        path,
        old_string: z.string().min(1),
        new_string: z.string(),
        replace_all: z.boolean().optional(),
      }),
      (args) => edit(args.path, args.old_string, args.new_string, args.replace_all === true),
    ),
  ];
}

const done = (text: string): ToolResult => ({ text, isError: false });

function readOrdinary(file: string): Buffer {
  const { O_RDONLY, O_NONBLOCK } = fs.constants;
  const handle = fs.openSync(file, O_RDONLY | O_NONBLOCK);
  try {
    const stat = fs.fstatSync(handle);
    if (!stat.isFile()) throw new Error('it is not an ordinary file');
    if (stat.size > LARGEST_BYTES)
      throw new Error(`it is larger than ${LARGEST_BYTES} bytes; use Bash to look at a part of it`);
    return fs.readFileSync(handle);
  } finally {
    fs.closeSync(handle);
  }
}

/** Whether there is a file to be replaced. Throws where something else is. */
function ordinaryIfThere(file: string): boolean {
  const stat = fs.statSync(file, { throwIfNoEntry: false });
  if (stat && !stat.isFile()) throw new Error('there is something else than an ordinary file');
  return stat !== undefined;
}

function listing(folder: string): string {
  const names = fs
    .readdirSync(folder, { withFileTypes: true })
    .map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name))
    .sort();
  const left = names.length - LISTED;
  if (left > 0) names.splice(LISTED, left, `and ${left} more`);
  return names.join('\n') || '(the folder is empty)';
}
