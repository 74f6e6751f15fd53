/** The words of the program as types. Leaf module: imports nothing of ours. */

declare const brand: unique symbol;
type Branded<T, B extends string> = T & { readonly [brand]: B };

/** A Telegram chat id as text, e.g. "-1001234567890". */
export type ChatJid = Branded<string, 'ChatJid'>;
/** Name of a group's folder under groups/: 1 to 63 of a-z 0-9 - _, beginning with a letter or digit. */
export type Folder = Branded<string, 'Folder'>;
/** A turn's id: a UUID. One row of `turns` is one attempt. */
export type TurnId = Branded<string, 'TurnId'>;
/** Row number in `messages`; grows by arrival. The only cursor there is. */
export type Seq = Branded<number, 'Seq'>;
/** An instant as ISO 8601 UTC with milliseconds, e.g. 2026-11-02T08:00:00.000Z. */
export type Iso = Branded<string, 'Iso'>;

export const chatJid = (value: string | number): ChatJid => String(value) as ChatJid;
export const turnId = (value: string): TurnId => value as TurnId;
export const iso = (ms: number): Iso => new Date(ms).toISOString() as Iso;

export const FOLDER_PATTERN = /^[a-z0-9][a-z0-9_-]{0,62}$/;
/** `global` is the shared memory and no group's; the others would confuse people and scripts. */
export const RESERVED_FOLDERS: ReadonlySet<string> = new Set(['global', 'project', 'extra', 'ipc', 'data']);

/** What a group's agent may reach besides the model: the public web, named hosts, or nothing. */
export const NETWORK_POLICIES = ['open', 'allowlist', 'none'] as const;
export type NetworkPolicy = (typeof NETWORK_POLICIES)[number];

/** Settings of a group that are one of a few words each; the first is the default. Each is a column of its name. */
export const GROUP_CHOICES = {
  /** How replies are shown: Markdown with Telegram's formatting, as it was written, or as a rich message. */
  format: ['formatted', 'plain', 'rich'],
  /** In a forum: each topic is its own conversation, or the whole group is one. */
  topics: ['separate', 'together'],
  /** What is shown while a turn runs: besides "typing…" a message about longer ones, "typing…" alone, or nothing. */
  progress: ['progress', 'typing', 'off'],
  /** Whether messages that are being worked on bear a reaction. */
  reactions: ['off', 'on'],
  /** In which language the daemon's own sentences are: auto follows the people of the chat. */
  language: ['auto', 'en', 'de'],
} as const;
export type GroupChoices = { [K in keyof typeof GROUP_CHOICES]: (typeof GROUP_CHOICES)[K][number] };
export type ReplyFormat = GroupChoices['format'];

/** What a group has that nobody chose for it. */
export const DEFAULT_CHOICES = Object.fromEntries(
  Object.entries(GROUP_CHOICES).map(([key, words]) => [key, words[0]]),
) as GroupChoices;

export type ProviderName = 'claude' | 'openai' | 'offline';
export const PROVIDERS = ['claude', 'openai', 'offline'] as const satisfies readonly ProviderName[];
/** How much work a model puts into an answer, from the least. */
export const EFFORTS = ['low', 'medium', 'high', 'xhigh', 'max'] as const;
export type Effort = (typeof EFFORTS)[number];

/** What a group's agent thinks with; null: as the settings say for all. Bounds: policy/thinking.ts. */
export interface Thinking {
  provider: ProviderName | null;
  /** As its provider calls it. */
  model: string | null;
  effort: Effort | null;
  /** Requests to the model within one turn. */
  maxTurns: number | null;
  /** Tokens of thinking before an answer; 0: it does not think aloud. */
  maxThinking: number | null;
}

/** A registered chat. */
export interface Group extends GroupChoices, Thinking {
  chatJid: ChatJid;
  name: string;
  folder: Folder;
  trigger: string;
  requiresTrigger: boolean;
  isMain: boolean;
  /** IANA zone, or null for the daemon's TZ. */
  timezone: string | null;
  network: NetworkPolicy;
  /** Hosts for the policy allowlist, each in the spelling of policy/network.ts; kept under the other policies. */
  networkAllow: readonly string[];
  addedAt: Iso;
  /** The chat's id before it became a supergroup. */
  formerJid: ChatJid | null;
}

/** What shares a session and context: a topic by its id, 0 for what lies in none (General); null: all of the group. */
export type Conversation = number | null;

/** The conversation that a message of this topic belongs to; `threadId` null is General, or a group without topics. */
export const conversationOf = (group: Pick<Group, 'topics'>, threadId: number | null): Conversation =>
  group.topics === 'together' ? null : (threadId ?? 0);

export type RuntimeName = 'docker' | 'process';

/** The final answers to "what became of this message?". Described in docs/durability.md. */
export const DISPOSITIONS = [
  'not_for_nina',
  'not_allowed',
  'host_command',
  'service',
  'own',
  'answered',
  'failed',
  'stopped',
  'unregistered',
] as const;
export type Disposition = (typeof DISPOSITIONS)[number];

/** What a message replies to. */
export interface RepliedTo {
  /** Null: it is in another chat. */
  messageId: number | null;
  name: string;
  text: string;
  /** The text is a part of it that was picked out. */
  isQuote?: boolean;
  /** The other chat's name, where it is one. */
  chat?: string | null;
}

export interface NewMessage {
  chatJid: ChatJid;
  messageId: number;
  threadId: number | null;
  sender: string;
  senderName: string;
  content: string;
  timestamp: Iso;
  isBotMessage: boolean;
  turnId: TurnId | null;
  disposition: Disposition | null;
  reason: string | null;
  /** What made it meant for Nina: mention, reply, command, always. */
  triggerKind: string | null;
  /** The words without the mention, when it is meant for Nina. */
  request: string | null;
  replyTo: RepliedTo | null;
  /** Whose words these are, when the sender only passed them on. */
  forwardedFrom: string | null;
  /** The same for all messages of one album. */
  albumId?: string | null;
  receivedAt: Iso;
}

/** How a file was sent. A sticker is its emoji and not fetched. */
export type AttachmentKind = 'photo' | 'document' | 'voice' | 'audio' | 'video' | 'video_note' | 'animation';

/** A file that came with a message, as a prompt needs it. */
export interface MessageFile {
  kind: AttachmentKind;
  /** As the sender's program announced them; so is `bytes` as long as it is not stored. */
  name: string | null;
  mime: string | null;
  bytes: number | null;
  /** Relative to the group's folder; null while it is not there. */
  path: string | null;
  /** Why it is not there, as a phrase; null when it is. */
  missing: string | null;
  /** What is spoken in it, where that is known. */
  transcript: string | null;
}

/** A message as a turn's prompt needs it. */
export interface StoredMessage {
  seq: Seq;
  messageId: number;
  threadId: number | null;
  sender: string;
  senderName: string;
  content: string;
  timestamp: Iso;
  forNina: boolean;
  request: string | null;
  replyTo: RepliedTo | null;
  forwardedFrom: string | null;
  editedAt: Iso | null;
  /** The same for all messages of one album. */
  albumId: string | null;
  /** What came with it, and with the message it replies to. */
  files?: { own: MessageFile | null; quoted: MessageFile | null };
}

/** As what Telegram is given a file. */
export type FileKind = 'photo' | 'document' | 'audio' | 'voice' | 'video';

/** What a chat says about itself. */
export interface ChatInfo {
  chatJid: ChatJid;
  name: string;
  type: string;
  username: string | null;
  isForum: boolean;
}
