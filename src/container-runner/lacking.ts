/**
 * A group whose model cannot be asked: no credential for its provider, or no server. No container is started for it, what is written
 * and what is due waits, the others go on. Each topic where something waits is told once, main as well; when the group can think
 * again main hears that, and what has waited is answered. All of it is read from the database: a restart tells nobody twice.
 */
import type { Db } from '../db.ts';
import type { Lack } from '../policy/thinking.ts';
import type { Problems } from '../problems.ts';
import type { Router } from '../router.ts';
import { type ChatJid, type Group, type Iso, iso } from '../types.ts';
import { ENGLISH } from '../words.ts';

export interface LackingOptions {
  db: Db;
  /** What is missing for this group's agent to think; null: nothing. */
  lackOf: (group: Group) => Lack | null;
  problems: Pick<Problems, 'report' | 'solved'>;
  record: Router['record'];
  wakeDelivery: (jid: ChatJid) => void;
}

export interface Lacking {
  /** True: nothing may begin for this group. Says so where something waits. */
  holds(group: Group, nowMs: number): boolean;
}

export function createLacking(options: LackingOptions): Lacking {
  const { db, problems } = options;

  const openedAt = ({ folder }: Group): Iso | undefined =>
    db.problems.open().find(({ kind, subject }) => kind === 'provider' && subject === folder)?.openedAt;

  /** Once for as long as the problem lasts: what was told bears its beginning. */
  function tell(group: Group, threadId: number | null, lack: Lack, since: Iso): void {
    const key = `lacking_told:${group.folder}:${threadId ?? 0}`;
    if (db.inbox.meta(key) === since) return;
    const words = db.languages.wordsFor(group.chatJid);
    const text = words.cannotThink(words.lacks[lack]);
    db.transaction(() => {
      db.inbox.setMeta(key, since);
      options.record({ chatJid: group.chatJid, threadId, turnId: null, replyTo: null, text });
    });
    options.wakeDelivery(group.chatJid);
  }

  return {
    holds(group, nowMs) {
      const lack = options.lackOf(group);
      if (lack === null) {
        problems.solved('provider', group.folder);
        return false;
      }
      const waiting = db.messages.waiting(group.chatJid);
      if (waiting.length === 0 && db.taskRuns.nextWaiting(group.chatJid, iso(nowMs)) === null) return true;
      problems.report('provider', ENGLISH.lacks[lack], group.folder);
      const since = openedAt(group) ?? iso(nowMs);
      for (const { threadId } of waiting) tell(group, threadId, lack, since);
      return true;
    },
  };
}
