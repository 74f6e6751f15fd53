/** What the daemon has in hand: turns that do not end, tasks that only fail. */
import { statSync } from 'node:fs';
import path from 'node:path';
import type { Task } from '../../db/tasks.ts';
import type { Turn } from '../../db/turn-row.ts';
import { age } from '../../lib/duration.ts';
import { groupPaths } from '../../mailbox/layout.ts';
import { type Check, some } from './check.ts';
import { fail, ok, warn } from './finding.ts';
import { fromDatabase } from './ground.ts';

/** Beyond the limit after which the daemon ends a turn itself. */
const GRACE_MS = 60_000;

/** The last moment at which it is known to have lived: its start, or the last line of its log. */
function lastSign(home: string, { id, folder, queuedAt, startedAt }: Turn): number {
  const file = path.join(groupPaths(home, folder).logDir, `${id}.log`);
  const written = statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return Math.max(written, Date.parse(startedAt ?? queuedAt));
}

const turns: Check = {
  id: 'turns',
  async look(ground) {
    const { config, daemon, home } = ground;
    return await fromDatabase(ground, 'turns', async (db) => {
      const open = db.turns.open();
      const limitMs = config.containerTimeoutMs + GRACE_MS;
      const silentMs = (turn: Turn) => Date.now() - lastSign(home, turn);
      const running = (await ground.status())?.queue.running ?? [];
      // A long turn that goes on is told from a stuck one by the daemon, which hears its signs of life.
      const stuck = open.filter(
        (turn) => silentMs(turn) > limitMs && !(daemon && running.includes(turn.chatJid)),
      );
      const long = open.filter((turn) => silentMs(turn) > 2 * limitMs && !stuck.includes(turn));
      const named = (list: Turn[]) => some(list.map((turn) => `${turn.folder} (${age(silentMs(turn))})`));
      if (stuck.length > 0 && daemon)
        return fail(
          'turns',
          `Turns are open that nothing works on: ${named(stuck)}.`,
          '/stop in that chat; else restart the daemon.',
        );
      if (stuck.length > 0)
        return warn(
          'turns',
          `Turns wait for the daemon since long: ${named(stuck)}.`,
          'Start the daemon: it goes on with them, or repeats them.',
        );
      if (long.length > 0)
        return warn(
          'turns',
          `Turns run for long: ${named(long)}.`,
          'If that is not meant to be: /stop in that chat.',
        );
      return ok(
        'turns',
        open.length === 0 ? 'No turn is open.' : `${open.length} turns are open, none for too long.`,
      );
    });
  },
};

/** Once is chance, and twice may be. */
const FAILED_RUNS = 3;
const PAUSED_BY_FAILURES = /^failed \d+ times in a row/;

const tasks: Check = {
  id: 'tasks',
  homeOnly: true,
  async look(ground) {
    return await fromDatabase(ground, 'tasks', (db) => {
      const all = db.tasks.all();
      const paused = all.filter(
        ({ status, statusReason }) => status === 'paused' && PAUSED_BY_FAILURES.test(statusReason ?? ''),
      );
      const failing = all.filter(({ status, failures }) => status === 'active' && failures >= FAILED_RUNS);
      const named = (list: Task[]) =>
        some(list.map((task) => `${task.id} of ${task.folder} (${task.lastResult ?? 'no result'})`));
      const first = (paused[0] ?? failing[0])?.id ?? '';
      if (paused.length > 0)
        return fail(
          'tasks',
          `Tasks were paused since they only failed: ${named(paused)}.`,
          `nanoclaw turns says why; when it is mended: nanoclaw tasks resume ${first}, or nanoclaw tasks cancel ${first}.`,
        );
      if (failing.length > 0)
        return warn(
          'tasks',
          `Tasks have failed several times in a row: ${named(failing)}.`,
          `nanoclaw turns says why; to stop it: nanoclaw tasks pause ${first}.`,
        );
      const active = all.filter(({ status }) => status === 'active').length;
      return ok('tasks', `${active} tasks are active, none only fails.`);
    });
  },
};

export const WORK_CHECKS: readonly Check[] = [turns, tasks];
