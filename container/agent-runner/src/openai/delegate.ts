/**
 * The tool that hands work to a specialist of the group: a conversation of its own with the specialist's instructions, which ends
 * with its answer and is not kept. None can hand on work, so that every word between them passes the assistant and is written down.
 */
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { TurnFile } from '../../../../src/protocol.ts';
import type { Specialist } from '../../../../src/team.ts';
import { agentDefinitions } from '../specialists.ts';
import type { TeamLog } from '../team-log.ts';
import { define, failure, type Tool } from '../tool.ts';
import type { LoopEnd } from './loop.ts';

export interface DelegateOptions {
  team: readonly Specialist[];
  turn: TurnFile;
  groupDir: string;
  /** What specialists may use. */
  tools: readonly Tool[];
  log: TeamLog;
  /** Lets a model work by these instructions until it answers. */
  work: (system: string, prompt: string, tools: readonly Tool[]) => Promise<LoopEnd>;
}

/** Called as Claude Code calls it, so that the same words tell of it. */
export function delegateTool({ team, turn, groupDir, tools, log, work }: DelegateOptions): Tool {
  const definitions = agentDefinitions(team, turn, groupDir);
  return define(
    'Agent',
    'Hands a piece of work to a specialist, and gives what the specialist answers. The specialist knows nothing of the chat or of earlier requests: put all that is needed into the prompt.',
    z.object({
      subagent_type: z.string().min(1).describe('the name of the specialist'),
      description: z.string().optional().describe('the work in three to five words'),
      prompt: z.string().min(1),
    }),
    async ({ subagent_type: name, description = '', prompt }) => {
      const definition = Object.hasOwn(definitions, name) ? definitions[name] : undefined;
      if (!definition)
        return failure(
          `not done: there is no specialist ${name.slice(0, 100)}; there are ${team.map((one) => one.name).join(', ')}`,
        );
      const id = randomUUID();
      log.asked(id, name, description, prompt);
      const allowed = definition.tools;
      const own = allowed ? tools.filter((tool) => allowed.includes(tool.name)) : tools;
      const end = await work(definition.prompt, prompt, own);
      if (end.kind === 'answer') {
        log.answered(id, end.text);
        return { text: end.text || '(no words)', isError: false };
      }
      const why = end.kind === 'failed' ? end.failure.message : 'the turn was stopped';
      log.failed(id, why);
      return failure(`${name} did not answer: ${why}`);
    },
  );
}
