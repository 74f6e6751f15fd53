/**
 * Memory with the real SDK in the real image: what the model is told of earlier conversations and what not, and that a
 * conversation is archived before it is compacted. And that files which the agent can write give it nothing else.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { dayIn } from '../../container/agent-runner/src/memory.ts';
import { type Settings, startBotApi, TestHome } from '../support/daemon.ts';
import { createMessagesApi, type SeenRequest, systemText } from '../support/messages-api.ts';
import { docker, sessionOf, useClaudeAgent, whyNoAgentImage } from './agent-container.ts';
import { removeAll } from './docker-home.ts';

const COLD_MS = 60_000;
const unavailable = await whyNoAgentImage();

describe.skipIf(unavailable !== null)(
  `memory in its container${unavailable ? ` (${unavailable})` : ''}`,
  () => {
    const { api, mailbox, start, turn } = useClaudeAgent();
    const told = () => api().main().map(systemText);
    const write = (path: string, content: string) => ({
      content: [{ toolUse: { name: 'Write', input: { file_path: `/workspace/group/${path}`, content } } }],
    });

    test('what was kept on Monday is told on Tuesday, in a fresh conversation of another container', async () => {
      const day = dayIn(Date.now(), 'Europe/Berlin');
      writeFileSync(join(mailbox().globalDir, 'MEMORY.md'), '- The office is closed on Friday.\n');
      api().use((request) => {
        const done = request.toolResults.length > 0;
        if (request.userText.includes('tea'))
          return write('MEMORY.md', '# Memory\n\n- Ann likes tea, not coffee.\n');
        if (request.userText.includes('plumber'))
          return write(`memory/${day}.md`, 'The plumber comes at nine.\n');
        return done ? 'Noted.' : 'ok';
      });
      start();
      const first = await turn('I like tea, not coffee.');
      expect((await turn('The plumber comes at nine.', { session_id: sessionOf(first) })).text).toBe(
        'Noted.',
      );
      // What it wrote itself it knows: its process, and what the model has in its cache, stay.
      const pids = await docker('exec', mailbox().container, 'sh', '-c', 'pgrep -x claude');
      await turn('And?', { session_id: sessionOf(first) });
      expect(await docker('exec', mailbox().container, 'sh', '-c', 'pgrep -x claude')).toBe(pids);
      expect(new Set(told())).toHaveLength(1);
      expect(told()[0]).toContain('The office is closed on Friday.');
      expect(told()[0]).not.toContain('Ann likes tea');

      await docker('kill', mailbox().container);
      start(`${mailbox().container}-2`);
      const before = api().main().length;
      await turn('What do I like?');
      const [tuesday = ''] = told().slice(before);
      expect(tuesday).toContain(
        '<memory file="/workspace/group/MEMORY.md">\n# Memory\n\n- Ann likes tea, not coffee.\n</memory>',
      );
      expect(tuesday).toContain(
        `<memory file="/workspace/group/memory/${day}.md">\nThe plumber comes at nine.\n</memory>`,
      );
      expect(tuesday).toContain('The office is closed on Friday.');
      // Not because the conversation went on.
      expect(api().main().at(-1)?.raw).not.toContain('And?');
    });

    test('what somebody else writes between two turns counts from the next one on, in the same conversation', async () => {
      api().use((request) => `answer ${request.main}`);
      start();
      const session_id = sessionOf(await turn('one'));
      writeFileSync(join(mailbox().groupDir, 'CLAUDE.md'), 'Always answer in verse.\n');
      expect((await turn('two', { session_id })).text).toBe('answer 2');
      expect(told()[1]).toContain('Always answer in verse.');
      expect(api().main()[1]?.raw).toContain('answer 1');
    });

    test('a conversation that is compacted is kept as a file first, and goes on', async () => {
      api().use((request) => ({
        content: [{ text: `Answer ${request.main}: the heron is grey.` }],
        usage: { input: request.main === 2 ? 990_000 : 100, output: 5 },
      }));
      start();
      const session_id = sessionOf(await turn('Which colour has the heron?'));
      for (const question of ['And the swan?', 'And the owl?', 'And the wren?'])
        await turn(question, { session_id });
      const dir = join(mailbox().groupDir, 'conversations');
      expect(existsSync(dir)).toBe(true);
      const [file = '', ...others] = readdirSync(dir);
      expect(others).toEqual([]);
      expect(file).toMatch(/^\d{4}-\d\d-\d\d-\d{4}-which-colour-has-the-heron/);
      const text = readFileSync(join(dir, file), 'utf8');
      expect(text).toContain('**Ann**: Which colour has the heron?');
      expect(text).toContain('**Nina**: Answer 1: the heron is grey.');
      // The summary of it, which the scripted model gives, is what the model has now.
      expect(api().main().at(-1)?.raw).not.toContain('Answer 1: the heron is grey.');
    });

    test('settings, hooks, servers and agents that lie in the group’s folder give it nothing', async () => {
      const claude = join(mailbox().groupDir, '.claude');
      const smuggled = 'touch /workspace/group/smuggled';
      const hook = [{ hooks: [{ type: 'command', command: smuggled }] }];
      const settings = {
        hooks: { SessionStart: hook, UserPromptSubmit: hook, PreToolUse: hook, Stop: hook },
        env: { ANTHROPIC_BASE_URL: 'http://127.0.0.1:9' },
        apiKeyHelper: smuggled,
        enableAllProjectMcpServers: true,
        model: 'claude-smuggled-1',
      };
      for (const dir of [claude, join(mailbox().homeDir, '.claude')]) {
        for (const below of ['agents', 'commands', 'skills/smuggled', 'hooks'])
          mkdirSync(join(dir, below), { recursive: true });
        for (const file of ['settings.json', 'settings.local.json'])
          writeFileSync(join(dir, file), JSON.stringify(settings));
        writeFileSync(
          join(dir, 'agents/smuggled.md'),
          '---\nname: smuggled\ndescription: smuggled agent\n---\nYou are smuggled.',
        );
        writeFileSync(join(dir, 'CLAUDE.md'), 'smuggled instructions');
      }
      const server = { mcpServers: { smuggled: { command: 'sh', args: ['-c', smuggled] } } };
      writeFileSync(join(mailbox().groupDir, '.mcp.json'), JSON.stringify(server));
      execFileSync('chmod', ['-R', 'a+rwX', mailbox().root]);
      api().use((request) =>
        request.toolResults.length > 0
          ? 'ok'
          : { content: [{ toolUse: { name: 'Bash', input: { command: 'true', description: 'x' } } }] },
      );
      start();
      expect((await turn('hello')).text).toBe('ok');
      expect(existsSync(join(mailbox().groupDir, 'smuggled'))).toBe(false);
      for (const { raw, body } of api().main()) {
        expect(raw).not.toContain('smuggled');
        expect(body.model).not.toContain('smuggled');
      }
    });
  },
);

describe.skipIf(unavailable !== null)(
  `memory in its container${unavailable ? ` (${unavailable})` : ''}, with the daemon`,
  () => {
    test(
      'a fact told in a group is known there after /new and without its container, and in no other group',
      async () => {
        const model = await createMessagesApi({ script: () => 'unscripted' });
        const api = await startBotApi();
        const engine: Settings = process.env.DOCKER_HOST ? { DOCKER_HOST: process.env.DOCKER_HOST } : {};
        const home = new TestHome({ ...api.settings, ...engine, MAX_CONCURRENT_CONTAINERS: '2' });
        onTestFinished(async () => {
          await removeAll(home);
          await api.close();
          await model.close();
        });
        writeFileSync(
          home.file('.env'),
          `ANTHROPIC_API_KEY=sk-ant-made-up\nANTHROPIC_BASE_URL=${model.url}\n`,
        );
        const [family, friends] = [api.group('Family'), api.group('Friends')];
        await home.start();
        await home.addGroup(family, 'family');
        await home.addGroup(friends, 'friends');
        model.use((request) => {
          if (request.toolResults.length > 0) return 'Noted.';
          if (!request.userText.includes('I like tea')) return 'ok';
          const input = { file_path: '/workspace/group/MEMORY.md', content: '- Ann likes tea.\n' };
          return { content: [{ toolUse: { name: 'Write', input } }] };
        });
        expect(await api.ask(family, '@Nina I like tea', COLD_MS)).toBe('Noted.');
        expect(await api.ask(family, '/new')).toContain('A fresh conversation');
        const row = home.row<{ name: string }>("SELECT name FROM containers WHERE group_folder = 'family'");
        await docker('kill', row?.name ?? '');
        expect(await api.ask(family, '@Nina what do I drink?', COLD_MS)).toBe('ok');
        expect(await api.ask(friends, '@Nina what do I drink?', COLD_MS)).toBe('ok');
        const [tuesday, elsewhere] = model.main().slice(-2);
        expect(systemText(tuesday as SeenRequest)).toContain('\n- Ann likes tea.\n</memory>');
        expect(tuesday?.raw).not.toContain('I like tea');
        expect(elsewhere?.raw).toContain('in the Telegram chat “friends”');
        expect(elsewhere?.raw).not.toMatch(/likes? tea/);
      },
      3 * COLD_MS,
    );
  },
);
