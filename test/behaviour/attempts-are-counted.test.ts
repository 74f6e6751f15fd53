/**
 * What came before what among turns is told by the order of their claiming: a clock that is set back neither starts
 * the count of attempts anew nor lets tasks keep the messages waiting.
 */
import { expect, it } from 'vitest';
import { claimNext } from '../../src/container-runner/claim.ts';
import type { Turn } from '../../src/db/turn-row.ts';
import { systemRandom } from '../../src/lib/random.ts';
import { scheduleTask } from '../../src/tasks.ts';
import { type Group, iso } from '../../src/types.ts';
import { createWorld, storeMessage, type World } from '../support/world.ts';

function claim(world: World, group: Group): Turn {
  const { db, clock } = world;
  const claimed = claimNext(
    {
      db,
      home: world.home,
      random: systemRandom,
      assistantName: 'Nina',
      timezone: 'UTC',
      nowMs: clock.now(),
    },
    group,
  );
  if (!claimed) throw new Error('nothing was claimed');
  return claimed.turn;
}

it('an attempt after the clock was set back is still the next one', () => {
  const world = createWorld();
  const group = world.register();
  storeMessage(world.db, group.chatJid, 1);
  const attempts: number[] = [];
  for (const jumpMs of [0, -86_400_000, 3_600_000, -3_600_000]) {
    world.clock.jump(jumpMs);
    const turn = claim(world, group);
    attempts.push(turn.attempt);
    world.db.turns.finish(turn.id, 'retried', iso(world.clock.now()), { code: 'agent', message: 'x' }, null);
    world.db.turns.releaseMessages(turn);
  }
  expect(attempts).toEqual([1, 2, 3, 4]);
});

it('messages that wait come after one task, also when the clock was set back in between', () => {
  const world = createWorld();
  const group = world.register();
  const { db, clock } = world;
  const rules = { db, now: () => clock.now(), defaultTimezone: 'UTC', limits: { minIntervalMs: 1000 } };
  const input = { prompt: 'look', scheduleType: 'interval', scheduleValue: '1m' } as const;
  const task = scheduleTask(rules, group, input, 'test');
  storeMessage(db, group.chatJid, 1);
  const kinds: string[] = [];
  for (const jumpMs of [0, -3_600_000, 0, -3_600_000]) {
    clock.jump(jumpMs);
    const at = iso(clock.now());
    db.taskRuns.add({ taskId: task.id, chatJid: group.chatJid, due: at, origin: 'test' });
    const turn = claim(world, group);
    kinds.push(turn.kind);
    db.turns.finish(turn.id, turn.kind === 'task' ? 'done' : 'retried', at, null, null);
    if (turn.kind === 'messages') db.turns.releaseMessages(turn);
  }
  expect(kinds).toEqual(['task', 'messages', 'task', 'messages']);
});
