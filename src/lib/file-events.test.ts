import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { it, onTestFinished, vi } from 'vitest';
import { STORM_EVENTS, systemFileEvents } from './file-events.ts';

it.runIf(process.platform === 'linux')(
  'a storm of file events is not listened to, and what follows it is',
  async () => {
    const directory = mkdtempSync(path.join(tmpdir(), 'nanoclaw-events-'));
    const [a, b] = ['a', 'b'].map((name) => path.join(directory, name));
    for (const file of [a, b]) writeFileSync(file ?? '', '');
    let heard = 0;
    const watcher = systemFileEvents.watch(directory, () => {
      heard += 1;
    });
    onTestFinished(() => {
      watcher.close();
      rmSync(directory, { recursive: true });
    });
    // The kernel keeps 16,384 events: all are there when the first is read.
    for (let i = 0; i < STORM_EVENTS + 3000; i += 1) chmodSync((i % 2 === 0 ? a : b) ?? '', 0o600 + (i % 3));
    await vi.waitUntil(() => heard === STORM_EVENTS + 1, { timeout: 20_000 }); // the one look after the rest
    writeFileSync(path.join(directory, 'c'), '');
    await vi.waitUntil(() => heard > STORM_EVENTS + 1, { timeout: 20_000 });
  },
);
