import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { NanoClawError } from '../../src/errors.ts';
import {
  type NewGroup,
  registerGroup,
  removeGroup,
  unregisterGroup,
  writeMirror,
} from '../../src/registry.ts';
import { chatJid, DEFAULT_CHOICES, turnId } from '../../src/types.ts';
import { createWorld, messageRows, storeMessage, type World } from '../support/world.ts';

const problem = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    if (error instanceof NanoClawError) return `${error.code}: ${error.message}`;
    throw error;
  }
  return 'nothing was thrown';
};
const mirrorOf = ({ home }: World) =>
  JSON.parse(readFileSync(path.join(home, 'data', 'registered_groups.json'), 'utf8')) as Record<
    string,
    unknown
  >;

describe('a registration', () => {
  it.each<[Partial<NewGroup>, RegExp]>([
    [{ chatJid: 'family' }, /^GROUP_INVALID: chat: expected a Telegram chat id/],
    [{ chatJid: '-1; DROP' }, /chat: expected/],
    [{ name: '  ' }, /name: expected 1 to 128/],
    [{ name: 'x'.repeat(129) }, /name: expected 1 to 128/],
    [{ folder: '' }, /folder: expected 1 to 63/],
    [{ folder: '../etc' }, /folder: expected/],
    [{ folder: 'Family' }, /folder: expected/],
    [{ folder: '-rf' }, /folder: expected/],
    [{ folder: 'a/b' }, /folder: expected/],
    [{ folder: 'x'.repeat(64) }, /folder: expected/],
    [{ folder: 'line\n' }, /folder: expected/],
    ...['global', 'project', 'extra', 'ipc', 'data'].map((folder): [Partial<NewGroup>, RegExp] => [
      { folder },
      /is reserved/,
    ]),
    [{ folder: 'main' }, /"main" is for the main group/],
    [{ trigger: ' ' }, /trigger: expected 1 to 64/],
    [{ timezone: 'Mars/Olympus' }, /timezone: expected an IANA time zone/],
  ])('with %j is refused and leaves nothing', (bad, reason) => {
    const world = createWorld();
    expect(problem(() => world.register(bad))).toMatch(reason);
    expect(world.db.groups.all()).toEqual([]);
    expect(existsSync(path.join(world.home, 'groups'))).toBe(false);
  });

  it('names all that is wrong at once', () => {
    const world = createWorld();
    expect(problem(() => world.register({ chatJid: 'x', name: '', folder: '..', trigger: '' }))).toMatch(
      /chat: .*; name: .*; folder: .*; trigger: /,
    );
  });

  it.each<[Partial<NewGroup>, RegExp]>([
    [{ folder: 'other' }, /^GROUP_EXISTS: chat -1001 is registered already, with folder "family"/],
    [{ chatJid: '-2' }, /^GROUP_EXISTS: folder "family" belongs to another group/],
    [
      { chatJid: '-2', folder: 'second', isMain: true },
      /^GROUP_EXISTS: there is a main group already: "Me" \(1\)/,
    ],
  ])('of what is taken is refused (%j)', (again, reason) => {
    const world = createWorld();
    world.register({ chatJid: '1', name: 'Me', folder: 'main', isMain: true });
    world.register();
    expect(problem(() => world.register(again))).toMatch(reason);
    expect(world.db.groups.all()).toHaveLength(2);
  });

  it('needs a trigger in a group, not in main and in private chats', () => {
    const world = createWorld();
    expect(world.register().requiresTrigger).toBe(true);
    expect(world.register({ chatJid: '5', folder: 'private' }).requiresTrigger).toBe(false);
    expect(world.register({ chatJid: '-6', folder: 'main', isMain: true }).requiresTrigger).toBe(false);
    expect(world.register({ chatJid: '-7', folder: 'quiet', requiresTrigger: false }).requiresTrigger).toBe(
      false,
    );
  });

  it('makes the folders, writes first memories once, and a line in the audit log', () => {
    const world = createWorld();
    const memory = path.join(world.home, 'groups', 'family', 'CLAUDE.md');
    mkdirSync(path.dirname(memory), { recursive: true });
    writeFileSync(memory, 'what was there before');
    world.register();
    expect(readFileSync(memory, 'utf8')).toBe('what was there before');
    expect(existsSync(path.join(world.home, 'data', 'ipc', 'family', 'out', 'events'))).toBe(true);
    expect(existsSync(path.join(world.home, 'groups', 'global', 'CLAUDE.md'))).toBe(true);
    expect(world.db.sqlite.prepare('SELECT actor, action, outcome FROM audit_log').all()).toEqual([
      { actor: 'test', action: 'register_group', outcome: 'done' },
    ]);
  });

  it('whose folders cannot be made does not exist', () => {
    const world = createWorld();
    mkdirSync(path.join(world.home, 'groups'));
    writeFileSync(path.join(world.home, 'groups', 'family'), 'a file');
    expect(() => world.register()).toThrow();
    expect(world.db.groups.all()).toEqual([]);
    expect(world.db.sqlite.prepare('SELECT * FROM audit_log').all()).toEqual([]);
  });
});

