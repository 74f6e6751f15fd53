/**
 * A batch of messages as the XML that the agent reads. Pure. Nothing that people write can leave its element, nor
 * begin a line of its own outside of one: all text and attributes are escaped (prompt/xml.ts), and a test reads the
 * result back into exactly the same messages.
 */
import { formatDuration } from './lib/duration.ts';
import { localTime } from './lib/local-time.ts';
import { escapeAttribute, escapeText } from './prompt/xml.ts';
import type { MessageFile, RepliedTo, StoredMessage } from './types.ts';

/** Limits of one prompt: messages, and bytes of the rendered messages in UTF-8. */
export const MAX_BATCH_MESSAGES = 200;
export const MAX_BATCH_BYTES = 64 * 1024;
const MAX_QUOTE_LENGTH = 500;

export interface PromptInput {
  groupName: string;
  timezone: string;
  nowMs: number;
  messages: readonly StoredMessage[];
  /** Older messages that did not fit. */
  omitted: number;
  /** 1 for the first try. */
  attempt: number;
  /** Messages that are for a specialist. */
  asked?: readonly { messageId: number; specialist: string }[];
  /** Of people, to messages of the assistant. */
  reactions?: readonly PromptReaction[];
  /** What messages say now that were edited while an earlier turn had them. */
  corrections?: readonly PromptCorrection[];
}

export interface PromptCorrection {
  messageId: number;
  sender: string;
  senderName: string;
  editedAt: string;
  text: string;
}

const CORRECTION_NOTE =
  '<note>A correction is what a message says now that was edited while you worked on it. It asks for nothing by itself.</note>';

function renderCorrection(correction: PromptCorrection, timezone: string): string {
  const { messageId, sender, senderName, editedAt, text } = correction;
  const attributes = [
    `of="${messageId}"`,
    `sender="${escapeAttribute(senderName)}"`,
    `sender_id="${escapeAttribute(sender)}"`,
    `time="${localTime(Date.parse(editedAt), timezone)}"`,
  ];
  return `<correction ${attributes.join(' ')}>${escapeText(text)}</correction>`;
}

export interface PromptReaction {
  messageId: number;
  sender: string;
  senderName: string;
  emoji: string;
  at: string;
  /** The message that it is to. */
  text: string;
}

const MAX_REACTED_LENGTH = 100;

function renderReaction(reaction: PromptReaction, timezone: string): string {
  const { messageId, sender, senderName, emoji, at, text } = reaction;
  const attributes = [
    `sender="${escapeAttribute(senderName)}"`,
    `sender_id="${escapeAttribute(sender)}"`,
    `emoji="${escapeAttribute(emoji)}"`,
    `to="${messageId}"`,
    `time="${localTime(Date.parse(at), timezone)}"`,
  ];
  return `<reaction ${attributes.join(' ')}>${escapeText([...text].slice(0, MAX_REACTED_LENGTH).join(''))}</reaction>`;
}

export function renderPrompt(input: PromptInput): string {
  const lines = [contextLine(input)];
  if (input.attempt > 1) lines.push(repeatNote(input.attempt));
  const omitted = input.omitted > 0 ? ` omitted_older="${input.omitted}"` : '';
  const { corrections = [] } = input;
  if (corrections.length > 0) lines.push(CORRECTION_NOTE);
  lines.push(`<messages${omitted}>`);
  for (const correction of corrections) lines.push(renderCorrection(correction, input.timezone));
  for (const message of albumsTogether(input.messages)) lines.push(renderMessage(message, input.timezone));
  for (const reaction of input.reactions ?? []) lines.push(renderReaction(reaction, input.timezone));
  lines.push('</messages>');
  for (const { messageId, specialist } of input.asked ?? [])
    lines.push(handOverNote(`Message ${messageId}`, specialist));
  return lines.join('\n');
}

export interface TaskPromptInput {
  groupName: string;
  timezone: string;
  nowMs: number;
  taskId: string;
  prompt: string;
  schedule: string;
  dueMs: number;
  /** Earlier runs that were missed and are covered by this one. */
  missed: number;
  attempt: number;
  /** The specialist that it is for. */
  asked?: string | undefined;
}

/** Up to here a run is not worth being called late. */
const LATE_MS = 60_000;

export function renderTaskPrompt(input: TaskPromptInput): string {
  const lateMs = input.nowMs - input.dueMs;
  const attributes = [
    `id="${escapeAttribute(input.taskId)}"`,
    `schedule="${escapeAttribute(input.schedule)}"`,
    `due="${localTime(input.dueMs, input.timezone)}"`,
    ...(lateMs > LATE_MS ? [`late_by="${formatDuration(lateMs)}"`] : []),
    ...(input.missed > 0 ? [`missed_runs="${input.missed}"`] : []),
  ];
  return [
    contextLine(input),
    ...(input.attempt > 1 ? [repeatNote(input.attempt)] : []),
    `<scheduled_task ${attributes.join(' ')}>${escapeText(input.prompt)}</scheduled_task>`,
    ...(input.asked === undefined ? [] : [handOverNote('The task', input.asked)]),
    '<note>Nobody has written just now: this is a scheduled task of this group. What you answer is sent to the chat. If there is nothing worth saying, answer with <internal>nothing to say</internal> alone.</note>',
  ].join('\n');
}

