import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { FileStore } from './files.ts';

it('keeps the newest files, in memory and on the disk; the oldest go, also after a restart', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'nanoclaw-sim-files-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const add = (store: FileStore, n: number) =>
    store.add('document', `${n}.txt`, 'text/plain', Buffer.from(`file ${n}`));
  const store = new FileStore(Math.random, folder);
  const first = add(store, 0);
  for (let n = 1; n < 2500; n += 1) add(store, n);
  expect(store.byId(first.id)).toBeUndefined();
  expect(readdirSync(folder)).toHaveLength(2000);

  const again = new FileStore(Math.random, folder, store.save());
  const last = add(again, 2500);
  expect(again.bytes(last)?.toString()).toBe('file 2500');
  expect(readdirSync(folder)).toHaveLength(2000);
  expect(new Set(again.save().map((file) => file.path)).size).toBe(2000);
});
