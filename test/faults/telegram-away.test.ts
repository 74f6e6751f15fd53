/**
 * Ten minutes without Telegram, by the daemon's own clock, while agents work and tasks run: afterwards every reply
 * arrives, in order, within the limits, and none twice.
 */
import { expect, it } from 'vitest';
import { TELEGRAM_LIMITS } from '../../src/router/pacing.ts';
import type { Group } from '../../src/types.ts';
import { InnerDaemon } from '../support/inner-daemon.ts';
import { offline } from '../support/scripted-telegram.ts';

const GROUPS = 34;
const MINUTE_MS = 60_000;
/** Three messages of Telegram's size, each with its number. */
const long = (name: string) => [1, 2, 3].map((n) => `${name}/${n} ${'x'.repeat(4000)}`).join('\n\n');

it('ten minutes without Telegram while agents work and tasks run: every reply arrives, in order, within the limits', async () => {
  const daemon = new InnerDaemon();
  daemon.pacing = TELEGRAM_LIMITS;
  const { clock, telegram, agent, db } = daemon;
  const groups = Array.from({ length: GROUPS }, (_, n) => daemon.register(`g-${n}`));
  const [busy, other] = groups as [Group, Group];
  let turns = 0;
  agent.answer = () => {
    turns += 1;
    return { text: long(`turn-${turns}`) };
  };
  await daemon.start();
  const tasks = [busy, other].map((group) => daemon.add(group, '1m'));
  daemon.poke();

  // The questions come while Telegram is there; before anything is answered it is gone.
  telegram.onSend = () => {
    throw offline();
  };
  for (const group of groups) await daemon.say(group, '@Nina a question');
  daemon.cutPolls(offline());
  const goneAt = clock.monotonic();
  for (let minute = 1; minute <= 10; minute += 1) {
    await clock.advance(MINUTE_MS);
    await daemon.until(() =>
      tasks.every((task) => daemon.runs(task).filter((run) => run.outcome === 'ok').length >= minute),
    );
  }
  expect(clock.monotonic() - goneAt).toBeGreaterThanOrEqual(10 * MINUTE_MS);
  await daemon.until(
    () => db.sqlite.prepare('SELECT count(*) FROM messages WHERE disposition IS NULL').pluck().get() === 0,
  );
  expect(telegram.arrived).toEqual([]);
  expect(daemon.app?.status().poller.problem).toMatch(/cannot be reached/);
  const asked = telegram.asked.length;
  // An outage is not a storm: each chat tries its first reply every half minute at most.
  expect(asked).toBeLessThan(GROUPS * 40);

  telegram.onSend = (_, arrive) => arrive();
  daemon.cutPolls(null);
  for (const task of tasks) db.tasks.setStatus(task.id, 'cancelled', 'the test is over');
  daemon.poke();
  const backlog = () => daemon.app?.status().outbox.count;
  for (let waited = 0; backlog() !== 0 && waited < 30; waited += 1) await clock.advance(10_000);
  expect(backlog()).toBe(0);

  for (const group of groups) {
    const written = db.sqlite
      .prepare<[string], string>('SELECT text FROM outbox WHERE chat_jid = ? ORDER BY id')
      .pluck()
      .all(group.chatJid);
    expect(written.length).toBeGreaterThanOrEqual(3);
    expect(daemon.told(group)).toEqual(written);
  }
  expect(daemon.told(busy).length).toBeGreaterThanOrEqual(33);
  expect(db.sqlite.prepare('SELECT DISTINCT state FROM outbox').pluck().all()).toEqual(['sent']);

  // As Telegram counts: in each chat, and over all.
  const sent = telegram.asked.slice(asked);
  const most = (times: number[], windowMs: number) =>
    Math.max(...times.map((from) => times.filter((at) => at >= from && at < from + windowMs).length));
  expect(
    most(
      sent.map(({ at }) => at),
      1000,
    ),
  ).toBeLessThanOrEqual(TELEGRAM_LIMITS.overallPerSecond);
  for (const group of groups) {
    const times = sent.filter(({ chatJid }) => chatJid === group.chatJid).map(({ at }) => at);
    expect(most(times, TELEGRAM_LIMITS.perChatMs)).toBe(1);
    expect(most(times, MINUTE_MS)).toBeLessThanOrEqual(TELEGRAM_LIMITS.groupPerMinute);
  }
  // And it is there again.
  await daemon.say(other, '/ping');
  await daemon.until(() => daemon.told(other).at(-1) === 'pong' || clock.advance(1000).then(() => false));
});
