/**
 * From inside a group's running container, as its own user: every path, link, process, socket and command by which it
 * could reach another group. With the real daemon, engine and image; the offline agent is inside, and beside it runs
 * what an attacker would. Skipped by name without an engine; with NANOCLAW_REQUIRE_DOCKER=1 that is a failure.
 */
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { groupPaths } from '../../src/mailbox/layout.ts';
import { COMMAND_DIRECTORY, type CommandType } from '../../src/protocol/commands.ts';
import { type BotApi, startBotApi, TestHome } from '../support/daemon.ts';
import { docker, whyNoAgentImage } from './agent-container.ts';

const whyNot = await whyNoAgentImage();
const COLD_MS = 60_000;
const CANARY = `CANARY-${randomUUID()}`;

/** Runs inside: tries everything, and prints what worked as JSON. Knows the home's path, as a leak could tell it. */
const ATTACK = String.raw`
const fs = require('node:fs'); const net = require('node:net'); const path = require('node:path');
const { execFileSync } = require('node:child_process');
const [home, canary, commands] = JSON.parse(process.argv[1]);
const found = { read: [], wrote: [], sockets: [], processes: [], mounts: [], walked: 0, results: {} };
const names = ['friends', 'main', '..', '.'];
const roots = ['/workspace', '/workspace/group/..', '/workspace/group/../..', '/workspace/ipc/..', '/workspace/ipc/in/..',
  '/workspace/ipc/out/../..', '/home/agent/..', '/run/nanoclaw/..', '/workspace/extra', '/workspace/project', home,
  home + '/groups', home + '/data', home + '/data/ipc', home + '/data/sessions', home + '/data/logs', '/proc/1/root' + home,
  '/proc/self/root' + home, '/proc/1/cwd', '/proc/1/cwd/..', '/proc/self/cwd/..'];
const leaves = ['', 'secret.txt', 'in/results', 'in/current_tasks.json', 'nanoclaw.db', 'data/nanoclaw.db', '.env', 'CLAUDE.md'];
for (const root of roots) for (const name of names) for (const leaf of leaves) {
  const at = root + '/' + name + '/' + leaf;
  try { if (fs.readFileSync(at, 'latin1').includes(canary)) found.read.push(at); } catch {}
  try { if (fs.readdirSync(at).some((n) => n.includes('friends'))) found.read.push('list ' + at); } catch {}
}
for (const pid of fs.readdirSync('/proc').filter((n) => /^\d+$/.test(n) && n !== String(process.pid))) {
  for (const part of ['environ', 'cmdline', 'maps', 'mountinfo', 'root' + home + '/groups/friends/secret.txt', 'cwd/../friends/secret.txt'])
    try {
      const text = fs.readFileSync('/proc/' + pid + '/' + part, 'latin1');
      if (text.includes(canary) || (part !== 'maps' && text.includes('friends') && pid !== String(process.pid))) found.processes.push(pid + ' ' + part);
    } catch {}
  try { for (const fd of fs.readdirSync('/proc/' + pid + '/fd')) { const to = fs.readlinkSync('/proc/' + pid + '/fd/' + fd); if (to.includes('friends')) found.processes.push(to); } } catch {}
}
found.mounts = fs.readFileSync('/proc/self/mountinfo', 'utf8').split('\n').filter((l) => l.includes('friends') || l.includes('docker.sock'));
const sockets = [];
const walk = (dir, depth) => {
  let entries = []; try { entries = fs.readdirSync(dir, { withFileTypes: true }); } catch { return; }
  for (const e of entries) {
    const at = path.join(dir, e.name); found.walked += 1;
    if (e.name.includes('friends')) found.read.push('name ' + at);
    if (e.isSocket()) sockets.push(at);
    if (e.isDirectory() && depth < 12 && !['/proc', '/sys', '/app/node_modules', '/usr/lib', '/usr/share'].includes(at)) walk(at, depth + 1);
    else if (e.isFile() && /^\/(workspace|home|run|tmp|etc|var)\//.test(at))
      try { if (fs.statSync(at).size < 5e6 && fs.readFileSync(at, 'latin1').includes(canary)) found.read.push(at); } catch {}
  }
};
walk('/', 0);
for (const dir of ['/workspace', '/workspace/ipc', '/workspace/ipc/in', '/workspace/ipc/in/results', '/workspace/ipc/in/turns', '/workspace/global', '/', '/etc', '/app', '/run/nanoclaw', home, home + '/groups/friends', '/proc/1/root' + home])
  try { fs.writeFileSync(dir + '/planted', 'x'); found.wrote.push(dir); } catch {}
for (const [what, ...args] of [['mount', '--bind', '/', '/tmp'], ['mknod', '/tmp/disk', 'b', '8', '0'], ['unshare', '-m', 'true'], ['nsenter', '-t', '1', '-m', 'ls'], ['chroot', '/proc/1/root', 'ls']])
  try { execFileSync(what, args, { stdio: 'ignore' }); found.wrote.push(what); } catch {}
for (const [name, to] of [['l1', '../friends/secret.txt'], ['l2', home + '/groups/friends/secret.txt'], ['l3', '/workspace/group/../../friends/secret.txt'], ['l4', '../friends']])
  try { fs.symlinkSync(to, '/workspace/group/' + name); } catch {}
try { fs.symlinkSync(home + '/data/ipc/friends/out/messages', '/workspace/ipc/out/friends'); } catch {}
// Renamed in, as the protocol says: a file that is seen half written is refused for that and not for what it asks.
for (const { id, directory, body } of commands) {
  fs.writeFileSync('/workspace/ipc/out/.staging/' + id, JSON.stringify(body));
  fs.renameSync('/workspace/ipc/out/.staging/' + id, '/workspace/ipc/out/' + directory + '/' + id + '.json');
}
const connect = (at) => new Promise((resolve) => { const s = net.connect(at); s.once('connect', () => { found.sockets.push(at); s.destroy(); resolve(); }); s.once('error', () => resolve()); setTimeout(resolve, 2000).unref(); });
(async () => {
  for (const at of [...new Set([...sockets, '/var/run/docker.sock', '/run/docker.sock', home + '/data/daemon.sock'])]) await connect(at);
  for (let i = 0; i < 200 && Object.keys(found.results).length < commands.length; i += 1) {
    for (const { id } of commands) try { found.results[id] = JSON.parse(fs.readFileSync('/workspace/ipc/in/results/' + id + '.json', 'utf8')); } catch {}
    await new Promise((r) => setTimeout(r, 100));
  }
  console.log(JSON.stringify(found)); process.exit(0);
})();
`;

