/**
 * MCP servers with a whole daemon, the real image and the real SDK: approved by a press in main, used by the model, withdrawn. What a
 * server elsewhere is told as a secret is seen there, and nowhere in the container.
 */
import { randomUUID } from 'node:crypto';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MAIN_CHAT_ID } from '../../src/simulator/simulator.ts';
import { type BotApi, type Daemon, type Settings, startBotApi, TestHome } from '../support/daemon.ts';
import { type McpHttpServer, startMcpServer } from '../support/mcp-http-server.ts';
import { createMessagesApi, type MessagesApi } from '../support/messages-api.ts';
import { docker, whyNoAgentImage } from './agent-container.ts';
import { containersOf, removeAll } from './docker-home.ts';

const whyNot = await whyNoAgentImage();
const SECRET = `lin_made_up_${randomUUID()}`;
const COLD_MS = 60_000;
const ENGINE: Settings = process.env.DOCKER_HOST ? { DOCKER_HOST: process.env.DOCKER_HOST } : {};
const SERVER = fileURLToPath(new URL('../support/mcp-server.mjs', import.meta.url));

describe.skipIf(whyNot)(`MCP servers of a group${whyNot ? ` (skipped: ${whyNot})` : ''}`, () => {
  let model: MessagesApi;
  let clock: McpHttpServer;
  let api: BotApi;
  let home: TestHome;
  let daemon: Daemon;
  let family: number;

  const write = (servers: Record<string, unknown>) =>
    writeFileSync(home.file('groups/family/mcp.json'), JSON.stringify({ mcpServers: servers }));
  const clockServer = () => ({
    clock: { type: 'http', url: clock.url, headers: { Authorization: `Bearer \${secret:clock}` } },
  });
  const using = (name: string) =>
    model.use((request) =>
      request.toolResults.length > 0
        ? `it said: ${request.toolResults[0]?.text}`
        : { content: [{ toolUse: { name, input: {} } }] },
    );
  const offered = () =>
    (model.main().at(-1)?.body.tools ?? [])
      .map(({ name }) => name)
      .filter((name) => /^mcp__(?!nanoclaw)/.test(name));
  /** Answers of the group that come after this. */
  const says = async (text: string, expected: RegExp): Promise<string> => {
    const before = api.answers(family).length;
    api.sim.say({ chat: family, from: 'you', text });
    const found = () =>
      api
        .answers(family)
        .slice(before)
        .find((answer) => expected.test(answer));
    return await api.until(
      found,
      `an answer like ${expected}, not ${JSON.stringify(api.answers(family).slice(before))}`,
      COLD_MS,
    );
  };
  const mainSays = (expected: RegExp) =>
    api.until(
      () => api.answers(MAIN_CHAT_ID).some((answer) => expected.test(answer)),
      `${expected} in main`,
      COLD_MS,
    );
  const approve = async (name: string) => {
    await mainSays(new RegExp(`"${name}": \\{`));
    api.press(MAIN_CHAT_ID, 'Approve');
    await home.until(
      () => home.row("SELECT 1 FROM mcp_servers WHERE name = ? AND state = 'approved'", name),
      `${name} to be approved`,
    );
  };

  beforeAll(async () => {
    clock = await startMcpServer(`Bearer ${SECRET}`);
    model = await createMessagesApi({ script: () => 'Yes.' });
    api = await startBotApi();
    home = new TestHome({ ...api.settings, ...ENGINE, CONTAINER_RUNTIME: 'docker' });
    home.settings.HOME = home.dir;
    writeFileSync(home.file('.env'), `ANTHROPIC_API_KEY=sk-ant-made-up\nANTHROPIC_BASE_URL=${model.url}\n`);
    mkdirSync(home.file('.config/nanoclaw'), { recursive: true });
    const host = new URL(clock.url).host;
    const held = {
      secrets: { clock: { value: SECRET, hosts: [host], groups: ['family'] } },
      localServers: [{ origin: clock.origin, groups: ['family'] }],
    };
    writeFileSync(home.file('.config/nanoclaw/mcp-secrets.json'), JSON.stringify(held), { mode: 0o600 });
    family = api.group('Family');
    daemon = await home.start();
    await home.addGroup(family, 'family');
    await home.addGroup(MAIN_CHAT_ID, 'main', '--main');
  }, 2 * COLD_MS);
  afterAll(async () => {
    await removeAll(home);
    await api.close();
    await model.close();
    await clock.close();
  });

  it(
    'by HTTP: nothing before main’s press; then the model has its tools, and the server its secret',
    async () => {
      write(clockServer());
      await says('@Nina hello', /^Yes\.$/);
      expect(offered()).toEqual([]);
      expect(clock.requests).toEqual([]);
      await approve('clock');
      using('mcp__clock__time');
      await says('@Nina what time is it?', /^it said: half past nine$/);
      expect(offered()).toEqual(['mcp__clock__echo_header', 'mcp__clock__time']);
      expect(clock.requests.length).toBeGreaterThan(0);
      for (const { headers } of clock.requests) expect(headers.authorization).toBe(`Bearer ${SECRET}`);
      using('mcp__clock__echo_header');
      expect(await says('@Nina what do you send?', /^it said/)).toBe(
        `it said: you sent Bearer ${'*'.repeat(SECRET.length)}`,
      );
    },
    3 * COLD_MS,
  );

  it(
    'the secret is nowhere in a container, its inspection, its log, or the daemon’s',
    async () => {
      for (const container of await containersOf(home)) {
        expect(await docker('inspect', container)).not.toContain(SECRET);
        expect(await docker('logs', container)).not.toContain(SECRET);
        const look =
          'env; cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline; grep -rlF "$0" /workspace /home/agent /tmp /etc /run; echo done';
        // A part of it, so that the look does not find its own arguments in /proc.
        const found = await docker(
          'exec',
          container,
          'sh',
          '-c',
          `(${look}) 2>/dev/null`,
          SECRET.slice(0, -1),
        );
        expect(found.endsWith('done')).toBe(true);
        expect(found).not.toContain(SECRET);
        expect(found).not.toMatch(/^\/(workspace|home|tmp|etc|run)\//m);
        // Nor is the door open for anything else.
        const tried = ['clock/x', 'other', 'clock?x=1'].map(
          (at) =>
            `curl -s -o /dev/null -w "%{http_code} " -H "Authorization: Bearer $NANOCLAW_DOOR_TOKEN" "$NANOCLAW_DOOR_URL/mcp/${at}"`,
        );
        expect(await docker('exec', container, 'sh', '-c', tried.join('; '))).toBe('404 404 404');
      }
      expect(daemon.output).not.toContain(SECRET);
      expect(home.read('nanoclaw.log')).not.toContain(SECRET);
      expect(JSON.stringify(model.requests)).not.toContain(SECRET);
    },
    COLD_MS,
  );

  it(
    'beside it one over stdio; each is named when it does not work, once',
    async () => {
      copyFileSync(SERVER, home.file('groups/family/server.mjs'));
      write({ ...clockServer(), weather: { command: 'node', args: ['server.mjs'] } });
      model.use(() => 'Yes.');
      await says('@Nina and the weather?', /^Yes\.$/);
      await approve('weather');
      using('mcp__weather__echo');
      await says('@Nina now?', /^it said: echo/);
      expect(offered()).toContain('mcp__clock__time');
      await home.nanoclaw('groups', 'set', 'family', '--network', 'none');
      model.use(() => 'Yes.');
      expect(await says('@Nina still there?', /“clock” did not work/)).toContain('network policy is "none"');
      using('mcp__weather__echo');
      await says('@Nina and the other?', /^it said: echo/);
      expect(offered()).not.toContain('mcp__clock__time');
      expect(api.answers(family).filter((text) => /“clock” did not work/.test(text))).toHaveLength(1);
      expect(await says('/mcp', /clock – /)).toContain('It did not work last time: ');
    },
    4 * COLD_MS,
  );

  it(
    'is gone with the next message when the approval is taken back',
    async () => {
      expect((await home.nanoclaw('mcp', 'remove', 'family', 'weather')).code).toBe(0);
      model.use(() => 'Yes.');
      await says('@Nina what is left?', /^Yes\.$/);
      expect(offered()).toEqual([]);
      const [container = ''] = await containersOf(home);
      expect(await docker('exec', container, 'ps', '-eo', 'args')).not.toContain('server.mjs');
    },
    2 * COLD_MS,
  );
});

describe.skipIf(whyNot)(`MCP servers without a model${whyNot ? ` (skipped: ${whyNot})` : ''}`, () => {
  it(
    'approved on the command line, used by the offline agent; also after the daemon was killed',
    async () => {
      const clock = await startMcpServer();
      const api = await startBotApi();
      const home = new TestHome({
        ...api.settings,
        ...ENGINE,
        CONTAINER_RUNTIME: 'docker',
        AGENT_PROVIDER: 'offline',
      });
      home.settings.HOME = home.dir;
      try {
        mkdirSync(home.file('.config/nanoclaw'), { recursive: true });
        const held = { localServers: [{ origin: clock.origin, groups: ['family'] }] };
        writeFileSync(home.file('.config/nanoclaw/mcp-secrets.json'), JSON.stringify(held), { mode: 0o600 });
        const family = api.group('Family');
        const daemon = await home.start();
        await home.addGroup(family, 'family');
        const servers = { clock: { type: 'http', url: clock.url } };
        writeFileSync(home.file('groups/family/mcp.json'), JSON.stringify({ mcpServers: servers }));
        expect(await api.ask(family, '@Nina mcp tools', COLD_MS)).toContain(
          'There are no tools of MCP servers here',
        );
        const listed = await home.nanoclaw('mcp', 'list', 'family', '--json');
        const [found] = JSON.parse(listed.stdout) as { servers: { fingerprint: string; state: string }[] }[];
        const { fingerprint = '', state } = found?.servers[0] ?? {};
        expect(state).toBe('waiting');
        expect((await home.nanoclaw('mcp', 'approve', 'family', 'clock', '0'.repeat(12))).stderr).toContain(
          'is not what was shown',
        );
        expect(
          (await home.nanoclaw('mcp', 'approve', 'family', 'clock', fingerprint.slice(0, 12))).code,
        ).toBe(0);
        expect(await api.ask(family, '@Nina mcp clock time', COLD_MS)).toBe('half past nine');
        // Else what was sent is repeated, and bears a mark.
        const open = "SELECT 1 FROM outbox WHERE state NOT IN ('sent', 'failed')";
        await home.until(() => home.row(open) === undefined, 'the outbox to be empty');
        await daemon.kill('SIGKILL');
        await home.start();
        expect(await api.ask(family, '@Nina mcp clock time {}', COLD_MS)).toBe('half past nine');
      } finally {
        await removeAll(home);
        await api.close();
        await clock.close();
      }
    },
    4 * COLD_MS,
  );
});
