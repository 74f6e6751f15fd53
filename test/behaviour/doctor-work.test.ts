/**
 * Faults of the daemon's work and of its service, planted one at a time; and what holds for all checks: a stable order, a line
 * for one that throws or does not end, and a documented list.
 */
import { mkdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Check } from '../../src/commands/doctor/check.ts';
import { CHECKS } from '../../src/commands/doctor/checks.ts';
import { type Finding, ok, render } from '../../src/commands/doctor/finding.ts';
import { runChecks } from '../../src/commands/doctor/run.ts';
import { type BotApi, startBotApi, type TestHome } from '../support/daemon.ts';
import { doctor, patient } from '../support/doctor.ts';

const HOUR_MS = 3_600_000;

describe('work', () => {
  let api: BotApi;
  let home: TestHome;
  let family: number;
  beforeEach(async () => {
    api = await startBotApi();
    home = patient(api.settings);
    family = api.group('Family');
    home.registerAll([{ chatJid: String(family), name: 'Family', folder: 'family' }]);
  });
  afterEach(async () => {
    await home.dispose();
    await api.close();
  });

  /** A turn that began two hours ago and has said nothing since. */
  function age(turn: string): void {
    const then = new Date(Date.now() - 2 * HOUR_MS);
    home.write(`UPDATE turns SET started_at = '${then.toISOString()}' WHERE id = '${turn}'`);
    utimesSync(home.file('data/logs/family', `${turn}.log`), then, then);
  }

  it('files of specialists and skills that cannot be used, of every group: each with its line and why', async () => {
    const put = (name: string, text: string) => {
      mkdirSync(path.dirname(home.file('groups', name)), { recursive: true });
      writeFileSync(home.file('groups', name), text);
    };
    put('family/agents/cook.md', 'You cook.');
    put('global/agents/librarian.md', 'You find books.');
    put('family/skills/bake/SKILL.md', '---\nname: bake\n---\nTake flour.');
    const well = await doctor(home);
    expect(well.of('specialists')).toMatchObject({ state: 'ok', seen: '2 specialists can be asked.' });
    expect(well.of('skills').seen).toMatch(/^[4-9] skills can be used\.$/);

    put('family/agents/bad.md', '---\nname: bad\ncolor: [\n---\nYou are bad.');
    put('global/agents/empty.md', '---\nname: empty\n---\n');
    put('family/skills/broken/SKILL.md', '---\nname: x\n');
    symlinkSync('/etc/hostname', home.file('groups/global/agents/zz.md'));
    const ill = await doctor(home);
    expect(ill.of('specialists')).toMatchObject({
      state: 'warn',
      fix: expect.stringContaining('/team remove'),
    });
    const { seen } = ill.of('specialists');
    expect(seen).toContain('2 specialists can be asked; cannot be used: ');
    expect(seen).toMatch(/family\/agents\/bad\.md, line 3: the front matter is not YAML/);
    expect(seen).toMatch(/global\/agents\/empty\.md, line \d: there are no instructions/);
    expect(seen).toContain('global/agents/zz.md: it is a symbolic link');
    expect(ill.of('skills')).toMatchObject({
      state: 'warn',
      seen: expect.stringMatching(
        /family\/skills\/broken\/SKILL\.md, line 1: the front matter that begins here/,
      ),
    });
  });

  it('a turn that a killed daemon left, until the next one goes on with it', async () => {
    const daemon = await home.start();
    api.sim.say({ chat: family, from: 'you', text: '@Nina slow 600 s' });
    const { id } = await home.until(
      () => home.row<{ id: string }>("SELECT id FROM turns WHERE state = 'running'"),
      'a turn to run',
    );
    expect((await doctor(home)).of('turns').state).toBe('ok');
    await daemon.kill('SIGKILL');
    age(id);
    expect((await doctor(home)).of('turns')).toMatchObject({
      state: 'warn',
      seen: expect.stringMatching(/family \(2 h/),
      fix: expect.stringContaining('Start the daemon'),
    });
    const next = await home.start();
    api.sim.say({ chat: family, from: 'you', text: '/stop' });
    await home.until(() => home.row("SELECT 1 FROM turns WHERE state = 'stopped'"), 'the turn to be stopped');
    expect((await doctor(home)).of('turns').state).toBe('ok');
    await next.kill('SIGTERM');
  }, 60_000);

  it('a turn that the running daemon does not know of', async () => {
    const daemon = await home.start();
    home.write(
      `INSERT INTO turns (id, chat_jid, group_folder, kind, state, attempt, chain, queued_at, started_at)
       VALUES ('stray', '-4711', 'family', 'messages', 'running', 1, 'stray', '2026-11-01T08:00:00.000Z', '2026-11-01T08:00:00.000Z')`,
    );
    expect((await doctor(home)).of('turns')).toMatchObject({
      state: 'fail',
      seen: expect.stringContaining('family'),
      fix: expect.stringContaining('restart the daemon'),
    });
    await daemon.kill('SIGTERM');
    await home.start();
    await home.until(() => !home.row("SELECT 1 FROM turns WHERE state = 'running'"), 'the turn to end');
    expect((await doctor(home)).of('turns').state).toBe('ok');
  });

  it('tasks that only fail, and those that were paused for it', async () => {
    const added = await home.nanoclaw('tasks', 'add', '--group', 'family', '--schedule', '1h', 'say x');
    expect(added.stderr).toBe('');
    const task = home.row<{ id: string }>('SELECT id FROM scheduled_tasks')?.id ?? '';
    home.write("UPDATE scheduled_tasks SET failures = 3, last_result = 'failed: crash'");
    expect((await doctor(home)).of('tasks')).toMatchObject({
      state: 'warn',
      seen: expect.stringContaining(`${task} of family (failed: crash)`),
    });
    home.write(
      "UPDATE scheduled_tasks SET failures = 5, status = 'paused', status_reason = 'failed 5 times in a row'",
    );
    const { state, fix = '' } = (await doctor(home)).of('tasks');
    expect([state, fix]).toEqual(['fail', expect.stringContaining(`nanoclaw tasks resume ${task}`)]);
    expect((await home.nanoclaw('tasks', 'resume', task)).code).toBe(0);
    expect((await doctor(home)).of('tasks').state).toBe('ok');
  });
});

describe('the service', () => {
  let home: TestHome;
  beforeEach(() => {
    home = patient();
  });
  afterEach(() => home.dispose());

  const unit = () => home.file('user/.config/systemd/user/mine.service');
  function write(text: string): void {
    mkdirSync(path.dirname(unit()), { recursive: true });
    writeFileSync(unit(), text);
  }
  /** What an ordinary user's `service install` writes. */
  async function today(): Promise<string> {
    if (process.getuid?.() === 0) home.uid = 65_534;
    const { stdout } = await home.nanoclaw('service', 'install', '--name', 'mine', '--print');
    home.uid = undefined;
    return stdout;
  }

  it.skipIf(process.platform !== 'linux')(
    'is found by its home, whatever its name, and compared',
    async () => {
      expect((await doctor(home)).of('service')).toMatchObject({
        state: 'ok',
        seen: expect.stringContaining('No service'),
      });
      const text = await today();
      expect(text).toContain('RestartSec=10');
      write(text.replace('RestartSec=10', 'RestartSec=1'));
      expect((await doctor(home)).of('service')).toMatchObject({
        state: 'warn',
        seen: expect.stringContaining(`${unit()} is not what`),
        fix: 'nanoclaw service install --name mine',
      });
      write(text.replace(/^ExecStart=\S+/m, 'ExecStart=/gone/bin/node'));
      expect((await doctor(home)).of('service')).toMatchObject({
        state: 'fail',
        seen: expect.stringContaining('/gone/bin/node'),
      });
      // Another shell's search path makes no difference.
      write(text.replace(/ PATH=\S+/, ' PATH=/usr/bin'));
      expect((await doctor(home)).of('service').seen).not.toMatch(/is not what|not there/);
      write(text.replaceAll(home.dir, '/srv/another'));
      expect((await doctor(home)).of('service').seen).toContain('No service');
    },
  );
});

describe('every check', () => {
  const check = (id: string, look: Check['look']): Check => ({ id, homeOnly: true, look });

  it('has its line in the order of the list, however long it takes and however it ends', async () => {
    const gate = Promise.withResolvers<void>();
    const told: Finding[] = [];
    const findings = await runChecks({
      limitMs: 200,
      tell: (finding) => told.push(finding),
      checks: [
        check('slow', () => gate.promise.then(() => ok('slow', 'It came late.'))),
        check('throws', () => {
          gate.resolve();
          throw new Error('no\n such thing');
        }),
        check('endless', () => new Promise(() => {})),
        check('last', async () => ok('last', 'It came early.')),
      ],
    });
    expect(findings).toEqual(told);
    expect(findings.map(({ id, state }) => `${id} ${state}`)).toEqual([
      'slow ok',
      'throws fail',
      'endless fail',
      'last ok',
    ]);
    expect(findings[1]?.seen).toBe('It could not be looked at: no such thing.');
    expect(findings[2]?.seen).toContain('it took longer than 0.2 s');
  });

  it('is mended only when it is not ok, told what was done, and says when it could not be', async () => {
    let broken = true;
    const fix = { deleteWebhook: false, onProgress: () => {} };
    const never = async () => expect.unreachable('it was well');
    const findings = await runChecks({
      tell: () => {},
      fix,
      checks: [
        { ...check('well', async () => ok('well', 'Well.')), mend: never },
        {
          ...check('ill', async () =>
            broken ? { ...ok('ill', 'Ill.'), state: 'fail' } : ok('ill', 'Well again.'),
          ),
          mend: async () => {
            broken = false;
            return ['Gave it a pill.'];
          },
        },
        {
          ...check('hopeless', async () => ({ ...ok('hopeless', 'Ill.'), state: 'warn' })),
          mend: async () => {
            throw new Error('no pill');
          },
        },
      ],
    });
    expect(findings.map(({ state, done }) => [state, done])).toEqual([
      ['ok', undefined],
      ['ok', ['Gave it a pill.']],
      ['warn', ['It could not be mended: no pill.']],
    ]);
    expect(findings[1] && render(findings[1])).toBe(
      'ok    ill              Well again.\n      ✓ Gave it a pill.',
    );
  });

  it('is in the table of docs/doctor.md, in order, and what mends is marked there', () => {
    const page = readFileSync(path.resolve(import.meta.dirname, '../../docs/doctor.md'), 'utf8');
    const rows = [...page.matchAll(/^\| `([a-z-]+)` \|.*\| ([^|]+) \|$/gm)];
    const documented = rows.map(([, id, fix]) => ({ id, mends: fix?.trim() !== '–' }));
    expect(documented).toEqual(CHECKS.map(({ id, mend }) => ({ id, mends: mend !== undefined })));
  });
});
