/** One request in a conversation, worked on to its end: the assistant's own turn, and a specialist's work within it. */
import type { PromptBlock } from '../claude-process.ts';
import { promptOf } from '../pictures.ts';
import type { Tool } from '../tool.ts';
import { Conversation, type Kept } from './conversation.ts';
import { asFunction, type LoopEnd, runLoop } from './loop.ts';
import type { AskModel } from './request.ts';
import { type Entry, tokensOfText, toPrompt } from './transcript.ts';

type UserEntry = Extract<Entry, { role: 'user' }>;

export interface ConverseOptions {
  ask: AskModel;
  system: string;
  tools: readonly Tool[];
  /** What was said before. */
  entries: Entry[];
  request: UserEntry;
  kept: Kept;
  archive: (gone: readonly Entry[]) => void;
  groupDir: string;
  contextTokens: number;
  longestResult: number;
  mostRequests: number;
  onActivity: (activity: string, draft?: string) => void;
  signal: AbortSignal;
}

export async function converse(
  options: ConverseOptions,
): Promise<{ end: LoopEnd; conversation: Conversation }> {
  const { ask, system, tools, groupDir, contextTokens, longestResult, mostRequests, onActivity, signal } =
    options;
  const conversation = new Conversation({
    entries: options.entries,
    kept: options.kept,
    contextTokens,
    overhead: {
      instructions: tokensOfText(system),
      tools: tokensOfText(JSON.stringify(tools.map(asFunction))),
    },
    ask,
    archive: options.archive,
  });
  conversation.add(options.request);
  const seen = new Map<Entry, PromptBlock[]>();
  const withPictures = (entry: UserEntry): PromptBlock[] => {
    const blocks = seen.get(entry) ?? blocksOf(entry, groupDir);
    seen.set(entry, blocks);
    return blocks;
  };
  const end = await runLoop({
    ...{ ask, conversation, tools, mostRequests, longestResult, onActivity, signal },
    prompt: (entries, pictures) =>
      toPrompt(entries, { system, blocks: pictures ? withPictures : withoutPictures }),
  });
  return { end, conversation };
}

function blocksOf({ text, pictures = [] }: UserEntry, groupDir: string): PromptBlock[] {
  const attachments = pictures.map((path) => ({ path, kind: 'photo', type: null, bytes: 0, as_image: true }));
  const prompt = promptOf({ prompt: text, attachments }, groupDir);
  return typeof prompt === 'string' ? [{ type: 'text', text: prompt }] : prompt;
}

function withoutPictures({ text, pictures = [] }: UserEntry): PromptBlock[] {
  const note = `(This model sees no pictures: ${pictures.join(', ')}.)`;
  return [{ type: 'text', text: pictures.length > 0 ? `${text}\n${note}` : text }];
}
