/**
 * 1,000 replies queued over 50 groups, as after an outage: from the first request to the last answer, with the
 * simulator's limits on. Beside it the least time that Telegram's limits allow, worked out from the same numbers that
 * the daemon keeps to. One 429 ends the figure: it would mean that the limits were not kept.
 */
import { REPEAT_MARK } from '../../src/format.ts';
import { TELEGRAM_LIMITS } from '../../src/router/pacing.ts';
import { chatJid, iso } from '../../src/types.ts';
import type { BenchContext, Row } from '../figure.ts';
import { within } from '../support/processes.ts';
import { statsOf } from '../support/stats.ts';
import { openWorld } from '../support/world.ts';

const GROUPS = 50;
const REPLIES = 1000;
const RUNS = 1;
const LIMIT_MS = 300_000;

export async function outbox(bench: BenchContext): Promise<Row[]> {
  const perChat = Array.from({ length: GROUPS }, (_, i) => Math.floor((REPLIES - 1 - i) / GROUPS) + 1);
  const leastMs = leastTime(perChat);
  bench.say(
    `  outbox: the limits ask for ${(leastMs / 1000).toFixed(1)} s for ${REPLIES} replies over ${GROUPS} groups`,
  );
  const measured: number[] = [];
  for (let run = 0; run < RUNS; run += 1) measured.push(await drainOnce(bench, perChat));
  return [
    {
      name: `${REPLIES} replies over ${GROUPS} groups leave the outbox`,
      unit: 'ms',
      measured: statsOf(measured),
      limit: { name: `Telegram’s limits: ${describe()}`, stats: statsOf([leastMs]) },
      aim: { kind: 'ratio', value: 1.05 },
      note: 'without one 429; one run, since nearly all of it is waiting',
    },
  ];
}

/** No order of sending can be faster: the n-th message waits until its window has room. */
function leastTime(perChat: readonly number[]): number {
  const { perChatMs, groupPerMinute, overallPerSecond } = TELEGRAM_LIMITS;
  const total = perChat.reduce((sum, count) => sum + count, 0);
  const ofBot = Math.floor((total - 1) / overallPerSecond) * 1000;
  const most = Math.max(...perChat);
  const fullMinutes = Math.floor((most - 1) / groupPerMinute);
  const ofChat = fullMinutes * 60_000 + (most - 1 - fullMinutes * groupPerMinute) * perChatMs;
  return Math.max(ofBot, ofChat);
}

const describe = (): string => {
  const { perChatMs, groupPerMinute, overallPerSecond } = TELEGRAM_LIMITS;
  return `one per ${perChatMs} ms in a chat, ${groupPerMinute} a minute in a group, ${overallPerSecond} a second in all`;
};

async function drainOnce(bench: BenchContext, perChat: readonly number[]): Promise<number> {
  const world = await openWorld(bench, {}, { strictLimits: true });
  const chats = world.addGroups(GROUPS);
  const expected = new Set<string>();
  world.withDb((db) =>
    db.transaction(() => {
      perChat.forEach((count, i) => {
        for (let n = 1; n <= count; n += 1) {
          const text = `reply ${n} of group ${i}, about as long as a short answer is`;
          const entry = { threadId: null, turnId: null, replyTo: null, text, at: iso(Date.now()) };
          db.outbox.add({ ...entry, chatJid: chatJid(chats[i] ?? 0) });
          expected.add(text);
        }
      });
    }),
  );
  let firstAt: number | undefined;
  let lastAt = 0;
  const refused: string[] = [];
  const done = new Promise<void>((resolve) => {
    world.sim.on('call', ({ method, outcome, params }) => {
      if (method !== 'sendMessage') return;
      lastAt = performance.now();
      firstAt ??= lastAt;
      if (!outcome.ok) refused.push(outcome.description);
      // A connection may break; a repeat counts, and its wait shows in the figure.
      else expected.delete(String(params.text).replace(REPEAT_MARK, ''));
      if (expected.size === 0) resolve();
    });
  });
  const daemon = await world.daemon();
  await within('the last reply', LIMIT_MS, done);
  await daemon.stop();
  await world.dispose();
  if (refused.length > 0) throw new Error(`${refused.length} sends were refused: ${refused[0]}`);
  return lastAt - (firstAt ?? lastAt);
}
