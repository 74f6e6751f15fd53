/** `nanoclaw doctor` as the operator runs it: a line for each thing, the fix where one is due, and the exit code. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Finding } from '../../src/commands/doctor/finding.ts';
import { databaseFile } from '../../src/db/open.ts';
import { createDb } from '../../src/db.ts';
import { chatJid } from '../../src/types.ts';
import { TestHome } from '../support/daemon.ts';

describe('nanoclaw doctor', () => {
  let home: TestHome;
  beforeEach(() => {
    home = new TestHome({ CONTAINER_RUNTIME: 'process' });
    home.settings.HOME = home.file('user');
    mkdirSync(home.file('user'));
  });
  afterEach(() => home.dispose());

  async function doctor(settings: Record<string, string> = {}) {
    const { code, stdout } = await home.nanoclawWith(settings, 'doctor', '--json');
    const { passed, findings } = JSON.parse(stdout) as { passed: boolean; findings: Finding[] };
    return { code, passed, of: (id: string) => findings.find((finding) => finding.id === id) };
  }
  const list = () => home.file('user/.config/nanoclaw/mount-allowlist.json');
  function writeList(text: string): void {
    mkdirSync(path.dirname(list()), { recursive: true });
    writeFileSync(list(), text);
  }

  it('passes with a warning where nothing is isolated, and says so to people', async () => {
    const { code, passed, of } = await doctor();
    expect([code, passed]).toEqual([0, true]);
    expect(of('engine')).toMatchObject({ state: 'warn', fix: expect.stringContaining('CONTAINER_RUNTIME') });
    expect(of('mounts')).toEqual({
      id: 'mounts',
      state: 'ok',
      seen: expect.stringContaining('no mount allowlist'),
    });
    const { stdout } = await home.nanoclaw('doctor');
    expect(stdout).toMatch(/^warn {2}engine .*\n {6}→ /m);
    const count = (state: string) => stdout.match(new RegExp(`^${state} {2}`, 'gm'))?.length ?? 0;
    const [ok, warned] = [count('ok {2}'), count('warn')];
    const warnings = `${warned} ${warned === 1 ? 'warning' : 'warnings'}`;
    expect(warned).toBeGreaterThan(0);
    expect(stdout.trimEnd().split('\n').at(-1)).toBe(
      `${ok} of ${ok + warned} passed, ${warnings}; none failed.`,
    );
  });

  it('says that network rules are not enforced, and fails where a group has some', async () => {
    expect((await doctor()).of('network')).toMatchObject({
      state: 'warn',
      seen: expect.stringContaining('NOT enforced'),
    });
    await home.addGroup(-77, 'family', '--network', 'none');
    const { code, of } = await doctor();
    expect(code).toBe(1);
    expect(of('network')).toMatchObject({
      state: 'fail',
      seen: expect.stringContaining('Agents of family do not start'),
      fix: expect.stringContaining('Docker'),
    });
    const unknown = await doctor({ CONTAINER_RUNTIME: 'auto', DOCKER_HOST: 'unix:///nowhere.sock' });
    expect(unknown.of('network')).toMatchObject({ state: 'warn' });
    await home.start();
    expect((await doctor({ CONTAINER_RUNTIME: 'auto' })).of('network')).toMatchObject({ state: 'fail' });
  });

  it('fails where the engine is needed and away', async () => {
    const { code, of } = await doctor({ CONTAINER_RUNTIME: 'docker', DOCKER_HOST: 'unix:///nowhere.sock' });
    expect(code).toBe(1);
    expect(of('engine')).toMatchObject({ state: 'fail', fix: expect.stringContaining('Docker') });
  });

  it('fails by malformed sender rules, and warns of a rule that protects nobody', async () => {
    const file = home.file('user/.config/nanoclaw/sender-allowlist.json');
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, '{ "chats": ');
    const malformed = await doctor();
    expect(malformed.code).toBe(1);
    expect(malformed.of('senders')).toMatchObject({
      state: 'fail',
      seen: `Nobody is admitted: ${file} is not valid JSON.`,
    });
    home.registerAll([{ chatJid: '-1', name: 'Family', folder: 'family' }]);
    writeFileSync(file, JSON.stringify({ chats: { family: { allow: 'admins' }, famly: { allow: ['1'] } } }));
    expect((await doctor()).of('senders')).toMatchObject({
      state: 'warn',
      seen: 'The sender rules name no registered group: famly.',
    });
  });

  it('fails by a malformed mount allowlist, and warns of a mount that is not allowed any more', async () => {
    writeList('{');
    const malformed = await doctor();
    expect(malformed.code).toBe(1);
    expect(malformed.of('mounts')).toMatchObject({
      state: 'fail',
      seen: expect.stringContaining('expected JSON'),
    });

    mkdirSync(home.file('user/notes'));
    writeList(JSON.stringify({ allowedRoots: [{ path: '~/notes' }] }));
    home.registerAll([{ chatJid: '-1', name: 'Family', folder: 'family' }]);
    const db = createDb(databaseFile(home.dir));
    db.mounts.set(chatJid(-1), [
      { name: 'notes', hostPath: home.file('user/notes'), writable: false },
      { name: 'data', hostPath: home.file('data'), writable: false },
    ]);
    db.close();
    const refused = await doctor();
    expect(refused.code).toBe(0);
    expect(refused.of('mounts')).toMatchObject({
      state: 'warn',
      seen: expect.stringMatching(/^family\/data: .*not below/),
    });
  });
});
