/**
 * The shapes of the simulator. Messages, users and updates have the field names of Telegram's Bot API, so that
 * what is stored is what is sent. Every stored object is treated as immutable: an edit stores a new object.
 */
export interface SimUser {
  readonly id: number;
  readonly is_bot: boolean;
  readonly first_name: string;
  readonly last_name?: string;
  readonly username?: string;
  readonly language_code?: string;
}

/** Someone a test or the page can speak as. `key` is the handle used in the control functions, e.g. `anna`. */
export interface SimPerson {
  readonly key: string;
  readonly user: SimUser;
}

export type SimChatType = 'private' | 'group' | 'supergroup';
/** restricted: it is there, and may not write. */
export type BotStatus = 'member' | 'administrator' | 'restricted' | 'kicked' | 'left';

export interface SimChatRef {
  readonly id: number;
  readonly type: SimChatType;
  readonly title?: string;
  readonly first_name?: string;
  readonly last_name?: string;
  readonly username?: string;
  readonly is_forum?: true;
}

export interface SimEntity {
  readonly type: string;
  readonly offset: number;
  readonly length: number;
  readonly url?: string;
  readonly language?: string;
  readonly user?: SimUser;
  readonly custom_emoji_id?: string;
}

export interface SimFileRef {
  readonly file_id: string;
  readonly file_unique_id: string;
  readonly file_size: number;
  readonly file_name?: string;
  readonly mime_type?: string;
  readonly width?: number;
  readonly height?: number;
  readonly duration?: number;
  /** Width and height of a video note. */
  readonly length?: number;
}

export interface SimLocation {
  readonly latitude: number;
  readonly longitude: number;
  /** Seconds for which it moves: each move is an edit. */
  readonly live_period?: number;
}

/** As the Bot API's MessageOrigin. */
export type SimOrigin = { readonly date: number } & (
  | { readonly type: 'user'; readonly sender_user: SimUser }
  | { readonly type: 'hidden_user'; readonly sender_user_name: string }
  | { readonly type: 'chat'; readonly sender_chat: SimChatRef; readonly author_signature?: string }
  | {
      readonly type: 'channel';
      readonly chat: { readonly id: number; readonly type: 'channel'; readonly title: string };
      readonly message_id: number;
      readonly author_signature?: string;
    }
);

export interface SimExternalReply {
  readonly origin: SimOrigin;
  readonly chat?: SimChatRef;
  readonly message_id?: number;
}

export interface SimButton {
  readonly text: string;
  readonly callback_data?: string;
  readonly url?: string;
}

export interface SimKeyboard {
  readonly inline_keyboard: readonly (readonly SimButton[])[];
}

export const MEDIA_KINDS = [
  'photo',
  'document',
  'audio',
  'voice',
  'video',
  'video_note',
  'animation',
] as const;
export type MediaKind = (typeof MEDIA_KINDS)[number];

/** The parts of a message that are not its identity. */
export interface SimContent {
  readonly text?: string;
  readonly entities?: readonly SimEntity[];
  /** Shown as it was written. */
  readonly rich_message?: { readonly markdown: string };
  readonly caption?: string;
  readonly caption_entities?: readonly SimEntity[];
  readonly photo?: readonly SimFileRef[];
  readonly document?: SimFileRef;
  readonly audio?: SimFileRef;
  readonly voice?: SimFileRef;
  readonly video?: SimFileRef;
  readonly video_note?: SimFileRef;
  readonly animation?: SimFileRef;
  readonly media_group_id?: string;
  readonly reply_markup?: SimKeyboard;
  readonly new_chat_members?: readonly SimUser[];
  readonly left_chat_member?: SimUser;
  readonly new_chat_title?: string;
  readonly migrate_to_chat_id?: number;
  readonly migrate_from_chat_id?: number;
  readonly forum_topic_created?: { readonly name: string; readonly icon_color: number };
  readonly forum_topic_edited?: { readonly name?: string };
  readonly forum_topic_closed?: Readonly<Record<string, never>>;
  readonly forum_topic_reopened?: Readonly<Record<string, never>>;
  readonly location?: SimLocation;
  /** Whose words these are, when they were passed on. */
  readonly forward_origin?: SimOrigin;
  /** The part of the message replied to that is meant. */
  readonly quote?: { readonly text: string; readonly position: number; readonly is_manual?: true };
  /** The message replied to, when it is in another chat or topic. */
  readonly external_reply?: SimExternalReply;
  readonly group_chat_created?: true;
}

export interface SimMessage extends SimContent {
  readonly message_id: number;
  readonly from: SimUser;
  readonly chat: SimChatRef;
  /** Whole seconds. */
  readonly date: number;
  readonly edit_date?: number;
  readonly message_thread_id?: number;
  readonly is_topic_message?: true;
  readonly reply_to_message?: SimMessage;
}

export interface SimTopic {
  readonly threadId: number;
  readonly name: string;
  readonly isClosed?: true;
}

/** A chat as the world keeps it. */
export interface SimChat {
  readonly id: number;
  type: SimChatType;
  title: string | null;
  isForum: boolean;
  botStatus: BotStatus;
  members: number[];
  admins: number[];
  topics: SimTopic[];
  /** The General topic takes nothing but from administrators. */
  isGeneralClosed?: boolean;
  migratedTo: number | null;
  nextMessageId: number;
  messages: Map<number, SimMessage>;
  /** message id → user id → emoji. */
  reactions: Map<number, Map<number, string[]>>;
}

export interface SimUpdate {
  readonly update_id: number;
  readonly [kind: string]: unknown;
}

/** One Bot API call, as it ended. */
export interface SimCall {
  /** Milliseconds since the epoch, by the simulator's clock, when the call was carried out or refused. */
  readonly at: number;
  readonly method: string;
  readonly chatId: string | undefined;
  /** As received; a file is `{file: name, size}`. */
  readonly params: Readonly<Record<string, unknown>>;
  /** The message that was sent or touched. */
  readonly messageId: number | undefined;
  readonly outcome:
    | { readonly ok: true }
    | { readonly ok: false; readonly status: number; readonly description: string };
  /** The fault that was switched on for this call, if any. `outcome` still tells what the server did. */
  readonly fault?: string;
}

/** How a call ends badly. `drop-response-after-accepting` carries it out and then cuts the connection. */
export type SimFault =
  | { readonly status: number; readonly retryAfter?: number; readonly description?: string }
  | { readonly delayMs: number }
  | 'reset'
  | 'hang'
  | 'garbage'
  | 'drop-response-after-accepting';

type DefinedKeys<T> = { [K in keyof T]-?: undefined extends T[K] ? never : K }[keyof T];
export type Defined<T> = { [K in DefinedKeys<T>]: T[K] } & {
  [K in Exclude<keyof T, DefinedKeys<T>>]?: Exclude<T[K], undefined>;
};

/** The same object without its undefined values. */
export function defined<T extends object>(value: T): Defined<T> {
  return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined)) as Defined<T>;
}
