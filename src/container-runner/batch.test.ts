import { describe, expect, it } from 'vitest';
import type { MessageRepository } from '../db/messages.ts';
import { chatJid, type Iso, type Seq, type StoredMessage } from '../types.ts';
import { pickBatch } from './batch.ts';

interface Line {
  seq: number;
  nina?: boolean;
  thread?: number;
  length?: number;
}

/** What the database would answer for a chat with these lines. */
function chatOf(lines: readonly Line[]): MessageRepository {
  const all = lines.map(
    ({ seq, nina, thread, length }): StoredMessage => ({
      seq: seq as Seq,
      messageId: seq,
      threadId: thread ?? null,
      sender: '1',
      senderName: 'Anna',
      content: 'x'.repeat(length ?? 5),
      timestamp: '2026-11-02T08:00:00.000Z' as Iso,
      forNina: nina === true,
      request: null,
      replyTo: null,
      forwardedFrom: null,
      editedAt: null,
      albumId: null,
    }),
  );
  const before = (after: number, end: number) =>
    all.filter((m) => !m.forNina && m.seq > after && m.seq < end).reverse();
  return {
    forward: (_: unknown, _of: unknown, start: Seq, after: Seq, limit: number) =>
      all.filter((m) => m.seq >= start && (m.forNina || m.seq > after)).slice(0, limit),
    contextBefore: (_: unknown, _of: unknown, after: Seq, end: Seq, limit: number) =>
      before(after, end).slice(0, limit),
    countContextBefore: (_: unknown, _of: unknown, after: Seq, end: Seq) => before(after, end).length,
  } as unknown as MessageRepository;
}
const pick = (lines: readonly Line[], shown = 0) => {
  const attachments = { shownWith: () => ({ own: null, quoted: null }) };
  const topics = { shownSeq: () => shown as Seq };
  const first = lines.find(({ nina }) => nina);
  if (!first) throw new Error('nobody asks');
  const start = { threadId: first.thread ?? null, first: first.seq as Seq, conversation: null };
  const batch = pickBatch({ messages: chatOf(lines), attachments, topics }, chatJid(-1), start, 'UTC');
  return { ...batch, messages: batch.messages.map((m) => Number(m.seq)) };
};

describe('the next batch', () => {
  it('is every question with the context before and between, not behind', () => {
    const lines = [{ seq: 1 }, { seq: 2, nina: true }, { seq: 3 }, { seq: 4, nina: true }, { seq: 5 }];
    expect(pick(lines)).toEqual({ messages: [1, 2, 3, 4], omitted: 0, fromSeq: 0, toSeq: 4 });
  });

  it('leaves out what was shown before', () => {
    const lines = [{ seq: 1 }, { seq: 2 }, { seq: 3, nina: true }];
    expect(pick(lines, 1).messages).toEqual([2, 3]);
  });

  it('counts the oldest context that does not fit, and shows the newest', () => {
    const lines = [...Array.from({ length: 250 }, (_, i) => ({ seq: i + 1 })), { seq: 251, nina: true }];
    const batch = pick(lines);
    expect(batch.messages).toHaveLength(200);
    expect(batch.messages[0]).toBe(52);
    expect(batch.omitted).toBe(51);
  });

  it('leaves the questions that do not fit to the next turn', () => {
    const many = Array.from({ length: 201 }, (_, i) => ({ seq: i + 1, nina: true }));
    expect(pick(many).toSeq).toBe(200);
    const long = Array.from({ length: 20 }, (_, i) => ({ seq: i + 1, nina: true, length: 4096 }));
    expect(pick(long).toSeq).toBe(15);
  });

  it('takes a single message however long it is', () => {
    expect(pick([{ seq: 1, nina: true, length: 100_000 }]).messages).toEqual([1]);
  });

  it.each([
    ['two topics', 7, 9],
    ['a topic after the general one', undefined, 7],
    ['the general one after a topic', 7, undefined],
  ])('answers one topic at a time where the group is one conversation: %s', (_, first, second) => {
    const topic = (thread: number | undefined) => (thread === undefined ? {} : { thread });
    const lines = [
      { seq: 1, nina: true, ...topic(first) },
      { seq: 2, nina: true, ...topic(second) },
    ];
    expect(pick(lines)).toMatchObject({ messages: [1], toSeq: 1 });
  });
});
