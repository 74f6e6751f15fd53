/**
 * Random conversations, cut into turns: each question is in exactly one turn, in order; what was said around it is
 * shown at most once or counted as left out; a turn answers one topic and stays within its limits.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Batch, pickBatch } from '../../src/container-runner/batch.ts';
import type { Db } from '../../src/db.ts';
import { MAX_BATCH_BYTES, MAX_BATCH_MESSAGES, renderMessage } from '../../src/prompt.ts';
import { type ChatJid, type Folder, iso, type Seq, turnId } from '../../src/types.ts';
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
const conversation = fc.array(
  fc.oneof({ weight: 8, arbitrary: say }, { weight: 1, arbitrary: burst }, { weight: 3, arbitrary: turn }),
  { maxLength: 40 },
);

/** Runs the next turn as the runner does: claim, then settle or give back. */
function runTurn(db: Db, jid: ChatJid, id: string, ends: 'done' | 'retried'): Batch | null {
  return db.transaction(() => {
    const batch = pickBatch(db, jid, 'UTC');
    if (!batch) return null;
    const at = iso(0);
    db.turns.claim({
      id: turnId(id),
      chatJid: jid,
      folder: 'family' as Folder,
      threadId: batch.threadId,
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
    expect(pickBatch(db, jid, 'UTC')?.messages.filter((m) => mine.has(m.seq)) ?? []).toEqual([]);
    const claimed = db.turns.byId(id);
    if (!claimed) throw new Error('no turn');
    db.turns.finish(claimed.id, ends, at, null, null);
    if (ends === 'done') db.turns.settleMessages(claimed, 'answered', null);
    else db.turns.releaseMessages(claimed);
    return batch;
  });
}

it('every question in exactly one turn, in order; context at most once; what is left out adds up', () => {
  const { db, register } = createWorld();
  let chats = 0;
  fc.assert(
    fc.property(conversation, (steps) => {
      chats += 1;
      const chat = register({ chatJid: String(-chats), folder: `g${chats}` });
      const jid = chat.chatJid;
      const questions: { seq: Seq; thread: number | null }[] = [];
      const context: Seq[] = [];
      const answered: Batch[] = [];
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
        else context.push(seq);
      };
      const take = (ends: 'done' | 'retried') => {
        turns += 1;
        const batch = runTurn(db, jid, `${jid}/${turns}`, ends);
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
        if (ends === 'done') answered.push(batch);
        return true;
      };

      db.transaction(() => {
        for (const step of steps) {
          if (step.do === 'say') store(step.forNina, step.thread, step.length);
          else if (step.do === 'burst')
            for (let i = 0; i < step.count; i += 1) store(false, null, step.length);
          else take(step.ends);
        }
        while (take('done'));
      });

      const shown = answered.flatMap((batch) => batch.messages);
      expect(shown.filter((m) => m.forNina).map((m) => m.seq)).toEqual(questions.map((q) => q.seq));
      const shownContext = shown.filter((m) => !m.forNina).map((m) => m.seq);
      expect(new Set(shownContext).size).toBe(shownContext.length);
      const last = questions.at(-1)?.seq ?? 0;
      const omitted = answered.reduce((sum, batch) => sum + batch.omitted, 0);
      expect(shownContext.length + omitted).toBe(context.filter((seq) => seq < last).length);
    }),
    { numRuns: 50 },
  );
});
