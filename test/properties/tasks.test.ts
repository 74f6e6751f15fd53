/**
 * Random tasks under random clocks, restarts, pauses and failures of the database, against a model that is nothing
 * but the calendar: while a task was active, each instant of its schedule has its one row, and nothing else has.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { nextRun } from '../../src/next-run.ts';
import { LOOK_MS } from '../../src/task-scheduler.ts';
import { pauseTask, resumeTask, runTaskNow, scheduleOf } from '../../src/tasks.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS, TaskWorld } from '../support/task-world.ts';

type Step =
  | { do: 'advance' | 'jump' | 'restart'; ms: number }
  | { do: 'pause' | 'resume' | 'resume missed' | 'run'; task: number }
  | { do: 'work' | 'begin' | 'end' | 'break' | 'repair' };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('advance' as const), ms: fc.nat(3 * HOUR_MS) }) },
  fc.record({ do: fc.constant('jump' as const), ms: fc.integer({ min: -2 * HOUR_MS, max: DAY_MS }) }),
  fc.record({ do: fc.constant('restart' as const), ms: fc.nat(DAY_MS) }),
  fc.record({
    do: fc.constantFrom('pause' as const, 'resume' as const, 'resume missed' as const, 'run' as const),
    task: fc.nat(3),
  }),
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom(
        'work' as const,
        'begin' as const,
        'end' as const,
        'break' as const,
        'repair' as const,
      ),
    }),
  },
);

const task = fc.record({
  schedule: fc.constantFrom(
    '10m',
    '7h',
    '1d',
    '*/15 * * * *',
    '30 2 * * *',
    '*/30 1-3 * * *',
    '0 9 * * 1-5',
    '2026-10-25T02:30',
    '2026-10-26T09:00',
  ),
  timezone: fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe'),
  misfire: fc.constantFrom('run_once', 'skip', 'within:2h'),
});

it('each instant of an active task has one row, none is used twice, next_run only moves forward', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(task, { minLength: 1, maxLength: 4 }),
      fc.array(step, { maxLength: 20 }),
      async (inputs, steps) => {
        // The night of the 25th is the longer one in Berlin.
        const world = new TaskWorld('2026-10-24T12:00:00.000Z');
        const model = createModel(world, inputs);
        world.start();
        for (const each of steps) {
          await model.apply(each);
          model.check();
        }
        await model.apply({ do: 'repair' });
        model.check();
        world.close();
      },
    ),
    { numRuns: 40 },
  );
});

/** From where to where a task was active, by its own next_run. */
interface Span {
  from: string | null;
  to: string | null;
}

function createModel(
  world: TaskWorld,
  inputs: readonly { schedule: string; timezone: string; misfire: string }[],
) {
  const ids = inputs.map(
    ({ schedule, ...more }, n) => world.add(schedule, { ...more, folder: `g-${n % 2}` }).id,
  );
  const spans = new Map<string, Span[]>(ids.map((id) => [id, [{ from: world.task(id).nextRun, to: null }]]));
  const reached = new Map<string, string>();
  let broken = false;

  async function apply(step: Step): Promise<void> {
    switch (step.do) {
      case 'advance':
        await world.clock.advance(step.ms);
        break;
      case 'jump':
        world.clock.jump(step.ms);
        await world.clock.advance(LOOK_MS);
        break;
      case 'restart':
        world.restart(step.ms);
        break;
      case 'work':
      case 'begin':
        world.runWaiting({ hold: step.do === 'begin' });
        break;
      case 'end':
        world.db.sqlite.exec(
          "UPDATE task_runs SET state = 'finished', outcome = 'ok' WHERE state = 'running'",
        );
        break;
      case 'break':
        if (!broken)
          world.db.sqlite.exec(
            "CREATE TRIGGER broken BEFORE INSERT ON task_runs BEGIN SELECT RAISE(ABORT, 'no'); END",
          );
        broken = true;
        break;
      case 'repair':
        if (broken) world.db.sqlite.exec('DROP TRIGGER broken');
        broken = false;
        await world.clock.advance(5000);
        break;
      default:
        change(step.do, ids[step.task % ids.length] ?? '');
        world.scheduler?.changed();
        await world.clock.advance(0);
    }
  }

  function change(what: 'pause' | 'resume' | 'resume missed' | 'run', id: string): void {
    const before = world.task(id);
    try {
      world.db.transaction(() => {
        if (what === 'pause') pauseTask(world.rules, before, 'test');
        else if (what === 'run') runTaskNow(world.rules, before, 'test');
        else resumeTask(world.rules, before, what === 'resume missed');
      });
    } catch {
      // Refused, or the database is broken: then nothing has happened.
      expect(world.task(id)).toEqual(before);
      return;
    }
    const known = spans.get(id) ?? [];
    const last = known.at(-1);
    if (what === 'pause' && last) last.to = before.nextRun;
    if (what === 'pause') reached.delete(id);
    if (what.startsWith('resume')) known.push({ from: world.task(id).nextRun, to: null });
  }

  function check(): void {
    for (const id of ids) {
      const { status, nextRun: next, ...task } = world.task(id);
      const runs = world.runs(id);
      const scheduled = runs.filter(({ origin }) => origin === 'schedule').map(({ due }) => due);
      expect(runs.filter(({ state }) => state !== 'finished').length).toBeLessThanOrEqual(1);
      if (status === 'active' && next !== null) {
        expect(next >= (reached.get(id) ?? '')).toBe(true);
        reached.set(id, next);
        if (!broken) expect(Date.parse(next)).toBeGreaterThan(world.clock.now());
      }
      const expected = new Set<string>();
      for (const [n, span] of (spans.get(id) ?? []).entries()) {
        const isLast = n === (spans.get(id) ?? []).length - 1;
        const to = isLast && status === 'active' ? next : span.to;
        for (const due of instants(scheduleOf(task), span.from, to)) expected.add(due);
      }
      // A run that was asked for at the very instant has taken the row.
      const asked = new Set(runs.filter(({ origin }) => origin !== 'schedule').map(({ due }) => due));
      expect(scheduled).toEqual([...expected].filter((due) => !asked.has(due)).sort());
    }
  }

  return { apply, check };
}

/** From `from` up to, but without, `to`; null: as far as the schedule goes, which for a once is one. */
function instants(schedule: ReturnType<typeof scheduleOf>, from: string | null, to: string | null): string[] {
  const found: string[] = [];
  let at: number | null = from === null ? null : Date.parse(from);
  while (at !== null && (to === null || at < Date.parse(to))) {
    found.push(new Date(at).toISOString());
    at = nextRun(schedule, at);
  }
  return found;
}

it('the model can see a lost instant', () => {
  // So that the property above is known to be worth something.
  const schedule = { type: 'interval' as const, value: '10m', timezone: 'UTC', anchor: 0 };
  const from = new Date(10 * MINUTE_MS).toISOString();
  expect(instants(schedule, from, new Date(40 * MINUTE_MS).toISOString())).toHaveLength(3);
});
