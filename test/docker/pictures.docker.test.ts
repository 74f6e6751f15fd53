/**
 * Pictures, for real: sent to a daemon through a Bot API server, fetched, and shown by the real Claude Agent SDK in its real
 * container to a scripted Messages API, which sees what a model would see. Skipped by name without an engine or image; with
 * NANOCLAW_REQUIRE_DOCKER=1 that is a failure.
 */
import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BotApi, type Settings, startBotApi, TestHome } from '../support/daemon.ts';
import { createMessagesApi, type MessagesApi, type SeenRequest } from '../support/messages-api.ts';
import { png } from '../support/pictures.ts';
import { docker, whyNoAgentImage } from './agent-container.ts';
import { removeAll } from './docker-home.ts';

const whyNot = await whyNoAgentImage();
const COLD_MS = 60_000;
const ENGINE: Settings = process.env.DOCKER_HOST ? { DOCKER_HOST: process.env.DOCKER_HOST } : {};

interface ImageBlock {
  type: 'image';
  source: { type: string; media_type: string; data: string };
}

/** All pictures of the conversation. */
const imagesOf = (request: SeenRequest | undefined): ImageBlock[] =>
  (request?.body.messages ?? []).flatMap(({ content }) =>
    typeof content === 'string' ? [] : content.filter(({ type }) => type === 'image'),
  ) as unknown as ImageBlock[];

describe.skipIf(whyNot)(`pictures in containers${whyNot ? ` (skipped: ${whyNot})` : ''}`, () => {
  let model: MessagesApi;
  let api: BotApi;
  let home: TestHome;
  let family: number;

  beforeAll(async () => {
    model = await createMessagesApi({ script: () => 'I see it.' });
    api = await startBotApi();
    home = new TestHome({ ...api.settings, ...ENGINE });
    writeFileSync(
      home.file('.env'),
      `ANTHROPIC_API_KEY=sk-ant-made-up-${randomUUID()}\nANTHROPIC_BASE_URL=${model.url}\n`,
    );
    family = api.group('Family');
    home.registerAll([{ chatJid: String(family), name: 'Family', folder: 'family' }]);
    await home.start();
  });
  afterAll(async () => {
    await removeAll(home);
    await api.close();
    await model.close();
  });

  const send = (
    bytes: Buffer,
    more: { caption?: string; mediaGroupId?: string; kind?: 'photo' | 'document' },
  ) => {
    const { kind = 'photo', ...rest } = more;
    const mime = kind === 'photo' ? 'image/jpeg' : 'image/png';
    return api.sim.say({ chat: family, from: 'you', ...rest, file: { kind, name: 'p.png', mime, bytes } });
  };
  const answered = (count: number) =>
    api.until(() => api.answers(family)[count - 1], `answer ${count}`, COLD_MS);

  it(
    'a photo with the caption "@Nina what is this?" reaches the model as an image, and lies where the agent can read it',
    async () => {
      const bytes = png(64, 48);
      send(bytes, { caption: '@Nina what is this?' });
      expect(await answered(1)).toBe('I see it.');
      const [request] = model.main();
      expect(request?.userText).toContain('[photo] @Nina what is this?');
      const [, path] = /path="(\/workspace\/group\/attachments\/[^"]+)"/.exec(request?.userText ?? '') ?? [];
      expect(imagesOf(request)).toMatchObject([
        { source: { type: 'base64', media_type: 'image/png', data: bytes.toString('base64') } },
      ]);
      const container = home.row<{ name: string }>('SELECT name FROM containers')?.name ?? '';
      const stat = await docker(
        'exec',
        container,
        'sh',
        '-c',
        `wc -c <${path} && test -w ${path} && echo writable`,
      );
      expect(stat.split(/\s+/)).toEqual([String(bytes.length), 'writable']);
    },
    2 * COLD_MS,
  );

  it(
    'an album is one message with all its pictures; one that is too large is named instead',
    async () => {
      const before = imagesOf(model.main().at(-1)).length;
      send(png(30, 20), { mediaGroupId: 'a1', caption: '@Nina compare these' });
      send(png(31, 20), { mediaGroupId: 'a1' });
      await answered(2);
      expect(imagesOf(model.main().at(-1)).length).toBe(before + 2);

      send(png(2400, 10), { kind: 'document', caption: '@Nina and this?' });
      await answered(3);
      const last = model.main().at(-1);
      expect(imagesOf(last).length).toBe(before + 2);
      expect(last?.userText).toContain('is not shown here: it has 2400 × 10 pixels');
    },
    2 * COLD_MS,
  );

  it(
    'a picture that the model refuses does not end the conversation',
    async () => {
      const refused = png(77, 7).toString('base64');
      let refusals = 0;
      model.use((request) => {
        if (!imagesOf(request).some(({ source }) => source.data === refused)) return 'I am well.';
        refusals += 1;
        return { status: 400, message: 'messages.0.content.3.image.source.base64: Could not process image' };
      });
      send(png(77, 7), { caption: '@Nina look' });
      await answered(4);
      expect(refusals).toBeGreaterThan(0);
      expect(await api.ask(family, '@Nina are you there?', COLD_MS)).toBe('I am well.');
    },
    2 * COLD_MS,
  );
});
