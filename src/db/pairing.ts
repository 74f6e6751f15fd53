/** The pairing code that is open, if any, and who guessed wrong. The code itself is never stored. */
import type { ChatJid, Iso } from '../types.ts';
import type { Sqlite } from './open.ts';

export interface OpenCode {
  salt: string;
  /** Hex. */
  sha256: string;
  createdAt: Iso;
  expiresAt: Iso;
  /** Wrong tries since it was made, from all chats. */
  wrong: number;
}

export function pairingRepository(db: Sqlite) {
  const replace = db.prepare(
    `INSERT INTO pairing (id, salt, sha256, created_at, expires_at, wrong) VALUES (1, ?, ?, ?, ?, 0)
     ON CONFLICT (id) DO UPDATE SET salt = excluded.salt, sha256 = excluded.sha256, created_at = excluded.created_at,
       expires_at = excluded.expires_at, wrong = 0`,
  );
  const open = db.prepare<[], OpenCode>(
    `SELECT salt, sha256, created_at AS createdAt, expires_at AS expiresAt, wrong FROM pairing WHERE id = 1`,
  );
  const close = db.prepare('DELETE FROM pairing WHERE id = 1');
  const guessed = db.prepare('UPDATE pairing SET wrong = wrong + 1 WHERE id = 1');
  const tries = db.prepare<[string], { wrong: number; at: string | null }>(
    'SELECT pair_wrong AS wrong, pair_wrong_at AS at FROM chats WHERE chat_jid = ?',
  );
  const setTries = db.prepare('UPDATE chats SET pair_wrong = ?, pair_wrong_at = ? WHERE chat_jid = ?');
  return {
    /** In the place of an earlier one. */
    open(code: Omit<OpenCode, 'wrong'>): void {
      replace.run(code.salt, code.sha256, code.createdAt, code.expiresAt);
    },
    current: (): OpenCode | null => open.get() ?? null,
    /** It was used, or guessed at too often. */
    close: (): boolean => close.run().changes > 0,
    guessedWrong(): void {
      guessed.run();
    },
    triesOf(jid: ChatJid): { wrong: number; at: Iso | null } {
      const row = tries.get(jid);
      return { wrong: row?.wrong ?? 0, at: (row?.at ?? null) as Iso | null };
    },
    setTries(jid: ChatJid, wrong: number, at: Iso): void {
      setTries.run(wrong, at, jid);
    },
  };
}
