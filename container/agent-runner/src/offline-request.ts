/**
 * Understands what the offline agent was asked: plain words to one of the few things it can do. Pure.
 * Whatever matches nothing is an echo.
 */
import type { Specialist } from '../../../src/team.ts';
import { readTrailingWhen, readWhen, recurs, type When } from './offline-when.ts';

export type OfflineRequest =
  | { kind: 'help' }
  | { kind: 'ping' }
  | { kind: 'remember'; fact: string; forAll?: true }
  | { kind: 'note'; text: string }
  | { kind: 'notes' }
  | { kind: 'recall' }
  | { kind: 'history' }
  | { kind: 'search'; query: string }
  | { kind: 'read_back'; around: number | null; count: number }
  | { kind: 'send_message'; text: string }
  | { kind: 'send_file'; path: string; content: string | null }
  | { kind: 'react'; emoji: string; messageId: number | null }
  | { kind: 'ask_people'; question: string; choices: string[]; seconds: number | null }
  | { kind: 'list_files' }
  | { kind: 'mcp_tools' }
  | { kind: 'mcp'; server: string; tool: string; args: string }
  | { kind: 'slow'; seconds: number }
  | { kind: 'fail' }
  | { kind: 'register'; chatJid: string; folder: string; name: string }
  | { kind: 'unregister'; chatJid: string }
  | { kind: 'refresh' }
  | { kind: 'schedule'; when: When; prompt: string }
  | { kind: 'schedule_unclear' }
  | { kind: 'preview'; when: When }
  | { kind: 'list_tasks' }
  | { kind: 'change_task'; tool: ChangeTool; id: string; runMissed: boolean }
  /** Who is there is not known here: offline.ts makes it of an echo. */
  | { kind: 'ask'; specialist: Specialist; question: string }
  /** What a task says without more ado; empty: nothing. */
  | { kind: 'reply'; text: string }
  | { kind: 'echo'; text: string };

type ChangeTool = 'pause_task' | 'resume_task' | 'cancel_task' | 'run_task';

/** The longest `slow`, in seconds. */
export const LONGEST_SLOW_SECONDS = 3600;

/** `read` may still find that it is something else. */
type Rule = [pattern: RegExp, read: (groups: Record<string, string | undefined>) => OfflineRequest | null];

