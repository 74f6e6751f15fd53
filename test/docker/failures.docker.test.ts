/**
 * Failures of real containers, told in the chat: killed for want of memory, frozen, an engine that is away while
 * somebody waits. Skipped by name without an engine or image; with NANOCLAW_REQUIRE_DOCKER=1 that is a failure.
 */
import { randomUUID } from 'node:crypto';
import { renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type BotApi, type Settings, startBotApi, TestHome } from '../support/daemon.ts';
import { createMessagesApi } from '../support/messages-api.ts';
import { docker, whyNoAgentImage } from './agent-container.ts';
import { testEngine } from './engine-support.ts';

const whyNot = await whyNoAgentImage();
const ENGINE: Settings = process.env.DOCKER_HOST ? { DOCKER_HOST: process.env.DOCKER_HOST } : {};
/** A cold start on two busy cores. */
const COLD_MS = 90_000;
const RUNNING = "SELECT container_id AS container FROM turns WHERE state = 'running'";

describe.skipIf(whyNot)(`failures of containers${whyNot ? ` (skipped: ${whyNot})` : ''}`, () => {
  let api: BotApi;
  let home: TestHome;
  let chat: number;
  let main: number;

  beforeEach(async () => {
    api = await startBotApi();
    home = new TestHome({
      ...api.settings,
      ...ENGINE,
      CONTAINER_RUNTIME: 'docker',
      CONTAINER_MEMORY_MB: '512',
    });
    chat = api.group('Family');
    main = api.group('Main');
    home.registerAll([
      { chatJid: String(chat), name: 'Family', folder: 'family', requiresTrigger: false },
      { chatJid: String(main), name: 'Main', folder: 'main', isMain: true },
    ]);
  });
  afterEach(async () => {
    const instance = home.row<{ value: string }>("SELECT value FROM meta WHERE key = 'instance_id'")?.value;
    await home.killAll();
    const left = await docker('ps', '-aq', '--filter', `label=nanoclaw.instance=${instance ?? 'none'}`);
    if (left !== '') await docker('rm', '-f', '-v', ...left.split('\n'));
    await home.dispose();
    await api.close();
  });

  /** Takes so much of the container's memory, in processes of 20 MB each: the largest one has to go, and is another. */
  const eat = (container: string, megabytes: number) => {
    const one = '(head -c 20000000 /dev/zero; sleep 600) | tail -c 20000000 > /dev/null';
    const all = `for n in $(seq ${Math.round(megabytes / 20)}); do ${one} & done; wait`;
    // It ends with the container, and not well.
    docker('exec', container, 'sh', '-c', all).catch(() => '');
  };
  const running = () =>
    home.until(() => home.row<{ container: string }>(RUNNING)?.container, 'a turn to run', COLD_MS);
  const turns = () =>
    home.rows<{ state: string; error_code: string | null; error: string | null }>(
      'SELECT state, error_code, error FROM turns ORDER BY seq',
    );
  const answers = (count: number, to = chat) =>
    api.until(() => api.answers(to).length >= count && api.answers(to), `${count} answers`, COLD_MS);

  it(
    'an agent that is killed for want of memory: the chat hears the limit, at once, and the next message is answered',
    async () => {
      await home.start();
      api.sim.say({ chat, from: 'you', text: 'slow 600' });
      const container = await running();
      eat(container, 512);
      expect(await answers(1)).toEqual([
        'I could not finish: the work needed more than the 512 MB of memory I have.',
      ]);
      expect(turns()).toMatchObject([
        { state: 'failed', error_code: 'out_of_memory', error: expect.stringContaining('512 MB') },
      ]);
      expect(await api.ask(chat, 'ping', COLD_MS)).toBe('pong');
    },
    3 * COLD_MS,
  );

  it(
    'Claude killed for want of memory while the agent around it lives: told as the same',
    async () => {
      const hanging = Promise.withResolvers<void>();
      const model = await createMessagesApi({
        script: async () => {
          hanging.resolve();
          await new Promise(() => {});
          return '';
        },
      });
      try {
        writeFileSync(
          home.file('.env'),
          `ANTHROPIC_API_KEY=sk-ant-made-up-${randomUUID()}\nANTHROPIC_BASE_URL=${model.url}\n`,
        );
        await home.start();
        api.sim.say({ chat, from: 'you', text: 'think' });
        const container = await running();
        await hanging.promise;
        // Claude is by far the largest process there; without it there is room enough.
        eat(container, 420);
        expect(await answers(1)).toEqual([
          'I could not finish: the work needed more than the 512 MB of memory I have.',
        ]);
        expect(turns()).toMatchObject([{ state: 'failed', error_code: 'out_of_memory' }]);
      } finally {
        await model.close();
      }
    },
    3 * COLD_MS,
  );

  it(
    'an agent that is frozen: its container is removed after the time without a sign of life, and the turn tried once more',
    async () => {
      await home.start({ CONTAINER_TIMEOUT: '5000' });
      api.sim.say({ chat, from: 'you', text: 'slow 600' });
      const first = await running();
      await docker('pause', first);
      await home.until(() => turns()[0]?.state === 'retried', 'the first attempt to time out', COLD_MS);
      await home.until(() => turns()[1]?.state === 'running', 'the second attempt to run', COLD_MS);
      expect(turns()[0]).toMatchObject({ error_code: 'timeout', error: expect.stringContaining('5 s') });
      await expect(docker('inspect', first)).rejects.toThrow(/No such object/);

      await docker('pause', await running());
      expect(await answers(1)).toEqual(['I could not finish: there was no progress for 5 seconds, twice.']);
      expect(turns().map(({ state }) => state)).toEqual(['retried', 'failed']);
    },
    4 * COLD_MS,
  );

  const { address } = testEngine();
  it.skipIf(address.kind !== 'unix')(
    'an engine that goes away while somebody waits: after a minute the chat and main hear it once, then the answer comes',
    async () => {
      const socket = home.file('engine.sock');
      symlinkSync(address.kind === 'unix' ? address.socketPath : '', socket);
      await home.start({ DOCKER_HOST: `unix://${socket}` });
      renameSync(socket, `${socket}.away`);
      api.sim.say({ chat, from: 'you', text: 'ping' });
      expect(await answers(1)).toEqual([expect.stringMatching(/^I cannot work just now/)]);
      expect((await answers(1, main))[0]).toMatch(/^I cannot start agents, so messages wait: .*engine\.sock/);
      expect(turns().filter(({ state }) => state !== 'retried')).toEqual([]);

      renameSync(`${socket}.away`, socket);
      expect(await answers(2)).toEqual([expect.anything(), 'pong']);
      expect((await answers(2, main))[1]).toBe('Agents can be started again.');
      expect(home.rows('SELECT disposition FROM messages WHERE is_bot_message = 0')).toEqual([
        { disposition: 'answered' },
      ]);
    },
    4 * COLD_MS,
  );
});
