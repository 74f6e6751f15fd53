/**
 * The rule of allowances under any interleaving of claims and settlements of many groups, on the real tables: nothing begins at
 * the limit; what ends never lets more than one turn go over it; and it never stalls.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { accountOf, allowancesFor, judge, reservationFor, setAllowance } from '../../src/allowances.ts';
import { type Group, iso, type TurnId, turnId } from '../../src/types.ts';
import { createWorld, type World } from '../support/world.ts';

const GROUPS = 6;
const DAY = '2026-11-02';
const PEOPLE = ['1', '2', '3'];

type Step =
  | { do: 'claim'; group: number; person: number }
  /** `cost` as a share of what was reserved, in percent. */
  | {
      do: 'end';
      group: number;
      cost: number;
      tokens: number;
      state: 'done' | 'retried' | 'failed' | 'stopped';
    };

const steps = (mostCost: number) =>
  fc.array(
    fc.oneof(
      fc.record({ do: fc.constant('claim' as const), group: fc.nat(GROUPS - 1), person: fc.nat(2) }),
      fc.record({
        do: fc.constant('end' as const),
        group: fc.nat(GROUPS - 1),
        cost: fc.nat(mostCost),
        tokens: fc.nat(mostCost),
        state: fc.constantFrom('done' as const, 'retried' as const, 'failed' as const, 'stopped' as const),
      }),
    ),
    { minLength: 10, maxLength: 80 },
  );

const limits = fc.record({
  all: fc.option(fc.integer({ min: 1, max: 60_000 })),
  group: fc.option(fc.integer({ min: 1, max: 60_000 })),
  person: fc.option(fc.integer({ min: 1, max: 60_000 })),
  unit: fc.constantFrom('usd' as const, 'tokens' as const),
});
type Limits = typeof limits extends fc.Arbitrary<infer T> ? T : never;

/** One database for many runs, emptied for each. */
function createSandbox() {
  const { db, clock, register } = createWorld();
  const groups: Group[] = Array.from({ length: GROUPS }, (_, n) =>
    register({ chatJid: String(-1000 - n), folder: `g${n}` }),
  );
  return (amounts: Limits) => {
    db.sqlite.exec(
      'DELETE FROM turns; DELETE FROM usage_ledger; DELETE FROM allowances; DELETE FROM model_usage',
    );
    return createModel({ db, clock, groups }, amounts);
  };
}

function createModel(
  { db, clock, groups }: Pick<World, 'db' | 'clock'> & { groups: Group[] },
  { unit, ...amounts }: Limits,
) {
  const rules = { db, now: () => clock.now(), zone: 'UTC' };
  // Cents and thousands, so that some reservations fit in several times and others not at all.
  const much = (amount: number) => ({
    unit,
    period: 'day' as const,
    amount: unit === 'usd' ? amount / 1e6 : amount,
  });
  if (amounts.all !== null) setAllowance(rules, { scope: 'all', who: '' }, much(amounts.all), 'test');
  if (amounts.group !== null) setAllowance(rules, { scope: 'group', who: 'g0' }, much(amounts.group), 'test');
  if (amounts.person !== null)
    setAllowance(rules, { scope: 'person', who: '1' }, much(amounts.person), 'test');
  const all = db.allowances.all();
  const open = new Map<number, { id: TurnId; person: string; usd: number; tokens: number }>();
  let ids = 0;

  /** Returns whether it began. */
  function claim(group: number, person: string): boolean {
    const owner = groups[group];
    if (!owner || open.has(group)) return false;
    const theirs = allowancesFor(all, owner, person);
    const before = theirs.map((allowance) => accountOf(db, allowance, DAY));
    const { verdict } = judge(db, theirs, owner.folder, DAY);
    const isFree = before.every(({ reserved }) => reserved === 0);
    const isLeft = before.every(({ spent, limit }) => spent < limit);
    // Where nobody else is at work it does not wait; at the limit nothing begins.
    if (isFree && isLeft) expect(verdict).toBe('go');
    if (!isLeft) expect(verdict).toBe('spent');
    if (verdict !== 'go') return false;
    ids += 1;
    const id = turnId(`turn-${ids}`);
    const reserved = reservationFor(db, all, owner.folder);
    db.turns.claim({
      id,
      chatJid: owner.chatJid,
      folder: owner.folder,
      threadId: null,
      kind: 'messages',
      attempt: 1,
      at: iso(clock.now()),
      fromSeq: null,
      toSeq: null,
      omitted: 0,
      sessionId: null,
      messages: [],
      payer: { person, taskId: null, day: DAY, reserved },
    });
    db.turns.markRunning(id, 'container', iso(clock.now()));
    const { usd, tokens } = reserved ?? { usd: 0, tokens: 0 };
    open.set(group, { id, person, usd, tokens });
    return true;
  }

  function end(step: Extract<Step, { do: 'end' }>): void {
    const turn = open.get(step.group);
    if (!turn) return;
    open.delete(step.group);
    const usage = {
      input_tokens: Math.floor((turn.tokens * step.tokens) / 100),
      output_tokens: 0,
      cost_usd: (turn.usd * step.cost) / 100,
    };
    db.turns.finish(turn.id, step.state, iso(clock.now()), null, usage);
  }

  const accounts = () => all.map((allowance) => accountOf(db, allowance, DAY));
  return { db, all, open, claim, end, accounts };
}

it('nothing begins at the limit, and nothing waits while nobody is at work', () => {
  const fresh = createSandbox();
  fc.assert(
    fc.property(limits, steps(400), (amounts, all) => {
      const model = fresh(amounts);
      for (const step of all)
        if (step.do === 'claim') model.claim(step.group, PEOPLE[step.person] ?? '');
        else model.end(step);
    }),
    { numRuns: 150 },
  );
});

it('turns that cost what was reserved, or less, never go over it, but for one that could not have been known', () => {
  const fresh = createSandbox();
  fc.assert(
    fc.property(limits, steps(100), (amounts, all) => {
      const model = fresh(amounts);
      for (const step of all) {
        if (step.do === 'claim') model.claim(step.group, PEOPLE[step.person] ?? '');
        else model.end(step);
        for (const { limit, spent, reserved } of model.accounts()) {
          // Over it there is either one turn alone, or what it has left behind.
          if (spent + reserved <= limit) continue;
          const largest = model.db.sqlite
            .prepare<[], { usd: number; tokens: number }>(
              'SELECT max(reserved_usd) * 1e6 AS usd, max(reserved_tokens) AS tokens FROM turns',
            )
            .get();
          const one = amounts.unit === 'usd' ? Math.ceil(largest?.usd ?? 0) : (largest?.tokens ?? 0);
          expect(spent + reserved).toBeLessThan(limit + one + 1);
        }
      }
    }),
    { numRuns: 150 },
  );
});

it('whatever waited begins once the others have ended, or is refused for good', () => {
  const fresh = createSandbox();
  fc.assert(
    fc.property(limits, steps(150), (amounts, all) => {
      const model = fresh(amounts);
      for (const step of all)
        if (step.do === 'claim') model.claim(step.group, PEOPLE[step.person] ?? '');
        else model.end(step);
      for (let group = 0; group < GROUPS; group += 1)
        model.end({ do: 'end', group, cost: 100, tokens: 100, state: 'done' });
      const left = model.accounts().every(({ spent, limit }) => spent < limit);
      expect(model.accounts().every(({ reserved }) => reserved === 0)).toBe(true);
      expect(model.claim(0, '1')).toBe(left);
    }),
    { numRuns: 100 },
  );
});
