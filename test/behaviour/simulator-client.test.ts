/** The page's API: who may use it, what it does, and `chatOnce`, which a terminal uses. */
import { describe, expect, it } from 'vitest';
import { chatOnce } from '../../src/simulator/client.ts';
import { FAMILY_CHAT_ID } from '../../src/simulator/simulator.ts';
import { startSimulator } from './simulator-support.ts';

type Started = Awaited<ReturnType<typeof startSimulator>>;

const write = async (
  { url }: Started,
  action: string,
  body: unknown,
  headers: Record<string, string> = {},
) => {
  const response = await fetch(`${url}/sim/api/${action}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
};
const read = async ({ url }: Started, path: string) => (await fetch(`${url}/sim/api/${path}`)).json();

describe('the page API', () => {
  it('shows the world and does what people do', async () => {
    const started = await startSimulator();
    const { sim, api, url } = started;
    expect(await read(started, 'state')).toMatchObject({
      bot: { first_name: 'Nina' },
      botPolledAt: null,
      chats: [
        { first_name: 'You' },
        { title: 'Family', memberKeys: ['you', 'anna', 'ben'] },
        { title: 'Work' },
      ],
    });
    const { body } = await write(started, 'say', { chat: 'Family', from: 'anna', text: 'hello' });
    const messageId = (body.message as { message_id: number }).message_id;
    const at = { chat: FAMILY_CHAT_ID, messageId };
    expect((await write(started, 'edit', { ...at, text: 'hi' })).status).toBe(200);
    expect((await write(started, 'react', { ...at, from: 'ben', emoji: ['🎉'] })).status).toBe(200);
    expect(await read(started, `messages?chat=${FAMILY_CHAT_ID}`)).toMatchObject({
      more: false,
      messages: [{ text: 'hi', reactions: [{ emoji: ['🎉'] }] }],
    });
    expect((await write(started, 'delete', at)).status).toBe(200);
    await write(started, 'topic', { chat: 'Work', name: 'Ideas', from: 'mara' });
    await write(started, 'bot', { chat: 'Work', from: 'mara', status: 'kicked' });
    expect((await write(started, 'migrate', { chat: 'Family' })).body.id).toEqual(expect.any(Number));
    await api('getUpdates');
    expect(await read(started, 'state')).toMatchObject({ botPolledAt: expect.any(Number) });
    const upload = await fetch(
      `${url}/sim/api/upload?chat=main&from=you&name=a%20b.txt&mime=text/html&caption=see`,
      {
        method: 'POST',
        headers: { 'content-type': 'application/octet-stream' },
        body: '<script>',
      },
    );
    const sent = (await upload.json()) as { document: { file_id: string; file_name: string } };
    expect(sent.document.file_name).toBe('a b.txt');
    const file = await fetch(`${url}/sim/files/${sent.document.file_id}`);
    expect(file.headers.get('content-type')).toBe('application/octet-stream');
    expect(file.headers.get('content-disposition')).toBe("attachment; filename*=UTF-8''a%20b.txt");
    expect(sim.world.chat('main').messages.size).toBe(1);
  });

  it('splits a long text as the apps do', async () => {
    const started = await startSimulator();
    await write(started, 'say', {
      chat: 'main',
      from: 'you',
      text: `${'word '.repeat(1000)}${'🐈'.repeat(4000)}`,
    });
    const all = [...started.sim.world.chat('main').messages.values()].map((m) => m.text ?? '');
    expect(all.every((t) => t.length <= 4096 && t.isWellFormed())).toBe(true);
    expect(all.join('').replaceAll(' ', '')).toHaveLength(4000 + 8000);
  });

  it('refuses junk with a reason', async () => {
    const started = await startSimulator();
    for (const [action, body] of [
      ['say', '{'],
      ['say', 'null'],
      ['say', { chat: 'Family' }],
      ['say', { chat: 'Family', from: 'nobody', text: 'x' }],
      ['edit', { chat: 'Family', messageId: 'x', text: 'y' }],
      ['delete', { chat: 'Family', messageId: 404 }],
      ['press', { chat: 'Family', messageId: 1, from: 'you', data: 'x' }],
      ['migrate', { chat: 'Work' }],
    ] as const) {
      const answer = await write(started, action, body);
      expect([action, body, answer.status]).toEqual([action, body, 400]);
      expect(answer.body.error).toEqual(expect.any(String));
    }
    expect((await write(started, 'nothing', {})).status).toBe(404);
    expect((await fetch(`${started.url}/sim/api/say`)).status).toBe(404);
    expect((await fetch(`${started.url}/sim/..%2f..%2fpackage.json`)).status).toBe(404);
    expect((await fetch(`${started.url}/sim/api/messages?chat=404`)).status).toBe(400);
    expect(
      (
        await fetch(`${started.url}/sim/`, {
          method: 'DELETE',
          headers: { 'content-type': 'application/json' },
        })
      ).status,
    ).toBe(405);
  });

  it('refuses other sites', async () => {
    const started = await startSimulator();
    const say = { chat: 'Family', from: 'anna', text: 'forged' };
    for (const headers of [
      { origin: 'https://evil.example' },
      { 'sec-fetch-site': 'cross-site' },
      { 'content-type': 'text/plain' },
    ])
      expect((await write(started, 'say', say, headers)).status).toBe(403);
    expect(started.sim.world.chat('Family').messages.size).toBe(0);
    expect((await write(started, 'say', say, { origin: started.url })).status).toBe(200);
  });

  it('serves the page under a strict policy', async () => {
    const { url } = await startSimulator();
    const page = await fetch(`${url}/`);
    expect(page.url).toBe(`${url}/sim/`);
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'; script-src 'self'");
    expect(await page.text()).toContain('<title>');
    expect((await fetch(`${url}/sim/tsconfig.json`)).status).toBe(404);
  });
});

describe('chatOnce', () => {
  const ask = ({ url }: Started, more: object = {}) =>
    chatOnce({ baseUrl: url, chat: 'Family', from: 'anna', text: '@Nina hello', timeoutMs: 10_000, ...more });

  it('gathers the answer until it is quiet', async () => {
    const started = await startSimulator();
    const { sim, api } = started;
    const asked = sim.next('message');
    const answer = ask(started);
    await asked;
    await api('sendMessage', { chat_id: 1001000001, text: 'elsewhere' });
    await api('sendChatAction', { chat_id: FAMILY_CHAT_ID, action: 'typing' });
    const { body } = await api('sendMessage', { chat_id: FAMILY_CHAT_ID, text: 'Hel' });
    await api('editMessageText', {
      chat_id: FAMILY_CHAT_ID,
      message_id: body.result.message_id,
      text: 'Hello',
    });
    await api('sendMessage', { chat_id: FAMILY_CHAT_ID, text: 'and more' });
    expect((await answer).answer).toBe('Hello\n\nand more');
  });

  it('tells why there is none', async () => {
    const started = await startSimulator();
    await expect(ask(started, { timeoutMs: 50 })).rejects.toThrow('no answer came within');
    await expect(ask(started, { chat: 'Nowhere' })).rejects.toThrow('there is no chat "Nowhere"');
    await expect(ask(started, { from: 'mara' })).rejects.toThrow('Mara is not in that chat');
    await expect(ask(started, { signal: AbortSignal.abort() })).rejects.toThrow('given up');
    const asked = started.sim.next('message');
    const cut = expect(ask(started)).rejects.toThrow();
    await asked;
    await started.close();
    await cut;
    await expect(ask(started)).rejects.toThrow(/nothing answers at http:.*is the daemon running/);
  });
});
