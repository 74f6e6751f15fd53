/** Of the messages that showed how turns went, none is left, but one whose id no daemon lived to note. */
import type { SimulatedTelegram } from '../world/telegram.ts';
import type { World } from '../world/world.ts';

export function checkAsides(
  world: World,
  telegram: SimulatedTelegram,
  isNoted: (chat: number, messageId: number) => boolean,
): void {
  for (const { chat, messageId, isDeleted } of telegram.chats.asides) {
    const moved = telegram.chats.all.get(chat)?.movedTo !== null;
    if (!isDeleted && !moved && isNoted(chat, messageId))
      world.violated('G1', `message ${messageId} in chat ${chat} shows a turn that is over`);
  }
}
