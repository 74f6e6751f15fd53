/** The world a newcomer meets: themselves, two groups, a few people. Ids look like Telegram's and never change. */
import { type ChatJid, chatJid } from '../types.ts';
import type { SimPerson } from './types.ts';

const person = (
  key: string,
  id: number,
  first_name: string,
  username: string,
  last_name?: string,
): SimPerson => ({
  key,
  user: {
    id,
    is_bot: false,
    first_name,
    ...(last_name === undefined ? {} : { last_name }),
    username,
    language_code: 'en',
  },
});

export const SEED_PEOPLE: readonly SimPerson[] = [
  person('you', 1001000001, 'You', 'you_here'),
  person('anna', 1001000002, 'Anna', 'anna_home'),
  person('ben', 1001000003, 'Ben', 'ben_home'),
  person('mara', 1001000004, 'Mara', 'mara_work', 'Okafor'),
  person('jonas', 1001000005, 'Jonas', 'jonas_work', 'Lind'),
  person('priya', 1001000006, 'Priya', 'priya_work', 'Nair'),
];

/** The private chat with "You"; its id is that person's, as in Telegram. */
export const MAIN_CHAT_ID = 1001000001;
export const FAMILY_CHAT_ID = -4100000002;
export const WORK_CHAT_ID = -1002000000003;

export interface SeedChat {
  readonly chatJid: ChatJid;
  readonly name: string;
  readonly isMain: boolean;
}

/** The chats a daemon registers by itself when it first starts with the simulator. */
export const SEED_CHATS: readonly SeedChat[] = [
  { chatJid: chatJid(MAIN_CHAT_ID), name: 'Main', isMain: true },
  { chatJid: chatJid(FAMILY_CHAT_ID), name: 'Family', isMain: false },
  { chatJid: chatJid(WORK_CHAT_ID), name: 'Work', isMain: false },
];

export const SEED_GROUPS = [
  {
    id: FAMILY_CHAT_ID,
    type: 'group',
    title: 'Family',
    members: ['you', 'anna', 'ben'],
    admins: ['you'],
    botStatus: 'member',
    topics: [],
  },
  {
    id: WORK_CHAT_ID,
    type: 'supergroup',
    title: 'Work',
    members: ['you', 'mara', 'jonas', 'priya'],
    admins: ['mara'],
    botStatus: 'administrator',
    topics: ['Releases', 'Planning'],
  },
] as const;
