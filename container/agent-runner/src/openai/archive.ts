/** What a conversation loses to its summary, as Markdown that people can read, in conversations/ of the group's folder. */
import * as fs from 'node:fs';
import { join } from 'node:path';
import type { Entry } from './transcript.ts';

const RESULT_LENGTH = 2000;

/** Writes a file of its own. Throws as the file system does. */
export function archiveConversation(
  groupDir: string,
  sessionId: string,
  entries: readonly Entry[],
  now: Date,
): void {
  const folder = join(groupDir, 'conversations');
  fs.mkdirSync(folder, { recursive: true });
  const at = now.toISOString().replace('T', '-').replace(/[:Z]/g, '').replace('.', '-');
  const name = `${at}-${sessionId.slice(0, 8)}.md`;
  fs.writeFileSync(join(folder, name), asMarkdown(entries, now), { flag: 'wx' });
}

export function asMarkdown(entries: readonly Entry[], now: Date): string {
  return [`# Conversation, archived ${now.toISOString()}`, ...entries.map(section)].join('\n\n').concat('\n');
}

function section(entry: Entry): string {
  switch (entry.role) {
    case 'summary':
      return `## What was said before, in short\n\n${entry.text}`;
    case 'user':
      return `## Chat\n\n${entry.text}`;
    case 'tool':
      return `### Result of ${entry.name}\n\n${fenced(entry.text.slice(0, RESULT_LENGTH))}`;
    case 'assistant':
      return [
        '## Assistant',
        ...(entry.text ? [entry.text] : []),
        ...(entry.calls ?? []).map(
          ({ name, input }) =>
            `Uses ${name}:\n\n${fenced((JSON.stringify(input, null, 2) ?? '').slice(0, RESULT_LENGTH))}`,
        ),
      ].join('\n\n');
  }
}

/** Longer than any row of backticks inside. */
function fenced(text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([row]) => row.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}\n${text}\n${fence}`;
}
