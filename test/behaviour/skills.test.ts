/** /skills lists what the agent of a group knows how to do, with a real daemon. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { InnerDaemon } from '../support/inner-daemon.ts';

it('those of the group, of all and the shipped ones are listed, with what cannot be used', async () => {
  const daemon = new InnerDaemon();
  const main = daemon.register('main', { isMain: true });
  const family = daemon.register('family');
  const skill = (folder: string, name: string, text: string) => {
    const dir = path.join(daemon.home, 'groups', folder, 'skills', name);
    mkdirSync(dir, { recursive: true });
    writeFileSync(path.join(dir, 'SKILL.md'), text);
  };
  skill('family', 'baking', '---\ndescription: How we bake\n---\n\nKnead.');
  skill('family', 'broken', '---\na: [\n---\nx');
  skill('global', 'tea', '# Tea\n\nWarm the pot.');
  symlinkSync('/etc', path.join(daemon.home, 'groups/family/skills/link'));
  await daemon.start();
  const answer = async (group: typeof main, text: string): Promise<string> => {
    const before = daemon.told(group).length;
    await daemon.say(group, text);
    await daemon.until(() => daemon.told(group).length > before);
    return daemon.told(group).at(-1) ?? '';
  };
  const list = await answer(family, '/skills');
  expect(list).toContain('baking – How we bake (of this group)');
  expect(list).toContain('tea – Tea. Warm the pot. (for all groups)');
  for (const name of ['keeping-memory', 'scheduling', 'telegram-formatting'])
    expect(list).toMatch(new RegExp(`^${name} – .+ \\(comes with me\\)$`, 'm'));
  expect(list).toMatch(
    /Files that I cannot use:\nskills\/broken, line 2: .+\nskills\/link: it is a symbolic link/,
  );
  expect(await answer(main, '/skills')).not.toContain('baking');
  expect(await answer(main, '/skills family')).toContain('baking – How we bake');
  daemon.language = 'de';
  expect(await answer(family, '/skills')).toContain('Das weiß ich zu tun:');
  expect(daemon.agent.turns).toEqual([]);
});
