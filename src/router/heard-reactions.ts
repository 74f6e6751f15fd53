/** People's reactions as updates tell them. In the router's transaction. */
import type { Db } from '../db.ts';
import type { IncomingReaction } from '../telegram/update.ts';
import type { Group } from '../types.ts';
import type { People } from './people.ts';

/** To a message of Nina's, by people whom she may hear: shown to her with the next question, and asks nothing. */
export function hearReaction(
  { db, people }: { db: Db; people: People },
  reaction: IncomingReaction,
  group: Group,
): void {
  const { messageId, sender, emoji } = reaction;
  const known = db.messages.byMessageId(group.chatJid, messageId);
  if (known?.disposition !== 'own' || reaction.senderIsBot) return;
  const standing = people.standing(group, sender);
  if (!standing.admitted && standing.others === 'drop') return;
  if (emoji === '') db.reactions.unhear(group.chatJid, messageId, sender);
  else db.reactions.hear(group.chatJid, reaction);
}