const END = '\\s*[.!?]*$';
const rules: readonly Rule[] = [
  [
    new RegExp(`^(?:hello|hi|hey|help|/help|/start|what can you do)(?: there)?${END}`, 'i'),
    () => ({ kind: 'help' }),
  ],
  [new RegExp(`^/?ping${END}`, 'i'), () => ({ kind: 'ping' })],
  [new RegExp(`^(?:list )?mcp tools${END}`, 'i'), () => ({ kind: 'mcp_tools' })],
  [
    /^mcp (?<server>[a-z0-9-]{1,32}) (?<tool>[\w-]{1,64})(?:\s+(?<args>\{[\s\S]*\}))?$/i,
    ({ server = '', tool = '', args = '{}' }) => ({ kind: 'mcp', server: server.toLowerCase(), tool, args }),
  ],
  [
    new RegExp(`^(?:what do you (?:remember|know)|recall)(?: about .*)?${END}`, 'i'),
    () => ({ kind: 'recall' }),
  ],
  [new RegExp(`^what did (?:i|we) say(?: before| last| earlier)?${END}`, 'i'), () => ({ kind: 'history' })],
  [
    /^(?:search(?: (?:the )?history)?(?: for)?|find)[\s:]+(?<query>\S[^\n]{0,499})$/i,
    ({ query = '' }) => ({ kind: 'search', query }),
  ],
  [
    new RegExp(
      `^(?:show|read)(?: me)?(?: the)? (?:(?:last|newest) (?<count>\\d{1,2}) )?messages(?: around #?(?<around>-?\\d{1,15}))?${END}`,
      'i',
    ),
    ({ count, around }) => ({
      kind: 'read_back',
      count: Math.min(50, Math.max(1, Number(count ?? 10))),
      around: around === undefined ? null : Number(around),
    }),
  ],
  [
    /^remember for (?:all(?: the)? (?:groups|chats)|everybody|everyone)(?:\s+that)?[\s:,]+(?<fact>\S[\s\S]*)$/i,
    ({ fact = '' }) => ({ kind: 'remember', fact, forAll: true }),
  ],
  [/^note(?:\s+down)?(?:\s+that|:)\s*(?<text>\S[\s\S]*)$/i, ({ text = '' }) => ({ kind: 'note', text })],
  [
    new RegExp(`^(?:(?:what (?:are|is) in|show(?: me)?|list) )?(?:the|my|our|today['’]s)? ?notes${END}`, 'i'),
    () => ({ kind: 'notes' }),
  ],
  [/^remember(?:\s+that)?[\s:,]+(?<fact>\S[\s\S]*)$/i, ({ fact = '' }) => ({ kind: 'remember', fact })],
  [
    /^send (?:the |a )?file\s+(?<path>"[^"]+"|\S+)(?:\s+with(?: (?:the )?text)?[\s:]+(?<content>\S[\s\S]*))?\s*$/i,
    ({ path = '', content }) => ({
      kind: 'send_file',
      path: unquoted(path),
      content: content === undefined ? null : unquoted(content),
    }),
  ],
  [/^(?<text>[\s\S]+)$/, ({ text = '' }) => readSchedule(text)],
  [
    /^(?:send (?:a )?message|say)[\s:,]+(?<text>\S[\s\S]*)$/i,
    ({ text = '' }) => ({ kind: 'send_message', text: unquoted(text) }),
  ],
  [
    /^react(?:\s+with)?\s+(?<emoji>\p{Extended_Pictographic}\S{0,15})(?:\s+to\s+(?:message\s+)?(?<id>\d{1,15}))?\s*[.!]*$/iu,
    ({ emoji = '', id }) => ({ kind: 'react', emoji, messageId: id === undefined ? null : Number(id) }),
  ],
  [
    /^ask us(?: for (?<seconds>\d{1,4}) seconds?)?[\s:,]+(?<question>\S[^?]*\?)\s*(?<choices>\S[\s\S]*)$/i,
    ({ seconds, question = '', choices = '' }) => ({
      kind: 'ask_people',
      question: question.trim(),
      choices: choices
        .split(/,|\bor\b/i)
        .map((each) => each.trim().replace(/[.!]+$/, ''))
        .filter(Boolean),
      seconds: seconds === undefined ? null : Number(seconds),
    }),
  ],
  [new RegExp(`^(?:list|show)(?: (?:the|your|my))? files${END}`, 'i'), () => ({ kind: 'list_files' })],
  [
    /^slow\s+(?<seconds>\d{1,6}(?:\.\d+)?)\s*(?:s|seconds?)?[.!]*$/i,
    ({ seconds = '0' }) => ({ kind: 'slow', seconds: Math.min(Number(seconds), LONGEST_SLOW_SECONDS) }),
  ],
  [new RegExp(`^fail${END}`, 'i'), () => ({ kind: 'fail' })],
  [
    /^register\s+(?<chatJid>-?\d{1,20})\s+as\s+(?<folder>[a-z0-9][a-z0-9_-]{0,62})(?:\s+named\s+(?<name>\S[^\n]{0,127}))?\s*$/i,
    ({ chatJid = '', folder = '', name }) => ({
      kind: 'register',
      chatJid,
      folder: folder.toLowerCase(),
      name: name?.trim() ?? folder,
    }),
  ],
  [/^unregister\s+(?<chatJid>-?\d{1,20})\s*$/i, ({ chatJid = '' }) => ({ kind: 'unregister', chatJid })],
  [new RegExp(`^refresh(?: the)? groups${END}`, 'i'), () => ({ kind: 'refresh' })],
  [
    new RegExp(
      `^(?:(?:list|show)(?: me)? |what are )?(?:(?:all|the|my|our|your) )*(?:scheduled )?(?:tasks|reminders)${END}`,
      'i',
    ),
    () => ({ kind: 'list_tasks' }),
  ],
  [
    new RegExp(
      `^(?<verb>pause|resume|cancel|run) (?:(?:the )?task #?(?<named>\\S{1,64}?)|#?(?<id>t[0-9a-z]{5}))(?<missed> and (?:run|catch up|make up)\\b.*)?${END}`,
      'i',
    ),
    changeTask,
  ],
  [/^preview\s+(?<text>\S.*)$/i, ({ text = '' }) => preview(text)],
];

