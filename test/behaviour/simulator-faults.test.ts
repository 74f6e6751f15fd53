/** The failures a test can switch on, as the one who calls sees them. */
import { describe, expect, it } from 'vitest';
import { FAMILY_CHAT_ID, WORK_CHAT_ID } from '../../src/simulator/simulator.ts';
import { SteppedClock, startSimulator, TOKEN } from './simulator-support.ts';

const text = { chat_id: FAMILY_CHAT_ID, text: 'x' };

describe('failNext', () => {
  it('answers with a status, as often as asked, then all is well', async () => {
    const { sim, api } = await startSimulator();
    sim.faults.failNext('sendMessage', { status: 500 }, 2);
    sim.faults.failNext('*', { status: 429, retryAfter: 7 });
    expect((await api('sendMessage', text)).status).toBe(500);
    expect((await api('getMe')).body).toEqual({
      ok: false,
      error_code: 429,
      description: 'Too Many Requests: retry after 7',
      parameters: { retry_after: 7 },
    });
    expect((await api('sendMessage', text)).status).toBe(500);
    expect((await api('sendMessage', text)).status).toBe(200);
    expect(sim.world.chat('Family').messages.size).toBe(1);
    expect(sim.ledger.map((c) => c.outcome.ok)).toEqual([false, false, false, true]);
    expect(sim.faults.pending).toBe(0);
  });

  it('can be meant for one chat, and for a later call', async () => {
    const { sim, api } = await startSimulator();
    sim.faults.failNext('sendMessage', { status: 409 }, { chatId: WORK_CHAT_ID, after: 1 });
    expect((await api('sendMessage', text)).status).toBe(200);
    expect((await api('sendMessage', { ...text, chat_id: WORK_CHAT_ID })).status).toBe(200);
    const hit = await api('sendMessage', { ...text, chat_id: WORK_CHAT_ID });
    expect(hit.body.description).toMatch(/^Conflict: terminated by other getUpdates/);
  });

  it('resets the connection before anything happened', async () => {
    const { sim, api } = await startSimulator();
    sim.faults.failNext('sendMessage', 'reset');
    await expect(api('sendMessage', text)).rejects.toThrow('fetch failed');
    expect(sim.world.chat('Family').messages.size).toBe(0);
    expect(sim.ledger.at(-1)).toMatchObject({
      method: 'sendMessage',
      outcome: { ok: false },
      fault: 'reset',
    });
  });

  it('accepts and then drops the answer', async () => {
    const { sim, api } = await startSimulator();
    sim.faults.failNext('sendMessage', 'drop-response-after-accepting');
    await expect(api('sendMessage', text)).rejects.toThrow('fetch failed');
    expect(sim.world.chat('Family').messages.size).toBe(1);
    expect(sim.ledger.at(-1)).toMatchObject({
      messageId: 1,
      outcome: { ok: true },
      fault: 'drop-response-after-accepting',
    });
  });

  it('drops a poll without losing the updates in it', async () => {
    const { sim, api } = await startSimulator();
    sim.faults.failNext('getUpdates', 'drop-response-after-accepting');
    const poll = api('getUpdates', { timeout: 50 });
    const failed = expect(poll).rejects.toThrow('fetch failed');
    await sim.next('poll');
    sim.say({ chat: 'Family', from: 'anna', text: 'hello' });
    await failed;
    expect((await api('getUpdates')).body.result).toHaveLength(1);
  });

  it('hangs until the caller gives up or the simulator closes', async () => {
    const { sim, api, close } = await startSimulator();
    sim.faults.failNext('getMe', 'hang', 2);
    const first = sim.next('call');
    const leave = new AbortController();
    const given = api('getMe', {}, leave.signal);
    await first;
    leave.abort();
    await expect(given).rejects.toThrow();
    const second = sim.next('call');
    const cut = expect(api('getMe')).rejects.toThrow('fetch failed');
    await second;
    await close();
    await cut;
  });

  it('is late by the clock', async () => {
    const clock = new SteppedClock();
    const { sim, api } = await startSimulator({ clock });
    sim.faults.failNext('sendMessage', { delayMs: 5000 });
    const sent = api('sendMessage', text);
    await api('getMe');
    while (sim.faults.pending > 0) await api('getMe');
    expect(sim.world.chat('Family').messages.size).toBe(0);
    clock.step(5000);
    expect((await sent).status).toBe(200);
  });

  it('answers with what is not JSON', async () => {
    const { sim, url } = await startSimulator();
    sim.faults.failNext('getMe', 'garbage');
    const response = await fetch(`${url}/bot${TOKEN}/getMe`);
    expect([response.status, await response.text()]).toEqual([502, '<html>Bad Gateway</html>']);
  });

  it('cuts a download in the middle', async () => {
    const { sim, url, api } = await startSimulator();
    const file = { kind: 'document' as const, name: 'a.bin', bytes: Buffer.alloc(100_000) };
    const { document } = sim.say({ chat: 'Family', from: 'ben', file });
    const { file_path } = (await api('getFile', { file_id: document?.file_id })).body.result;
    const download = async () => (await fetch(`${url}/file/bot${TOKEN}/${file_path}`)).arrayBuffer();
    sim.faults.failNext('download', 'reset');
    await expect(download()).rejects.toThrow();
    sim.faults.failNext('download', { status: 502 });
    expect((await fetch(`${url}/file/bot${TOKEN}/${file_path}`)).status).toBe(502);
    expect((await download()).byteLength).toBe(100_000);
  });
});

