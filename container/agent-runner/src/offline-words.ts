/** What the offline agent says that is more than a line. */
import type { TurnFile } from '../../../src/protocol.ts';

const QUOTED_LENGTH = 1000;

/** All that it can do; more in main. */
export function helpText(turn: TurnFile): string {
  const can = [
    '`remember that …` and `what do you remember`; `note that …` and `notes`; what I remember I answer from',
    '`what did I say before`; `search for WORDS` and `show the last 10 messages` in all that was said here',
    '`say …` sends a message at once',
    '`send file NAME with text …` and `list files`',
    '`remind me in 10 minutes to …` or `remind me at 18:00 to …`',
    '`every weekday at 9 …`, `every 2 hours …`; `preview 0 9 * * 1-5` shows when that would be',
    '`react 👍` reacts to your message',
    '`list my tasks`, then `pause`, `resume`, `cancel` or `run` with an id, like `pause t2k4m9`',
    '`ask us: Pizza or pasta? Pizza, Pasta` asks with buttons; `ask us for 30 seconds: …` waits that long for an answer',
    '`mcp tools`, and `mcp SERVER TOOL {"json": 1}` to use one',
    '`slow 10` works for ten seconds; `fail` fails on purpose',
    '`ask NAME …`, one of the specialists (`/team`)',
    '`ping`',
    ...(turn.is_main
      ? ['`register CHAT_ID as FOLDER`, `unregister CHAT_ID`, `refresh groups` (main group only)']
      : []),
  ];
  return [
    `Hello, I am ${turn.assistant_name}, running as the offline agent: there is no model behind me, I only follow a few plain requests.`,
    '',
    ...can.map((line) => `- ${line}`),
    '',
    'Anything else I repeat. Set a Claude credential to get an assistant that thinks.',
  ].join('\n');
}

/** A title with its points, or that there are none. */
export function listed(title: string, items: readonly string[], none: string): string {
  return items.length === 0 ? none : [title, ...items.map((item) => `- ${item}`)].join('\n');
}

/** The files that came with the messages. */
export function received(files: NonNullable<TurnFile['attachments']>): string {
  const lines = files.map(({ kind, type, bytes, path }) => {
    const about = [kind, ...(type === null ? [] : [type]), `${bytes} bytes`].join(', ');
    return `\`${path}\` (${about})`;
  });
  return listed('I got:', lines, '');
}

/** Something quoted, up to a length that can still be read. */
export function shortened(text: string): string {
  return text.length > QUOTED_LENGTH ? `${text.slice(0, QUOTED_LENGTH)}…` : text;
}
