import { expect, it } from 'vitest';
import type { Specialist } from '../../../src/team.ts';
import { agentDefinitions } from './specialists.ts';

it('tools are those that are written, by the names that they have here', () => {
  const tools = ['Read', 'LS', 'TodoRead', 'constructor', '__proto__', 'Read'];
  const one = {
    name: 'a',
    description: 'b',
    instructions: 'c',
    model: null,
    scope: 'group',
    file: 'a.md',
    tools,
  } as const;
  const team: Specialist[] = [{ ...one, tools: [...tools] }];
  expect(agentDefinitions(team, { assistant_name: 'Nina' }, '/g').a?.tools).toEqual([
    ...['Read', 'Glob', 'TaskGet', 'TaskList', 'constructor', '__proto__'],
  ]);
});