describe('the mirror', () => {
  it('shows each registration as it is, and leaves no temporary file', () => {
    const world = createWorld();
    world.register({ timezone: 'Europe/Berlin' });
    expect(mirrorOf(world)).toEqual({
      '-1001': {
        name: 'Family',
        folder: 'family',
        trigger: '@Nina',
        requires_trigger: true,
        is_main: false,
        timezone: 'Europe/Berlin',
        network: 'open',
        network_allow: [],
        ...DEFAULT_CHOICES,
        provider: null,
        model: null,
        effort: null,
        max_turns: null,
        max_thinking: null,
        added_at: '2026-11-02T08:00:00.000Z',
      },
    });
    unregisterGroup(world.registry, chatJid('-1001'), 'test');
    expect(mirrorOf(world)).toEqual({});
    const files = readdirSync(path.join(world.home, 'data'));
    expect(files.filter((name) => name.includes('registered_groups'))).toEqual(['registered_groups.json']);
  });

  it('is replaced, never rewritten in place: who reads it reads one whole version', () => {
    const world = createWorld();
    world.register();
    const file = path.join(world.home, 'data', 'registered_groups.json');
    const before = statSync(file).ino;
    world.register({ chatJid: '-2', folder: 'work', name: 'Work' });
    const after = statSync(file).ino;
    expect(after).not.toBe(before);
    writeMirror(world.registry); // nothing has changed
    expect(statSync(file).ino).toBe(after);
  });

  it('is mended at the next write when somebody broke it', () => {
    const world = createWorld();
    world.register();
    writeFileSync(path.join(world.home, 'data', 'registered_groups.json'), 'oops');
    writeMirror(world.registry);
    expect(Object.keys(mirrorOf(world))).toEqual(['-1001']);
  });
});

describe('unregistering', () => {
  it('settles what waits, leaves what a turn has, and keeps the files', () => {
    const world = createWorld();
    const { db, home, registry } = world;
    const { chatJid: jid } = world.register();
    storeMessage(db, jid, 1, { turnId: turnId('t') });
    storeMessage(db, jid, 2);
    storeMessage(db, jid, 3, { disposition: 'not_for_nina' });
    unregisterGroup(registry, jid, 'agent:main');
    expect(messageRows(db, jid).map((row) => row.disposition)).toEqual([
      null,
      'unregistered',
      'not_for_nina',
    ]);
    expect(db.groups.byJid(jid)).toBeNull();
    expect(existsSync(path.join(home, 'groups', 'family', 'CLAUDE.md'))).toBe(true);
  });

  it('of main is for the operator alone', () => {
    const world = createWorld();
    const main = world.register({ chatJid: '1', folder: 'main', isMain: true });
    expect(problem(() => unregisterGroup(world.registry, main.chatJid, 'agent:main'))).toMatch(
      /^GROUP_INVALID/,
    );
    removeGroup(world.registry, main, 'operator');
    expect(world.db.groups.main()).toBeNull();
  });

  it('of an unknown chat says so; a folder can be used again', () => {
    const world = createWorld();
    expect(problem(() => unregisterGroup(world.registry, chatJid('-9'), 'x'))).toMatch(
      /^GROUP_UNKNOWN: chat -9/,
    );
    const family = world.register();
    unregisterGroup(world.registry, family.chatJid, 'x');
    expect(registerGroup(world.registry, { ...family, timezone: undefined }, 'x').folder).toBe('family');
  });
});
