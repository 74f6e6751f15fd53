/** Each command that an agent left has had its effect once, and one answer that tells the truth about it. */
import { readdirSync } from 'node:fs';
import path from 'node:path';
import type { Db } from '../../src/db.ts';
import { groupPaths } from '../../src/mailbox/layout.ts';
import { MAILBOX } from '../../src/protocol.ts';
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
    send_file: db.sqlite.prepare<[string], number>('SELECT count(*) FROM outbox WHERE text = ?').pluck(),
    ask_user: db.sqlite
      .prepare<[string], number>('SELECT count(*) FROM outbox WHERE text = ? AND edit_of IS NULL')
      .pluck(),
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
    // Where the group is not registered any more, a command is refused without a note.
    const isRegistered = registrations.throughout(place, 0, world.timeline.now);
    if (noted || isRegistered || command.answer !== 'refused') checkAnswer(world, which, command, noted);
    if (token === null || !Object.hasOwn(effects, type)) continue;
    const times = effects[type as keyof typeof effects].get(token) ?? 0;
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

/** Its agent, if it waited, was told what became of it, unless no daemon was there or the disk was full. */
function checkAnswer(
  world: World,
  which: string,
  { answer, leftAt, gaveUpAt }: CommandRecord,
  noted: { outcome: string } | null,
): void {
  // An attempt that did the same before has done it: it is only said again.
  const outcome = noted?.outcome === 'repeated' ? 'done' : noted?.outcome;
  if (answer !== null && answer !== outcome)
    world.violated('G4', `${which} was answered “${answer}”, and became ${noted?.outcome}`);
  if (gaveUpAt === null) return;
  const isAlone = !world.lives.some(({ from, to }) => from <= leftAt && to >= gaveUpAt);
  const isFull = world.fullDisks.some(({ from, to }) => from <= gaveUpAt && to >= leftAt);
  if (!isAlone && !isFull) world.violated('G1', `${which} got no answer in two minutes`);
}
