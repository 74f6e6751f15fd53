/** /model: what each group thinks with, and another choice for one. What it may be: policy/thinking.ts. */
import { NanoClawError } from '../errors.ts';
import { oneLine } from '../lib/one-line.ts';
import {
  chooseThinking,
  describeThinks,
  isChosen,
  NOTHING_CHOSEN,
  OFFLINE_GROUND,
  type ThinkingAsked,
  type ThinkingKey,
  thinksWith,
} from '../policy/thinking.ts';
import { changeGroup } from '../registry.ts';
import { type Group, PROVIDERS } from '../types.ts';
import type { Sentence } from '../words.ts';
import type { ChatAnswer, ChatCommandContext } from './chat-commands.ts';

/** Words that say which choice the word behind them is. */
const NAMED: Record<string, ThinkingKey> = {
  provider: 'provider',
  model: 'model',
  effort: 'effort',
  turns: 'max-turns',
  'max-turns': 'max-turns',
  thinking: 'max-thinking',
  'max-thinking': 'max-thinking',
};
const PROVIDER_WORDS: ReadonlySet<string> = new Set([...PROVIDERS, 'anthropic']);

const groundOf = ({ registry }: ChatCommandContext) => registry.thinking ?? OFFLINE_GROUND;

/** Without arguments all groups, with a folder that one; with more it is changed. */
export function model(context: ChatCommandContext, args: string): ChatAnswer | string {
  const { db, words } = context;
  const [folder = '', ...asked] = args.trim().split(/\s+/);
  if (folder === '')
    return [...db.groups.all().map((group) => lineOf(context, group)), words.modelHow].join('\n');
  const group = db.groups.byFolder(folder);
  if (group === null)
    throw new NanoClawError('GROUP_UNKNOWN', (w) => w.refused.noFolder(oneLine(folder, 63)));
  return asked.length === 0 ? `${lineOf(context, group)}\n${words.modelHow}` : change(context, group, asked);
}

function lineOf(context: ChatCommandContext, group: Group): string {
  const thinks = thinksWith(group, groundOf(context).defaults);
  return context.words.modelOf(group.folder, describeThinks(thinks), isChosen(group));
}

function change(context: ChatCommandContext, before: Group, asked: readonly string[]): ChatAnswer {
  const { registry, sender, words } = context;
  const ground = groundOf(context);
  const isReset = asked.length === 1 && asked[0]?.toLowerCase() === 'default';
  const after = isReset ? NOTHING_CHOSEN : chooseThinking(before, readAsked(asked), ground);
  const group: Group = { ...before, ...after };
  const [was, is] = [thinksWith(before, ground.defaults), thinksWith(group, ground.defaults)];
  const detail = `thinks with: ${describeThinks(was)} → ${describeThinks(is)}`;
  changeGroup(registry, group, detail, `telegram:${sender}`);
  const lines = [
    words.modelSet(group.folder, describeThinks(is)),
    ...(was.provider === is.provider ? [] : [words.otherProviderThere]),
    ...(after.maxThinking !== null && is.provider !== 'claude' ? [words.noThinkingThere] : []),
  ];
  // What could not be thought about until now waits.
  return { text: lines.join('\n'), groupsChanged: true, wakeQueue: group.chatJid };
}

/** In any order: a provider by its name, `effort high` and the like; any other word is the model. */
function readAsked(words: readonly string[]): ThinkingAsked {
  const asked: ThinkingAsked = {};
  const put = (key: ThinkingKey, value: string): void => {
    if (asked[key] !== undefined) throw invalid((w) => w.refused.modelTwice(key));
    asked[key] = value;
  };
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? '';
    const named = Object.hasOwn(NAMED, word.toLowerCase()) ? NAMED[word.toLowerCase()] : undefined;
    if (named !== undefined) {
      const value = words[at + 1];
      if (value === undefined) throw invalid((w) => w.refused.modelWhat(word.slice(0, 40)));
      put(named, value);
      at += 1;
    } else put(PROVIDER_WORDS.has(word.toLowerCase()) ? 'provider' : 'model', word);
  }
  return asked;
}

const invalid = (why: Sentence) => new NanoClawError('GROUP_INVALID', why);
