/** What belongs to agents: their containers and commands. */
import { type Folder, type Iso, PROVIDERS, type ProviderName } from '../types.ts';
import type { Sqlite } from './open.ts';

const known = (name: string | null): ProviderName | null => PROVIDERS.find((one) => one === name) ?? null;

export function agentRepository(db: Sqlite) {
  const started = db.prepare(
    'INSERT INTO containers (name, group_folder, runtime, token_sha256, started_at, provider) VALUES (?, ?, ?, ?, ?, ?)',
  );
  const engineId = db.prepare('UPDATE containers SET engine_id = ? WHERE name = ?');
  const ended = db.prepare('UPDATE containers SET ended_at = ? WHERE name = ? AND ended_at IS NULL');
  const byToken = db.prepare<[string], { name: string; group_folder: string; provider: string | null }>(
    'SELECT name, group_folder, provider FROM containers WHERE token_sha256 = ? AND ended_at IS NULL',
  );
  const live = db
    .prepare<[], string>('SELECT name FROM containers INDEXED BY containers_live WHERE ended_at IS NULL')
    .pluck();
  const providerOf = db
    .prepare<[string], string | null>('SELECT provider FROM containers WHERE name = ?')
    .pluck();
  const command = db.prepare<[string, string], { outcome: string; reason: string | null }>(
    'SELECT outcome, reason FROM ipc_commands WHERE group_folder = ? AND id = ?',
  );
  const noteCommand = db.prepare(
    `INSERT INTO ipc_commands (id, group_folder, type, outcome, reason, created_at, turn_id, digest)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const settleCommand = db.prepare(
    "UPDATE ipc_commands SET outcome = 'done', reason = ? WHERE group_folder = ? AND id = ? AND outcome = 'waiting'",
  );
  const doneEarlier = db.prepare<[string, string], { times: number; reason: string | null }>(
    `SELECT count(*) AS times, min(c.reason) AS reason
     FROM turns me JOIN turns t ON t.chain = me.chain AND t.id <> me.id
       JOIN ipc_commands c ON c.turn_id = t.id AND c.digest = ?
     WHERE me.id = ? AND c.outcome = 'done'`,
  );
  const askedNow = db
    .prepare<[string, string], number>('SELECT count(*) FROM ipc_commands WHERE turn_id = ? AND digest = ?')
    .pluck();

  return {
    containerStarted(
      name: string,
      folder: Folder,
      runtime: string,
      tokenSha256: string | null,
      at: Iso,
      provider: ProviderName | null = null,
    ): void {
      started.run(name, folder, runtime, tokenSha256, at, provider);
    },
    setEngineId(name: string, id: string): void {
      engineId.run(id, name);
    },
    /** From now on the container's token is worth nothing. */
    containerEnded(name: string, at: Iso): void {
      ended.run(at, name);
    },
    /** `provider`: null for one from before that was noted. */
    byToken(
      tokenSha256: string,
    ): { container: string; folder: Folder; provider: ProviderName | null } | null {
      const row = byToken.get(tokenSha256);
      if (!row) return null;
      return { container: row.name, folder: row.group_folder as Folder, provider: known(row.provider) };
    },
    /** What the container was started for; null: nobody has noted it. */
    providerOf: (name: string): ProviderName | null => known(providerOf.get(name) ?? null),
    liveContainers: (): string[] => live.all(),
    /** What became of this command when it was taken before; null when it is new. */
    command: (folder: Folder, id: string): { outcome: string; reason: string | null } | null =>
      command.get(folder, id) ?? null,
    /**
     * What came of the same thing (`digest`) in an earlier attempt of this turn. Null when none did it, or when this
     * attempt has asked for it as often already.
     */
    doneInEarlierAttempt(turn: string, digest: string): string | null {
      const earlier = doneEarlier.get(digest, turn);
      return earlier && earlier.times > (askedNow.get(turn, digest) ?? 0) ? (earlier.reason ?? '') : null;
    },
    /** What became of a command that was waiting. */
    settleCommand(folder: Folder, id: string, reason: string): void {
      settleCommand.run(reason, folder, id);
    },
    noteCommand(c: {
      id: string;
      folder: Folder;
      type: string;
      /** waiting: its agent is told later. */
      outcome: 'done' | 'refused' | 'repeated' | 'waiting';
      reason: string | null;
      at: Iso;
      /** The turn that asked, and what for; for what must not be done again by its next attempt. */
      turn?: string | null;
      digest?: string | null;
    }): void {
      noteCommand.run(c.id, c.folder, c.type, c.outcome, c.reason, c.at, c.turn ?? null, c.digest ?? null);
    },
  };
}
