/**
 * What each command does. Every handler runs inside the transaction that notes the command, so its effect happens
 * once per id. It returns a sentence for the model and what to wake after the commit; it throws NanoClawError
 * (rejected) to refuse, which undoes whatever it did.
 */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type { Turn } from '../db/turn-row.ts';
import type { Db } from '../db.ts';
import { NanoClawError } from '../errors.ts';
import type { Random } from '../lib/random.ts';
import { copyOut } from '../mailbox/copy-out.ts';
import { groupPaths, OUTBOX_COPIES } from '../mailbox/layout.ts';
import { mayCommand } from '../policy.ts';
import type { Command } from '../protocol/commands.ts';
import { type RegistryOptions, registerGroup, unregisterGroup } from '../registry.ts';
import type { Router } from '../router.ts';
import type { TaskRules } from '../tasks.ts';
import { reactionOf } from '../telegram/emoji.ts';
import { type ChatJid, chatJid, type Group } from '../types.ts';
import { askUser } from './ask.ts';
import { readHistory, searchHistory } from './history.ts';
import { isTaskCommand, runTaskCommand } from './task-commands.ts';

export interface CommandContext {
  db: Db;
  random: Random;
  home: string;
  registry: RegistryOptions;
  tasks: TaskRules;
  record: Router['record'];
}

export interface CommandEffect {
  /** A sentence for the model: what has happened. */
  detail: string;
  /** What is noted of it, where the answer is what people said: that is kept in one place only. */
  noted?: string;
  /** The chat whose messages were read. */
  read?: ChatJid;
  wakeDelivery?: ChatJid;
  groupsChanged?: boolean;
  /** People were asked something. */
  asked?: boolean;
  /** What becomes of it is told later; until then the command waits. */
  waits?: boolean;
  /** There are reactions to show. */
  reactions?: boolean;
  /** The chat whose tasks have changed. */
  tasksChanged?: ChatJid;
}

/** Judges by policy.ts and runs. `asker` is the group whose folder the command was found in. */
export function runCommand(context: CommandContext, asker: Group, command: Command): CommandEffect {
  const target = targetOf(context, asker, command);
  const verdict = mayCommand(asker, command.type, target);
  if (!verdict.allowed) throw new NanoClawError('COMMAND_REFUSED', verdict.reason);
  if (isTaskCommand(command)) {
    const thread = runningTurn(context, asker)?.threadId ?? null;
    const named = 'chat_jid' in command ? command.chat_jid : undefined;
    return runTaskCommand(context.tasks, asker, registered(target, named), thread, command);
  }
  switch (command.type) {
    case 'send_message':
      return send(context, asker, registered(target, command.chat_jid), command.text);
    case 'send_file':
      return sendFile(
        context,
        asker,
        registered(target, command.chat_jid),
        command.path,
        command.caption ?? '',
      );
    case 'react':
      return react(context, registered(target, command.chat_jid), command.message_id, command.emoji);
    case 'ask_user': {
      const to = registered(target, command.chat_jid);
      mayPileUp(context, to, 'messages');
      const { db, random, tasks } = context;
      const asking = { db, random, nowMs: tasks.now() };
      return { ...askUser(asking, asker, to, runningTurn(context, asker), command), asked: true };
    }
    case 'search_history': {
      const turn = runningTurn(context, asker)?.id;
      return searchHistory(context.tasks, registered(target, command.chat_jid), command, turn);
    }
    case 'read_history':
      return readHistory(context.tasks, registered(target, command.chat_jid), command);
    case 'register_group': {
      const group = registerGroup(
        context.registry,
        {
          chatJid: command.chat_jid,
          name: command.name,
          folder: command.folder,
          trigger: command.trigger,
          requiresTrigger: command.requires_trigger,
          network: command.network,
          networkAllow: command.network_allow,
        },
        `agent:${asker.folder}`,
      );
      return {
        detail: `Registered "${group.name}" with folder ${group.folder}, trigger ${group.trigger}.`,
        groupsChanged: true,
      };
    }
    case 'unregister_group': {
      const group = unregisterGroup(context.registry, chatJid(command.chat_jid), `agent:${asker.folder}`);
      return {
        detail: `Unregistered "${group.name}". Its folder ${group.folder} stays.`,
        groupsChanged: true,
      };
    }
    case 'refresh_groups':
      return { detail: 'available_groups.json is fresh.', groupsChanged: true };
  }
}

const runningTurn = ({ db }: CommandContext, asker: Group): Turn | null =>
  db.turns.openOf(asker.chatJid).find((t) => t.state === 'running') ?? null;

