/**
 * What was told on Monday is known on Tuesday: in a fresh conversation, by another process, with a real daemon and the offline
 * agent; and in no other group.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type BotApi, type Daemon, startBotApi, TestHome } from '../support/daemon.ts';

let api: BotApi;
let home: TestHome;
let family: number;
let friends: number;
let main: number;

beforeEach(async () => {
  api = await startBotApi();
  home = new TestHome({ ...api.settings, CONTAINER_RUNTIME: 'process' });
  [family, friends, main] = ['Family', 'Friends', 'Main'].map((title) => api.group(title)) as [
    number,
    number,
    number,
  ];
  home.registerAll([
    { chatJid: String(main), name: 'Main', folder: 'main', isMain: true },
    { chatJid: String(family), name: 'Family', folder: 'family', timezone: 'Pacific/Kiritimati' },
    { chatJid: String(friends), name: 'Friends', folder: 'friends' },
  ]);
});
afterEach(async () => {
  await home.dispose();
  await api.close();
});

const group = (...names: string[]) => home.file('groups/family', ...names);
const agentsGone = async (daemon: Daemon): Promise<Daemon> => {
  await daemon.kill('SIGTERM');
  await home.killAll();
  return home.start();
};

it('a fact survives /new and the agent’s process, and is known in no other group', async () => {
  writeFileSync(group('CLAUDE.md'), 'what a person wrote');
  const monday = await home.start();
  expect(await api.ask(family, '@Nina remember that the wifi password hint is heron')).toBe('Noted.');
  expect(await api.ask(family, '@Nina note that the plumber comes at nine')).toBe('Noted.');
  expect(await api.ask(family, '/new')).toContain('A fresh conversation begins');
  const tuesday = await agentsGone(monday);
  expect(await api.ask(family, '@Nina what is the wifi password hint?')).toBe(
    'I remember:\n• the wifi password hint is heron',
  );
  expect(await api.ask(family, '@Nina when does the plumber come?')).toContain('the plumber comes at nine');
  expect(await api.ask(family, '@Nina what did I say before?')).not.toContain('heron');
  for (const chat of [friends, main]) {
    expect(await api.ask(chat, '@Nina what is the wifi password hint?')).not.toContain('heron');
    expect(await api.ask(chat, '@Nina what do you remember?')).toBe('I remember nothing yet.');
  }
  expect(readFileSync(group('MEMORY.md'), 'utf8')).toBe('# Memory\n\n- the wifi password hint is heron\n');
  expect(readFileSync(group('CLAUDE.md'), 'utf8')).toBe('what a person wrote');
  // As the group's clock shows it: nowhere is it later.
  const day = new Date(Date.now() + 14 * 3_600_000).toISOString().slice(0, 10);
  expect(readFileSync(group('memory', `${day}.md`), 'utf8')).toMatch(
    new RegExp(`^# ${day}\\n\\n- \\d\\d:\\d\\d the plumber comes at nine\\n$`),
  );
  expect(tuesday.log().filter(({ level }) => level === 'error')).toEqual([]);
});

it('what main says for all is known everywhere, and only main may say it', async () => {
  await home.start();
  expect(await api.ask(friends, '@Nina remember for all groups that the office is closed')).toContain(
    'Only the main group',
  );
  expect(await api.ask(main, '@Nina remember for all groups that the office is closed on Friday')).toBe(
    'Noted.',
  );
  expect(await api.ask(family, '@Nina when is the office closed?')).toContain(
    'the office is closed on Friday',
  );
  expect(readFileSync(home.file('groups/global/MEMORY.md'), 'utf8')).toContain(
    '- the office is closed on Friday',
  );
  expect(existsSync(home.file('groups/friends/MEMORY.md'))).toBe(false);
});

it('main, groups and all of them begin with short instructions; what a person wrote stays', async () => {
  await home.start();
  const seeds = ['main', 'global', 'friends'].map((folder) =>
    readFileSync(home.file('groups', folder, 'CLAUDE.md'), 'utf8'),
  );
  for (const seed of seeds) {
    expect(seed).toMatch(/^# /);
    expect(seed.length).toBeLessThan(1500);
  }
  expect(seeds[2]).toContain('# Friends\n');
  expect(seeds[0]).toContain('/workspace/global/MEMORY.md');
});
