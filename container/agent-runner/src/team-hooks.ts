/** Writes down what goes through the tool Agent to specialists and back: SDK hooks that only watch. */
import type { HookCallback, HookInput, Options } from '@anthropic-ai/claude-agent-sdk';
import { z } from 'zod';
import type { TeamLog } from './team-log.ts';

const askedSchema = z.object({
  subagent_type: z.string(),
  description: z.string().catch(''),
  prompt: z.string().catch(''),
});
const answerSchema = z.object({ content: z.array(z.object({ text: z.string().catch('') })) });

/** `log` is that of the running turn, if there is one; `isSpecialist` tells the team from what the SDK brings along. */
export function teamHooks(
  log: () => TeamLog | null,
  isSpecialist: (name: string) => boolean,
): NonNullable<Options['hooks']> {
  const watch = (
    look: (input: HookInput, log: TeamLog) => void,
  ): { matcher: string; hooks: HookCallback[] }[] => [
    {
      matcher: 'Agent',
      hooks: [
        async (input) => {
          const current = log();
          if (current) look(input, current);
          return {};
        },
      ],
    },
  ];
  return {
    PreToolUse: watch((input, current) => {
      if (input.hook_event_name !== 'PreToolUse') return;
      const asked = askedSchema.safeParse(input.tool_input);
      if (!asked.success || !isSpecialist(asked.data.subagent_type)) return;
      const { subagent_type, description, prompt } = asked.data;
      current.asked(input.tool_use_id, subagent_type, description, prompt);
    }),
    PostToolUse: watch((input, current) => {
      if (input.hook_event_name !== 'PostToolUse') return;
      const answer = answerSchema.safeParse(input.tool_response);
      const said = answer.success ? answer.data.content.map(({ text }) => text).join('\n') : '';
      current.answered(input.tool_use_id, said);
    }),
    PostToolUseFailure: watch((input, current) => {
      if (input.hook_event_name === 'PostToolUseFailure') current.failed(input.tool_use_id, input.error);
    }),
  };
}
