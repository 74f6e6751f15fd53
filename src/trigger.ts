/**
 * Is this message meant for Nina? Pure. `null` means: context, to be shown to her later.
 */
export interface Entity {
  type: string;
  /** In UTF-16 units, as Telegram counts. */
  offset: number;
  length: number;
}

export interface TriggerInput {
  text: string;
  entities: readonly Entity[];
  /** The message replies to one of Nina's. */
  repliesToBot: boolean;
  botUsername: string;
  /** The group's trigger, e.g. "@Nina". */
  trigger: string;
  requiresTrigger: boolean;
}

/** album: another message of its album is; voice: her name was spoken in it; answer: it answers a question of hers by a button. */
export type TriggerKind = 'command' | 'mention' | 'reply' | 'always' | 'album' | 'voice' | 'answer';

const CODE = new Set(['code', 'pre']);

/** Order of the answers: an explicit command, a mention, a reply, then groups that need no trigger. */
export function triggerOf(input: TriggerInput): TriggerKind | null {
  const command = commandOf(input.text, input.entities, input.botUsername);
  if (command) return 'command';
  if (mentionPattern(input).test(withoutCode(input))) return 'mention';
  if (input.repliesToBot) return 'reply';
  return input.requiresTrigger ? null : 'always';
}

export interface BotCommand {
  name: string;
  args: string;
}

/**
 * A /command at the beginning of the text that is for this bot: `/status`, `/status@nina_bot`, not `/status@other`. The
 * sender's own words begin at `from`.
 */
export function commandOf(
  text: string,
  entities: readonly Entity[],
  botUsername: string,
  from = 0,
): BotCommand | null {
  const entity = entities.find((e) => e.type === 'bot_command' && e.offset === from);
  if (!entity) return null;
  const [name = '', target] = text.slice(from + 1, from + entity.length).split('@');
  if (target !== undefined && target.toLowerCase() !== botUsername.toLowerCase()) return null;
  return { name: name.toLowerCase(), args: text.slice(from + entity.length).trim() };
}

/** The words that are left when the mention is taken away: what a command parser or an echo wants. */
export function requestOf(input: Pick<TriggerInput, 'text' | 'trigger' | 'botUsername'>): string {
  const stripped = input.text
    .normalize('NFC')
    .replace(mentionPattern(input, 'giu'), ' ')
    .replace(/[ \t]{2,}/g, ' ')
    .trim()
    .replace(/^[,:;.!–—-]+\s*/u, '');
  return stripped === '' ? input.text.trim() : stripped;
}

/** A whole word: nothing that could belong to a word, a path or an address may touch it. */
function mentionPattern(input: Pick<TriggerInput, 'trigger' | 'botUsername'>, flags = 'iu'): RegExp {
  const words = [input.trigger, `@${input.botUsername}`]
    .filter((word) => word !== '' && word !== '@')
    .map((word) => word.normalize('NFC').replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'));
  return new RegExp(
    `(?<![\\p{L}\\p{M}\\p{N}_@/.+-])(?:${words.join('|')})(?![\\p{L}\\p{M}\\p{N}_]|-[\\p{L}\\p{N}])`,
    flags,
  );
}

function withoutCode(input: Pick<TriggerInput, 'text' | 'entities'>): string {
  let text = input.text;
  for (const { type, offset, length } of input.entities) {
    if (CODE.has(type)) text = text.slice(0, offset) + ' '.repeat(length) + text.slice(offset + length);
  }
  // Composed and decomposed letters are the same word; entity offsets are no longer needed here.
  return text.normalize('NFC');
}
