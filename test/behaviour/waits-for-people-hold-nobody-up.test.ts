/** An agent that waits for people has a place that others may want: the whole daemon on a stepped clock, one place. */
import { expect, it } from 'vitest';
import { UNDISTURBED_MS } from '../../src/ipc/asked-waits.ts';
import { InnerDaemon } from '../support/inner-daemon.ts';

it('its wait is over when another chat wants the place, and the place is given on', async () => {
  const daemon = new InnerDaemon();
  daemon.settings.MAX_CONCURRENT_CONTAINERS = '1';
  const [family, garden] = [daemon.register('family'), daemon.register('garden')];
  daemon.agent.answer = () => 'hold';
  await daemon.start();
  await daemon.say(family, '@Nina ask us');
  await daemon.until(() => daemon.agent.turns.length === 1);
  const [turn] = daemon.agent.turns;
  if (!turn) throw new Error('no turn');
  const id = '11111111-2222-4333-8444-555555555555';
  daemon.agent.command(turn, {
    id,
    type: 'ask_user',
    question: 'Pizza?',
    choices: ['Yes', 'No'],
    wait_s: 600,
  });
  await daemon.until(() => daemon.told(family).includes('Pizza?'));
  await daemon.clock.advance(UNDISTURBED_MS);
  const told = () => daemon.db.agents.command(family.folder, id);
  expect(told()?.outcome).toBe('waiting');
  await daemon.say(garden, '@Nina hello');
  await daemon.clock.advance(10_000);
  expect(told()).toMatchObject({ outcome: 'done', reason: expect.stringContaining('Other chats wait') });
  daemon.agent.answer = () => ({ text: 'here I am' });
  daemon.agent.finish(turn, { text: 'later, then' });
  await daemon.until(() => daemon.told(garden).includes('here I am'));
  expect(daemon.told(family)).toContain('later, then');
});
