/** Telegram's limits, by what it was asked: one a second in a chat, twenty a minute in a group, thirty a second in all. */
import type { SendRequest } from '../world/telegram.ts';
import type { World } from '../world/world.ts';

export function createLimitsCheck(world: World): (chat: number, request: SendRequest) => void {
  const chats = new Map<number, number[]>();
  let overall: number[] = [];
  return (chat, { at }) => {
    const times = (chats.get(chat) ?? []).filter((time) => at - time < 60_000);
    const last = times.at(-1);
    if (last !== undefined && at - last < 1000)
      world.violated('limits', `two sends to chat ${chat} within ${at - last} ms; expected a second`);
    times.push(at);
    chats.set(chat, times);
    if (chat < 0 && times.length > 20)
      world.violated('limits', `${times.length} sends to group ${chat} within a minute; expected at most 20`);
    overall = [...overall.filter((time) => at - time < 1000), at];
    if (overall.length > 30)
      world.violated('limits', `${overall.length} sends within a second; expected at most 30`);
  };
}
