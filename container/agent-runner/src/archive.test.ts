import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { renderPrompt, renderTaskPrompt } from '../../../src/prompt.ts';
import type { Iso, Seq, StoredMessage } from '../../../src/types.ts';
import { archiveTranscript } from './archive.ts';
import { readablePrompt } from './readable-prompt.ts';

let groupDir: string;
let transcript: string;
const NOW = Date.parse('2026-03-01T20:00:00Z');

beforeEach(() => {
  groupDir = mkdtempSync(join(tmpdir(), 'nanoclaw-archive-'));
  onTestFinished(() => rmSync(groupDir, { recursive: true, force: true }));
  transcript = join(groupDir, 'transcript.jsonl');
});

const archive = (entries: readonly unknown[]) => {
  writeFileSync(
    transcript,
    entries.map((entry) => (typeof entry === 'string' ? entry : JSON.stringify(entry))).join('\n'),
  );
  const about = { groupName: 'Family', assistantName: 'Nina', timezone: 'Europe/Berlin', nowMs: NOW };
  return archiveTranscript({ ...about, groupDir, transcript });
};
const message = (content: string, more: Partial<StoredMessage> = {}): StoredMessage => ({
  ...{
    seq: 1 as Seq,
    messageId: 1,
    threadId: null,
    sender: '9',
    senderName: 'Ann',
    content,
    request: content,
  },
  ...{ timestamp: '2026-03-01T19:00:00.000Z' as Iso, forNina: true, replyTo: null, forwardedFrom: null },
  ...{ editedAt: null, albumId: null, ...more },
});
const prompt = (...messages: StoredMessage[]) =>
  renderPrompt({ groupName: 'Family', timezone: 'UTC', nowMs: NOW, messages, omitted: 0, attempt: 1 });
const user = (content: unknown) => ({
  type: 'user',
  timestamp: '2026-03-01T19:00:00Z',
  message: { role: 'user', content },
});
const nina = (...content: unknown[]) => ({
  type: 'assistant',
  timestamp: '2026-03-01T19:00:05Z',
  message: { content },
});

it('is what people said and she answered, readable; thoughts, reminders and results of tools are left out', () => {
  const file = archive([
    { type: 'queue-operation' },
    user(
      `${prompt(message('Is 1 < 2 & "so"?'), message('yes', { senderName: 'Ben “B”' }))}<system-reminder>x</system-reminder>`,
    ),
    nina({ type: 'thinking', thinking: 'hm' }, { type: 'text', text: 'I look.' }),
    nina({ type: 'tool_use', name: 'Bash', input: { command: 'ls' } }),
    user([{ type: 'tool_result', content: 'a b c' }]),
    { ...user('of a specialist'), isSidechain: true },
    { ...user('from the program'), isMeta: true },
    nina({ type: 'text', text: '**Yes**, it is.' }),
    'half a li',
  ]);
  expect(file).toBe('conversations/2026-03-01-2100-is-1-2-so-yes.md');
  expect(readFileSync(join(groupDir, file ?? ''), 'utf8')).toBe(
    [
      '# Family, until 2026-03-01 21:00 (Europe/Berlin)',
      '## 2026-03-01 20:00:00',
      '**Ann**: Is 1 < 2 & "so"?',
      '**Ben “B”**: yes',
      '**Nina**: I look.',
      '**Nina**: *(Bash: {"command":"ls"})*',
      '**Nina**: **Yes**, it is.\n',
    ].join('\n\n'),
  );
});

it('does not hold again what an earlier compaction has archived, and takes no other file’s place', () => {
  const before = [
    user('long ago'),
    { type: 'system', subtype: 'compact_boundary' },
    { ...user('a summary'), isCompactSummary: true },
  ];
  expect(archive([...before, user('today')])).toBe('conversations/2026-03-01-2100-today.md');
  expect(archive([...before, user('today')])).toBe('conversations/2026-03-01-2100-today-2.md');
  for (const name of readdirSync(join(groupDir, 'conversations')))
    expect(readFileSync(join(groupDir, 'conversations', name), 'utf8')).not.toMatch(/long ago|a summary/);
  expect(archive(before)).toBeNull();
  expect(archive([])).toBeNull();
});

it('is not written behind a link', () => {
  symlinkSync(tmpdir(), join(groupDir, 'conversations'));
  expect(() => archive([user('today')])).toThrow('link');
});

it('reads prompts of every kind: replies, files and tasks', () => {
  const files = {
    own: {
      kind: 'document' as const,
      name: 'a.txt',
      mime: null,
      bytes: 1,
      path: 'attachments/a.txt',
      missing: null,
      transcript: null,
    },
    quoted: null,
  };
  const replyTo = { messageId: 3, name: 'Ben', text: 'what was <said>' };
  expect(readablePrompt(prompt(message('this', { replyTo, files })))).toBe(
    '**Ann**: (to Ben: “what was <said>”) this [/workspace/group/attachments/a.txt]',
  );
  const task = { taskId: 't1', prompt: 'look & see', schedule: 'daily', dueMs: NOW, missed: 0, attempt: 1 };
  expect(
    readablePrompt(renderTaskPrompt({ groupName: 'Family', timezone: 'UTC', nowMs: NOW, ...task })),
  ).toBe('**Task t1**: look & see');
});
