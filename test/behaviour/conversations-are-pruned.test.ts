/** Conversations that nobody goes on with go after their time, or the oldest when they take too much; the one that goes on never does. */
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { createRetention, type RetentionOptions } from '../../src/retention.ts';
import { iso, turnId } from '../../src/types.ts';
import { createTestLog, createWorld } from '../support/world.ts';

const DAY = 86_400_000;
const FOREVER = {
  ...{ updatesMs: null, historyMs: null, turnLogsMs: null, auditMs: null, messagesMs: null },
  attachmentsMs: null,
};

function createHarness(sessions: RetentionOptions['sessions']) {
  const world = createWorld();
  const group = world.register();
  const { db, clock, home } = world;
  const { log, events } = createTestLog();
  const retention = createRetention({
    ...{ db, home, clock, log, sessions, keep: FOREVER, groupMaxBytes: null },
    drain: () => true,
    agentsReady: () => true,
  });
  onTestFinished(() => retention.stop());
  const homeDir = path.join(home, 'data/sessions/family');
  const put = (name: string, days: number, bytes = 10): string => {
    const file = path.join(homeDir, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, 'x'.repeat(bytes));
    const at = (clock.now() - days * DAY) / 1000;
    utimesSync(file, at, at);
    return file;
  };
  /** As Claude Code keeps one. */
  const claude = (days: number, bytes = 10) => {
    const id = randomUUID();
    const project = '.claude/projects/-workspace-group';
    const files = [
      put(`${project}/${id}.jsonl`, days, bytes),
      put(`${project}/${id}/subagents/agent-a1.jsonl`, days),
      put(`${project}/${id}/tool-results/b2.txt`, days),
      put(`.claude/tasks/${id}/1.json`, days),
    ];
    mkdirSync(path.join(homeDir, `.claude/session-env/${id}`), { recursive: true });
    return { id, files, stands: () => files.map((file) => existsSync(file)) };
  };
  const run = async () => {
    retention.start();
    await clock.advance(5 * 60_000);
    retention.stop();
  };
  return { ...world, group, homeDir, put, claude, run, events };
}
const ALL = [true, true, true, true];
const NONE = [false, false, false, false];

it('go after KEEP_SESSIONS with all that belongs to them, of every provider; the one that goes on stays, however old', async () => {
  const { db, group, put, claude, run, homeDir, events } = createHarness({
    keepMs: 30 * DAY,
    groupMaxBytes: null,
  });
  const [old, young, current] = [claude(31), claude(29), claude(400)];
  db.sessions.set(group.folder, 7, current.id, iso(0));
  const others = ['.nanoclaw-openai', '.nanoclaw-offline'].map((name) =>
    put(`${name}/${randomUUID()}.jsonl`, 31),
  );
  const settings = put('.claude/.claude.json', 400);
  await run();
  expect([old, young, current].map(({ stands }) => stands())).toEqual([NONE, ALL, ALL]);
  expect(others.map((file) => existsSync(file))).toEqual([false, false]);
  expect(existsSync(settings)).toBe(true);
  for (const left of ['projects/-workspace-group', 'tasks', 'session-env'])
    expect(existsSync(path.join(homeDir, '.claude', left, old.id))).toBe(false);
  expect(events('retention')).toMatchObject([{ sessions: 6 }]);
});

it('the oldest go while they take more than SESSIONS_GROUP_MB; what goes on counts for nothing', async () => {
  const { db, group, claude, run } = createHarness({ keepMs: null, groupMaxBytes: 3000 });
  const [oldest, older, newest, current] = [
    claude(9, 1400),
    claude(8, 1400),
    claude(1, 1400),
    claude(50, 9000),
  ];
  db.sessions.set(group.folder, null, current.id, iso(0));
  await run();
  expect([oldest, older, newest, current].map(({ stands }) => stands())).toEqual([NONE, ALL, ALL, ALL]);
});

it('nothing that a turn may be at goes: what it resumes, and what was written since it began', async () => {
  const { db, group, clock, claude, run } = createHarness({ keepMs: 60_000, groupMaxBytes: 1 });
  const resumed = claude(5);
  db.turns.claim({
    ...{
      id: turnId(randomUUID()),
      chatJid: group.chatJid,
      folder: group.folder,
      threadId: null,
      kind: 'task',
    },
    ...{ attempt: 1, at: iso(clock.now() - 2 * DAY), fromSeq: null, toSeq: null, omitted: 0 },
    ...{ sessionId: resumed.id, messages: [] },
  });
  const [before, since] = [claude(3), claude(1)];
  await run();
  expect([resumed, before, since].map(({ stands }) => stands())).toEqual([ALL, NONE, ALL]);
});

it('links that an agent has laid lead nowhere', async () => {
  const { home, homeDir, run, clock } = createHarness({ keepMs: DAY, groupMaxBytes: null });
  const outside = path.join(home, 'outside');
  const id = randomUUID();
  mkdirSync(path.join(outside, id), { recursive: true });
  const mine = [`${id}.jsonl`, `${id}/mine.txt`].map((name) => path.join(outside, name));
  for (const file of mine) {
    writeFileSync(file, 'mine');
    utimesSync(file, 1, 1);
  }
  mkdirSync(path.join(homeDir, '.claude/projects/-real'), { recursive: true });
  symlinkSync(outside, path.join(homeDir, '.claude/projects/-linked'));
  symlinkSync(outside, path.join(homeDir, '.nanoclaw-openai'));
  symlinkSync(path.join(outside, id), path.join(homeDir, '.claude/projects/-real', randomUUID()));
  clock.jump(100 * DAY);
  await run();
  expect(mine.map((file) => readFileSync(file, 'utf8'))).toEqual(['mine', 'mine']);
});
