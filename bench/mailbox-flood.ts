/**
 * node bench/mailbox-flood.ts [files]: one group's mailbox gets 200,000 files while another group sends a command every
 * half second. Prints the longest time that the event loop was blocked, how long those commands took until they were
 * answered, and what memory grew by. The reader of the daemon on real files, with the kernel's file events; the files
 * are written by a process of its own. Leaves nothing behind.
 */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as wait } from 'node:timers/promises';
import pino from 'pino';
import { databaseFile } from '../src/db/open.ts';
import { createDb } from '../src/db.ts';
import { createIpc } from '../src/ipc.ts';
import { systemClock } from '../src/lib/clock.ts';
import { systemFileEvents } from '../src/lib/file-events.ts';
import { systemRandom } from '../src/lib/random.ts';
import { groupPaths } from '../src/mailbox/layout.ts';
import { registerGroup } from '../src/registry.ts';
import { createOutgoing } from '../src/router/outgoing.ts';
import { iso } from '../src/types.ts';

const files = Number(process.argv[2] ?? 200_000);
const home = mkdtempSync(path.join(tmpdir(), 'nanoclaw-flood-'));
const db = createDb(databaseFile(home));
const clock = systemClock;
const log = pino({ level: 'silent' });
const registry = { db, home, assistantName: 'Nina', now: () => iso(clock.now()) };
const [loud, quiet] = ['loud', 'quiet'].map((folder, i) =>
  registerGroup(registry, { chatJid: String(-1 - i), name: folder, folder }, 'bench'),
);
if (!loud || !quiet) throw new Error('no groups');
const tasks = { db, now: () => clock.now(), defaultTimezone: 'UTC' };
const record = createOutgoing({ db, clock, home, random: systemRandom });
const ipc = createIpc({
  db,
  home,
  clock,
  log,
  fileEvents: systemFileEvents,
  sweepMs: 5000,
  commands: { db, home, registry, tasks, record, random: systemRandom },
  onEvent: () => true,
  onLostEvent: () => {},
  wakeDelivery: () => {},
  groupsChanged: () => {},
  tasksChanged: () => {},
});
for (const { folder } of [loud, quiet]) ipc.attach(folder);

/** Leaves a command and waits for its answer, ms. */
async function answerMs(): Promise<number> {
  const { mailbox, staging } = groupPaths(home, 'quiet');
  const id = randomUUID();
  const command = { id, type: 'preview_task', schedule_type: 'interval', schedule_value: '1h' };
  writeFileSync(path.join(staging, id), JSON.stringify(command));
  const from = performance.now();
  renameSync(path.join(staging, id), path.join(mailbox, 'out', 'tasks', `${id}.json`));
  while (!existsSync(path.join(mailbox, 'in', 'results', `${id}.json`))) await wait(1);
  return performance.now() - from;
}

const mb = (bytes: number) => (bytes / 1024 / 1024).toFixed(1);
const out = path.join(groupPaths(home, 'loud').mailbox, 'out', 'messages');
await answerMs();
const before = process.memoryUsage();
const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();
const script =
  'const fs = require("fs"); for (let i = 0; i < Number(process.argv[2]); i++) try { fs.writeFileSync(process.argv[1] + "/f" + i + ".json", "{}") } catch {}';
const began = performance.now();
const writer = spawn(process.execPath, ['-e', script, out, String(files)], { stdio: 'inherit' });
const ended = once(writer, 'exit').then(() => performance.now() - began);
const answers: number[] = [];
let writing = true;
void ended.then(() => {
  writing = false;
});
const { trash } = groupPaths(home, 'loud');
const left = () => readdirSync(out).length + (existsSync(trash) ? readdirSync(trash).length : 0);
while (writing || left() > 0) {
  answers.push(await answerMs());
  await wait(500);
}
delay.disable();
answers.sort((a, b) => a - b);
const after = process.memoryUsage();
console.log(
  `${files} files written in ${((await ended) / 1000).toFixed(1)} s, gone after ${((performance.now() - began) / 1000).toFixed(1)} s`,
);
console.log(
  `longest block of the event loop: ${(delay.max / 1e6).toFixed(0)} ms (p99 ${(delay.percentile(99) / 1e6).toFixed(1)} ms)`,
);
console.log(
  `the other group's ${answers.length} commands: median ${answers[answers.length >> 1]?.toFixed(0)} ms, slowest ${answers.at(-1)?.toFixed(0)} ms`,
);
console.log(
  `memory: heap ${mb(before.heapUsed)} → ${mb(after.heapUsed)} MiB, rss ${mb(before.rss)} → ${mb(after.rss)} MiB`,
);
ipc.stop();
db.close();
rmSync(home, { recursive: true, force: true });
