/**
 * Telegram's limits, by what it was asked: one a second in a chat, twenty a minute in a group, thirty a second in all. What
 * only shows how a turn goes may be followed by an answer at once, which is a burst that Telegram allows.
 */
import type { World } from '../world/world.ts';

export function createLimitsCheck(world: World): (chat: number, at: number, isAside?: boolean) => void {
  const chats = new Map<number, number[]>();
  const messages = new Map<number, number>();
  let overall: number[] = [];
  return (chat, at, isAside = false) => {
    const times = (chats.get(chat) ?? []).filter((time) => at - time < 60_000);
    const last = isAside ? times.at(-1) : messages.get(chat);
    if (last !== undefined && at - last < 1000)
      world.violated('limits', `two sends to chat ${chat} within ${at - last} ms; expected a second`);
    times.push(at);
    if (!isAside) messages.set(chat, at);
    chats.set(chat, times);
    if (chat < 0 && times.length > 20)
      world.violated('limits', `${times.length} sends to group ${chat} within a minute; expected at most 20`);
    overall = [...overall.filter((time) => at - time < 1000), at];
    if (overall.length > 30)
      world.violated('limits', `${overall.length} sends within a second; expected at most 30`);
  };
}
