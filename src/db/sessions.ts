/** The groups' conversations: one for the group and, where topics have their own, one for each (thread_id 0: General, or the group's). */
import type { Context } from '../protocol.ts';
import { type Folder, type Iso, PROVIDERS, type ProviderName, type TurnId } from '../types.ts';
import type { Sqlite } from './open.ts';

export interface Session {
  sessionId: string;
  threadId: number;
  /** Null: before it was noted. */
  beganAt: Iso | null;
  /** When it was used last. */
  usedAt: Iso;
  /** Turns that have told how full it is. */
  turns: number;
  /** Who alone can go on with it; null: nobody has noted it. */
  provider: ProviderName | null;
  /** How full it is; null: nobody has said. */
  context: Context | null;
}

interface Row {
  session_id: string;
  thread_id: number;
  began_at: string | null;
  updated_at: string;
  turns: number;
  tokens: number | null;
  window: number | null;
  compactAt: number | null;
  instructions: number | null;
  tools: number | null;
  provider: string | null;
}

const COLUMNS = `session_id, thread_id, began_at, updated_at, turns, context_tokens AS tokens, context_window AS window,
  context_compact_at AS compactAt, context_instructions AS instructions, context_tools AS tools, provider`;

function toSession(row: Row): Session {
  const { session_id, tokens, window, compactAt, instructions, tools } = row;
  return {
    sessionId: session_id,
    threadId: row.thread_id,
    beganAt: row.began_at as Iso | null,
    usedAt: row.updated_at as Iso,
    turns: row.turns,
    provider: PROVIDERS.find((one) => one === row.provider) ?? null,
    context:
      tokens === null || window === null
        ? null
        : {
            ...{ session_id, tokens, window },
            ...(compactAt === null ? {} : { compact_at: compactAt }),
            ...(instructions === null ? {} : { instructions }),
            ...(tools === null ? {} : { tools }),
          },
  };
}

export function sessionRepository(db: Sqlite) {
  const of = db.prepare<[string, number], Row>(
    `SELECT ${COLUMNS} FROM sessions WHERE group_folder = ? AND thread_id = ?`,
  );
  const ofGroup = db.prepare<[string], Row>(
    `SELECT ${COLUMNS} FROM sessions WHERE group_folder = ? ORDER BY thread_id`,
  );
  const set = db.prepare(
    `INSERT INTO sessions (group_folder, thread_id, session_id, updated_at, began_at, provider) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT (group_folder, thread_id) DO UPDATE SET session_id = excluded.session_id, updated_at = excluded.updated_at,
       began_at = excluded.began_at, provider = excluded.provider, turns = 0, context_tokens = NULL, context_window = NULL, context_compact_at = NULL,
       context_instructions = NULL, context_tools = NULL
     WHERE session_id <> excluded.session_id`,
  );
  const drop = db.prepare('DELETE FROM sessions WHERE group_folder = ? AND thread_id = ?');
  const note = db.prepare(
    `UPDATE sessions SET updated_at = ?, turns = turns + 1, context_tokens = ?, context_window = ?, context_compact_at = ?,
       context_instructions = ?, context_tools = ? WHERE group_folder = ? AND thread_id = ? AND session_id = ?`,
  );

  const use = db.prepare(
    'UPDATE sessions SET updated_at = ?, provider = coalesce(provider, ?) WHERE group_folder = ? AND thread_id = ?',
  );
  const wasLeft = db
    .prepare<[string, string], number>(
      `SELECT 1 FROM turns INDEXED BY turns_by_chain WHERE chain = (SELECT chain FROM turns WHERE id = ?) AND id <> ?
         AND error_code IN ('stale_session', 'context_too_long') LIMIT 1`,
    )
    .pluck();

  return {
    /** `threadId`: whose conversation it is; null: the group's. */
    of(folder: Folder, threadId: number | null): Session | null {
      const row = of.get(folder, threadId ?? 0);
      return row ? toSession(row) : null;
    },
    /** All of the group, the whole group's or General's first. */
    ofGroup: (folder: Folder): Session[] => ofGroup.all(folder).map(toSession),
    /** Another one begins there; the one that there is goes on as it was. */
    set(
      folder: Folder,
      threadId: number | null,
      sessionId: string,
      at: Iso,
      provider: ProviderName | null = null,
    ): void {
      set.run(folder, threadId ?? 0, sessionId, at, at, provider);
    },
    drop(folder: Folder, threadId: number | null): void {
      drop.run(folder, threadId ?? 0);
    },
    /** A turn of this provider goes on with it. */
    use(folder: Folder, threadId: number | null, at: Iso, provider: ProviderName | null = null): void {
      use.run(at, provider, folder, threadId ?? 0);
    },
    /** An earlier attempt of this turn has left one, as it could not be gone on with. */
    wasLeftFor: (turn: TurnId): boolean => wasLeft.get(turn, turn) !== undefined,
    /** A turn has ended in it. Nothing, where the conversation is another by now. */
    noteTurn(folder: Folder, threadId: number | null, context: Context, at: Iso): void {
      const { tokens, window, compact_at = null, instructions = null, tools = null } = context;
      note.run(
        ...[at, tokens, window, compact_at, instructions, tools],
        ...[folder, threadId ?? 0, context.session_id],
      );
    },
  };
}
