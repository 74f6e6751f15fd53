/** getUpdates as Telegram does it: confirmation, long polling, conflicts, filters, age, ids. */
import { describe, expect, it } from 'vitest';
import { SteppedClock, startSimulator } from './simulator-support.ts';

const say = (sim: Awaited<ReturnType<typeof startSimulator>>['sim'], text: string) =>
  sim.say({ chat: 'Family', from: 'anna', text });

async function threeUpdates() {
  const started = await startSimulator({ clock: new SteppedClock() });
  for (const text of ['one', 'two', 'three']) say(started.sim, text);
  const { body } = await started.api('getUpdates');
  const ids: number[] = body.result.map((u: { update_id: number }) => u.update_id);
  return { ...started, ids };
}

const texts = (answer: { body: { result?: { message: { text: string } }[] } }) =>
  answer.body.result?.map((u) => u.message.text);

describe('offset and limit', () => {
  it('without an offset nothing is confirmed', async () => {
    const { api } = await threeUpdates();
    expect(texts(await api('getUpdates'))).toEqual(['one', 'two', 'three']);
    expect(texts(await api('getUpdates', { offset: 0 }))).toEqual(['one', 'two', 'three']);
  });

  it('an offset confirms everything below it, for ever, and tells so', async () => {
    const { sim, api, ids } = await threeUpdates();
    const confirmed: number[] = [];
    sim.on('update-confirmed', (u) => confirmed.push(u.update_id));
    expect(texts(await api('getUpdates', { offset: ids[2] }))).toEqual(['three']);
    expect(confirmed).toEqual(ids.slice(0, 2));
    expect(texts(await api('getUpdates', { offset: ids[0] }))).toEqual(['three']);
    expect(texts(await api('getUpdates', { offset: (ids[2] ?? 0) + 1 }))).toEqual([]);
  });

  it('a negative offset keeps the last ones and forgets the rest', async () => {
    const { api } = await threeUpdates();
    expect(texts(await api('getUpdates', { offset: -1 }))).toEqual(['three']);
    expect(texts(await api('getUpdates'))).toEqual(['three']);
    expect(texts(await api('getUpdates', { offset: -5 }))).toEqual(['three']);
  });

  it('limit is held between 1 and 100', async () => {
    const { sim, api } = await threeUpdates();
    expect(texts(await api('getUpdates', { limit: 2 }))).toEqual(['one', 'two']);
    expect(texts(await api('getUpdates', { limit: 0 }))).toEqual(['one']);
    for (let i = 0; i < 120; i += 1) say(sim, `n${i}`);
    expect(texts(await api('getUpdates', { limit: 500 }))).toHaveLength(100);
    expect(texts(await api('getUpdates'))).toHaveLength(100);
  });
});

describe('long polling', () => {
  it('answers at once when something arrives', async () => {
    const { sim, api } = await startSimulator({ clock: new SteppedClock() });
    const poll = api('getUpdates', { timeout: 50 });
    await sim.next('poll', (p) => p.waiting);
    say(sim, 'hello');
    expect(texts(await poll)).toEqual(['hello']);
  });

  it('answers empty when the time is over, which is at most 50 s', async () => {
    const clock = new SteppedClock();
    const { sim, api } = await startSimulator({ clock });
    const poll = api('getUpdates', { timeout: 900 });
    await sim.next('poll', (p) => p.waiting);
    let isDone = false;
    void poll.then(() => {
      isDone = true;
    });
    clock.step(49_999);
    await api('getMe');
    expect(isDone).toBe(false);
    clock.step(1);
    expect((await poll).body).toEqual({ ok: true, result: [] });
  });

  it('a second one ends the first with 409', async () => {
    const { sim, api } = await startSimulator({ clock: new SteppedClock() });
    const first = api('getUpdates', { timeout: 50 });
    await sim.next('poll', (p) => p.waiting);
    const second = api('getUpdates', { timeout: 50 });
    expect(await first).toEqual({
      status: 409,
      body: {
        ok: false,
        error_code: 409,
        description:
          'Conflict: terminated by other getUpdates request; make sure that only one bot instance is running',
      },
    });
    say(sim, 'to the second');
    expect(texts(await second)).toEqual(['to the second']);
  });

  it('one that was given up does not take anything away', async () => {
    const { sim, api } = await startSimulator({ clock: new SteppedClock() });
    const leave = new AbortController();
    const gone = api('getUpdates', { timeout: 50 }, leave.signal);
    await sim.next('poll', (p) => p.waiting);
    leave.abort();
    await expect(gone).rejects.toThrow();
    say(sim, 'still here');
    expect(texts(await api('getUpdates', { timeout: 50 }))).toEqual(['still here']);
  });
});

