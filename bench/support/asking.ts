/** Asking a group's agent, and when its answer comes; how fast one may ask so that delivery never has to wait. */
import { existsSync, watch } from 'node:fs';
import path from 'node:path';
import { pause, within } from './processes.ts';
import type { World } from './world.ts';

/** Telegram's pace, which delivery keeps: one a second in a chat, twenty a minute in a group. */
const PER_GROUP_MS = 3200;
const ANSWER_LIMIT_MS = 60_000;
/** A new agent, its first turns, and the code of the line warm. */
const WARM_UPS = 3;

/** Both by performance.now(). Returns when the chat has its answer. */
export async function askOnce(
  { sim }: World,
  chat: number,
  text: string,
): Promise<{ askedAt: number; answeredAt: number }> {
  const sent = sim.next('sent', (message) => message.chat.id === chat).then(() => performance.now());
  const askedAt = performance.now();
  sim.say({ chat, from: 'you', text });
  return { askedAt, answeredAt: await within('an answer', ANSWER_LIMIT_MS, sent) };
}

/** When the next turn file appears in the mailbox of `folder`, by performance.now(). */
export function turnFileSeen(home: string, folder: string): Promise<number> {
  const dir = path.join(home, 'data', 'ipc', folder, 'in', 'turns');
  const seen = new Promise<number>((resolve) => {
    const watcher = watch(dir, (_event, name) => {
      const at = performance.now();
      if (!name?.endsWith('.json') || !existsSync(path.join(dir, name))) return;
      watcher.close();
      resolve(at);
    });
  });
  return within('a turn file', ANSWER_LIMIT_MS, seen);
}

/** Asks in one group after the other, so slowly that delivery never has to wait, each group first to warm it up. */
export async function inTurns(
  samples: number,
  chats: readonly number[],
  ask: (chat: number, folder: string, isWarmUp: boolean) => Promise<void>,
): Promise<void> {
  const everyMs = PER_GROUP_MS / chats.length;
  const warmUps = WARM_UPS * chats.length;
  for (let i = 0; i < warmUps + samples; i += 1) {
    const next = performance.now() + everyMs;
    const index = i % chats.length;
    await ask(chats[index] ?? 0, `g${index}`, i < warmUps);
    await pause(Math.max(0, next - performance.now()));
  }
}
