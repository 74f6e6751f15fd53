/** What a plain model is told before anything else; Claude Code brings a prompt of its own for this. */
import type { TurnFile } from '../../../../src/protocol.ts';
import { readSkills } from '../../../../src/skills.ts';
import type { Specialist } from '../../../../src/team.ts';
import { systemPromptAddition } from '../claude-options.ts';
import { readMemory } from '../memory.ts';
import { aboutSkills, shippedDir } from '../skills.ts';
import { aboutTeam } from '../specialists.ts';

export function instructions(
  turn: TurnFile,
  team: readonly Specialist[],
  folders: { group: string; global: string },
): string {
  const memory = readMemory(
    { groupDir: folders.group, globalDir: folders.global },
    Date.now(),
    turn.timezone,
  );
  const { skills } = readSkills({
    groupDir: folders.group,
    globalDir: folders.global,
    shippedDir: shippedDir(),
  });
  return [
    systemPromptAddition(turn, memory, [...aboutTeam(team, folders.group), ...aboutSkills(skills, false)]),
    '',
    `You work with tools, in a container of this chat. Your workspace is ${folders.group}; commands and relative paths begin there.`,
    'Do what is asked with the tools instead of describing how it could be done, and look before you claim. Use several tools one after the other if it takes that. When a tool reports an error, read it and try another way, or say what does not work. Never say that something was done, sent or scheduled unless a tool said so.',
    'When you are done, answer. Text that comes with a tool call is not shown to the chat; only your last answer is.',
    `It is ${localTime(turn.timezone)}.`,
  ].join('\n');
}

/** To the day: what changes with each request would cost the server its cache. The prompt itself bears the time. */
function localTime(timeZone: string): string {
  return new Intl.DateTimeFormat('en-GB', { timeZone, dateStyle: 'full' }).format(new Date());
}
