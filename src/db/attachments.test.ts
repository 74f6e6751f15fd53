/** The ledger of what people sent, where a message's file is replaced. */
import { expect, it, onTestFinished } from 'vitest';
import { createDb } from '../db.ts';
import type { Folder, Iso, Seq } from '../types.ts';

it('counts and bounds also files that edits have replaced', () => {
  const db = createDb(':memory:');
  onTestFinished(() => db.close());
  const { attachments } = db;
  const [folder, seq, at] = ['family' as Folder, 7 as Seq, '2026-11-02T08:00:00.000Z' as Iso];
  const common = {
    folder,
    seq,
    ofReply: false,
    kind: 'document',
    name: 'a',
    mime: null,
    size: null,
  } as const;
  for (let n = 1; n <= 3; n += 1) {
    attachments.forget(seq);
    const file = { fileId: `f${n}`, uniqueId: `u${n}`, state: 'pending', error: null, at } as const;
    expect(attachments.insert({ ...common, ...file })).toBe(true);
    const { id = 0 } = attachments.ofMessage(seq) ?? {};
    attachments.markStored(id, `attachments/${n}`, 100, at);
  }
  expect(attachments.ofMessage(seq)?.uniqueId).toBe('u3');
  expect(attachments.countSince(folder, '2026-11-02T07:00:00.000Z' as Iso)).toBe(3);
  expect(attachments.totalBytes(folder)).toBe(300);
  for (let n = 4; n <= 6; n += 1) {
    attachments.forget(seq);
    const file = { fileId: `f${n}`, uniqueId: `u${n}`, state: 'unwanted', error: 'no', at } as const;
    attachments.insert({ ...common, ...file });
  }
  const count = () => db.sqlite.prepare<[], number>('SELECT count(*) FROM attachments').pluck().get();
  expect(count()).toBe(4); // three that lie there, and the last one
  expect(attachments.oldest(folder, 10).map(({ path }) => path)).toEqual(
    [1, 2, 3].map((n) => `attachments/${n}`),
  );
  for (const { id } of attachments.oldest(folder, 10)) attachments.markGone(id);
  expect(count()).toBe(1);
});
