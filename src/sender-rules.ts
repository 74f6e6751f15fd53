/**
 * Who may ask Nina, per group: the rules an operator writes into ~/.config/nanoclaw/sender-allowlist.json (by hand or
 * with `nanoclaw groups set`). No file: everyone. Read again whenever it has changed; a file that cannot be read or
 * is not of the form admits nobody, in no group, until it is mended. It lies outside of everything that a container
 * is ever given, and the daemon never writes it.
 */
import { mkdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { messageOf, NanoClawError } from './errors.ts';
import { writeFileAtomic } from './lib/atomic-file.ts';
import type { Group } from './types.ts';

export const senderRulesFile = (configDir: string): string => path.join(configDir, 'sender-allowlist.json');

/** A person's id, or a chat's for those who write in the name of one (channels, anonymous administrators). */
const idSchema = z.union([
  z.string().regex(/^-?\d{1,20}$/, 'expected a numeric Telegram id like "123456789"'),
  z.int().transform(String),
]);
const allowSchema = z.union([z.enum(['*', 'admins']), z.array(z.union([z.literal('admins'), idSchema]))], {
  error: 'expected "*", "admins" or a list of numeric Telegram ids (and "admins")',
});
const ruleSchema = z.strictObject({
  allow: allowSchema.optional(),
  mode: z.enum(['context', 'trigger', 'drop']).optional(),
});
const fileSchema = z.strictObject({
  default: ruleSchema.optional(),
  /** By folder or chat id. */
  chats: z.record(z.string(), ruleSchema).optional(),
  /** Known to files of other versions; without effect here, where every refusal is told by /why. */
  logDenied: z.boolean().optional(),
});
type RulesFile = z.infer<typeof fileSchema>;

export interface SenderRule {
  everyone: boolean;
  admins: boolean;
  ids: ReadonlySet<string>;
  /** What becomes of what the others write: nothing, or context for those who may ask. */
  others: 'drop' | 'context';
}

export interface SenderRules {
  file: string;
  /** Why nobody is admitted, or null. */
  problem: string | null;
  /** Some rule speaks of administrators. */
  usesAdmins: boolean;
  ruleOf(group: Pick<Group, 'folder' | 'chatJid' | 'formerJid'>): SenderRule;
  /** What the file names that is neither folder nor chat of these groups: a misspelt rule protects nobody. */
  unknownOf(groups: readonly Pick<Group, 'folder' | 'chatJid' | 'formerJid'>[]): string[];
}

const MAX_BYTES = 1024 * 1024;
const NOBODY: SenderRule = { everyone: false, admins: false, ids: new Set(), others: 'drop' };

/** Returns a function that looks at the file and gives the rules as of now. It never throws. */
export function watchSenderRules(file: string): () => SenderRules {
  let seen: string | undefined;
  let rules: SenderRules | undefined;
  return () => {
    const state = stateOf(file);
    if (rules === undefined || state === undefined || state !== seen) {
      seen = state;
      rules = readRules(file);
    }
    return rules;
  };
}

/** What changes when the file does. One that cannot be looked at is looked at anew each time. */
function stateOf(file: string): string | undefined {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs, mode } = statSync(file, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs, mode].join();
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'none' : undefined;
  }
}

function readRules(file: string): SenderRules {
  try {
    return toRules(file, load(file));
  } catch (error) {
    const problem = `${file} ${messageOf(error)}`;
    return { file, problem, usesAdmins: false, ruleOf: () => NOBODY, unknownOf: () => [] };
  }
}

/** Throws with what is wrong, as the second half of a sentence that begins with the file's name. */
function load(file: string): RulesFile {
  let text: string;
  try {
    const { size, mode } = statSync(file);
    if (size > MAX_BYTES) throw new Error(`is larger than ${MAX_BYTES} bytes`);
    if ((mode & 0o002) !== 0) throw new Error('can be written by everybody on this machine (chmod 600 it)');
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw (error as NodeJS.ErrnoException).code === undefined
      ? error
      : new Error(`cannot be read: ${messageOf(error)}`);
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new Error('is not valid JSON');
  }
  const parsed = fileSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new Error(`is not as expected at ${issue?.path.join('.') || 'the top'}: ${issue?.message ?? ''}`);
}

