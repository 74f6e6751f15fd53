/** The tools that find files by name and text in files, by ripgrep. */
import * as fs from 'node:fs';
import { relative, resolve } from 'node:path';
import { z } from 'zod';
import { type ProgramEnd, runInGroup } from '../process-group.ts';
import { define, failure, type Tool, type ToolResult } from '../tool.ts';
import type { Workplace } from './workplace.ts';

const LIMIT_MS = 60_000;
const MOST_FILES = 200;
const MOST_LINES = 250;

const where = z.string().min(1).optional().describe('a folder or file; the group’s folder if left out');

export function searchTools({ folder, env, longestResult, alive, signal }: Workplace): Tool[] {
  const ripgrep = (args: string[]): Promise<ProgramEnd | Error> =>
    runInGroup(
      {
        command: 'rg',
        args: ['--no-config', '--no-messages', '--hidden', '--glob', '!.git', ...args],
        cwd: folder,
        env,
        limitMs: LIMIT_MS,
        stdout: { head: 1024 * 1024, tail: 1 },
        stderr: { head: 0, tail: 1000 },
      },
      alive,
      signal,
    );

  async function glob(pattern: string, path: string): Promise<ToolResult> {
    const base = resolve(folder, path);
    if (!fs.existsSync(base)) return failure(`${path} is not there`);
    const end = await ripgrep(['--files', '--no-ignore', '--sortr', 'modified', '--glob', pattern, base]);
    const lines = linesOf(end);
    if ('text' in lines) return lines;
    return shown(lines, MOST_FILES, 'No file has such a name.');
  }

  async function grep(args: {
    pattern: string;
    path: string;
    glob?: string | undefined;
    ignore_case?: boolean | undefined;
    context?: number | undefined;
  }): Promise<ToolResult> {
    const base = resolve(folder, args.path);
    if (!fs.existsSync(base)) return failure(`${args.path} is not there`);
    const end = await ripgrep([
      ...['--line-number', '--with-filename', '--no-heading', '--color', 'never', '--max-columns', '500'],
      ...(args.ignore_case === true ? ['--ignore-case'] : []),
      ...(args.context === undefined ? [] : ['--context', String(args.context)]),
      ...(args.glob === undefined ? [] : ['--glob', args.glob]),
      ...['--regexp', args.pattern, base],
    ]);
    const lines = linesOf(end);
    if ('text' in lines) return lines;
    return shown(lines, MOST_LINES, 'Nothing was found.');
  }

  /** Paths below the folder are shown from there. */
  function shown(lines: string[], most: number, none: string): ToolResult {
    if (lines.length === 0) return { text: none, isError: false };
    const kept = lines
      .slice(0, most)
      .map((line) => (line.startsWith(`${folder}/`) ? relative(folder, line) || line : line));
    const left = lines.length - kept.length;
    let text = kept.join('\n');
    if (text.length > longestResult - 100) text = `${text.slice(0, longestResult - 100)}…`;
    return { text: left > 0 ? `${text}\n(and ${left} more)` : text, isError: false };
  }

  return [
    define(
      'Glob',
      'Finds files by name, such as "*.md" or "notes/**/2026-*"; the latest changed first.',
      z.object({ pattern: z.string().min(1), path: where }),
      (args) => glob(args.pattern, args.path ?? '.'),
    ),
    define(
      'Grep',
      'Finds lines in files by a regular expression; gives file:line:text.',
      z.object({
        pattern: z.string().min(1),
        path: where,
        glob: z.string().min(1).optional().describe('only files with such a name'),
        ignore_case: z.boolean().optional(),
        context: z.number().int().min(0).max(20).optional().describe('lines shown around each'),
      }),
      (args) => grep({ ...args, path: args.path ?? '.' }),
    ),
  ];
}

/** Exit code 1 is ripgrep's word for "nothing found". */
function linesOf(end: ProgramEnd | Error): string[] | ToolResult {
  if (end instanceof Error) return failure(`not searched: ${end.message}`);
  if (end.interrupted) return failure('ended because the turn was stopped');
  if (end.timedOut)
    return failure(`ended after its limit of ${LIMIT_MS / 1000} seconds; search a smaller part`);
  if (end.exitCode !== 0 && end.exitCode !== 1 && end.stdout === '')
    return failure(`not searched: ${end.stderr.trim() || `ripgrep ended with exit code ${end.exitCode}`}`);
  return end.stdout.split('\n').filter((line) => line !== '');
}
