import { describe, expect, it } from 'vitest';
import { mayCommand } from './policy.ts';
import { COMMAND_DIRECTORY, type CommandType } from './protocol/commands.ts';
import type { Folder } from './types.ts';

const family = { folder: 'family' as Folder, isMain: false };
const work = { folder: 'work' as Folder, isMain: false };
const main = { folder: 'main' as Folder, isMain: true };
const all = Object.keys(COMMAND_DIRECTORY) as CommandType[];

describe('the policy', () => {
  it('lets main do all, to any group', () => {
    for (const type of all)
      for (const target of [main, family, null])
        expect(mayCommand(main, type, target)).toEqual({ allowed: true });
  });

  it('lets a group write into its own chat only', () => {
    for (const type of ['send_message', 'send_file'] as const) {
      expect(mayCommand(family, type, family).allowed).toBe(true);
      expect(mayCommand(family, type, work).allowed).toBe(false);
      expect(mayCommand(family, type, main).allowed).toBe(false);
      expect(mayCommand(family, type, null).allowed).toBe(false);
    }
  });

  it('refuses administration to a group, with a reason', () => {
    for (const type of ['register_group', 'unregister_group', 'refresh_groups'] as const) {
      expect(mayCommand(family, type, family)).toEqual({
        allowed: false,
        reason: `${type} is only for the main group`,
      });
    }
  });
});
