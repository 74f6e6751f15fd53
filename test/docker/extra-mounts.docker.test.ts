/** Extra mounts from the operator's command to the container: given, withdrawn, refused, and never in silence. */
import { mkdirSync, readdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MAIN_CHAT_ID } from '../../src/simulator/simulator.ts';
import { type BotApi, type Daemon, startBotApi, TestHome } from '../support/daemon.ts';
import { docker, whyNoAgentImage } from './agent-container.ts';

const whyNot = await whyNoAgentImage();
const COLD_MS = 60_000;

describe.skipIf(whyNot)(`extra mounts${whyNot ? ` (skipped: ${whyNot})` : ''}`, () => {
  let api: BotApi;
  let home: TestHome;
  let daemon: Daemon;
  let chat: number;
  const user = (...names: string[]) => home.file('user', ...names);
  const allowlist = () => user('.config/nanoclaw/mount-allowlist.json');

  function allow(...allowedRoots: object[]): void {
    // Renamed in, as an editor does it: the daemon watches the folder.
    writeFileSync(user('new.json'), JSON.stringify({ allowedRoots }));
    mkdirSync(path.dirname(allowlist()), { recursive: true });
    renameSync(user('new.json'), allowlist());
  }
  const set = (...args: string[]) => home.nanoclaw('groups', 'set', 'family', ...args);
  const container = () =>
    home.row<{ engine_id: string; name: string }>(
      "SELECT engine_id, name FROM containers WHERE group_folder = 'family' ORDER BY started_at DESC",
    ) ?? { engine_id: '', name: '' };
  const inside = (script: string) => docker('exec', container().engine_id, 'sh', '-c', script);
  const audited = (action: string) =>
    home
      .rows<{ detail: string; outcome: string }>(
        'SELECT outcome, detail FROM audit_log WHERE action = ? ORDER BY id',
        action,
      )
      .map(({ outcome, detail }) => `${outcome}: ${detail}`);

  beforeAll(async () => {
    api = await startBotApi();
    home = new TestHome({ ...api.settings, CONTAINER_RUNTIME: 'docker' });
    home.settings.HOME = home.file('user');
    if (process.env.DOCKER_HOST) home.settings.DOCKER_HOST = process.env.DOCKER_HOST;
    for (const name of ['shared/notes', 'shared/drop', 'elsewhere'])
      mkdirSync(user(name), { recursive: true });
    writeFileSync(user('shared/notes/list.txt'), 'milk\n');
    writeFileSync(user('elsewhere/diary.txt'), 'private\n');
    chat = api.group('Family');
    home.registerAll([
      { chatJid: String(MAIN_CHAT_ID), name: 'Main', folder: 'main', isMain: true },
      { chatJid: String(chat), name: 'Family', folder: 'family', requiresTrigger: false },
    ]);
    daemon = await home.start();
  });
  afterAll(async () => {
    const instance = home.row<{ value: string }>("SELECT value FROM meta WHERE key = 'instance_id'")?.value;
    await home.killAll();
    const ids = await docker('ps', '-aq', '--filter', `label=nanoclaw.instance=${instance}`);
    for (const id of ids.split('\n').filter(Boolean)) await docker('rm', '-f', id);
    await home.dispose();
    await api.close();
  });

  it('are refused to the operator while no list allows them, with the file and the reason, and nothing is stored', async () => {
    const without = await set('--mount', user('shared/notes'));
    expect(without.code).toBe(1);
    expect(without.stderr).toContain(`there is no mount allowlist (${allowlist()})`);
    expect(without.stderr).toMatch(/→ .*docs\/security\.md/);
    allow({ path: user('shared') });
    expect((await set('--mount', user('elsewhere'))).stderr).toContain(
      'is not below any of the allowedRoots',
    );
    expect((await set('--mount', `${user('shared/drop')}:drop:rw`)).stderr).toContain('read-only');
    symlinkSync(user('elsewhere'), user('shared/escape'));
    expect((await set('--mount', user('shared/escape'))).stderr).toContain(
      `${user('elsewhere')} is not below`,
    );
    expect((await set('--mount', home.file('data'))).code).toBe(1);
    expect((await set('--mount', `${user('shared')}:a/b`)).stderr).toContain('does not exist');
    expect(home.row("SELECT mounts FROM registered_groups WHERE folder = 'family'")).toEqual({
      mounts: '[]',
    });
    expect(audited('set_mounts').every((line) => line.startsWith('refused: '))).toBe(true);
    expect(audited('set_mounts').length).toBeGreaterThan(3);
  });

  it(
    'appear in the container, read-only unless asked for and allowed otherwise',
    async () => {
      allow({ path: user('shared') }, { path: user('shared/drop'), allowReadWrite: true });
      const given = await set(
        '--mount',
        user('shared/notes'),
        '--mount',
        `${user('shared/drop')}:in:rw`,
        '--json',
      );
      expect(given).toMatchObject({ code: 0 });
      expect(JSON.parse(given.stdout)).toMatchObject({
        mounts: [
          { name: 'notes', hostPath: user('shared/notes'), writable: false },
          { name: 'in', hostPath: user('shared/drop'), writable: true },
        ],
      });
      expect(await api.ask(chat, 'ping', COLD_MS)).toBe('pong');
      expect(await inside('cat /workspace/extra/notes/list.txt; ls /workspace/extra')).toBe(
        'milk\nin\nnotes',
      );
      expect(await inside('echo x 2>&- >/workspace/extra/notes/new || echo refused')).toBe('refused');
      const options = await inside("grep ' /workspace/extra/' /proc/self/mountinfo | awk '{print $5, $6}'");
      expect(options.split('\n').sort()).toEqual([
        expect.stringMatching(/^\/workspace\/extra\/in rw/),
        expect.stringMatching(/^\/workspace\/extra\/notes ro/),
      ]);
      expect(audited('mount')).toEqual([]);
    },
    2 * COLD_MS,
  );

  it(
    'are withdrawn with the list: the warm container goes, the next has none, and all are told',
    async () => {
      const before = container().name;
      const main = api.answers(MAIN_CHAT_ID).length;
      allow({ path: user('shared/drop'), allowReadWrite: true });
      await daemon.logged('agent_outdated');
      await home.until(
        () => home.row('SELECT 1 FROM containers WHERE name = ? AND ended_at IS NOT NULL', before),
        'the container with the mount to go',
      );
      api.sim.say({ chat, from: 'you', text: 'slow 2' });
      const turn = await home.until(() => {
        const names = readdirSync(home.file('data/ipc/family/in/turns'));
        return names[0] && home.row("SELECT 1 FROM turns WHERE state = 'running'") ? names[0] : undefined;
      }, 'the turn to run');
      const { prompt } = JSON.parse(home.read('data/ipc/family/in/turns', turn)) as { prompt: string };
      expect(prompt).toContain('<note>/workspace/extra/notes is not there: the operator of this machine');
      expect(prompt).not.toContain(user());
      expect(await inside('ls /workspace/extra')).toBe('in');
      await api.until(() => api.answers(chat).at(-1)?.includes('2 seconds'), 'the answer', COLD_MS);
      await api.until(() => api.answers(MAIN_CHAT_ID).length > main, 'main to be told');
      expect(api.answers(MAIN_CHAT_ID).slice(main)).toEqual([
        expect.stringMatching(/^The extra folder “family\/notes” is not as it should be: .*not below any/),
      ]);
      expect(audited('mount')).toEqual([
        expect.stringMatching(/^refused: "notes": it is not mounted, since .*not below any/),
      ]);
    },
    2 * COLD_MS,
  );

  it(
    'are all gone with a malformed list, and back when it is mended; said once each',
    async () => {
      const first = container().name;
      const main = api.answers(MAIN_CHAT_ID).length;
      writeFileSync(allowlist(), '{"allowedRoots": [');
      expect(await api.ask(chat, 'ping', COLD_MS)).toBe('pong');
      expect(await api.ask(chat, 'ping', COLD_MS)).toBe('pong');
      expect(container().name).not.toBe(first);
      expect(await inside('ls /workspace/extra | wc -l')).toBe('0');
      await api.until(() => api.answers(MAIN_CHAT_ID).length > main, 'main to be told');
      expect(api.answers(MAIN_CHAT_ID).slice(main)).toEqual([
        expect.stringContaining('“family/in” is not as it should be'),
      ]);
      allow({ path: user('shared'), allowReadWrite: true });
      expect(await api.ask(chat, 'ping', COLD_MS)).toBe('pong');
      expect(await inside('ls /workspace/extra')).toBe('in\nnotes');
      expect((await set('--no-mounts')).code).toBe(0);
      expect(await api.ask(chat, 'ping', COLD_MS)).toBe('pong');
      expect(await inside('ls /workspace/extra | wc -l')).toBe('0');
    },
    3 * COLD_MS,
  );
});
