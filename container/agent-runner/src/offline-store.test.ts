import { mkdtempSync, readdirSync, rmSync, utimesSync } from 'node:fs';
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
