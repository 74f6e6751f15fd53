/** What a command that only reads, and the daemon at its start, do not do before it is needed. Work is counted, not time. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { expect, it, onTestFinished } from 'vitest';
import { createProgram } from '../../src/commands/all.ts';
import { databaseFile } from '../../src/db/open.ts';
import { createDb } from '../../src/db.ts';
import { projectRoot } from '../../src/lib/project-root.ts';
import { runCli } from '../support/cli.ts';
import { TestHome } from '../support/daemon.ts';
import { createWorld } from '../support/world.ts';

it('prepares the statements of a repository when it is first used', () => {
  const { home } = createWorld();
  const prepare = Database.prototype.prepare;
  let prepared = 0;
  Database.prototype.prepare = function counted(this: Database.Database, sql: string) {
    prepared += 1;
    return prepare.call(this, sql);
  } as typeof prepare;
  try {
    const db = createDb(databaseFile(home), { readonly: true });
    const atOpen = prepared;
    expect(atOpen).toBeLessThan(40);
    expect(db.groups.all()).toEqual([]);
    const atUse = prepared;
    expect(atUse).toBeGreaterThan(atOpen);
    db.groups.all();
    expect(prepared).toBe(atUse);
    db.close();
  } finally {
    Database.prototype.prepare = prepare;
  }
});

it('lists in --help what the commands say of themselves, without loading them', async () => {
  const listed = await createProgram(['--help']);
  const loaded = await createProgram(['no-such-command']);
  expect(listed.helpInformation()).toBe(loaded.helpInformation());
});

it('loads no undici to list groups', async () => {
  const home = new TestHome();
  onTestFinished(() => home.dispose());
  home.registerAll([{ chatJid: '-1', name: 'Family', folder: 'family' }]);
  const tell = `process.on('exit', () => process.stderr.write(process.moduleLoadList.join()))`;
  const hook = `--import=data:text/javascript,${encodeURIComponent(tell)}`;
  const { code, stderr } = await runCli(home, { NODE_OPTIONS: hook }, 'groups', 'list', '--json');
  expect(code).toBe(0);
  expect(stderr).toContain('NativeModule fs');
  expect(stderr).not.toContain('undici');
});

it('keeps its programs at a byte a character: one beyond Latin-1 would make two of each in memory', () => {
  const dist = path.join(projectRoot(), 'dist');
  // Those of the build before may lie there, too.
  const { files } = JSON.parse(readFileSync(path.join(dist, '.stamp'), 'utf8')) as { files: string[] };
  const programs = files.filter((file) => /^(?:chunks\/)?[^/]+\.js$/.test(file));
  expect(programs).toContain('index.js');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: all that is one byte
  const wide = programs.filter((file) => /[^\x00-\xff]/.test(readFileSync(path.join(dist, file), 'utf8')));
  expect(wide).toEqual([]);
});
