import { describe, expect, it } from 'vitest';
import { createPacing } from '../../src/router/pacing.ts';
import { createTyping } from '../../src/router/typing.ts';
import { chatJid } from '../../src/types.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { tooMany } from '../support/scripted-telegram.ts';

function createHarness() {
  const clock = createFakeClock();
  const asked: number[] = [];
  const answer = { error: null as Error | null };
  const pacing = createPacing();
  const typing = createTyping(
    {
      sendTyping: async () => {
        asked.push(clock.monotonic());
        if (answer.error) throw answer.error;
      },
    },
    clock,
    pacing,
  );
  return { clock, asked, answer, pacing, start: () => typing(chatJid(-1), null) };
}

describe('typing', () => {
  it('is shown at once, refreshed every four seconds, and ends with the turn', async () => {
    const { clock, asked, start } = createHarness();
    const stop = start();
    await clock.advance(9000);
    expect(asked).toEqual([0, 4000, 8000]);
    stop();
    await clock.advance(60_000);
    expect(asked).toHaveLength(3);
    expect(clock.timers()).toBe(0);
  });

  it('is left out, not put off, while messages take the bot’s limit', async () => {
    const { clock, asked, pacing, start } = createHarness();
    for (let chat = 1; chat <= 20; chat += 1) pacing.sent(String(chat), 0)(0);
    const stop = start();
    await clock.advance(3999);
    expect(asked).toEqual([]);
    await clock.advance(1);
    expect(asked).toEqual([4000]);
    stop();
  });

  it('gives up for this turn when Telegram refuses, and fails nothing', async () => {
    const { clock, asked, answer, start } = createHarness();
    answer.error = tooMany(30);
    const stop = start();
    await clock.advance(60_000);
    expect(asked).toEqual([0]);
    stop();
  });
});
