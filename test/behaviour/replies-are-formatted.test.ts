/** What an agent writes as it arrives in a chat: through outbox, delivery and the Bot API client to a strict server. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { render } from '../../src/format/render.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { systemRandom } from '../../src/lib/random.ts';
import { createDelivery } from '../../src/router/delivery.ts';
import { createOutgoing, type Reply } from '../../src/router/outgoing.ts';
import { createPacing } from '../../src/router/pacing.ts';
import { createSimulator, type Simulator, serveSimulator } from '../../src/simulator/simulator.ts';
import type { SimMessage } from '../../src/simulator/types.ts';
import { createTelegram } from '../../src/telegram/grammy-api.ts';
import { chatJid, type ReplyFormat } from '../../src/types.ts';
import { watchRequests } from '../support/watched-requests.ts';
import { BOT, createTestLog, createWorld, FAMILY, outboxRows } from '../support/world.ts';

const TOKEN = '4242:test-on-loopback-only';
const jid = chatJid(FAMILY);
const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function harness(format: ReplyFormat = 'formatted') {
  const { db, home, register } = createWorld();
  const group = register();
  db.groups.update({ ...group, format });
  const sim: Simulator = createSimulator({ token: TOKEN, clock: systemClock });
  sim.addChat({ id: FAMILY, type: 'supergroup', title: 'Family', members: ['you'] });
  const requestsWereValid = watchRequests(sim);
  const { url, close } = await serveSimulator(sim);
  const delivery = createDelivery({
    db,
    home,
    telegram: createTelegram(TOKEN, url, 1),
    clock: systemClock,
    log: createTestLog().log,
    pacing: createPacing({ perChatMs: 0, groupPerMinute: 1000, overallPerSecond: 1000 }),
    bot: () => BOT,
    chatMoved: () => {},
  });
  closing.push(
    () => delivery.stop(),
    close,
    async () => requestsWereValid(),
  );
  const record = createOutgoing({ db, clock: systemClock, home, random: systemRandom });
  return {
    db,
    sim,
    url,
    home,
    /** Until what was sent is noted. */
    settled: () => delivery.stop(10_000),
    /** Resolves with what arrives for it. */
    async say(text: string, more: Partial<Reply> = {}): Promise<SimMessage[]> {
      const arrived: SimMessage[] = [];
      const off = sim.on('sent', (message) => void arrived.push(message));
      const reply: Reply = {
        chatJid: jid,
        threadId: null,
        turnId: null,
        replyTo: null,
        text,
        markdown: true,
        ...more,
      };
      const count = db.transaction(() => record(reply));
      delivery.wake(jid);
      while (arrived.length < count) await sim.next('sent');
      off();
      return arrived;
    },
  };
}

