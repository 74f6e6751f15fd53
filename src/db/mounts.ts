/** The extra mounts that the operator gave to groups, as asked for: whether they are allowed is judged at each use. */
import type { ChatJid } from '../types.ts';
import type { Sqlite } from './open.ts';

/** A folder or file of the host that a group shall see as /workspace/extra/<name>. */
export interface GroupMount {
  name: string;
  /** Absolute. */
  hostPath: string;
  writable: boolean;
}

export function mountRepository(db: Sqlite) {
  const get = db.prepare<[string], string>('SELECT mounts FROM registered_groups WHERE chat_jid = ?').pluck();
  const set = db.prepare('UPDATE registered_groups SET mounts = ? WHERE chat_jid = ?');
  const given = db.prepare<[string], string>('SELECT mounts FROM containers WHERE name = ?').pluck();
  const setGiven = db.prepare('UPDATE containers SET mounts = ? WHERE name = ?');
  return {
    of: (jid: ChatJid): GroupMount[] => JSON.parse(get.get(jid) ?? '[]') as GroupMount[],
    set: (jid: ChatJid, mounts: readonly GroupMount[]): void => void set.run(JSON.stringify(mounts), jid),
    /** What a container was started with, in a form to compare; empty for none. */
    given: (container: string): string => given.get(container) ?? '',
    setGiven: (container: string, key: string): void => void setGiven.run(key, container),
  };
}
