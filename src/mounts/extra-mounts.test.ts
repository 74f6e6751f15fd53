import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { createTestLog, createWorld } from '../../test/support/world.ts';
import { createExtraMounts } from './extra-mounts.ts';

it('leaves out what is refused, tells once until it changes, and keeps paths of the host from the agent', async () => {
  const { home, db, clock, register } = createWorld();
  const group = register();
  const { log, events } = createTestLog();
  const file = path.join(home, 'list.json');
  for (const name of ['ok', 'other']) mkdirSync(path.join(home, name));
  const mount = (name: string, hostPath: string) => ({ name, hostPath, writable: true });
  db.mounts.set(group.chatJid, [mount('a', path.join(home, 'ok')), mount('b', path.join(home, 'other'))]);
  const told: string[] = [];
  const open = new Map<string, string>();
  const extra = createExtraMounts({
    db,
    clock,
    log,
    place: { file, homeDir: home, agentWritable: [] },
    guarded: [],
    fileEvents: { watch: () => ({ close() {} }) },
    problems: {
      report(_, detail, subject) {
        if (!open.has(subject)) told.push(`${subject}: ${detail}`);
        open.set(subject, detail);
      },
      solved: (_, subject) => void (open.delete(subject) && told.push(`${subject} solved`)),
      open: () => [...open.keys()].map((subject) => ({ kind: 'mount', subject })),
    },
  });
  const start = async (isolated = true) => {
    const given = await extra.forGroup(group, isolated);
    extra.tell(group, given);
    return given;
  };

  writeFileSync(file, JSON.stringify({ allowedRoots: [{ path: path.join(home, 'ok') }] }));
  const given = await start();
  expect(given.mounts).toMatchObject([{ name: 'a', writable: false, madeReadOnly: true }]);
  expect(given.notes).toEqual([
    expect.stringMatching(/^\/workspace\/extra\/a is read-only/),
    expect.stringMatching(/^\/workspace\/extra\/b is not there/),
  ]);
  expect(given.notes.join()).not.toContain(home);
  expect((await start()).key).toBe(given.key);
  expect(told).toEqual([
    expect.stringMatching(/^family\/a: it is mounted read-only/),
    expect.stringMatching(/^family\/b: it is not mounted, since .*not below any/),
  ]);
  expect(events('mount_refused')).toHaveLength(2);
  expect(db.audit.list({ limit: 10 }).filter(({ action }) => action === 'mount')).toHaveLength(2);

  writeFileSync(file, JSON.stringify({ allowedRoots: [{ path: home, allowReadWrite: true }] }));
  const all = await start();
  expect(all).toMatchObject({ notes: [], mounts: [{ writable: true }, { writable: true }] });
  expect(all.key).not.toBe(given.key);
  expect(told.slice(2)).toEqual(['family/a solved', 'family/b solved']);

  expect(await start(false)).toMatchObject({ mounts: [], key: '' });
  const asProcess = expect.stringMatching(/plain processes/);
  expect(told.slice(4)).toEqual([asProcess, asProcess]);
  db.mounts.set(group.chatJid, []);
  await start();
  expect(told.slice(6)).toEqual(['family/a solved', 'family/b solved']);
});