describe('a reply', () => {
  it('arrives with its formatting, and is stored as what people read', async () => {
    const { say, db, settled } = await harness();
    const [message] = await say(
      '# Plan\n\n- **one** `two`\n\n```js\nlet a;\n```\n<internal>secret</internal>',
    );
    expect(message?.text).toBe('Plan\n\n• one two\n\nlet a;');
    expect(message?.entities).toEqual([
      { type: 'bold', offset: 0, length: 4 },
      { type: 'bold', offset: 8, length: 3 },
      { type: 'code', offset: 12, length: 3 },
      { type: 'pre', language: 'js', offset: 17, length: 6 },
    ]);
    await settled();
    expect(db.sqlite.prepare('SELECT content FROM messages').pluck().all()).toEqual([message?.text]);
  });

  it('in parts rejoins to the whole, each part formatted', async () => {
    const { say } = await harness();
    const code = Array.from({ length: 400 }, (_, i) => `  const value${i} = ${i};`).join('\n');
    const arrived = await say(`Here:\n\n\`\`\`ts\n${code}\n\`\`\`\n\n**Done.**`);
    expect(arrived.length).toBeGreaterThan(2);
    expect(arrived.map(({ text }) => text).join('\n')).toBe(`Here:\n\n${code}\n\nDone.`);
    for (const { entities = [] } of arrived)
      expect(entities[0]).toMatchObject({ type: 'pre', language: 'ts' });
  });

  it('of 30 KB with code blocks arrives whole: the parts joined are what was rendered, and no block is left open', async () => {
    const { say } = await harness();
    const code = Array.from({ length: 40 }, (_, i) => `  const value${i} = await load('part ${i}');`).join(
      '\n',
    );
    const answer = Array.from(
      { length: 18 },
      (_, i) => `## Step ${i}\n\nSome **words** about it, and \`more\`.\n\n\`\`\`ts\n${code}\n\`\`\``,
    ).join('\n\n');
    expect(answer.length).toBeGreaterThan(30_000);
    const arrived = await say(answer);
    const plain = (text: string) => text.replaceAll(/\s+/g, ' ');
    expect(plain(arrived.map(({ text }) => text).join(' '))).toBe(plain(render(answer).text));
    const blocks = arrived.flatMap(({ text = '', entities = [] }) =>
      entities
        .filter(({ type }) => type === 'pre')
        .map(({ offset, length, language }) => ({ language, code: text.slice(offset, offset + length) })),
    );
    expect(new Set(blocks.map(({ language }) => language))).toEqual(new Set(['ts']));
    expect(plain(blocks.map((block) => block.code).join(' '))).toBe(plain(`${code} `.repeat(18).trimEnd()));
  });

  it('that is very long is its beginning, and a file with all of it', async () => {
    const { say, url } = await harness();
    const long = '## Part\n\nSome **words** to read.\n\n'.repeat(3000);
    const [first, second] = await say(long);
    expect(first?.text).toMatch(/^Part\n\nSome words to read\./);
    expect(second?.document?.file_name).toBe('reply.md');
    const api = `${url}/bot${TOKEN}/getFile?file_id=${second?.document?.file_id}`;
    const { result } = (await (await fetch(api)).json()) as { result: { file_path: string } };
    const file = await fetch(`${url}/file/bot${TOKEN}/${result.file_path}`);
    expect(await file.text()).toBe(long.trim());
  });

  it('is sent once more as plain text where Telegram refuses the formatting, without a mark', async () => {
    const { say, sim, db, settled } = await harness();
    sim.faults.failNext('sendMessage', {
      status: 400,
      description: "Bad Request: can't parse entities: odd",
    });
    const [message] = await say('**a**');
    expect([message?.text, message?.entities]).toEqual(['a', undefined]);
    await settled();
    expect(outboxRows(db).map(({ state }) => state)).toEqual(['sent']);
  });

  it('of the daemon itself is left as it is', async () => {
    const { say } = await harness();
    const [message] = await say('**a** _b_', { markdown: undefined as never });
    expect([message?.text, message?.entities]).toEqual(['**a** _b_', undefined]);
  });

  it('is left as it was written where the group wants that', async () => {
    const { say } = await harness('plain');
    expect((await say('**a**'))[0]?.text).toBe('**a**');
  });

  it('goes out as a rich message where the group wants that', async () => {
    const { say, db, settled } = await harness('rich');
    const [message] = await say('# A\n\n| a | b |\n|---|---|\n| 1 | 2 |');
    expect(message?.rich_message?.markdown).toMatch(/^# A\n/);
    await settled();
    expect(db.sqlite.prepare('SELECT content FROM messages').pluck().get()).toMatch(/^A\n\na/);
  });

  it.each([400, 404])('that is refused as a rich message (%i) is sent as an ordinary one', async (status) => {
    const { say, sim } = await harness('rich');
    sim.faults.failNext('sendRichMessage', { status });
    const [message] = await say('**a**');
    expect([message?.text, message?.entities]).toEqual(['a', [{ type: 'bold', offset: 0, length: 1 }]]);
  });
});

/** As a command leaves it: a copy of our own. */
function leaveFile(home: string, name: string, bytes: string | Buffer): string {
  const filePath = path.join('data', 'outbox', `${'0'.repeat(36)}-${name}`);
  mkdirSync(path.join(home, 'data', 'outbox'), { recursive: true });
  writeFileSync(path.join(home, filePath), bytes);
  return filePath;
}

function png(width: number, height: number): Buffer {
  const head = Buffer.alloc(64);
  head.write('\x89PNG\r\n\x1a\n', 0, 'latin1');
  head.writeUInt32BE(width, 16);
  head.writeUInt32BE(height, 20);
  return head;
}

describe('a file', () => {
  it('has a formatted caption, and what is too long for it follows', async () => {
    const { say, home, db, settled } = await harness();
    const filePath = leaveFile(home, 'a.txt', 'words');
    const [first, second] = await say(`**a** ${'word '.repeat(400)}`, { filePath });
    expect(first?.caption_entities).toEqual([{ type: 'bold', offset: 0, length: 1 }]);
    expect(`${first?.caption} ${second?.text}`).toBe(`a ${'word '.repeat(400)}`.trim());
    await settled();
    expect(existsSync(path.join(home, filePath))).toBe(false);
    expect(outboxRows(db)).toHaveLength(2);
  });

  it.each([
    ['photo', 'a.txt', png(80, 60)],
    ['document', 'photo.png', png(9000, 80)],
    ['voice', 'a.ogg', `${'OggS\0\x02'.padEnd(28, '\0')}OpusHead`],
    ['audio', 'a.mp3', 'ID3\x04 and music'],
    ['video', 'a.mp4', '\0\0\0\x20ftypisom and pictures'],
  ] as const)('is sent as a %s by what is in it, not by its name (%s)', async (kind, name, bytes) => {
    const { say, home } = await harness();
    const [message] = await say('*see*', { filePath: leaveFile(home, name, bytes) });
    expect(message?.[kind]).toBeDefined();
    expect(message?.caption_entities).toEqual([{ type: 'italic', offset: 0, length: 3 }]);
  });

  it('that Telegram refuses as a photo is sent as a document, unmarked', async () => {
    const { say, sim, home, db, settled } = await harness();
    sim.faults.failNext('sendPhoto', { status: 400, description: 'Bad Request: PHOTO_INVALID_DIMENSIONS' });
    const [message] = await say('see', { filePath: leaveFile(home, 'a.png', png(80, 60)) });
    expect([message?.document?.file_name, message?.caption]).toEqual(['a.png', 'see']);
    await settled();
    expect(outboxRows(db).map(({ state }) => state)).toEqual(['sent']);
  });
});
