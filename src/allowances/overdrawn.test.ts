import { expect, it } from 'vitest';
import { createWorld } from '../../test/support/world.ts';
import type { Payer } from '../db/charges.ts';
import { type Folder, type TurnId, turnId } from '../types.ts';
import { overdrawnBy } from './overdrawn.ts';

const DAY = '2026-11-02';
const CLAUDE: Payer = { person: '1001', taskId: null, day: DAY, reserved: { usd: 0.01, tokens: 2000 } };

/** A group each whose turn goes on, and what the proxy counts for it. */
function household(...folders: string[]) {
  const world = createWorld();
  const { db } = world;
  const groups = folders.map((folder, n) =>
    world.register({ chatJid: String(-1001 - n), name: folder, folder, isMain: folder === 'main' }),
  );
  return {
    db,
    allow: (
      scope: 'all' | 'group' | 'person',
      who: string,
      amount: number,
      unit: 'usd' | 'tokens' = 'tokens',
    ) => db.allowances.set({ scope, who, unit, period: 'day', amount }),
    begin(folder: string, payer: Payer = CLAUDE): TurnId {
      const group = groups.find((one) => one.folder === folder);
      if (!group) throw new Error(folder);
      const id = turnId(`00000000-0000-4000-8000-${folder.padEnd(12, '0').slice(0, 12)}`);
      db.turns.claim({
        id,
        chatJid: group.chatJid,
        folder: group.folder,
        threadId: null,
        kind: 'messages',
        attempt: 1,
        at: '2026-11-02T08:00:00.000Z' as never,
        fromSeq: null,
        toSeq: null,
        omitted: 0,
        sessionId: null,
        messages: [],
        payer,
      });
      return id;
    },
    use(folder: string, inputTokens: number, usd = 0) {
      db.usage.note(folder, DAY, { requests: 1, failures: 0, inputTokens, outputTokens: 0, usd });
    },
    stopped: (folder: string) => overdrawnBy(db, folder as Folder, DAY) !== null,
  };
}

it('a turn asks on until what was used is the whole allowance', () => {
  const home = household('family');
  home.begin('family');
  home.use('family', 1_000_000);
  expect(home.stopped('family')).toBe(false);
  home.allow('group', 'family', 1_500_000);
  expect(home.stopped('family')).toBe(false);
  home.use('family', 499_999);
  expect(home.stopped('family')).toBe(false);
  home.use('family', 1);
  expect(home.stopped('family')).toBe(true);
  const [allowance] = home.db.allowances.all();
  home.db.allowances.topUp(allowance?.id ?? 0, DAY, 100, 'test', '2026-11-02T09:00:00.000Z' as never);
  expect(home.stopped('family')).toBe(false);
});

it('a turn never stops before its first answer, nor within what was reserved for it alone', () => {
  const home = household('family');
  home.allow('group', 'family', 1000);
  home.begin('family');
  expect(home.stopped('family')).toBe(false);
  home.use('family', 999);
  expect(home.stopped('family')).toBe(false);
  home.use('family', 1);
  expect(home.stopped('family')).toBe(true);
});

it('what other turns have reserved is left to them, and what they use counts', () => {
  const home = household('family', 'work', 'main');
  home.allow('all', '', 10_000);
  home.begin('family');
  home.begin('work');
  home.use('family', 7999);
  expect(home.stopped('family')).toBe(false);
  home.use('family', 1);
  expect(home.stopped('family')).toBe(true);
  // Within its own reservation the other goes on.
  home.use('work', 1999);
  expect(home.stopped('work')).toBe(false);
  home.use('work', 1);
  expect(home.stopped('work')).toBe(true);
  // Main is bound by its own alone.
  home.begin('main');
  home.use('main', 1_000_000);
  expect(home.stopped('main')).toBe(false);
});

it('money is counted by list prices, or by the price that the turn noted', () => {
  const home = household('family', 'work');
  home.allow('group', 'family', 1, 'usd');
  home.allow('group', 'work', 1, 'usd');
  home.begin('family');
  home.use('family', 10, 0.99);
  expect(home.stopped('family')).toBe(false);
  home.use('family', 10, 0.01);
  expect(home.stopped('family')).toBe(true);
  home.begin('work', { ...CLAUDE, price: '2/10' });
  home.use('work', 499_999, 0.5);
  expect(home.stopped('work')).toBe(false);
  home.use('work', 1);
  expect(home.stopped('work')).toBe(true);
});

it('whoever has a dearer model answer pays for that one', () => {
  const home = household('work');
  home.allow('group', 'work', 1, 'usd');
  const id = home.begin('work', { ...CLAUDE, price: '2/10' });
  home.use('work', 10, 1.5);
  expect(home.stopped('work')).toBe(true);
  home.db.turns.finish(id, 'done', '2026-11-02T09:00:00.000Z' as never, null, null);
  expect(home.db.allowances.used({ scope: 'group', who: 'work' }, [DAY, DAY]).cost_usd).toBe(1.5);
});

it('a person’s allowance stops that person’s turns; between turns the group’s holds too', () => {
  const home = household('family', 'work');
  home.allow('person', '1001', 5000);
  home.allow('group', 'work', 100);
  home.begin('family');
  home.use('family', 5000);
  expect(home.stopped('family')).toBe(true);
  home.use('work', 100);
  expect(home.stopped('work')).toBe(true);
});

it('when the turn is charged, nothing of it counts twice', () => {
  const home = household('family');
  home.allow('group', 'family', 100_000);
  const id = home.begin('family');
  home.use('family', 40_000, 0.4);
  home.db.turns.finish(id, 'done', '2026-11-02T09:00:00.000Z' as never, null, {
    input_tokens: 40_000,
    output_tokens: 0,
    cost_usd: 0.1,
  });
  const used = home.db.allowances.used({ scope: 'group', who: 'family' }, [DAY, DAY]);
  // The larger of the agent's word and of the count.
  expect(used).toMatchObject({ input_tokens: 40_000, cost_usd: 0.4 });
  expect(home.stopped('family')).toBe(false);
  expect(home.db.usage.uncharged('family' as Folder, '2026-11-02T10:00:00.000Z' as never)).toEqual({
    input: 0,
    output: 0,
    usd: 0,
  });
});
