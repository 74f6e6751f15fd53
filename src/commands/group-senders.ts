/** The sender rules in `nanoclaw groups list` and `set`. */
import type { Config } from '../config.ts';
import { NanoClawError } from '../errors.ts';
import type { RegistryOptions } from '../registry.ts';
import {
  changeSenderRule,
  describeRule,
  type SenderRule,
  type SenderRules,
  senderRulesFile,
  watchSenderRules,
} from '../sender-rules.ts';
import type { Group } from '../types.ts';

export const sendersOf = (config: Config): (() => SenderRules) =>
  watchSenderRules(senderRulesFile(config.configDir));

/** For `--json`. */
export function senderRecord(rules: SenderRules, group: Group) {
  const rule = rules.ruleOf(group);
  const list = [...(rule.admins ? ['admins'] : []), ...rule.ids];
  return { senders: rule.everyone ? 'everyone' : list, others: rule.others, senders_problem: rules.problem };
}

export function describeSenders(rules: SenderRules, group: Group): string {
  if (rules.problem !== null) return 'NOBODY (rules malformed)';
  const rule = rules.ruleOf(group);
  return rule.everyone ? describeRule(rule) : `${describeRule(rule)}; others: ${rule.others}`;
}

/** Null when none of the options was given. Throws GROUP_INVALID or SENDER_RULES_INVALID; then nothing has changed. */
export function setSenders(
  { db, now }: RegistryOptions,
  config: Config,
  group: Group,
  options: { senders?: string; sender?: string[]; others?: string },
  actor: string,
): SenderRule | null {
  const { senders, sender, others } = options;
  if (senders === undefined && sender === undefined && others === undefined) return null;
  const rule = changeSenderRule(senderRulesFile(config.configDir), group, {
    senders: oneOf('--senders', senders, ['everyone', 'admins', 'listed']),
    allow: sender,
    others: oneOf('--others', others, ['context', 'drop']),
  });
  const list = rule.ids.size === 0 ? '' : ` (${[...rule.ids].join(', ')})`;
  db.audit.note({
    at: now(),
    actor,
    group: group.folder,
    action: 'set_senders',
    outcome: 'done',
    detail: `${describeRule(rule)}${list}; others: ${rule.others}`,
  });
  return rule;
}

function oneOf<const T extends string>(
  option: string,
  value: string | undefined,
  values: readonly T[],
): T | undefined {
  const found = values.find((each) => each === value);
  if (value === undefined || found !== undefined) return found;
  throw new NanoClawError('GROUP_INVALID', `${option}: expected ${values.join(', ')}; got "${value}"`);
}
