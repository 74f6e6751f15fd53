/** What groups use of the model, by day: counted together, written soon, and not lost to a full disk or a stop. */
import { describe, expect, it } from 'vitest';
import { createUsageCounter } from '../../src/app/model-usage.ts';
import { createTestLog, createWorld } from '../support/world.ts';

const use = (inputTokens: number, outputTokens: number, failures = 0) => ({
  requests: 1,
  failures,
  inputTokens,
  outputTokens,
});

function counted() {
  const { db, clock } = createWorld();
  const { log, events } = createTestLog();
  const usage = createUsageCounter({ db, clock, log });
  const rows = () =>
    db.sqlite
      .prepare(
        'SELECT group_folder, day, requests, failures, input_tokens, output_tokens FROM model_usage ORDER BY 2, 1',
      )
      .raw()
      .all();
  return { db, clock, usage, rows, events };
}

describe('the use of the model', () => {
  it('is added up by group and UTC day', async () => {
    const { clock, usage, rows } = counted();
    usage.add('family', use(10, 1));
    usage.add('family', use(5, 2, 1));
    usage.add('garden', use(7, 3));
    expect(rows()).toEqual([]);
    await clock.advance(2000);
    usage.add('family', use(1, 1));
    await clock.advance(24 * 3_600_000);
    usage.add('family', use(4, 4));
    usage.flush();
    expect(rows()).toEqual([
      ['family', '2026-11-02', 3, 1, 16, 4],
      ['garden', '2026-11-02', 1, 0, 7, 3],
      ['family', '2026-11-03', 1, 0, 4, 4],
    ]);
  });

  it('is written later when it cannot be written now', async () => {
    const { db, clock, usage, rows, events } = counted();
    db.sqlite.pragma('query_only = ON');
    usage.add('family', use(10, 1));
    await clock.advance(2000);
    expect(events('usage_not_written')).toHaveLength(1);
    db.sqlite.pragma('query_only = OFF');
    usage.add('family', use(1, 1));
    await clock.advance(2000);
    expect(rows()).toEqual([['family', '2026-11-02', 2, 0, 11, 2]]);
  });
});
