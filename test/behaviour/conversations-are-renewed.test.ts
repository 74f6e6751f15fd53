/** A conversation that cannot, or should not, be gone on with is left once, the chat hears it once, and the message is answered. */
import { expect, it } from 'vitest';
import type { Group } from '../../src/types.ts';
import { InnerDaemon } from '../support/inner-daemon.ts';
import type { Answer } from '../support/scripted-agent.ts';

const DAY_MS = 86_400_000;
const RENEWED =
  'I could not go on with our earlier conversation, so I began a fresh one. Files and notes stay.';
const TOO_LONG = 'Our conversation had grown too long, so I answer in a fresh one. Files and notes stay.';
const fails = (code: 'stale_session' | 'context_too_long' | 'agent'): Answer => ({
  status: 'error',
  error: { code, message: 'as the test says' },
});

async function talking(): Promise<{
  daemon: InnerDaemon;
  family: Group;
  heard: (n: number) => Promise<string[]>;
}> {
  const daemon = new InnerDaemon();
  const family = daemon.register('family');
  daemon.agent.answer = () => ({ text: 'first', session: 'old' });
  await daemon.start();
  await daemon.say(family, '@Nina one');
  const heard = async (count: number) => {
    await daemon.until(() => daemon.told(family).length >= count);
    return daemon.told(family);
  };
  await heard(1);
  return { daemon, family, heard };
}
const sessions = (daemon: InnerDaemon) => daemon.agent.turns.map(({ session_id }) => session_id);

it('one whose history the model refuses: the message is answered in a fresh one, at once', async () => {
  const { daemon, family, heard } = await talking();
  daemon.agent.answer = ({ session_id }) =>
    session_id === 'old' ? fails('stale_session') : { text: 'second', session: 'new' };
  await daemon.say(family, '@Nina two');
  expect(await heard(3)).toEqual(['first', RENEWED, 'second']);
  expect(sessions(daemon)).toEqual([null, 'old', null]);
  await daemon.say(family, '@Nina three');
  expect(await heard(4)).toHaveLength(4);
  expect(sessions(daemon).at(-1)).toBe('new');
});

it('what fails in each conversation anew renews it once, however often it is tried', async () => {
  const { daemon, family } = await talking();
  let began = 0;
  daemon.agent.answer = ({ session_id }) => {
    began += 1;
    return session_id === null ? { ...fails('agent'), session: `of ${began}` } : fails('stale_session');
  };
  await daemon.say(family, '@Nina two');
  await daemon.until(() => daemon.agent.turns.length >= 2);
  for (let minute = 0; minute < 30; minute += 1) await daemon.clock.advance(60_000);
  await daemon.until(() => daemon.db.turns.open().length === 0);
  const told = daemon.told(family);
  expect(told.filter((text) => text === RENEWED)).toHaveLength(1);
  expect(told.at(-1)).toMatch(/^I could not/);
  expect(daemon.agent.turns.length).toBeLessThanOrEqual(8);
  // The next message is answered: what poisoned them is not taken along.
  daemon.agent.answer = ({ session_id }) =>
    session_id === null ? { text: 'well again', session: 'good' } : fails('stale_session');
  await daemon.say(family, '@Nina three');
  await daemon.until(() => daemon.told(family).includes('well again'));
});

it('an agent that has begun a fresh one itself does not get another in the same attempt', async () => {
  const { daemon, family } = await talking();
  daemon.agent.answer = () => 'hold';
  await daemon.say(family, '@Nina two');
  await daemon.until(() => daemon.agent.turns.length === 2);
  const [, turn] = daemon.agent.turns;
  daemon.agent.event(turn, { type: 'turn_started' });
  daemon.agent.event(turn, { type: 'session', session_id: 'fresh', fresh: true });
  daemon.agent.finish(turn, fails('context_too_long'));
  await daemon.until(() => daemon.told(family).length >= 3);
  expect(daemon.told(family).slice(1)).toEqual([RENEWED, expect.stringMatching(/more text than I can take/)]);
  expect(daemon.agent.turns).toHaveLength(2);
  expect(daemon.told(family)).not.toContain(TOO_LONG);
});

/** So long ago nobody has asked there. */
const unusedFor = (daemon: InnerDaemon, ms: number) =>
  daemon.db.sqlite
    .prepare('UPDATE sessions SET updated_at = ?')
    .run(new Date(daemon.clock.now() - ms).toISOString());

it('one that was not used for longer than SESSION_MAX_IDLE is left, with its name for the archive; one in use never is', async () => {
  const { daemon, family, heard } = await talking();
  for (let month = 0; month < 4; month += 1) {
    unusedFor(daemon, 30 * DAY_MS - 1000);
    await daemon.say(family, `@Nina month ${month}`);
    await heard(month + 2);
  }
  expect(sessions(daemon)).toEqual([null, 'old', 'old', 'old', 'old']);
  daemon.agent.answer = () => ({ text: 'anew', session: 'new' });
  unusedFor(daemon, 31 * DAY_MS);
  await daemon.say(family, '@Nina still there?');
  const told = await heard(7);
  expect(told.slice(-2)).toEqual([
    'Nobody asked me here for 31 d, so I begin a fresh conversation. Files and notes stay.',
    'anew',
  ]);
  expect(daemon.agent.turns.at(-1)).toMatchObject({ session_id: null, left_session: 'old' });
  await daemon.say(family, '@Nina and now?');
  await heard(8);
  expect(daemon.agent.turns.at(-1)).toMatchObject({ session_id: 'new' });
  expect(daemon.agent.turns.at(-1)).not.toHaveProperty('left_session');
});

it('a turn that is tried again after it has left one says so once', async () => {
  const { daemon, family } = await talking();
  unusedFor(daemon, 31 * DAY_MS);
  daemon.agent.answer = ({ attempt }) => (attempt === 1 ? fails('agent') : { text: 'anew', session: 'new' });
  await daemon.say(family, '@Nina still there?');
  await daemon.until(() => daemon.agent.turns.length === 2);
  await daemon.clock.advance(10_000);
  await daemon.until(() => daemon.told(family).includes('anew'));
  expect(daemon.told(family).filter((text) => text.startsWith('Nobody asked'))).toHaveLength(1);
});

it('with SESSION_MAX_IDLE=forever none is left', async () => {
  const daemon = new InnerDaemon();
  daemon.settings = { SESSION_MAX_IDLE: 'forever' };
  const family = daemon.register('family');
  daemon.agent.answer = () => ({ text: 'ok', session: 'old' });
  await daemon.start();
  await daemon.say(family, '@Nina one');
  await daemon.until(() => daemon.told(family).length === 1);
  unusedFor(daemon, 4000 * DAY_MS);
  await daemon.say(family, '@Nina two');
  await daemon.until(() => daemon.told(family).length === 2);
  expect(sessions(daemon)).toEqual([null, 'old']);
});
