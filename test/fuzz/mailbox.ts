/** The mailbox reader on real files and a real database; nothing here keeps what it has seen. */
import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import pino from 'pino';
import { createIpc, type IpcOptions } from '../../src/ipc.ts';
import type { Clock } from '../../src/lib/clock.ts';
import { systemRandom } from '../../src/lib/random.ts';
import { ensureGroupFolders } from '../../src/mailbox/layout.ts';
import { COMMAND_DIRECTORY, type CommandType } from '../../src/protocol/commands.ts';
import { PROTOCOL_VERSION } from '../../src/protocol.ts';
import { createOutgoing } from '../../src/router/outgoing.ts';
import { createWorld } from '../support/world.ts';
import { anything, broken, loose, text } from './inputs.ts';

const uuid = fc.uuid();
const jid = fc.constantFrom('1', '-1001', '-9', 'x');
const taskId = fc.constantFrom('t1', 'zzzz', '%');
const turn = fc.constantFrom('2f0c9a52-5b0a-4b6e-9d3f-0f5f1a6f7a01', 'nobody');

const commandObject = loose({
  id: uuid,
  type: fc.constantFrom(...(Object.keys(COMMAND_DIRECTORY) as CommandType[])),
  chat_jid: jid,
  text,
  path: fc.oneof(fc.constantFrom('CLAUDE.md', '../family/CLAUDE.md', '.'), text),
  caption: text,
  message_id: fc.oneof(fc.nat(3), fc.integer()),
  emoji: fc.oneof(fc.constantFrom('👍', ''), text),
  task_id: taskId,
  prompt: text,
  schedule_type: fc.constantFrom('cron', 'interval', 'once'),
  schedule_value: text,
  timezone: fc.oneof(fc.constantFrom('UTC', 'Europe/Berlin'), text),
  context_mode: fc.constantFrom('group', 'isolated'),
  misfire: fc.oneof(fc.constantFrom('run_once', 'skip', 'within:2h'), text),
  script: text,
  run_missed: fc.boolean(),
  query: text,
  sender: text,
  since: fc.oneof(fc.constantFrom('2026-11-02', '3d'), text),
  until: text,
  topic: fc.oneof(fc.nat(3), fc.integer()),
  limit: fc.oneof(fc.integer({ min: 1, max: 50 }), fc.integer()),
  direction: fc.constantFrom('around', 'before', 'after'),
  name: text,
  folder: text,
  trigger: text,
  requires_trigger: fc.boolean(),
  network: fc.constantFrom('open', 'none', 'allowlist'),
  network_allow: fc.array(text, { maxLength: 2 }),
});
const eventObject = loose({
  protocol: fc.constantFrom(PROTOCOL_VERSION, 2),
  turn,
  n: fc.oneof(fc.nat(1_000_001), fc.integer()),
  type: fc.constantFrom('turn_started', 'progress', 'text', 'session', 'turn_finished'),
  activity: text,
  text,
  session_id: text,
  fresh: fc.boolean(),
  status: fc.constantFrom('ok', 'error', 'interrupted'),
  error: loose({ code: text, message: text, resets_at: text }),
  usage: loose({ input_tokens: fc.integer(), output_tokens: fc.integer(), cost_usd: fc.double() }),
});

export interface Left {
  directory: string;
  name: string;
  content: Buffer;
}

const object = fc.oneof(commandObject, eventObject, anything);
const written = fc.oneof(
  { weight: 3, arbitrary: object.map((value) => Buffer.from(JSON.stringify(value) ?? '')) },
  broken(object.map((value) => JSON.stringify(value) ?? '')),
  fc.uint8Array({ maxLength: 80 }).map((bytes) => Buffer.from(bytes)),
  broken(text),
  fc.nat(3000).map((depth) => Buffer.from('['.repeat(depth) + '{"a":'.repeat(depth))),
);
const name = fc.oneof(
  { weight: 4, arbitrary: uuid.map((id) => `${id}.json`) },
  fc.tuple(turn, fc.nat(999_999)).map(([id, n]) => `${id}-${String(n).padStart(6, '0')}.json`),
  text
    .map((raw) => raw.replace(/[/\0]/g, '_').slice(0, 60) || 'x')
    .filter((raw) => raw !== '.' && raw !== '..'),
);

export const leftFiles: fc.Arbitrary<Left> = fc.record({
  directory: fc.constantFrom('messages', 'tasks', 'events'),
  name,
  content: written,
});

/** Returns what takes a file of the group, or of main; throws when it is still there afterwards or anything broke. */
export function createMailboxTarget(): (left: Left) => void {
  const world = createWorld();
  const { home, db, registry } = world;
  let now = world.clock.now();
  const clock: Clock = { now: () => now, monotonic: () => now, after: () => ({ cancel() {} }) };
  const log = pino({ level: 'silent' });
  const main = world.register({ chatJid: '1', name: 'Me', folder: 'main', isMain: true });
  const family = world.register();
  const mailboxes = [main, family].map(({ folder }) => ensureGroupFolders(home, folder).mailbox);
  const tasks = { db, now: () => clock.now(), defaultTimezone: 'UTC' };
  const record = createOutgoing({ db, clock, home, random: systemRandom });
  let failed: unknown;
  const options: IpcOptions = {
    db,
    home,
    clock,
    log,
    fileEvents: { watch: () => ({ close() {} }) },
    sweepMs: 5000,
    commands: { db, home, registry, tasks, record, random: systemRandom },
    onEvent: () => true,
    onLostEvent: () => {},
    wakeDelivery: () => {},
    groupsChanged: () => {},
    tasksChanged: () => {},
  };
  const ipc = createIpc(options);
  let count = 0;
  return ({ directory, name: file, content }) => {
    count += 1;
    const which = count % 2;
    const group = which === 0 ? main : family;
    const out = path.join(mailboxes[which] ?? '', 'out', directory);
    writeFileSync(path.join(out, file), content);
    now += 1000; // so that nothing waits for the pace
    ipc.drain(group.folder).catch((error: unknown) => {
      failed = error;
    });
    if (failed !== undefined) throw failed;
    const rest = readdirSync(out);
    if (rest.length > 0) throw new Error(`left in out/${directory}: ${JSON.stringify(rest)}`);
    if (count % 500 === 0) forget();
  };

  /** The world is not what is looked at: what commands have done goes, so that only the reader could grow. */
  function forget(): void {
    db.sqlite.exec(
      'DELETE FROM outbox; DELETE FROM scheduled_tasks; DELETE FROM ipc_commands; DELETE FROM task_runs',
    );
    rmSync(path.join(home, 'data', 'outbox'), { recursive: true, force: true });
    const others = db.groups.all().filter(({ folder }) => folder !== 'main' && folder !== 'family');
    for (const { chatJid } of others) db.groups.remove(chatJid);
    if (!db.groups.byFolder('family')) world.register();
    if (!existsSync(path.join(home, 'groups', 'family')))
      throw new Error(`family's folder is gone ${randomUUID()}`);
  }
}
