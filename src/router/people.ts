/** May this person ask here? The sender rules, applied to one message; and what is said when they are malformed. */
import type { Db } from '../db.ts';
import type { Logger } from '../log.ts';
import type { SenderRules } from '../sender-rules.ts';
import type { Group, Iso } from '../types.ts';
import type { Admins } from './admins.ts';

export type Standing =
  | { admitted: true }
  /** `drop`: nothing is made of it. `context`: those who may ask, ask with it in sight. */
  | { admitted: false; others: 'drop' | 'context'; reason: string };

export interface People {
  standing(group: Group, sender: string): Standing;
}

export function createPeople(rules: () => SenderRules, admins: Pick<Admins, 'includes'>): People {
  return {
    standing(group, sender) {
      const now = rules();
      if (now.problem !== null)
        return {
          admitted: false,
          others: 'drop',
          reason:
            'the file with the sender rules is malformed, so nobody is admitted until the operator mends it',
        };
      const rule = now.ruleOf(group);
      if (rule.everyone || rule.ids.has(sender)) return { admitted: true };
      // In a private chat that is its one person; in a group, an administrator who writes anonymously, as the group.
      if (rule.admins && (sender === group.chatJid || admins.includes(group.chatJid, sender)))
        return { admitted: true };
      const who =
        rule.admins && rule.ids.size === 0 ? 'an administrator of the chat' : 'one of those who may ask here';
      return { admitted: false, others: rule.others, reason: `the sender is not ${who}` };
    },
  };
}

const NOTED = 'sender_rules_problem';

/**
 * Notes in the caller's transaction that the rules have become malformed, or are sound again: in the log and the
 * audit log. Returns what main should be told; null while nothing has changed, also over a restart.
 */
export function noteRules(db: Db, log: Logger, rules: SenderRules, at: Iso): string | null {
  const before = db.inbox.meta(NOTED) ?? '';
  const problem = rules.problem ?? '';
  if (problem === before) return null;
  db.inbox.setMeta(NOTED, problem);
  const outcome = problem === '' ? 'done' : 'failed';
  const detail = problem === '' ? `${rules.file} is sound again` : problem;
  db.audit.note({ at, actor: 'daemon', group: null, action: 'sender_rules', outcome, detail });
  log[problem === '' ? 'info' : 'error']({ event: 'sender_rules', problem: rules.problem }, detail);
  if (problem !== '')
    return `The sender rules cannot be used: ${problem}. Until that file is mended nobody is admitted in any group, nor here.`;
  return 'The sender rules are sound again and in force.';
}