describe('partition', () => {
  it('cuts what is under way and refuses the rest until it is over', async () => {
    const { sim, api } = await startSimulator();
    const poll = api('getUpdates', { timeout: 50 });
    const cut = expect(poll).rejects.toThrow('fetch failed');
    await sim.next('poll');
    sim.faults.partition(true);
    await cut;
    await expect(api('getMe')).rejects.toThrow('fetch failed');
    sim.say({ chat: 'Family', from: 'anna', text: 'meanwhile' });
    sim.faults.partition(false);
    expect((await api('getUpdates')).body.result).toHaveLength(1);
  });

  it('can be a dead link, on which nothing ever comes back', async () => {
    const { sim, api } = await startSimulator();
    sim.faults.partition('hang');
    let isOver = false;
    const call = api('sendMessage', text).finally(() => {
      isOver = true;
    });
    const lost = expect(call).rejects.toThrow('fetch failed');
    const leave = AbortSignal.timeout(50);
    await expect(api('getMe', {}, leave)).rejects.toThrow();
    expect(isOver).toBe(false);
    sim.faults.clear();
    await lost;
    expect((await api('getMe')).status).toBe(200);
    expect(sim.world.chat('Family').messages.size).toBe(0);
  });
});

it('strict limits answer 429 with the time to wait', async () => {
  const clock = new SteppedClock();
  const { sim, api } = await startSimulator({ clock, strictLimits: true });
  const statuses = [];
  for (let i = 0; i < 4; i += 1) statuses.push((await api('sendMessage', text)).status);
  expect(statuses).toEqual([200, 200, 200, 429]);
  clock.step(1000);
  expect((await api('sendMessage', text)).status).toBe(200);
  expect(sim.ledger.find((c) => !c.outcome.ok)?.outcome).toEqual({
    ok: false,
    status: 429,
    description: 'Too Many Requests: retry after 1',
  });
});

it('the ledger is bounded', async () => {
  const { sim, api } = await startSimulator({ ledgerLimit: 2 });
  for (const method of ['getMe', 'getWebhookInfo', 'getMyCommands', 'getUpdates']) await api(method);
  expect(sim.ledger.map((c) => c.method)).toEqual(['getWebhookInfo', 'getMyCommands']);
});
