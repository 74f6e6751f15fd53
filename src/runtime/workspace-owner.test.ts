import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Folder } from '../types.ts';
import type { AgentLaunch } from './agent-runtime.ts';
import { agentUser, makeDatabaseReadable, prepareWorkspace } from './workspace-owner.ts';

const dir = mkdtempSync(join(tmpdir(), 'nanoclaw-owner-'));
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const launch: AgentLaunch = {
  name: 'nanoclaw-a-00000000',
  folder: 'a' as Folder,
  isMain: false,
  provider: 'offline',
  groupDir: join(dir, 'groups/a'),
  globalDir: join(dir, 'groups/global'),
  mailboxDir: join(dir, 'data/ipc/a'),
  homeDir: join(dir, 'data/sessions/a'),
  projectDir: null,
  extraMounts: [],
  token: null,
  modelUrl: null,
  timezone: 'UTC',
};

describe('agentUser', () => {
  it('is never root on the host', () => {
    expect(agentUser({ uid: 0, gid: 0 }, false)).toEqual({ uid: 1000, gid: 1000 });
    expect(agentUser({ uid: 1234, gid: 5 }, false)).toEqual({ uid: 1234, gid: 5 });
    expect(agentUser({ uid: 1234, gid: 5 }, true)).toEqual({ uid: 0, gid: 0 });
    expect(agentUser(null, false)).toEqual({ uid: 1000, gid: 1000 });
  });
});

describe.runIf(process.getuid?.() === 0)('prepareWorkspace as root', () => {
  const owner = { uid: 1000, gid: 1000 };

  it('gives the agent its folders and what root seeded there, and follows no link', () => {
    mkdirSync(launch.groupDir, { recursive: true });
    mkdirSync(join(launch.mailboxDir, 'out'), { recursive: true });
    writeFileSync(join(launch.groupDir, 'CLAUDE.md'), 'seeded');
    const outside = join(dir, 'outside');
    mkdirSync(outside);
    writeFileSync(join(outside, 'file'), 'host');
    symlinkSync(join(outside, 'file'), join(launch.groupDir, 'link'));
    linkSync(join(outside, 'file'), join(launch.groupDir, 'hard'));
    prepareWorkspace(launch, owner);
    const uid = (path: string) => lstatSync(path).uid;
    for (const path of [launch.groupDir, launch.homeDir, join(launch.groupDir, 'CLAUDE.md')])
      expect(uid(path)).toBe(1000);
    for (const name of ['out', 'out/messages', 'out/.staging'])
      expect(uid(join(launch.mailboxDir, name))).toBe(1000);
    for (const name of ['', 'in', 'in/turns']) expect(uid(join(launch.mailboxDir, name))).toBe(0);
    for (const path of [outside, join(outside, 'file'), launch.globalDir]) expect(uid(path)).toBe(0);
  });

  it('gives it what people sent before, unless a link stands in the place of the folder', () => {
    mkdirSync(join(launch.groupDir, 'attachments'), { recursive: true });
    writeFileSync(join(launch.groupDir, 'attachments/photo.jpg'), 'sent');
    prepareWorkspace(launch, owner);
    for (const name of ['attachments', 'attachments/photo.jpg'])
      expect(lstatSync(join(launch.groupDir, name))).toMatchObject({ uid: 1000, gid: 1000 });
    const outside = join(dir, 'outside');
    mkdirSync(outside);
    writeFileSync(join(outside, 'file'), 'host');
    renameSync(join(launch.groupDir, 'attachments'), join(dir, 'moved'));
    symlinkSync(outside, join(launch.groupDir, 'attachments'));
    prepareWorkspace(launch, owner);
    expect(statSync(join(outside, 'file')).uid).toBe(0);
  });

  it('puts a folder back where the agent left a link or a file', () => {
    const outside = join(dir, 'outside');
    mkdirSync(outside, { recursive: true });
    mkdirSync(join(launch.mailboxDir, 'out'), { recursive: true });
    symlinkSync(outside, join(launch.mailboxDir, 'out/messages'));
    writeFileSync(join(launch.mailboxDir, 'out/tasks'), 'file');
    prepareWorkspace(launch, owner);
    expect(statSync(outside).uid).toBe(0);
    for (const name of ['out/messages', 'out/tasks']) {
      expect(lstatSync(join(launch.mailboxDir, name)).isDirectory()).toBe(true);
    }
  });

  it('opens a private database to the agent’s group only', () => {
    const data = join(dir, 'data');
    mkdirSync(data, { recursive: true });
    writeFileSync(join(data, 'nanoclaw.db'), '');
    chmodSync(data, 0o700);
    chmodSync(join(data, 'nanoclaw.db'), 0o600);
    makeDatabaseReadable(data, owner);
    for (const [path, mode] of [
      [data, 0o750],
      [join(data, 'nanoclaw.db'), 0o640],
    ] as const) {
      expect([statSync(path).mode & 0o777, statSync(path).uid, statSync(path).gid]).toEqual([mode, 0, 1000]);
    }
  });
});
