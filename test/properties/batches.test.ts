/**
 * Random talk in topics, cut into turns, each topic a conversation or all of them one, and that changed meanwhile: each question
 * is in exactly one turn, in the order of its topic; what was said around it is shown at most once or counted as left out; a turn
 * answers one topic, shows no other where they are apart, and stays within its limits.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Batch, type BatchStart, pickBatch } from '../../src/container-runner/batch.ts';
import { waitingTopics } from '../../src/container-runner/waiting-topics.ts';
import type { Db } from '../../src/db.ts';
import { MAX_BATCH_BYTES, MAX_BATCH_MESSAGES, renderMessage } from '../../src/prompt.ts';
import { type Folder, type Group, iso, type Seq, turnId } from '../../src/types.ts';
import { createWorld, storeMessage } from '../support/world.ts';

const say = fc.record({
  do: fc.constant('say' as const),
  forNina: fc.boolean(),
  thread: fc.constantFrom(null, null, 7, 9),
  length: fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 1, max: 50 }) }, fc.constant(4096)),
});
const burst = fc.record({
  do: fc.constant('burst' as const),
  count: fc.integer({ min: 1, max: 260 }),
  length: fc.constantFrom(3, 900),
});
const turn = fc.record({
  do: fc.constant('turn' as const),
  ends: fc.constantFrom('done' as const, 'retried' as const),
});
const choose = fc.record({
  do: fc.constant('choose' as const),
  topics: fc.constantFrom('separate' as const, 'together' as const),
});
const conversation = fc.array(
  fc.oneof(
    { weight: 16, arbitrary: say },
    { weight: 2, arbitrary: burst },
    { weight: 6, arbitrary: turn },
    { weight: 1, arbitrary: choose },
  ),
  { maxLength: 60 },
);

interface Taken extends Batch, BatchStart {}

/** Runs the next turn as the runner does: claim, then settle or give back. */
function runTurn(db: Db, group: Group, id: string, ends: 'done' | 'retried'): Taken | null {
  const jid = group.chatJid;
  const next = () => {
    const start = waitingTopics(db, group, 0)[0];
    return start ? { ...start, ...pickBatch(db, jid, start, 'UTC') } : null;
  };
  return db.transaction(() => {
    const batch = next();
    if (!batch) return null;
    const at = iso(0);
    db.turns.claim({
      id: turnId(id),
      chatJid: jid,
      folder: 'family' as Folder,
      threadId: batch.threadId,
      conversation: batch.conversation,
      kind: 'messages',
      attempt: 1,
      at,
      fromSeq: batch.fromSeq,
      toSeq: batch.toSeq,
      sessionId: null,
      omitted: batch.omitted,
      messages: batch.messages.map((m) => m.seq),
    });
    // What a turn has, no other turn may take meanwhile.
    const mine = new Set(batch.messages.filter((m) => m.forNina).map((m) => m.seq));
    expect(next()?.messages.filter((m) => mine.has(m.seq)) ?? []).toEqual([]);
    const claimed = db.turns.byId(id);
    if (!claimed) throw new Error('no turn');
    db.turns.finish(claimed.id, ends, at, null, null);
    if (ends === 'done') db.turns.settleMessages(claimed, 'answered', null);
    else db.turns.releaseMessages(claimed);
    return batch;
  });
}

it('every question in exactly one turn, in its topic’s order; context at most once; what is left out adds up', () => {
  const { db, register } = createWorld();
  let chats = 0;
  fc.assert(
    fc.property(conversation, (steps) => {
      chats += 1;
      let group = register({ chatJid: String(-chats), folder: `g${chats}` });
      const jid = group.chatJid;
      const questions: { seq: Seq; thread: number | null }[] = [];
      const context: { seq: Seq; thread: number | null }[] = [];
      const answered: Taken[] = [];
      const modes = new Set<Group['topics']>();
      let messageId = 0;
      let turns = 0;

      const store = (forNina: boolean, threadId: number | null, length: number) => {
        messageId += 1;
        const content = 'x<'.repeat(length).slice(0, length);
        const seq = storeMessage(db, jid, messageId, {
          threadId,
          content,
          disposition: forNina ? null : 'not_for_nina',
          triggerKind: forNina ? 'mention' : null,
        });
        if (forNina) questions.push({ seq, thread: threadId });
        else context.push({ seq, thread: threadId });
      };
      const take = (ends: 'done' | 'retried') => {
        turns += 1;
        modes.add(group.topics);
        const batch = runTurn(db, group, `${jid}/${turns}`, ends);
        if (!batch) return false;
        expect(batch.messages.map((m) => m.seq)).toEqual(
          batch.messages.map((m) => m.seq).sort((a, b) => a - b),
        );
        expect(batch.messages.length).toBeLessThanOrEqual(MAX_BATCH_MESSAGES);
        const bytes = batch.messages.reduce(
          (sum, m) => sum + Buffer.byteLength(renderMessage(m, 'UTC')) + 1,
          0,
        );
        if (batch.messages.length > 1) expect(bytes).toBeLessThanOrEqual(MAX_BATCH_BYTES);
        const asked = batch.messages.filter((m) => m.forNina);
        expect(asked.length).toBeGreaterThan(0);
        expect(asked.map((m) => m.threadId)).toEqual(asked.map(() => batch.threadId));
        if (group.topics === 'separate')
          expect(batch.messages.map((m) => m.threadId)).toEqual(batch.messages.map(() => batch.threadId));
        if (ends === 'done') answered.push(batch);
        return true;
      };

      db.transaction(() => {
        for (const step of steps) {
          if (step.do === 'say') store(step.forNina, step.thread, step.length);
          else if (step.do === 'burst')
            for (let i = 0; i < step.count; i += 1) store(false, null, step.length);
          else if (step.do === 'choose') group = { ...group, topics: step.topics };
          else take(step.ends);
        }
        while (take('done'));
      });

      const shown = answered.flatMap((batch) => batch.messages);
      const byTopic = (thread: number | null) =>
        shown.filter((m) => m.forNina && m.threadId === thread).map((m) => m.seq);
      for (const thread of [null, 7, 9])
        expect(byTopic(thread)).toEqual(questions.filter((q) => q.thread === thread).map((q) => q.seq));
      const shownContext = shown.filter((m) => !m.forNina).map((m) => m.seq);
      expect(new Set(shownContext).size).toBe(shownContext.length);
      const omitted = answered.reduce((sum, batch) => sum + batch.omitted, 0);
      // Of the whole group the last question counts, of each topic its own; where that changed, at least the latter.
      const mixed = modes.size > 1;
      const last = (thread: number | null) =>
        questions.findLast((q) => (!mixed && modes.has('together')) || q.thread === thread)?.seq ?? 0;
      const due = context.filter(({ seq, thread }) => seq < last(thread)).length;
      const counted = shownContext.length + omitted;
      if (!mixed) expect(counted).toBe(due);
      else expect(counted).toBeGreaterThanOrEqual(due);
      expect(counted).toBeLessThanOrEqual(context.length);
    }),
    { numRuns: 100 },
  );
});
