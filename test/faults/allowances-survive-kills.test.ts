/**
 * Allowances over a SIGKILL: real daemons and agents. What a turn had reserved ends with the turn that the next daemon
 * recovers, what the model was asked for it is charged, and nothing that waits is lost or held for ever.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { databaseFile } from '../../src/db/open.ts';
import { createDb } from '../../src/db.ts';
import { type BotApi, startBotApi, TestHome } from '../support/daemon.ts';

const LONG_MS = 60_000;
const GROUPS = 10;

let api: BotApi;
let home: TestHome;
let chats: number[];

beforeEach(async () => {
  api = await startBotApi();
  home = new TestHome({
    ...api.settings,
    CONTAINER_RUNTIME: 'process',
    MAX_CONCURRENT_CONTAINERS: String(GROUPS),
  });
  chats = Array.from({ length: GROUPS }, (_, n) => api.group(`Group ${n}`));
  home.registerAll(
    chats.map((chat, n) => ({
      chatJid: String(chat),
      name: `Group ${n}`,
      folder: `g${n}`,
      requiresTrigger: false,
    })),
  );
});
afterEach(async () => {
  await home.dispose();
  await api.close();
});

const sayAll = (text: string) => {
  for (const chat of chats) api.sim.say({ chat, from: 'anna', text });
};
const answered = () => chats.filter((chat) => api.answers(chat).length > 0).length;
const running = () =>
  home.row<{ id: string; folder: string }>(
    "SELECT id, group_folder AS folder FROM turns WHERE state = 'running'",
  );
/** By what the database says of their times. */
const atOnce = (): number => {
  const turns = home.rows<{ from: string; to: string }>(
    `SELECT queued_at AS "from", coalesce(finished_at, '9') AS "to" FROM turns`,
  );
  return Math.max(0, ...turns.map(({ from }) => turns.filter((t) => t.from <= from && from < t.to).length));
};

describe('a daemon that is killed with reservations open', () => {
  it(
    'goes on with all that was held, one after the other under one cent',
    async () => {
      expect((await home.nanoclaw('allowance', 'set', 'all', '0.01usd/day')).code).toBe(0);
      const daemon = await home.start();
      sayAll('slow 1');
      await home.until(running, 'a turn to run', LONG_MS);
      await daemon.kill('SIGKILL');
      expect(home.rows('SELECT 1 FROM turns WHERE reserved_usd = 0.01')).toHaveLength(1);
      await home.start();
      await api.until(() => answered() === GROUPS, 'all to be answered', LONG_MS);
      expect(atOnce()).toBe(1);
      await home.until(
        () => home.row("SELECT 1 FROM turns WHERE state IN ('queued', 'running')") === undefined,
        'all turns to end',
      );
      expect(home.row('SELECT sum(turns) AS turns FROM usage_ledger')).toEqual({ turns: GROUPS + 1 });
    },
    2 * LONG_MS,
  );

  it(
    'charges the turn that was cut off with what the proxy had counted, refuses the others, and loses none',
    async () => {
      await home.nanoclaw('allowance', 'set', 'all', '1000tokens/month');
      const daemon = await home.start();
      sayAll('slow 600');
      const turn = await home.until(running, 'a turn to run', LONG_MS);
      const db = createDb(databaseFile(home.dir));
      // As the proxy writes it.
      const use = { requests: 1, failures: 0, inputTokens: 4000, outputTokens: 12 };
      db.usage.add(turn.folder, new Date().toISOString().slice(0, 10), use);
      db.close();
      await daemon.kill('SIGKILL');
      await home.start();
      await api.until(() => answered() === GROUPS, 'all to be told', LONG_MS);
      for (const chat of chats) expect(api.answers(chat)).toEqual([expect.stringContaining('is used up')]);
      expect(home.rows('SELECT group_folder AS folder, state, charged_tokens AS tokens FROM turns')).toEqual([
        { folder: turn.folder, state: 'retried', tokens: 4012 },
      ]);
      const open = 'SELECT count(*) AS open FROM messages WHERE disposition IS NULL';
      expect(home.row(open)).toEqual({ open: GROUPS });

      // Something that takes less time.
      home.write("UPDATE messages SET content = 'ping', request = 'ping' WHERE disposition IS NULL");
      const topped = await home.nanoclaw('allowance', 'topup', '1', '1000000');
      expect(topped.stdout).toContain('Topped up all by 1,000,000 tokens.');
      await api.until(
        () => chats.every((chat) => api.answers(chat).includes('pong')),
        'all to be answered',
        LONG_MS,
      );
    },
    3 * LONG_MS,
  );
});
