/** May this person ask here? The sender rules, applied to one message. */
import type { SenderRules } from '../sender-rules.ts';
import type { Group } from '../types.ts';
import { REASONS } from '../words.ts';
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
          reason: REASONS.badRules,
        };
      const rule = now.ruleOf(group);
      if (rule.everyone || rule.ids.has(sender)) return { admitted: true };
      // In a private chat that is its one person; in a group, an administrator who writes anonymously, as the group.
      if (rule.admins && (sender === group.chatJid || admins.includes(group.chatJid, sender)))
        return { admitted: true };
      const reason = rule.admins && rule.ids.size === 0 ? REASONS.notAdmin : REASONS.notListed;
      return { admitted: false, others: rule.others, reason };
    },
  };
}
