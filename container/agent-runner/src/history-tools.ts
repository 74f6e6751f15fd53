/** The tools that look back: what was said in the chat, which the host finds, and what archives of the folder have of it. */
import { z } from 'zod';
import { searchArchives } from './archives.ts';
import type { CommandDraft } from './commands.ts';
import { chatArgument, define, type Tool, type ToolResult } from './tool.ts';

export interface HistoryToolsOptions {
  /** Leaves a command and tells what became of it. */
  send: (draft: CommandDraft) => Promise<ToolResult>;
  groupDir: string;
  isMain: boolean;
}

const moment = z.string().min(1).max(40);
const topic = z.number().int().min(0).optional().describe('only this topic of the forum; 0 for General');
const limit = z.number().int().min(1).max(50).optional().describe('how many (20)');

/** In main they reach any registered chat. */
export function createHistoryTools({ send, groupDir, isMain }: HistoryToolsOptions): Tool[] {
  const target = isMain
    ? { chat_jid: chatArgument.optional().describe('another registered chat; without it, this chat') }
    : {};
  const schema = z.object({
    query: z.string().min(1).max(500).describe('words, in any script; "words between quotes" stand together'),
    sender: z.string().max(200).optional().describe('only of people with this name'),
    since: moment.optional().describe('2026-11-02, 2026-11-02T08:00:00Z, or how long ago: 3d'),
    until: moment.optional(),
    topic,
    limit,
    ...target,
  });
  return [
    define(
      'search_history',
      'Searches all that was ever said in this chat, also before this conversation, and the archives in conversations/. Whole words, whatever ' +
        'their capitals and accents; try other words when nothing is found. Best first, with message ids, dates and senders.',
      schema,
      async (args) => {
        const result = await send({ type: 'search_history', ...args });
        const other = 'chat_jid' in args && args.chat_jid !== undefined;
        const lines = result.isError || other ? [] : searchArchives(groupDir, args.query);
        if (lines.length === 0) return result;
        return { ...result, text: `${result.text}\n\nIn archives of this folder:\n${lines.join('\n')}` };
      },
    ),
    define(
      'read_history',
      'Reads what was said in this chat in its order: around, before or after a message (its id from search_history or <messages>), or ' +
        'without message_id the newest.',
      z.object({
        message_id: z.number().int().optional(),
        direction: z.enum(['around', 'before', 'after']).optional().describe('around (default) the message'),
        topic,
        limit,
        ...target,
      }),
      (args) => send({ type: 'read_history', ...args }),
    ),
  ];
}
