import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDb, type Db } from '../db.ts';
import { iso } from '../types.ts';
import { type AuditNote, MOST_KINDS } from './audit.ts';

const START = Date.parse('2026-11-02T08:00:05.000Z');
let db: Db;
beforeEach(() => {
  db = createDb(':memory:');
});
afterEach(() => db.close());

const refusal = (more: Partial<AuditNote> = {}, afterMs = 0): AuditNote => ({
  at: iso(START + afterMs),
  actor: 'agent:family',
  group: 'family',
  action: 'connect',
  outcome: 'refused',
  detail: '10.0.0.1:80 is a private address',
  ...more,
});
const entries = () => db.audit.list({ limit: 1000 });
const total = () => entries().reduce((sum, entry) => sum + entry.times, 0);

describe('the audit log', () => {
  it('is append only', () => {
    db.audit.note(refusal({ outcome: 'done' }));
    const change = (sql: string) => () => db.sqlite.exec(sql);
    expect(change("UPDATE audit_log SET detail = 'nothing happened'")).toThrow('append only');
    expect(change("UPDATE audit_log SET actor = 'operator', times = 2")).toThrow('append only');
    expect(change('UPDATE audit_log SET times = 0')).toThrow('append only');
    expect(change('UPDATE audit_log SET id = 7, times = 2')).toThrow('append only');
    expect(change('DELETE FROM audit_log')).toThrow('append only');
    expect(entries()).toMatchObject([{ actor: 'agent:family', times: 1 }]);
  });

  it('gives up what retention declares old, and nothing else', () => {
    for (const day of [0, 1, 2]) db.audit.note(refusal({ outcome: 'done' }, day * 86_400_000));
    expect(db.audit.prune(iso(START + 86_400_000), 100)).toBe(1);
    // An earlier instant does not take the later one back, nor does it let go of more.
    expect(db.audit.prune(iso(START), 100)).toBe(0);
    expect(() => db.sqlite.exec('DELETE FROM audit_log')).toThrow('append only');
    expect(entries()).toHaveLength(2);
    expect(db.inbox.meta('audit_kept_from')).toBe(iso(START + 86_400_000));
  });

  it('removes no more at once than it is told to', () => {
    for (let i = 0; i < 5; i += 1) db.audit.note(refusal({ outcome: 'done' }, i));
    expect(db.audit.prune(iso(START + 60_000), 3)).toBe(3);
    expect(db.audit.prune(iso(START + 60_000), 3)).toBe(2);
  });

  it('counts refusals that are alike within a minute in one row', () => {
    for (let i = 0; i < 1000; i += 1) db.audit.note(refusal({}, i));
    expect(entries()).toHaveLength(1);
    // Not every one is written at once; never less than half of them are.
    expect(entries()[0]?.times).toBeGreaterThan(500);
    db.audit.note(refusal({}, 60_000));
    expect(entries().map((entry) => entry.times)).toEqual([1, 1000]);
    db.audit.note(refusal({}, 60_001));
    db.audit.note(refusal({}, 60_002));
    db.audit.flush();
    expect(entries().map((entry) => entry.times)).toEqual([3, 1000]);
  });

  it('is not filled by a container that varies what it tries, and still counts all', () => {
    for (let i = 0; i < 5000; i += 1) db.audit.note(refusal({ detail: `host-${i}.example` }, i));
    db.audit.note(refusal({ actor: 'agent:work', group: 'work' }, 5001));
    db.audit.flush();
    expect(entries()).toHaveLength(MOST_KINDS + 2);
    expect(total()).toBe(5001);
  });

  it('never merges what was done', () => {
    for (let i = 0; i < 100; i += 1) db.audit.note(refusal({ outcome: 'done' }, i));
    expect(entries()).toHaveLength(100);
  });

  it('loses no refusal when the transaction around another one is undone', () => {
    expect(() =>
      db.transaction(() => {
        db.audit.note(refusal());
        throw new Error('undone');
      }),
    ).toThrow('undone');
    // Takes the id that was given back.
    db.audit.note(refusal({ action: 'mount', detail: 'another one' }));
    db.audit.note(refusal());
    db.audit.flush();
    expect(entries().map(({ action, times }) => [action, times])).toEqual(
      expect.arrayContaining([
        ['mount', 1],
        ['connect', 2],
      ]),
    );
  });

  it('keeps an entry on one line, at a readable length', () => {
    db.audit.note(refusal({ detail: `a\u001b[2J\nb\u202ec\u2028d\ud800 ${'x'.repeat(1000)}` }));
    const detail = entries()[0]?.detail ?? '';
    expect(detail).toMatch(/^a \[2J b c d\ufffd x+…$/);
    expect(detail).toHaveLength(500);
  });

  it('lists the newest first, of one group, from an instant on, or what follows an entry', () => {
    db.audit.note(refusal({ outcome: 'done', detail: 'one' }));
    db.audit.note(refusal({ outcome: 'done', detail: 'two', group: 'work' }, 1000));
    db.audit.note(refusal({ outcome: 'done', detail: 'three' }, 2000));
    const details = (filter: object) => db.audit.list({ limit: 10, ...filter }).map((entry) => entry.detail);
    expect(details({})).toEqual(['three', 'two', 'one']);
    expect(details({ limit: 1 })).toEqual(['three']);
    expect(details({ group: 'family' })).toEqual(['three', 'one']);
    expect(details({ since: iso(START + 1000) })).toEqual(['three', 'two']);
    expect(details({ afterId: 1 })).toEqual(['two', 'three']);
  });
});