/** The group a command concerns: the one it names, by its former id perhaps, else the asker's own. */
function targetOf({ db }: CommandContext, asker: Group, command: Command): Group | null {
  if ('chat_jid' in command && command.chat_jid !== undefined)
    return db.groups.find(chatJid(command.chat_jid));
  return asker;
}

function registered(target: Group | null, named: string | undefined): Group {
  if (target) return target;
  throw new NanoClawError(
    'GROUP_UNKNOWN',
    `chat ${named ?? ''} is not registered; expected the chat_jid of a registered group`,
  );
}

/** Telegram takes twenty messages a minute in a group: what is written faster would only pile up. */
const MOST_WAITING = { messages: 200, files: 20 } as const;

function mayPileUp({ db }: CommandContext, target: Group, what: keyof typeof MOST_WAITING): void {
  const waiting = db.outbox.waiting(target.chatJid)[what];
  if (waiting < MOST_WAITING[what]) return;
  throw new NanoClawError(
    'COMMAND_REFUSED',
    `${waiting} ${what} wait to be sent to "${target.name}" already, at most ${MOST_WAITING[what]} may; try again later`,
  );
}

function send(context: CommandContext, asker: Group, target: Group, text: string): CommandEffect {
  mayPileUp(context, target, 'messages');
  const turn = runningTurn(context, asker);
  const own = target.chatJid === asker.chatJid;
  const parts = context.record({
    chatJid: target.chatJid,
    threadId: own ? (turn?.threadId ?? null) : null,
    turnId: turn?.id ?? null,
    replyTo: null,
    text,
    markdown: true,
  });
  if (parts === 0) throw new NanoClawError('COMMAND_INVALID', 'the text has nothing that could be shown');
  return { detail: `Accepted; it is being sent to "${target.name}".`, wakeDelivery: target.chatJid };
}

function sendFile(
  context: CommandContext,
  asker: Group,
  target: Group,
  file: string,
  caption: string,
): CommandEffect {
  mayPileUp(context, target, 'messages');
  mayPileUp(context, target, 'files');
  const { home, random } = context;
  mkdirSync(path.join(home, OUTBOX_COPIES), { recursive: true });
  const copy = path.join(OUTBOX_COPIES, `${random.uuid()}-${fileName(file)}`);
  // The agent knows its folder as /workspace/group; both ways of naming a file mean the same.
  const relative = file.replace(/^\/workspace\/group\//, '');
  copyOut(groupPaths(home, asker.folder).groupDir, relative, path.join(home, copy));
  const turn = runningTurn(context, asker);
  const own = target.chatJid === asker.chatJid;
  context.record({
    chatJid: target.chatJid,
    threadId: own ? (turn?.threadId ?? null) : null,
    turnId: turn?.id ?? null,
    replyTo: null,
    text: caption,
    markdown: true,
    filePath: copy,
  });
  return { detail: `Accepted; the file is being sent to "${target.name}".`, wakeDelivery: target.chatJid };
}

/** More than a turn has use for; they are told to Telegram one after the other. */
const MOST_REACTIONS_WAITING = 100;

function react({ db }: CommandContext, target: Group, messageId: number, wanted: string): CommandEffect {
  const emoji = wanted === '' ? null : reactionOf(wanted);
  if (wanted !== '' && emoji === null)
    throw new NanoClawError(
      'COMMAND_INVALID',
      `Telegram does not allow bots to react with "${wanted}"; expected one of its usual reactions, such as 👍 ❤ 🎉 🤔 👀 👌`,
    );
  if (db.messages.byMessageId(target.chatJid, messageId) === null)
    throw new NanoClawError('COMMAND_INVALID', `there is no message ${messageId} in "${target.name}"`);
  if (db.reactions.waiting(target.chatJid) >= MOST_REACTIONS_WAITING)
    throw new NanoClawError(
      'COMMAND_REFUSED',
      `${MOST_REACTIONS_WAITING} reactions wait already; try again later`,
    );
  db.reactions.set(target.chatJid, messageId, emoji);
  return {
    detail:
      emoji === null ? 'Accepted; the reaction is being taken back.' : `Accepted; ${emoji} is being shown.`,
    reactions: true,
  };
}

/** The file's name as people will see it: its end, so that the extension stays, in at most 200 bytes. */
function fileName(file: string): string {
  const letters = [...path.basename(file).replace(/[^\p{L}\p{M}\p{N}._ -]/gu, '_')].slice(-100);
  while (Buffer.byteLength(letters.join('')) > 200) letters.shift();
  return letters.join('');
}
