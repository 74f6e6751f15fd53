/**
 * What becomes of one message of a registered group: is it Nina's, the daemon's, context, or not allowed? Its commands
 * are run here, inside the router's transaction. It wakes nobody and stores no message.
 */
import type { Db } from '../db.ts';
import type { Clock } from '../lib/clock.ts';
import type { RegistryOptions } from '../registry.ts';
import type { TaskRules } from '../tasks.ts';
import type { BotIdentity } from '../telegram/api.ts';
import type { IncomingMessage } from '../telegram/message.ts';
import { commandOf, requestOf, type TriggerKind, triggerOf } from '../trigger.ts';
import { type Disposition, type Group, iso, type Seq } from '../types.ts';
import { REASONS, type Words } from '../words.ts';
import { answerCommand, type ChatAnswer, isHostCommand } from './chat-commands.ts';
import type { People, Standing } from './people.ts';
import type { OverLimit, RequestLimits } from './request-limits.ts';
import { misspeltAsk, teamOf } from './team-commands.ts';

export interface JudgeOptions {
  db: Db;
  clock: Clock;
  assistantName: string;
  tasks: TaskRules;
  registry: RegistryOptions;
  people: People;
  limits: RequestLimits;
  /** Short lines about the daemon, for /status: what this group may know. */
  describe: (group: Group) => string;
}

export interface Verdict {
  /** Null: it is Nina's, and an answer is owed. */
  disposition: Disposition | null;
  reason?: string;
  kind?: TriggerKind;
  answer?: ChatAnswer;
  /** The sender may not ask here. */
  isStranger?: true;
}

export interface Judge {
  judge(bot: BotIdentity, message: IncomingMessage, group: Group): Verdict;
  /** What an edited message is from now on: why it is Nina's, or null. `wasContext`: before, it was no request. */
  edited(
    bot: BotIdentity,
    message: IncomingMessage,
    group: Group,
    known: { seq: Seq; wasContext: boolean },
  ): TriggerKind | null;
  /** The sender may not ask here. */
  isStranger(message: IncomingMessage, group: Group): boolean;
  /** The sender's words without the mention. */
  requestFor(bot: BotIdentity, message: IncomingMessage, group: Group): string;
}

export function createJudge(options: JudgeOptions): Judge {
  const { db, clock } = options;

  function judge(bot: BotIdentity, message: IncomingMessage, group: Group): Verdict {
    if (message.service) return { disposition: 'service' };
    if (message.senderIsBot) return { disposition: 'not_allowed', reason: REASONS.byBot };
    // What was forwarded are somebody else's words: shown to Nina, but no command to the daemon.
    const command =
      message.forwardedFrom === null
        ? commandOf(message.text, message.entities, bot.username, message.ownFrom)
        : null;
    const standing = options.people.standing(group, message.sender);
    if (!standing.admitted) {
      if (command) refused(message, group, `/${command.name}: ${standing.reason}`);
      return turnedAway(standing);
    }
    if (command && isHostCommand(command.name)) {
      const words = wordsFor(message, group);
      const over = command.name === 'stop' ? null : options.limits.check(group, message.sender);
      if (over !== null) return tooMuch(over, words);
      const { assistantName, describe, tasks, registry } = options;
      const { sender, threadId } = message;
      const replyTo = message.replyTo?.messageId ?? null;
      const { file } = message;
      const answer = answerCommand(
        { db, tasks, registry, group, sender, threadId, replyTo, file, assistantName, words, describe },
        command,
      );
      if (answer.toAgent) return { disposition: null, kind: 'command' };
      return { disposition: 'host_command', reason: `/${command.name}`, answer };
    }
    const kind = kindOf(bot, message, group);
    // One album is one request.
    if (joinsAlbum(message, group, null)) return { disposition: null, kind: 'album' };
    if (kind === null) return { disposition: 'not_for_nina' };
    const words = wordsFor(message, group);
    const over = options.limits.check(group, message.sender);
    if (over !== null) return tooMuch(over, words);
    const misspelt = misspeltAsk(
      () => teamOf(options.registry.home, group.folder),
      requestFor(bot, message, group),
      words,
    );
    if (misspelt !== null) return { disposition: 'host_command', reason: '/ask', answer: { text: misspelt } };
    return { disposition: null, kind };
  }

  /** Whoever asks is answered in their language; so is, from then on, the chat. */
  function wordsFor({ language }: IncomingMessage, { chatJid }: Group): Words {
    db.languages.note(chatJid, language);
    return db.languages.wordsFor(chatJid);
  }

  const tooMuch = ({ reason, tell }: OverLimit, words: Words): Verdict => ({
    disposition: 'not_allowed',
    reason,
    ...(tell === null ? {} : { answer: { text: tell(words) } }),
  });

  function refused(message: IncomingMessage, group: Group, detail: string): void {
    const actor = `telegram:${message.sender}`;
    const entry = { actor, group: group.folder, action: 'chat_command', outcome: 'refused', detail } as const;
    db.audit.note({ at: iso(clock.now()), ...entry });
  }

  const turnedAway = ({ others, reason }: Extract<Standing, { admitted: false }>): Verdict =>
    others === 'drop'
      ? { disposition: 'not_allowed', reason, isStranger: true }
      : { disposition: 'not_for_nina', reason, isStranger: true };

  const joinsAlbum = ({ albumId, sender }: IncomingMessage, group: Group, except: Seq | null): boolean =>
    albumId !== null && db.messages.isAlbumOpen(group.chatJid, albumId, sender, except);

  const kindOf = (bot: BotIdentity, message: IncomingMessage, group: Group): TriggerKind | null =>
    triggerOf({
      // The name of a file is not what the sender says.
      text: ' '.repeat(message.ownFrom) + message.text.slice(message.ownFrom),
      entities:
        message.forwardedFrom === null
          ? message.entities
          : message.entities.filter(({ type }) => type !== 'bot_command'),
      repliesToBot: message.replyTo?.senderId === String(bot.id),
      botUsername: bot.username,
      trigger: group.trigger,
      requiresTrigger: group.requiresTrigger,
    });

  const requestFor = (bot: BotIdentity, message: IncomingMessage, group: Group): string => {
    // Of an album that has its words elsewhere.
    if (joinsAlbum(message, group, null) && message.ownFrom >= message.text.length) return '';
    return requestOf({ text: message.text, trigger: group.trigger, botUsername: bot.username });
  };

  return {
    judge,
    isStranger: (message, group) => !options.people.standing(group, message.sender).admitted,
    edited(bot, message, group, { seq, wasContext }) {
      const command = commandOf(message.text, message.entities, bot.username);
      const isAdmitted = options.people.standing(group, message.sender).admitted;
      if (command && isHostCommand(command.name)) return null;
      const own = isAdmitted ? kindOf(bot, message, group) : null;
      const kind = isAdmitted && own === null && joinsAlbum(message, group, seq) ? 'album' : own;
      // An edit that makes a question of it is a request like any other.
      if (kind === null || !wasContext) return kind;
      return options.limits.check(group, message.sender) === null ? kind : null;
    },
    requestFor,
  };
}