function toRules(file: string, content: RulesFile): SenderRules {
  const fallback = toRule(content.default ?? {}, {
    everyone: true,
    admins: false,
    ids: new Set(),
    others: 'context',
  });
  const chats = new Map(
    Object.entries(content.chats ?? {}).map(([key, rule]) => [key, toRule(rule, fallback)]),
  );
  const keysOf = (g: Pick<Group, 'folder' | 'chatJid' | 'formerJid'>) =>
    [g.folder, g.chatJid, g.formerJid].filter((key) => key !== null);
  return {
    file,
    problem: null,
    usesAdmins: [fallback, ...chats.values()].some((rule) => rule.admins),
    ruleOf(group) {
      const key = keysOf(group).find((each) => chats.has(each));
      return (key === undefined ? undefined : chats.get(key)) ?? fallback;
    },
    unknownOf(groups) {
      const known = new Set<string>(groups.flatMap(keysOf));
      return [...chats.keys()].filter((key) => !known.has(key));
    },
  };
}

/** What a rule leaves out is as in the default. */
function toRule({ allow, mode }: z.infer<typeof ruleSchema>, base: SenderRule): SenderRule {
  const others = mode === undefined ? base.others : mode === 'drop' ? 'drop' : 'context';
  if (allow === undefined) return { ...base, others };
  if (allow === '*') return { everyone: true, admins: false, ids: new Set(), others };
  const list = allow === 'admins' ? ['admins'] : allow;
  return {
    everyone: false,
    admins: list.includes('admins'),
    ids: new Set(list.filter((each) => each !== 'admins')),
    others,
  };
}

/** Short words for lists: "everyone", "admins", "listed (2), admins", "nobody". */
export function describeRule(rule: SenderRule): string {
  if (rule.everyone) return 'everyone';
  const parts = [
    ...(rule.ids.size > 0 ? [`listed (${rule.ids.size})`] : []),
    ...(rule.admins ? ['admins'] : []),
  ];
  return parts.join(', ') || 'nobody';
}

export interface RuleChange {
  senders?: 'everyone' | 'admins' | 'listed' | undefined;
  allow?: readonly string[] | undefined;
  others?: 'drop' | 'context' | undefined;
}

/**
 * Writes one group's rule, keeping the others as they are. Throws SENDER_RULES_INVALID when the file is malformed (it
 * is not overwritten) and GROUP_INVALID when the change makes no sense; then nothing is written.
 */
export function changeSenderRule(
  file: string,
  group: Pick<Group, 'folder' | 'chatJid' | 'formerJid'>,
  change: RuleChange,
): SenderRule {
  let content: RulesFile;
  try {
    content = load(file);
  } catch (error) {
    throw new NanoClawError('SENDER_RULES_INVALID', `${file} ${messageOf(error)}. Nothing was changed.`, {
      fix: 'Mend the file, or move it aside; docs/security.md describes it.',
    });
  }
  const before = toRules(file, content).ruleOf(group);
  const rule = changed(before, change);
  const chats = { ...content.chats };
  // The folder is the one name that never changes; a rule by chat id would only be in its way.
  for (const key of [group.chatJid, group.formerJid]) if (key !== null) delete chats[key];
  chats[group.folder] = {
    allow: rule.everyone ? '*' : [...(rule.admins ? ['admins' as const] : []), ...rule.ids],
    mode: rule.others,
  };
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  writeFileAtomic(file, `${JSON.stringify({ ...content, chats }, null, 2)}\n`, { mode: 0o600 });
  return rule;
}

function changed(before: SenderRule, { senders, allow, others }: RuleChange): SenderRule {
  for (const id of allow ?? []) {
    if (!idSchema.safeParse(id).success)
      throw invalid(`--sender: expected numeric Telegram ids, got "${id}"`);
  }
  const rule = { ...before, others: others ?? before.others };
  const ids = allow === undefined ? before.ids : new Set(allow);
  if (senders === 'everyone') {
    if (allow !== undefined)
      throw invalid('--sender: expected with --senders listed or admins, not with everyone');
    return { ...rule, everyone: true, admins: false, ids: new Set() };
  }
  if (senders === 'admins') return { ...rule, everyone: false, admins: true, ids: new Set(allow ?? []) };
  if (senders === 'listed' || allow !== undefined) {
    if (ids.size === 0) throw invalid('--senders listed: expected --sender with at least one Telegram id');
    return { ...rule, everyone: false, admins: senders === undefined && before.admins, ids };
  }
  return rule;
}

const invalid = (why: string) => new NanoClawError('GROUP_INVALID', why);
