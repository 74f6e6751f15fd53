/** The registered chats, as Telegram sees them: is the bot still there, and does it get what is said? */
import { askBotApi, type BotApiAddress } from '../../telegram/ask.ts';
import type { Group } from '../../types.ts';
import { type Check, some } from './check.ts';
import { fail, ok, unseen, warn } from './finding.ts';
import { fromDatabase, type Ground, groupsOf } from './ground.ts';
import { ASK_MS, addressOf, botOf, SIMULATED } from './look-telegram.ts';

/** More would take too long, and Telegram would ask to slow down. */
const MOST_CHATS = 100;
const AT_ONCE = 5;

interface Membership {
  group: Group;
  /** As Telegram calls it (member, administrator, left, …), or `gone` when the chat cannot be asked any more; null when it did not say. */
  status: string | null;
  /** It may write there. */
  writes: boolean;
}

const memberships = (ground: Ground, address: BotApiAddress, botId: number): Promise<Membership[]> =>
  ground.once('memberships', async () => {
    const waiting = groupsOf(ground).slice(0, MOST_CHATS);
    const found: Membership[] = [];
    const work = async () => {
      for (let group = waiting.shift(); group; group = waiting.shift())
        found.push(await membership(address, botId, group));
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    return found.sort((a, b) => a.group.folder.localeCompare(b.group.folder));
  });

async function membership(address: BotApiAddress, botId: number, group: Group): Promise<Membership> {
  const params = { chat_id: group.chatJid, user_id: botId };
  const answer = await askBotApi(address, 'getChatMember', params, ASK_MS).catch(() => null);
  if (answer?.result !== undefined) {
    const { status, can_send_messages: maySend } = answer.result as {
      status: string;
      can_send_messages?: boolean;
    };
    return { group, status, writes: status !== 'restricted' || maySend === true };
  }
  // 403: kicked or blocked; 400: no such chat (any more). A chat that became another one moves by itself.
  const gone = answer !== null && (answer.status === 403 || answer.status === 400);
  const moved = /upgraded to a supergroup/.test(answer?.description ?? '');
  return { group, status: gone && !moved ? 'gone' : null, writes: true };
}

const AWAY = new Set(['left', 'kicked', 'gone']);
const nameOf = ({ group }: Membership) => `${group.folder} (${group.name})`;

const chats: Check = {
  id: 'chats',
  async look(ground) {
    const address = addressOf(ground);
    if (!address) return ok('chats', SIMULATED);
    const bot = await botOf(ground, address);
    return await fromDatabase(ground, 'chats', async (db) => {
      // Without Telegram what the bot was last told still says something.
      const told = new Map(db.groups.knownChats().map(({ chatJid, botStatus }) => [chatJid, botStatus]));
      const all = bot
        ? await memberships(ground, address, bot.id)
        : db.groups.all().map((group) => ({ group, status: told.get(group.chatJid) ?? null, writes: true }));
      const away = all.filter(({ status }) => status !== null && AWAY.has(status));
      const mute = all.filter(({ writes }) => !writes);
      if (away.length > 0)
        return fail(
          'chats',
          `The bot is not in registered chats any more: ${some(away.map(nameOf))}.`,
          `Add it there again, or: nanoclaw groups remove ${away[0]?.group.folder}`,
        );
      if (mute.length > 0)
        return fail(
          'chats',
          `The bot may not write in: ${some(mute.map(nameOf))}.`,
          'Give it the right to send messages in the settings of that chat.',
        );
      const paused = db.pauses.all();
      if (paused.length > 0)
        return warn(
          'chats',
          `Groups are paused, since the bot could not write there: ${some(paused.map(({ folder, detail }) => `${folder} (${detail})`))}.`,
          'Let somebody write there: it goes on by itself.',
        );
      if (!bot) return unseen('chats', 'Telegram does not take the token', 'token');
      return ok('chats', `The bot is in all ${all.length} registered chats.`);
    });
  },
};

const privacy: Check = {
  id: 'privacy',
  async look(ground) {
    const address = addressOf(ground);
    if (!address) return ok('privacy', SIMULATED);
    const bot = await botOf(ground, address);
    if (!bot) return unseen('privacy', 'Telegram does not take the token', 'token');
    if (bot.readsAllMessages)
      return ok('privacy', 'Privacy mode is off: the bot gets all messages of groups it was added to since.');
    return await fromDatabase(ground, 'privacy', async () => {
      const groups = (await memberships(ground, address, bot.id)).filter(({ group }) =>
        group.chatJid.startsWith('-'),
      );
      const deaf = groups.filter(({ status }) => status === 'member' || status === 'restricted');
      if (groups.length === 0)
        return warn(
          'privacy',
          'Privacy mode is on: in groups the bot will get only commands, replies and its own @name.',
          advice,
        );
      if (deaf.length === 0)
        return ok(
          'privacy',
          `Privacy mode is on, but the bot is an administrator in all ${groups.length} groups and gets everything.`,
        );
      const mention = `@${bot.username}`.toLowerCase();
      const unheard = deaf.filter(
        ({ group }) => !group.requiresTrigger || group.trigger.toLowerCase() !== mention,
      );
      if (unheard.length > 0)
        return fail(
          'privacy',
          `Privacy mode is on: Telegram keeps what is said from the bot in ${some(unheard.map(nameOf))}, “${unheard[0]?.group.trigger} …” included.`,
          advice,
        );
      return warn(
        'privacy',
        `Privacy mode is on: in ${some(deaf.map(nameOf))} the bot gets what names it, and nothing of what was said before.`,
        advice,
      );
    });
  },
};

const advice =
  'Write /setprivacy to @BotFather, choose the bot and Disable, then remove it from the group and add it again; or make it an administrator there.';

export const CHAT_CHECKS: readonly Check[] = [chats, privacy];
