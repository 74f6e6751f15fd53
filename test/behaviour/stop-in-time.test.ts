/** A stop takes seconds, whatever the engine does: an idle agent that is not removed in time is the next daemon's. */
import { expect, it } from 'vitest';
import { InnerDaemon } from '../support/inner-daemon.ts';

const never = () => new Promise<never>(() => {});

/** Seconds on the stepped clock that the stop takes. */
async function secondsToStop(daemon: InnerDaemon): Promise<number> {
  const before = daemon.clock.monotonic();
  await daemon.stop();
  return (daemon.clock.monotonic() - before) / 1000;
}

it('an engine that does not remove an idle agent holds nothing up', async () => {
  const daemon = new InnerDaemon();
  const family = daemon.register('family');
  const { launch } = daemon.agent.runtime;
  daemon.agent.runtime.launch = async (request) => ({ ...(await launch(request)), remove: never });
  await daemon.start();
  await daemon.say(family, '@Nina one');
  await daemon.until(() => daemon.told(family).length === 1);
  expect(daemon.app?.status().agents).toMatchObject([{ state: 'idle' }]);
  expect(await secondsToStop(daemon)).toBeLessThan(5);
});

it('an engine that answers nothing at the start holds nothing up', async () => {
  const daemon = new InnerDaemon();
  daemon.agent.runtime.prepare = never;
  await daemon.start({ ready: false });
  expect(await secondsToStop(daemon)).toBeLessThan(5);

  daemon.agent.runtime.prepare = async () => {};
  daemon.agent.runtime.list = never;
  await daemon.start({ ready: false });
  expect(await secondsToStop(daemon)).toBeLessThan(5);
});

it('a turn that ends while replies are still being sent is settled, and its reply is sent', async () => {
  const daemon = new InnerDaemon();
  const family = daemon.register('family');
  const garden = daemon.register('garden');
  daemon.agent.answer = (turn) => (turn.group_name === 'garden' ? 'hold' : { text: 'done' });
  await daemon.start();
  await daemon.say(garden, '@Nina work');
  await daemon.until(() => daemon.agent.turns.length === 1);
  const sending = Promise.withResolvers<void>();
  daemon.telegram.onSend = async (message, arrive) => {
    if (message.chatJid === family.chatJid) await sending.promise;
    return arrive();
  };
  await daemon.say(family, '/ping');
  await daemon.until(() => daemon.telegram.asked.length === 1);
  const stopping = daemon.stop();
  daemon.agent.finish(daemon.agent.turns[0], { text: 'worked' });
  await daemon.until(() => daemon.told(garden).length === 1);
  sending.resolve();
  await stopping;
  expect([daemon.told(garden), daemon.told(family)]).toEqual([['worked'], ['pong']]);
});
