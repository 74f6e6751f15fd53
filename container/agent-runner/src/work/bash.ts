/** The tool that runs a command: in the group's folder, for a limited time, with bounded output, and with its group when it ends. */
import { z } from 'zod';
import { runInGroup } from '../process-group.ts';
import { define, failure, type Tool, type ToolResult } from '../tool.ts';
import type { Workplace } from './workplace.ts';

const DEFAULT_LIMIT_S = 120;
const LONGEST_LIMIT_S = 600;

export function bashTool({ folder, env, longestResult, alive, signal }: Workplace): Tool {
  // A character has up to four bytes; what is kept is cut once more by characters.
  const half = Math.max(500, Math.floor(longestResult / 2) - 100);

  return define(
    'Bash',
    `Runs a command with bash in ${folder} and gives what it prints, errors included. Each call begins anew in that folder. Nothing goes on after it: what it leaves in the background is ended. There is no terminal to ask questions on.`,
    z.object({
      command: z.string().min(1),
      timeout_seconds: z
        .number()
        .int()
        .min(1)
        .max(LONGEST_LIMIT_S)
        .optional()
        .describe(`at most ${LONGEST_LIMIT_S}; ${DEFAULT_LIMIT_S} if left out`),
    }),
    async ({ command, timeout_seconds: limitS = DEFAULT_LIMIT_S }): Promise<ToolResult> => {
      const end = await runInGroup(
        {
          command: 'bash',
          // Output and errors in the order in which they came.
          args: ['-c', 'exec 2>&1; eval "$1"', 'bash', command],
          cwd: folder,
          env,
          limitMs: limitS * 1000,
          stdout: { head: half, tail: half },
          stderr: { head: 0, tail: 1000 },
        },
        alive,
        signal,
      );
      if (end instanceof Error) return failure(`not run: ${end.message}`);
      const printed = end.stdout.trimEnd();
      if (end.interrupted) return failure(`ended because the turn was stopped\n${printed}`);
      if (end.timedOut)
        return failure(`ended after its limit of ${limitS} seconds; it had printed:\n${printed}`);
      if (end.signal !== null) return failure(`${printed}\n(ended by ${end.signal})`.trimStart());
      if (end.exitCode !== 0) return failure(`${printed}\n(exit code ${end.exitCode})`.trimStart());
      return { text: printed || '(it printed nothing)', isError: false };
    },
  );
}
