/**
 * What a turn costs: something is kept for it of the allowances at its claim, and it is charged when it ends, whatever its end.
 * Both in the caller's transaction.
 * Tokens: the larger of what its agent reports, which a container may make smaller, and what the proxy counted meanwhile. Money: those
 * tokens at the price that was noted at the claim, and no less than what the proxy counted by the models that answered; where there is
 * no price, the larger of what the agent reports and of that count; where both are nothing although the model was asked, what was kept.
 */
import type { Usage } from '../protocol.ts';
import type { Folder, Iso, TurnId } from '../types.ts';
import type { Sqlite } from './open.ts';
import { type Seen, type UsageRepository, usageRepository } from './usage.ts';

/** For whom a turn is, and on which day. */
export interface Payer {
  /** Telegram id; null for a task. */
  person: string | null;
  taskId: string | null;
  /** As 2026-11-02, in the daemon's zone. */
  day: string;
  /** Null: there are no allowances. No dollars: the model costs nothing. */
  reserved: Reservation | null;
  /** USD for a million tokens in and out, as "0.25/2"; null: the agent says what the turn costs. */
  price?: string | null;
}

/** The price of a model that costs no money, or whose price nobody has said. */
export const FREE = '0/0';

export interface Reservation {
  usd: number;
  tokens: number;
}

/** Of a group that has had no turn yet; no turn is thought to be cheaper. */
export const LEAST: Reservation = { usd: 0.01, tokens: 2000 };
/** Over so many turns a group's mean is taken. */
const MEAN_OF = 20;
/** What an agent says beyond this is nonsense, and would make sums meaningless. */
const MOST: Reservation = { usd: 1e6, tokens: 1e12 };
/** Where the proxy sees what a group's agents ask: a crash loses the counts of a moment, and no model is dearer (USD a token). */
const LOST_TOKENS = 20_000;
const DEAREST = 1e-4;

/**
 * What a turn is believed to have used. A hostile agent must not use up with one word what others may use, too: of what the proxy
 * counts it may say twice as much, and a little.
 */
function believed(said: Usage | null, seen: Seen, isWatched: boolean): Usage | null {
  if (said === null || !isWatched) return said;
  const tokens = 2 * (seen.input + seen.output) + LOST_TOKENS;
  return {
    input_tokens: Math.min(said.input_tokens, tokens),
    output_tokens: Math.min(said.output_tokens, tokens),
    cost_usd: Math.min(said.cost_usd, tokens * DEAREST),
  };
}

interface Owner {
  folder: Folder;
  day: string;
  person: string | null;
  taskId: string | null;
  reservedUsd: number | null;
  began: number;
  price: string | null;
}

/** What tokens cost at a price as a turn notes it, in USD. */
export function costAt(price: string, input: number, output: number): number {
  const [inUsd = 0, outUsd = 0] = price.split('/').map(Number);
  return (input * inUsd + output * outUsd) / 1_000_000;
}

export function chargeRepository(db: Sqlite, usage: UsageRepository = usageRepository(db)) {
  const latest = db.prepare<[string], Reservation>(
    `SELECT charged_usd AS usd, charged_tokens AS tokens FROM turns INDEXED BY turns_charged
     WHERE group_folder = ? AND charged_usd IS NOT NULL ORDER BY seq DESC LIMIT ${MEAN_OF}`,
  );
  const reserve = db.prepare(
    'UPDATE turns SET person = ?, task_id = ?, day = ?, reserved_usd = ?, reserved_tokens = ?, price = ? WHERE id = ?',
  );
  const owner = db.prepare<[string], Owner>(
    `SELECT group_folder AS folder, coalesce(day, substr(queued_at, 1, 10)) AS day, person, task_id AS taskId,
       reserved_usd AS reservedUsd, started_at IS NOT NULL AS began, price FROM turns WHERE id = ?`,
  );
  const note = db.prepare('UPDATE turns SET charged_usd = ?, charged_tokens = ? WHERE id = ?');

  /** What a turn of this group costs, as far as one can tell. */
  function expected(folder: Folder): Reservation {
    const turns = latest.all(folder);
    const mean = (of: (turn: Reservation) => number) =>
      turns.reduce((sum, turn) => sum + of(turn), 0) / Math.max(1, turns.length);
    return {
      usd: Math.max(
        LEAST.usd,
        mean((turn) => turn.usd),
      ),
      tokens: Math.max(LEAST.tokens, Math.ceil(mean((turn) => turn.tokens))),
    };
  }

  return {
    expected,
    /** The turn was claimed. */
    begin(id: TurnId, folder: Folder, { person, taskId, day, reserved, price = null }: Payer, at: Iso): void {
      // What an agent asked between its turns is nobody's, but not free.
      const { input, output, usd: known } = usage.takeUncharged(folder, at);
      if (input + output > 0) {
        const { usd, tokens } = expected(folder);
        const unpriced = known > 0 ? known : (usd / tokens) * (input + output);
        const cost = Math.min(
          MOST.usd,
          price === null ? unpriced : Math.max(known, costAt(price, input, output)),
        );
        const used = { turns: 0, input_tokens: input, output_tokens: output, cost_usd: cost };
        usage.charge({ folder, day, person: '', taskId: '' }, used);
      }
      reserve.run(person, taskId, day, reserved?.usd ?? null, reserved?.tokens ?? null, price, id);
    },
    /** What its agent reports, with the cost that the host knows where it does. */
    priced(id: TurnId, reported: Usage): Usage {
      const price = owner.get(id)?.price ?? null;
      if (price === null) return reported;
      return { ...reported, cost_usd: costAt(price, reported.input_tokens, reported.output_tokens) };
    },
    /** The turn has ended, for the first time. */
    settle(id: TurnId, said: Usage | null, at: Iso): void {
      const turn = owner.get(id);
      if (!turn) return;
      const { folder, day } = turn;
      const isWatched = usage.isCounted(folder, at);
      const seen = usage.takeUncharged(folder, at);
      const reported = believed(said, seen, isWatched);
      const input = Math.max(seen.input, Math.min(MOST.tokens, reported?.input_tokens ?? 0));
      const output = Math.max(seen.output, Math.min(MOST.tokens, reported?.output_tokens ?? 0));
      let cost = Math.min(
        MOST.usd,
        Math.max(
          seen.usd,
          turn.price === null ? (reported?.cost_usd ?? 0) : costAt(turn.price, input, output),
        ),
      );
      if (turn.price === null && cost === 0 && seen.input + seen.output > 0)
        cost = turn.reservedUsd ?? expected(folder).usd;
      const isFree = cost === 0 && input + output === 0;
      if (isFree && !turn.began) return;
      if (!isFree) note.run(cost, input + output, id);
      usage.charge(
        { folder, day, person: turn.person ?? '', taskId: turn.taskId ?? '' },
        { turns: turn.began, input_tokens: input, output_tokens: output, cost_usd: cost },
      );
    },
  };
}

export type ChargeRepository = ReturnType<typeof chargeRepository>;
