/**
 * A model of one's own, for real: a daemon as a process, the real engine and image, and in it the provider for OpenAI's chat
 * completions, which reaches nothing but a strict scripted server through the daemon's proxy. The key is made up. Skipped by
 * name without an engine or image; with NANOCLAW_REQUIRE_DOCKER=1 that is a failure.
 */
import { randomUUID } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { MAIN_CHAT_ID } from '../../src/simulator/simulator.ts';
import { type BotApi, type Daemon, type Settings, startBotApi, TestHome } from '../support/daemon.ts';
import { type ChatScript, createOpenAiApi, type OpenAiApi, textOf } from '../support/openai-api.ts';
import { docker, whyNoAgentImage } from './agent-container.ts';
import { containersOf, removeAll } from './docker-home.ts';

const whyNot = await whyNoAgentImage();
const KEY = `sk-made-up-${randomUUID()}`;
/** A cold start on two busy cores. */
const COLD_MS = 60_000;
const ENGINE: Settings = process.env.DOCKER_HOST ? { DOCKER_HOST: process.env.DOCKER_HOST } : {};

describe.skipIf(whyNot)(`a model of one's own, in containers${whyNot ? ` (skipped: ${whyNot})` : ''}`, () => {
  let model: OpenAiApi;
  let api: BotApi;
  let home: TestHome;
  let daemon: Daemon;
  let family: number;

  const newest = (folder: string) => {
    const row = home.row<{ name: string; engine_id: string }>(
      'SELECT name, engine_id FROM containers WHERE group_folder = ? ORDER BY started_at DESC',
      folder,
    );
    if (!row) throw new Error(`${folder} has no container`);
    return row;
  };
  /** Uses the tools, then says what they said. */
  const using =
    (...calls: { name: string; input: Record<string, unknown> }[]): ChatScript =>
    ({ toolResults }) =>
      toolResults.length > 0 ? toolResults.join('\n') : { text: 'I look.', calls };
  /** Says it and waits for a message like that; one about progress may come before. */
  const says = async (text: string, expected: RegExp, chat = family): Promise<string> => {
    const before = api.answers(chat).length;
    api.sim.say({ chat, from: 'you', text });
    const found = () =>
      api
        .answers(chat)
        .slice(before)
        .find((answer) => expected.test(answer));
    return await api.until(found, `an answer like ${expected}`, COLD_MS);
  };
  const lastTurn = () =>
    home
      .rows<{ state: string; error_code: string | null; error: string | null; input_tokens: number }>(
        'SELECT state, error_code, error, input_tokens FROM turns ORDER BY seq',
      )
      .at(-1);

  beforeAll(async () => {
    model = await createOpenAiApi({ key: KEY });
    api = await startBotApi();
    home = new TestHome({ ...api.settings, ...ENGINE });
    writeFileSync(
      home.file('.env'),
      `OPENAI_API_KEY=${KEY}\nOPENAI_BASE_URL=${model.url}\nOPENAI_MODEL=scripted\nPROGRESS_AFTER=1000\n`,
    );
    family = api.group('Family');
    daemon = await home.start();
    await home.addGroup(family, 'family');
    await home.addGroup(MAIN_CHAT_ID, 'main', '--main');
  });
  afterAll(async () => {
    await removeAll(home);
    await api.close();
    await model.close();
    // The one that a test of the doors has sent.
    expect(model.refusals.filter((why) => why !== 'the body is no JSON')).toEqual([]);
  });
  beforeEach(() => model.use(() => 'unscripted'));

  it(
    'answers; works with commands, files and search in the group’s folder; is counted',
    async () => {
      const write = { name: 'Write', input: { path: 'notes/a.md', content: 'beans\npeas\n' } };
      model.use(
        using(
          write,
          { name: 'Bash', input: { command: 'pwd; id -u; cat notes/a.md; git --version | cut -c1-3' } },
          { name: 'Grep', input: { pattern: 'p.as', path: 'notes' } },
          { name: 'Glob', input: { pattern: '*.md' } },
        ),
      );
      const text = await says('@Nina look around', /beans/);
      expect(text).toMatch(/Wrote notes\/a\.md[\s\S]*\/workspace\/group\n\d+\nbeans\npeas\ngit/);
      expect(text).toMatch(/\nnotes\/a\.md:2:peas\n/);
      expect(text).toMatch(/\nnotes\/a\.md\b/);
      expect(existsSync(home.file('groups/family/notes/a.md'))).toBe(true);
      expect(lastTurn()).toMatchObject({ state: 'done', input_tokens: 20 });
      await home.until(
        () =>
          (home.row<{ n: number }>(
            "SELECT sum(input_tokens) AS n FROM model_usage WHERE group_folder = 'family'",
          )?.n ?? 0) >= 20,
        'the proxy’s count',
      );
      expect(model.requests[0]?.headers.authorization).toBe(`Bearer ${KEY}`);
      expect(model.requests[0]?.userText).toContain('@Nina look around');
    },
    2 * COLD_MS,
  );

  it(
    'schedules a task by the tool, and hears what became of it',
    async () => {
      const input = { prompt: 'Water the beans.', schedule_type: 'cron', schedule_value: '0 9 * * 1-5' };
      model.use(using({ name: 'schedule_task', input }));
      await says('@Nina every weekday at 9: water the beans', /next run/i);
      expect(home.rows('SELECT prompt, schedule_value FROM scheduled_tasks')).toEqual([
        { prompt: 'Water the beans.', schedule_value: '0 9 * * 1-5' },
      ]);
    },
    COLD_MS,
  );

  it(
    'goes on in the same conversation after the container is gone',
    async () => {
      const old = newest('family');
      await docker('rm', '-f', old.engine_id);
      await daemon.logged('agent_ended', (line) => line.container === old.name);
      model.use(() => 'You spoke of beans.');
      await says('@Nina what was it?', /^You spoke of beans\.$/);
      const said = JSON.stringify(model.requests.at(-1)?.body.messages);
      expect(said).toContain('@Nina look around');
      expect(said).toContain('water the beans');
      expect(newest('family').name).not.toBe(old.name);
    },
    COLD_MS,
  );

  it(
    'is stopped in the middle of a command, which ends with it; the next message is answered',
    async () => {
      model.use(using({ name: 'Bash', input: { command: 'touch begun; sleep 4242', timeout_seconds: 600 } }));
      api.sim.say({ chat: family, from: 'you', text: '@Nina wait' });
      await home.until(() => existsSync(home.file('groups/family/begun')), 'the command', COLD_MS);
      api.sim.say({ chat: family, from: 'you', text: '/stop' });
      await home.until(() => lastTurn()?.state !== 'running', 'the end of the turn', COLD_MS);
      const { engine_id: id } = newest('family');
      expect(await docker('exec', id, 'sh', '-c', 'pgrep -fc "sleep 424[2]" || true')).toBe('0');
      model.use(() => 'Here I am.');
      await says('@Nina still there?', /^Here I am\.$/);
    },
    2 * COLD_MS,
  );

  it(
    'is seen writing in a private chat',
    async () => {
      const drafts: string[] = [];
      const off = api.sim.on('draft', ({ text }) => drafts.push(text));
      const words = 'one two three four five six seven eight nine ten '.repeat(4).trim();
      model.use(() => ({ text: words, chunkDelayMs: 600 }));
      expect(await says('count', /ten$/, MAIN_CHAT_ID)).toBe(words);
      off();
      const written = drafts.filter((text) => text.startsWith('one two'));
      expect(written.length).toBeGreaterThan(0);
      expect(words.startsWith(written[0] ?? 'nothing')).toBe(true);
    },
    COLD_MS,
  );

  it(
    'the key is nowhere but in .env, and with a container’s own token only chat completions are to be had',
    async () => {
      const { engine_id: id } = newest('family');
      const tried = [
        'for p in chat/completions messages embeddings responses; do',
        'curl -s -o /dev/null -w "$p %{http_code}\\n" -X POST -H "Authorization: Bearer $OPENAI_API_KEY" -H "content-type: application/json" -d "{" "$OPENAI_BASE_URL/$p"; done;',
        'curl -s -o /dev/null -w "%{http_code}\\n" "$OPENAI_BASE_URL/models"',
      ].join(' ');
      expect((await docker('exec', id, 'sh', '-c', tried)).split('\n')).toEqual([
        'chat/completions 400',
        'messages 403',
        'embeddings 403',
        'responses 403',
        '401',
      ]);
      for (const container of await containersOf(home)) {
        expect(await docker('inspect', container)).not.toContain(KEY);
        expect(await docker('logs', container)).not.toContain(KEY);
        const look =
          'env; cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline; grep -rlF "$0" /workspace /home/agent /tmp /etc; echo done';
        // A part of the key, so that the look does not find its own arguments in /proc.
        const found = await docker('exec', container, 'sh', '-c', `(${look}) 2>/dev/null`, KEY.slice(0, -1));
        expect(found.endsWith('done')).toBe(true);
        expect(found).not.toContain(KEY);
        expect(found).not.toMatch(/^\/(workspace|home|tmp|etc)\//m);
      }
      expect(daemon.output).not.toContain(KEY);
      expect(home.read('nanoclaw.log')).not.toContain(KEY);
    },
    COLD_MS,
  );

  it.each<[string, ReturnType<ChatScript>, RegExp, string]>([
    [
      'a conversation that is too long',
      { status: 400, body: { error: { message: 'too long', code: 'context_length_exceeded' } } },
      /too long/i,
      'context_too_long',
    ],
    [
      'a model that is not there',
      { status: 404, body: { error: 'model not found' } },
      /choose another/,
      'model',
    ],
    [
      'a key that is refused',
      { status: 401, body: { error: { message: 'no' } } },
      /credential/,
      'credential',
    ],
  ])(
    'tells the chat: %s',
    async (_, reply, sentence, code) => {
      model.use(() => reply);
      await says('@Nina anybody there?', sentence);
      await home.until(() => lastTurn()?.state === 'failed', 'the end', COLD_MS);
      expect(lastTurn()).toMatchObject({ error_code: code });
      expect(api.answers(family).join('\n')).not.toContain('context_length_exceeded');
    },
    2 * COLD_MS,
  );

  it(
    'a limit is told with its end, and what is written meanwhile waits',
    async () => {
      model.use(() => 'ok');
      await says('hello', /^ok$/, MAIN_CHAT_ID);
      model.use(() => ({
        status: 429,
        headers: { 'retry-after': '7200' },
        body: { error: { message: 'slow' } },
      }));
      api.sim.say({ chat: family, from: 'you', text: '@Nina and now?' });
      await home.until(() => lastTurn()?.error_code === 'quota', 'the limit', COLD_MS);
      expect(model.requests.at(-1)?.body.messages.map(textOf).join()).toContain('and now?');
    },
    2 * COLD_MS,
  );
});
