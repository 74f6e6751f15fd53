/**
 * A sentence among 1,000,000 messages, as a tool of the agent or `nanoclaw messages --search` finds it: over 1,000 groups, and all
 * in one group. Beside it: SQLite reading that group's messages for the same words (LIKE), which knows no ranking, accents or order.
 */
import { databaseFile } from '../../src/db/open.ts';
import { createDb, type Db } from '../../src/db.ts';
import { type ChatJid, chatJid, iso } from '../../src/types.ts';
import type { BenchContext, Row } from '../figure.ts';
import { indexAll, LARGE, moveIntoLarge } from '../support/large.ts';
import { seed } from '../support/seed.ts';
import { statsOf } from '../support/stats.ts';
import { openWorld, type World } from '../support/world.ts';

const SAMPLES = 100;
/** Group 7 of the large home, and the one group of the other. */
const AMONG_MANY = chatJid(-6_000_000_007);
const ALONE = chatJid(-6_000_000_000);

/** What is said once, somewhere in the middle, and how it is asked for. */
const SAID = {
  'a sentence': ['The boiler was repaired for 340 euros by Mr. Sørensen.', 'boiler repaired by sorensen'],
  Chinese: ['我们下星期三在北京的新办公室开会。', '北京的新办公室'],
  Arabic: ['سَنَلْتَقِي غَدًا فِي المَكْتَبَةِ القَدِيمَة', 'غدا في المكتبة القديمة'],
  emoji: ['Tickets are booked 🎻🦔', '🎻🦔'],
} as const;
/** In every message. */
const COMMON = 'message of many people';

export async function search(bench: BenchContext): Promise<Row[]> {
  const many = await openWorld(bench);
  const messages = await moveIntoLarge(bench, many);
  const one = await openWorld(bench);
  bench.say(`  filling one group with ${messages.toLocaleString('en')} messages`);
  one.withDb((db) => {
    seed(db, one.home, { groups: 1, messages });
    indexAll(db);
  });
  const rows: Row[] = [];
  for (const [world, jid, where] of [
    [many, AMONG_MANY, `${LARGE.groups.toLocaleString('en')} groups`],
    [one, ALONE, 'one group'],
  ] as const)
    rows.push(...measure(bench, world, jid, where, messages));
  await many.dispose();
  await one.dispose();
  return rows;
}

function measure(bench: BenchContext, world: World, jid: ChatJid, where: string, messages: number): Row[] {
  world.withDb((db) => {
    for (const [i, [content]] of Object.values(SAID).entries()) sayInTheMiddle(db, jid, i, content);
    indexAll(db);
  });
  const db = createDb(databaseFile(world.home), { readonly: true });
  try {
    return [
      ...Object.entries(SAID).map(([what, [, query]]) => [what, query] as const),
      ['common words', COMMON] as const,
    ].map(([what, query]): Row => {
      const measured: number[] = [];
      const bare: number[] = [];
      for (let run = 0; run <= bench.samples(SAMPLES); run += 1) {
        const ms = timed(() => {
          const found = db.search.messages(jid, { query, limit: 20 })?.found ?? [];
          if (!found[0]?.all) throw new Error(`the search for "${query}" has not found it`);
        });
        if (run > 0) measured.push(ms);
        if (run > 0 && run <= bench.samples(20)) bare.push(timed(() => readAll(db, jid, query)));
      }
      return {
        name: `${what}, ${messages.toLocaleString('en')} messages in ${where}`,
        unit: 'ms',
        measured: statsOf(measured),
        limit: { name: 'LIKE over the messages of the group', stats: statsOf(bare) },
        aim: { kind: 'most', value: 50 },
      };
    });
  } finally {
    db.close();
  }
}

/** In place of a message of the seed that is neither old nor new. */
function sayInTheMiddle({ sqlite }: Db, jid: ChatJid, i: number, content: string): void {
  sqlite
    .prepare(
      `UPDATE messages SET content = ?, edited_at = ? WHERE seq = (SELECT seq FROM messages WHERE chat_jid = ?
         ORDER BY seq LIMIT 1 OFFSET (SELECT count(*) / 2 + ? FROM messages WHERE chat_jid = ?))`,
    )
    .run(content, iso(Date.now()), jid, i, jid);
}

function readAll({ sqlite }: Db, jid: ChatJid, query: string): void {
  const words = query.split(' ').map((word) => `%${word}%`);
  sqlite
    .prepare(
      `SELECT seq, content FROM messages WHERE chat_jid = ? ${words.map(() => 'AND content LIKE ?').join(' ')}
       ORDER BY seq DESC LIMIT 20`,
    )
    .all(jid, ...words);
}

function timed(work: () => void): number {
  const startedAt = performance.now();
  work();
  return performance.now() - startedAt;
}