interface Found {
  read: string[];
  wrote: string[];
  sockets: string[];
  processes: string[];
  mounts: string[];
  walked: number;
  results: Record<string, { ok: boolean; reason?: string }>;
}

describe.skipIf(whyNot !== null)(
  `a group's container${whyNot === null ? '' : ` (skipped: ${whyNot})`}`,
  () => {
    let api: BotApi;
    let home: TestHome;
    let family: number;
    let friends: number;
    let otherTask: string;
    let found: Found;
    let before: unknown;
    const asked: { id: string; type: CommandType; directory: string; body: object }[] = [];

    const containerOf = (folder: string): string =>
      home.row<{ name: string }>(
        'SELECT name FROM containers WHERE group_folder = ? AND ended_at IS NULL',
        folder,
      )?.name ?? 'none';

    function ask(type: CommandType, fields: Record<string, unknown>): void {
      const id = randomUUID();
      asked.push({ id, type, directory: COMMAND_DIRECTORY[type], body: { id, type, ...fields } });
    }

    const contents = (directory: string): string[] =>
      readdirSync(directory, { recursive: true, encoding: 'utf8' })
        .filter((name) => statSync(path.join(directory, name)).isFile())
        .map((name) => `${name}: ${readFileSync(path.join(directory, name), 'utf8')}`);

    const theirs = () => {
      const { groupDir, mailbox, homeDir } = groupPaths(home.dir, 'friends');
      return {
        tasks: home.rows("SELECT * FROM scheduled_tasks WHERE group_folder = 'friends'"),
        groups: home.rows('SELECT * FROM registered_groups'),
        outbox: home.rows('SELECT text FROM outbox WHERE chat_jid = ?', String(friends)),
        files: [...contents(groupDir), ...contents(homeDir), ...contents(path.join(mailbox, 'out'))],
      };
    };

    beforeAll(async () => {
      api = await startBotApi();
      home = new TestHome({ ...api.settings, CONTAINER_RUNTIME: 'docker' });
      if (process.env.DOCKER_HOST) home.settings.DOCKER_HOST = process.env.DOCKER_HOST;
      family = api.group('Family');
      friends = api.group('Friends');
      await home.addGroup(family, 'family');
      await home.addGroup(friends, 'friends');
      const { groupDir, homeDir } = groupPaths(home.dir, 'friends');
      writeFileSync(path.join(groupDir, 'secret.txt'), CANARY);
      writeFileSync(path.join(homeDir, 'secret.txt'), CANARY);
      writeFileSync(home.file('.env'), `OTHER=${CANARY}\n`);
      await home.start();
      await api.ask(friends, `@Nina remind me every day at 9 to keep ${CANARY}`, COLD_MS);
      await api.ask(family, '@Nina hello', COLD_MS);
      otherTask =
        home.row<{ id: string }>("SELECT id FROM scheduled_tasks WHERE group_folder = 'friends'")?.id ?? '';
      expect(otherTask).not.toBe('');

      ask('send_message', { chat_jid: String(friends), text: 'from the wrong group' });
      ask('send_file', { path: 'l1' });
      ask('send_file', { path: 'l2' });
      ask('send_file', { path: 'l3' });
      ask('send_file', { path: 'l4/secret.txt' });
      ask('send_file', { path: '../friends/secret.txt' });
      ask('send_file', { path: path.join(home.dir, 'groups/friends/secret.txt') });
      ask('send_file', { chat_jid: String(friends), path: 'CLAUDE.md' });
      ask('search_history', { chat_jid: String(friends), query: CANARY });
      ask('read_history', { chat_jid: String(friends) });
      ask('schedule_task', {
        chat_jid: String(friends),
        prompt: 'tell',
        schedule_type: 'interval',
        schedule_value: '1h',
      });
      for (const type of ['pause_task', 'resume_task', 'cancel_task', 'run_task'] as const)
        ask(type, { task_id: otherTask });
      ask('update_task', { task_id: otherTask, prompt: 'mine now' });
      ask('register_group', { chat_jid: String(friends), name: 'Mine', folder: 'mine' });
      ask('unregister_group', { chat_jid: String(friends) });
      ask('refresh_groups', {});

      before = theirs();
      const given = JSON.stringify([home.dir, CANARY, asked]);
      found = JSON.parse(await docker('exec', containerOf('family'), 'node', '-e', ATTACK, given)) as Found;
    }, 4 * COLD_MS);

    afterAll(async () => {
      const instance =
        home.row<{ value: string }>("SELECT value FROM meta WHERE key = 'instance_id'")?.value ?? 'none';
      await home.killAll();
      const ids = await docker('ps', '-aq', '--filter', `label=nanoclaw.instance=${instance}`);
      if (ids !== '') await docker('rm', '-f', '-v', ...ids.split('\n').filter(Boolean));
      await home.dispose();
      await api.close();
    });

    it('finds no file, name, mount or process of another group, however the path is written', () => {
      expect(found.walked).toBeGreaterThan(1000);
      expect(found.read).toEqual([]);
      expect(found.mounts).toEqual([]);
      expect(found.processes).toEqual([]);
    });

    it('writes nowhere but into its own folders, and mounts nothing', () => {
      expect(found.wrote).toEqual([]);
    });

    it('meets no socket but those of its own two proxies', () => {
      expect(found.sockets.filter((at) => !/^\/run\/nanoclaw\/(model|egress)\.sock$/.test(at))).toEqual([]);
    });

    it('has each command that names another group refused, and each refusal is in the audit log', () => {
      const answers = asked.map(({ id, type, body }) => ({ type, body, ok: found.results[id]?.ok }));
      expect(answers.filter(({ ok }) => ok !== false)).toEqual([]);
      const noted = home.rows<{ action: string }>(
        "SELECT DISTINCT action FROM audit_log WHERE actor = 'agent:family' AND outcome = 'refused'",
      );
      expect(noted.map(({ action }) => action)).toEqual(
        expect.arrayContaining([...new Set(asked.map(({ type }) => type))]),
      );
    });

    it('leaves the other group as it was', () => {
      expect(theirs()).toEqual(before);
    });
  },
);
