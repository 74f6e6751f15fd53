import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { OfflineSessions } from './offline-store.ts';

it('the sessions that nobody resumes are bounded; those in use stay', () => {
  const home = mkdtempSync(join(tmpdir(), 'nanoclaw-sessions-'));
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  const sessions = new OfflineSessions(home);
  const conversation = sessions.open(null).id;
  for (let run = 1; run <= 1000; run += 1) {
    const task = sessions.open(null).id;
    sessions.add(task, [`run ${run}`]);
    // So that no two have the same age.
    utimesSync(join(home, '.nanoclaw-offline', `${task}.jsonl`), run, run);
    if (run % 50 === 0) sessions.add(conversation, [`message ${run}`]);
    expect(sessions.open(conversation)).toEqual({ id: conversation, fresh: false });
  }
  expect(readdirSync(join(home, '.nanoclaw-offline')).length).toBeLessThanOrEqual(400);
  expect(sessions.said(conversation)).toHaveLength(20);
});

it('a session that is no file of ours any more is begun anew', () => {
  const home = mkdtempSync(join(tmpdir(), 'nanoclaw-sessions-'));
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  const sessions = new OfflineSessions(home);
  const { id } = sessions.open(null);
  writeFileSync(join(home, '.nanoclaw-offline', `${id}.jsonl`), 'x'.repeat(2_000_000));
  const anew = sessions.open(id);
  expect(anew).toEqual({ id: expect.not.stringMatching(id), fresh: true });
  expect(sessions.said(anew.id)).toEqual([]);
});
