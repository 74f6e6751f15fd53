/** Each command that an agent left has had its effect once, and one answer that tells the truth about it. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Db } from '../../src/db.ts';
import { groupPaths } from '../../src/mailbox/layout.ts';
import { MAILBOX, resultFileSchema } from '../../src/protocol.ts';
import type { CommandRecord } from '../world/agent-commands.ts';
import type { World } from '../world/world.ts';
import type { Registrations } from './registrations.ts';

export function checkCommands(
  world: World,
  commands: readonly CommandRecord[],
  registrations: Registrations,
  db: Db,
): void {
  const effects = {
    send_message: db.sqlite.prepare<[string], number>('SELECT count(*) FROM outbox WHERE text = ?').pluck(),
    schedule_task: db.sqlite
      .prepare<[string], number>('SELECT count(*) FROM scheduled_tasks WHERE prompt = ?')
      .pluck(),
  };
  for (const command of commands) {
    const { id, folder, type, token } = command;
    const which = `the ${type} ${id} of ${folder}`;
    const noted = db.agents.command(folder as never, id);
    const place = folder;
    if (!noted && registrations.throughout(place, 0, world.timeline.now))
      world.violated('G1', `${which} was never taken`);
    checkAnswer(world, which, folder, id, noted);
    if (token === null || (type !== 'send_message' && type !== 'schedule_task')) continue;
    const times = effects[type].get(token) ?? 0;
    const expected = noted?.outcome === 'done' ? 1 : 0;
    if (times === expected) continue;
    world.violated(
      times > expected ? 'G2' : 'G1',
      `${which} had its effect ${times} times; expected ${expected}`,
    );
  }
  for (const { folder } of db.groups.all()) {
    for (const directory of [MAILBOX.messages, MAILBOX.tasks]) {
      const left = readdirSync(path.join(groupPaths(world.home, folder).mailbox, directory));
      if (left.length > 0)
        world.violated('G1', `${left.length} files were left in ${folder}/${directory}: ${left[0]}`);
    }
  }
}

function checkAnswer(
  world: World,
  which: string,
  folder: string,
  id: string,
  noted: { outcome: string } | null,
): void {
  const file = path.join(groupPaths(world.home, folder).mailbox, MAILBOX.results, `${id}.json`);
  if (!existsSync(file)) {
    if (noted) world.violated('G1', `${which} got no answer`);
    return;
  }
  const result = resultFileSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  if (result.ok !== (noted?.outcome === 'done'))
    world.violated(
      'G4',
      `${which} was answered “${result.ok ? 'ok' : 'refused'}”, and became ${noted?.outcome}`,
    );
}