/** Reads one request. Main is not asked here: the host refuses what a group may not do. */
export function readOfflineRequest(request: string): OfflineRequest {
  const text = request.trim();
  for (const [pattern, read] of rules) {
    const match = pattern.exec(text);
    const found = match && read(match.groups ?? {});
    if (found) return found;
  }
  return { kind: 'echo', text };
}

const QUIET = new RegExp(`^(?:say nothing|(?:stay|keep|be) (?:quiet|silent))${END}`, 'i');

/** Reads what a task has to do. A task makes no further tasks, so that none multiplies. */
export function readScheduledPrompt(prompt: string): OfflineRequest {
  const text = prompt.trim();
  const reminder = /^reminder:\s*(\S[\s\S]*)$/i.exec(text)?.[1];
  if (reminder !== undefined) return { kind: 'reply', text: `⏰ ${reminder}` };
  if (QUIET.test(text)) return { kind: 'reply', text: '' };
  const request = readOfflineRequest(text);
  switch (request.kind) {
    case 'send_message':
      return { kind: 'reply', text: request.text };
    case 'echo':
    case 'help':
    case 'schedule':
    case 'schedule_unclear':
      return { kind: 'reply', text };
    default:
      return request;
  }
}

const REMIND = /^(?:please\s+)?remind\s+(?:me|us|everyone|everybody)\b[\s,:]*(?<rest>[\s\S]*)$/i;
/** What may come before a recurring time at the end; after other words the time is not meant for a task. */
const ORDER =
  /^(?:please\s+)?(?:send|say|tell|give|list|show|post|write|ping|check|greet|wish|thank|ask|warn)\b/i;

/** No task may have a longer prompt. */
const LONGEST_SCHEDULE = 10_000;

function readSchedule(text: string): OfflineRequest | null {
  if (text.length > LONGEST_SCHEDULE) return null;
  const rest = REMIND.exec(text)?.groups?.rest;
  if (rest !== undefined) {
    const found = readWhen(rest);
    const remind = found?.rest ? found : readTrailingWhen(rest);
    if (!remind) return { kind: 'schedule_unclear' };
    return { kind: 'schedule', when: remind.when, prompt: reminder(remind.rest) };
  }
  const leading = readWhen(text);
  const found = leading?.rest ? leading : ORDER.test(text) ? readTrailingWhen(text) : null;
  if (!found || !recurs(found.when)) return null;
  const reminded = REMIND.exec(found.rest)?.groups?.rest;
  return { kind: 'schedule', when: found.when, prompt: reminded ? reminder(reminded) : found.rest };
}

const reminder = (text: string): string =>
  `Reminder: ${text.replace(/^(?:to|that|about|of)\b[\s,:]*(?=\S)/i, '').trim()}`;

const CHANGES: Record<string, ChangeTool> = {
  pause: 'pause_task',
  resume: 'resume_task',
  cancel: 'cancel_task',
  run: 'run_task',
};

function changeTask({
  verb = '',
  named,
  id,
  missed,
}: Record<string, string | undefined>): OfflineRequest | null {
  const tool = CHANGES[verb.toLowerCase()];
  const runMissed = missed !== undefined;
  if (!tool || (runMissed && tool !== 'resume_task')) return null;
  return { kind: 'change_task', tool, id: (named ?? id ?? '').toLowerCase(), runMissed };
}

/** Plain words, five fields, a length or a date. */
function preview(text: string): OfflineRequest | null {
  const words = readWhen(text);
  if (words?.rest === '') return { kind: 'preview', when: words.when };
  const value = unquoted(text);
  if (!/[\d*@]/.test(value)) return null;
  if (value.startsWith('@') || value.split(/\s+/).length >= 3)
    return { kind: 'preview', when: { kind: 'cron', value } };
  const kind = /^(?:\d+[smhdw])+$|^\d+$/i.test(value) ? 'interval' : 'once';
  return { kind: 'preview', when: { kind, value } };
}

function unquoted(text: string): string {
  const trimmed = text.trim();
  const inner = /^(["'])([\s\S]+)\1$/.exec(trimmed)?.[2];
  return inner ?? trimmed;
}
