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

/** A registered chat. */
export interface Group {
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

export type ProviderName = 'claude' | 'offline';
export type RuntimeName = 'docker' | 'process';

/** The final answers to "what became of this message?". Described in docs/durability.md. */
export type Disposition =
  | 'not_for_nina'
  | 'not_allowed'
  | 'host_command'
  | 'service'
  | 'own'
  | 'answered'
  | 'failed'
  | 'stopped'
  | 'unregistered';

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
  replyTo: { messageId: number; name: string; text: string } | null;
  /** Whose words these are, when the sender only passed them on. */
  forwardedFrom: string | null;
  receivedAt: Iso;
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
  replyTo: { messageId: number; name: string; text: string } | null;
  forwardedFrom: string | null;
  editedAt: Iso | null;
}

/** What a chat says about itself. */
export interface ChatInfo {
  chatJid: ChatJid;
  name: string;
  type: string;
  username: string | null;
  isForum: boolean;
}
