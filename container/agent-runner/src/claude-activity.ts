/** What Claude is doing, from one SDK message: a tool's name or a plain word, never content; and what it writes meanwhile. Pure. */
import type { SDKMessage, SDKResultMessage } from '@anthropic-ai/claude-agent-sdk';

/** The activity that begins with a message; undefined when it changes nothing. */
export function activityOf(message: SDKMessage): string | undefined {
  switch (message.type) {
    case 'assistant': {
      for (const block of message.message.content) if (block.type === 'tool_use') return toolName(block.name);
      return undefined;
    }
    case 'stream_event': {
      const { event } = message;
      if (event.type === 'content_block_start') return ofBlock(event.content_block);
      if (event.type === 'content_block_delta')
        return event.delta.type === 'text_delta' ? 'writing' : undefined;
      return undefined;
    }
    case 'tool_progress':
      return toolName(message.tool_name);
    case 'system':
      if (message.subtype === 'api_retry') return 'retrying';
      return message.subtype === 'compact_boundary' ? 'compacting' : undefined;
    default:
      return undefined;
  }
}

function ofBlock(block: { type: string; name?: string }): string | undefined {
  if (block.type === 'text') return 'writing';
  if (block.type === 'thinking') return 'thinking';
  if (block.type === 'tool_use' && block.name !== undefined) return toolName(block.name);
  return undefined;
}

/** Without the prefix of an MCP server: mcp__nanoclaw__send_message → send_message. */
function toolName(name: string): string {
  return name.replace(/^mcp__[^_]+(?:_[^_]+)*__/, '');
}

/** No more is kept of what is being written. */
const LONGEST_DRAFT = 100_000;

/** The text that is being written to the chat, with what this message adds; each message of the model begins a new one. */
export function draftAfter(draft: string, message: SDKMessage): string {
  if (message.type !== 'stream_event' || message.parent_tool_use_id !== null) return draft;
  const { event } = message;
  if (event.type === 'message_start') return '';
  if (event.type === 'content_block_start' && event.content_block.type === 'text' && draft !== '')
    return `${draft}\n\n`;
  if (event.type !== 'content_block_delta' || event.delta.type !== 'text_delta') return draft;
  return draft.length > LONGEST_DRAFT ? draft : draft + event.delta.text;
}

/** Shows that Claude took the prompt up; other messages may still be of the turn before. */
export function begins(message: SDKMessage): boolean {
  if (message.type === 'system') return message.subtype === 'init';
  return message.type === 'assistant' || message.type === 'stream_event' || message.type === 'user';
}

/** A result may belong to an earlier prompt that was interrupted; one without an id is taken as ours. */
export function answers(result: SDKResultMessage, prompt: string): boolean {
  const named = 'user_message_uuid' in result ? result.user_message_uuid : undefined;
  return named === undefined || named === prompt;
}
