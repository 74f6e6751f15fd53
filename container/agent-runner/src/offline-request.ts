/**
 * Understands what the offline agent was asked: plain words to one of the few things it can do. Pure.
 * Whatever matches nothing is an echo.
 */
export type OfflineRequest =
  | { kind: 'help' }
  | { kind: 'ping' }
  | { kind: 'remember'; fact: string }
  | { kind: 'recall' }
  | { kind: 'history' }
  | { kind: 'send_message'; text: string }
  | { kind: 'send_file'; path: string; content: string | null }
  | { kind: 'list_files' }
  | { kind: 'slow'; seconds: number }
  | { kind: 'fail' }
  | { kind: 'register'; chatJid: string; folder: string; name: string }
  | { kind: 'unregister'; chatJid: string }
  | { kind: 'refresh' }
  | { kind: 'echo'; text: string };

/** The longest `slow`, in seconds. */
export const LONGEST_SLOW_SECONDS = 3600;

type Rule = [pattern: RegExp, read: (groups: Record<string, string | undefined>) => OfflineRequest];

const END = '\\s*[.!?]*$';
const rules: readonly Rule[] = [
  [
    new RegExp(`^(?:hello|hi|hey|help|/help|/start|what can you do)(?: there)?${END}`, 'i'),
    () => ({ kind: 'help' }),
  ],
  [new RegExp(`^/?ping${END}`, 'i'), () => ({ kind: 'ping' })],
  [
    new RegExp(`^(?:what do you (?:remember|know)|recall)(?: about .*)?${END}`, 'i'),
    () => ({ kind: 'recall' }),
  ],
  [new RegExp(`^what did (?:i|we) say(?: before| last| earlier)?${END}`, 'i'), () => ({ kind: 'history' })],
  [/^remember(?:\s+that)?[\s:,]+(?<fact>\S[\s\S]*)$/i, ({ fact = '' }) => ({ kind: 'remember', fact })],
  [
    /^(?:send (?:a )?message|say)[\s:,]+(?<text>\S[\s\S]*)$/i,
    ({ text = '' }) => ({ kind: 'send_message', text: unquoted(text) }),
  ],
  [
    /^send (?:the |a )?file\s+(?<path>"[^"]+"|\S+)(?:\s+with(?: (?:the )?text)?[\s:]+(?<content>\S[\s\S]*))?\s*$/i,
    ({ path = '', content }) => ({
      kind: 'send_file',
      path: unquoted(path),
      content: content === undefined ? null : unquoted(content),
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
];

/** Reads one request. Main is not asked here: the host refuses what a group may not do. */
export function readOfflineRequest(request: string): OfflineRequest {
  const text = request.trim();
  for (const [pattern, read] of rules) {
    const match = pattern.exec(text);
    if (match) return read(match.groups ?? {});
  }
  return { kind: 'echo', text };
}

function unquoted(text: string): string {
  const trimmed = text.trim();
  const inner = /^(["'])([\s\S]+)\1$/.exec(trimmed)?.[2];
  return inner ?? trimmed;
}
