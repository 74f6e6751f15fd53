/** Hundreds of groups whose menus are set for the first time: how often the daemon looks at them all. Work is counted, not time. */
import { expect, it } from 'vitest';
import { createCommandMenus } from '../../src/router/command-menus.ts';
import { BOT, createTestLog, createWorld } from '../support/world.ts';

const GROUPS = 60;
/** In two languages, and none for strangers. */
const MENUS = 2 * GROUPS + 1;

function setUp() {
  const { clock, db, register } = createWorld();
  const groupNamed = (i: number) => register({ chatJid: String(-2000 - i), name: `G ${i}`, folder: `g${i}` });
  for (let i = 0; i < GROUPS; i += 1) groupNamed(i);
  const asked: (string | null)[] = [];
  let looks = 0;
  const all = () => {
    looks += 1;
    return db.groups.all();
  };
  const menus = createCommandMenus({
    db: { ...db, groups: { ...db.groups, all } },
    clock,
    log: createTestLog().log,
    telegram: {
      async setCommands(chat) {
        asked.push(chat);
      },
    },
    bot: () => BOT,
  });
  return { clock, db, groupNamed, asked, menus, looks: () => looks };
}

it('looks at all groups once for all of their menus', async () => {
  const { clock, db, asked, menus, looks } = setUp();
  menus.changed();
  while (asked.length < MENUS && (await clock.next()));
  await clock.advance(60_000);
  expect(db.questions.menus(BOT.id).size).toBe(MENUS);
  expect(asked).toHaveLength(MENUS);
  expect(looks()).toBe(1);
});

it('goes slowly after the first hundred, and a group that comes meanwhile has its menu next', async () => {
  const { clock, asked, groupNamed, menus } = setUp();
  menus.changed();
  await clock.advance(10_000);
  expect(asked.length).toBeLessThanOrEqual(101);
  const soFar = asked.length;
  await clock.advance(10_000);
  expect(asked.length - soFar).toBeLessThanOrEqual(6);
  const { chatJid } = groupNamed(GROUPS);
  expect(asked).not.toContain(chatJid);
  menus.changed();
  await clock.advance(20_000);
  expect(asked).toContain(chatJid);
  menus.stop();
});
