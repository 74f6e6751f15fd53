/** What somebody stopped stays stopped, also when the daemon ends between the answer "Stopped." and the agent's end. */
import { expect, it } from 'vitest';
import { InnerDaemon } from '../support/inner-daemon.ts';
import { messageRows } from '../support/world.ts';

const turns = (daemon: InnerDaemon) =>
  daemon.db.sqlite.prepare('SELECT state, stopped_by FROM turns ORDER BY seq').all();

it('the next daemon ends the turn, answers nothing, and /why says who wanted it', async () => {
  const daemon = new InnerDaemon();
  const family = daemon.register('family');
  await daemon.start();
  daemon.agent.answer = () => 'hold';
  await daemon.say(family, '@Nina a long story, please');
  await daemon.until(() => daemon.agent.turns.length === 1);
  await daemon.stop();
  daemon.db.turns.requestStop(family.chatJid, 'by telegram:1001');

  await daemon.start();
  await daemon.clock.advance(2000);
  await daemon.until(() => daemon.db.turns.open().length === 0);
  expect(turns(daemon)).toEqual([{ state: 'stopped', stopped_by: 'by telegram:1001' }]);
  expect(messageRows(daemon.db, family.chatJid)).toMatchObject([{ disposition: 'stopped' }]);
  expect(daemon.told(family)).toEqual([]);
});

it('an attempt that fails after it was to stop is not repeated', async () => {
  const daemon = new InnerDaemon();
  const family = daemon.register('family');
  await daemon.start();
  daemon.agent.answer = () => 'hold';
  await daemon.say(family, '@Nina a long story, please');
  const turn = await daemon.until(() => daemon.agent.turns[0]);
  daemon.db.turns.requestStop(family.chatJid, 'by telegram:1001');
  daemon.agent.finish(turn, { status: 'error', error: { code: 'agent', message: 'oh' } });
  await daemon.until(() => daemon.db.turns.open().length === 0);
  expect(turns(daemon)).toEqual([{ state: 'stopped', stopped_by: 'by telegram:1001' }]);
  expect(daemon.agent.turns).toHaveLength(1);
});