function contextLine(input: { groupName: string; timezone: string; nowMs: number }): string {
  return `<context group="${escapeAttribute(input.groupName)}" timezone="${escapeAttribute(input.timezone)}" now="${localTime(input.nowMs, input.timezone)}"/>`;
}

function handOverNote(what: string, specialist: string): string {
  const name = escapeAttribute(specialist);
  return `<note>${what} is for the specialist ${name}. Hand it over with the tool Agent and subagent_type="${name}": with all that is asked, and what the specialist needs to know. Then answer with what it said, and say who said it. Do not answer in its place, and ask nobody else instead; if the tool fails, say that.</note>`;
}

function repeatNote(attempt: number): string {
  return `<note>This is attempt ${attempt}. An earlier one failed before it finished; what it sent or changed may already be there. Do not repeat it.</note>`;
}

/** A message, and what came with it: more than one file where it is an album. */
export interface ShownMessage extends StoredMessage {
  album?: readonly MessageFile[];
}

/** The messages of one album as one, where its first one stands: with all that was said, and all files. */
export function albumsTogether(messages: readonly StoredMessage[]): ShownMessage[] {
  const shown: ShownMessage[] = [];
  const albums = new Map<string, ShownMessage>();
  for (const message of messages) {
    const key = message.albumId === null ? null : `${message.sender} ${message.albumId}`;
    const album = key === null ? undefined : albums.get(key);
    const own = message.files?.own ?? null;
    if (album) {
      album.content = `${album.content} ${message.content}`;
      album.forNina ||= message.forNina;
      album.album = [...(album.album ?? []), ...(own ? [own] : [])];
      album.editedAt ??= message.editedAt;
      continue;
    }
    const one: ShownMessage = { ...message, album: own ? [own] : [] };
    if (key !== null) albums.set(key, one);
    shown.push(one);
  }
  return shown;
}

/** Where the agent finds its group's folder. */
const WORKSPACE = '/workspace/group';

/** With the path where it lies, or why it is missing; what is spoken in it, where the message does not say so itself. */
function renderFile(file: MessageFile, said: string): string {
  const attributes = [
    `kind="${file.kind}"`,
    ...(file.name === null ? [] : [`name="${escapeAttribute(file.name)}"`]),
    ...(file.mime === null ? [] : [`type="${escapeAttribute(file.mime)}"`]),
    ...(file.bytes === null ? [] : [`size="${formatBytes(file.bytes)}"`]),
    file.path === null
      ? `missing="${escapeAttribute(file.missing ?? 'unknown')}"`
      : `path="${escapeAttribute(`${WORKSPACE}/${file.path}`)}"`,
  ];
  const words = file.transcript !== null && !said.includes(file.transcript) ? file.transcript : null;
  return words === null
    ? `<attachment ${attributes.join(' ')}/>`
    : `<attachment ${attributes.join(' ')}>${escapeText(words)}</attachment>`;
}

function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} bytes`;
  return bytes < 1_048_576 ? `${Math.round(bytes / 1024)} KB` : `${(bytes / 1_048_576).toFixed(1)} MB`;
}

function renderReply({ messageId, name, text, isQuote, chat }: RepliedTo, quoted: string): string {
  const attributes = [
    ...(messageId === null ? [] : [`id="${messageId}"`]),
    `sender="${escapeAttribute(name)}"`,
    ...(chat ? [`chat="${escapeAttribute(chat)}"`] : []),
    ...(isQuote ? ['quote="yes"'] : []),
  ];
  return `<reply_to ${attributes.join(' ')}>${escapeText(shorten(text))}${quoted}</reply_to>`;
}

/** One message; `for_you` marks those that are meant for the assistant, the others are context. */
export function renderMessage(m: ShownMessage, timezone: string): string {
  const attributes = [
    `id="${m.messageId}"`,
    `sender="${escapeAttribute(m.senderName)}"`,
    `sender_id="${escapeAttribute(m.sender)}"`,
    `time="${localTime(Date.parse(m.timestamp), timezone)}"`,
    ...(m.threadId === null ? [] : [`topic="${m.threadId}"`]),
    ...(m.forNina ? ['for_you="yes"'] : []),
    ...(m.editedAt === null ? [] : ['edited="yes"']),
    ...(m.forwardedFrom === null ? [] : [`forwarded_from="${escapeAttribute(m.forwardedFrom)}"`]),
  ];
  const quoted = m.files?.quoted ? renderFile(m.files.quoted, '') : '';
  const quote = m.replyTo ? renderReply(m.replyTo, quoted) : '';
  const own = m.album ?? (m.files?.own ? [m.files.own] : []);
  const files = own.map((file) => renderFile(file, m.content)).join('');
  return `<message ${attributes.join(' ')}>${quote}${escapeText(m.content)}${files}</message>`;
}

function shorten(text: string): string {
  return text.length <= MAX_QUOTE_LENGTH ? text : `${text.slice(0, MAX_QUOTE_LENGTH)}…`;
}