describe('webhook', () => {
  it('withholds updates from getUpdates until it is deleted', async () => {
    const { sim, api } = await startSimulator({ clock: new SteppedClock() });
    const poll = api('getUpdates', { timeout: 50 });
    await sim.next('poll', (p) => p.waiting);
    expect((await api('setWebhook', { url: 'http://x.org' })).body.description).toMatch(
      /HTTPS URL must be provided/,
    );
    expect((await api('setWebhook', { url: 'https://x.org/hook' })).body.result).toBe(true);
    expect((await poll).status).toBe(409);
    say(sim, 'waits');
    const refused = await api('getUpdates');
    expect(refused.status).toBe(409);
    expect(refused.body.description).toMatch(/can't use getUpdates method while webhook is active/);
    expect((await api('getWebhookInfo')).body.result).toMatchObject({
      url: 'https://x.org/hook',
      pending_update_count: 1,
    });
    await api('deleteWebhook');
    expect(texts(await api('getUpdates'))).toEqual(['waits']);
    await api('deleteWebhook', { drop_pending_updates: true });
    expect((await api('getWebhookInfo')).body.result).toMatchObject({ url: '', pending_update_count: 0 });
  });
});

describe('allowed_updates', () => {
  it('is remembered, and applies to what comes after', async () => {
    const { sim, api } = await startSimulator({ clock: new SteppedClock() });
    const { message_id: messageId } = say(sim, 'before');
    await api('getUpdates', { allowed_updates: ['edited_message'] });
    say(sim, 'not wanted');
    sim.edit({ chat: 'Family', messageId, text: 'edited' });
    const { body } = await api('getUpdates');
    expect(body.result.map((u: object) => Object.keys(u)[1])).toEqual(['message', 'edited_message']);
    await api('getUpdates', { allowed_updates: [] });
    say(sim, 'wanted again');
    expect(texts(await api('getUpdates', { offset: -1 }))).toEqual(['wanted again']);
  });

  it('leaves reactions out unless they are asked for', async () => {
    const { sim, api } = await startSimulator({ clock: new SteppedClock() });
    const { message_id: messageId } = sim.say({ chat: 'Work', from: 'mara', text: 'x' });
    sim.react({ chat: 'Work', messageId, from: 'priya', emoji: ['👍'] });
    await api('getUpdates', { allowed_updates: ['message', 'message_reaction'], offset: -1 });
    sim.react({ chat: 'Work', messageId, from: 'priya', emoji: [] });
    const inFamily = say(sim, 'y');
    sim.react({ chat: 'Family', messageId: inFamily.message_id, from: 'ben', emoji: ['👍'] });
    const { body } = await api('getUpdates');
    expect(body.result.slice(1)).toMatchObject([
      { message_reaction: { old_reaction: [{ type: 'emoji', emoji: '👍' }], new_reaction: [] } },
      { message: { text: 'y' } },
    ]);
  });
});

it('updates are dropped after 24 hours', async () => {
  const clock = new SteppedClock();
  const { sim, api } = await startSimulator({ clock });
  say(sim, 'old');
  clock.step(23 * 3_600_000);
  say(sim, 'younger');
  clock.step(3_600_001);
  expect(texts(await api('getUpdates'))).toEqual(['younger']);
});

it('ids grow by one, from the time of the start', async () => {
  const clock = new SteppedClock();
  const { sim, api } = await startSimulator({ clock });
  say(sim, 'a');
  say(sim, 'b');
  const { body } = await api('getUpdates');
  const from = clock.now() / 1000;
  expect(body.result.map((u: { update_id: number }) => u.update_id)).toEqual([from, from + 1]);
});
