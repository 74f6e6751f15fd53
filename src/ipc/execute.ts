/**
 * A command, done once: its effect and the note that it happened (or why not) are one transaction. One that was
 * noted before is only answered again. Refusals are audited, and what main does in other groups.
 */
import { isStorageFailure } from '../db/open.ts';
import type { Db } from '../db.ts';
import { messageOf, NanoClawError } from '../errors.ts';
import type { Clock } from '../lib/clock.ts';
import type { Reach } from '../lib/failpoint.ts';
import { runEach } from '../lib/run-each.ts';
import type { Logger } from '../log.ts';
import type { Command } from '../protocol/commands.ts';
import type { ResultFile } from '../protocol.ts';
import { type ChatJid, type Folder, type Group, type Iso, iso } from '../types.ts';
import { type CommandContext, type CommandEffect, runCommand } from './commands.ts';
import { digestOf, doneBefore } from './repeats.ts';

export interface ExecuteOptions {
  db: Db;
  clock: Clock;
  log: Logger;
  commands: CommandContext;
  wakeDelivery: (jid: ChatJid) => void;
  groupsChanged: () => void;
  wakeReactions?: () => void;
  /** The wait for an answer of people begins. */
  wakeAsked?: () => void;
  tasksChanged: (jid: ChatJid) => void;
  reach?: Reach | undefined;
}

/** The machine failed, not the command: the same one may work later. */
const PASSING = new Set([
  'ENOSPC',
  'EDQUOT',
  'EIO',
  'EMFILE',
  'ENFILE',
  'ENOMEM',
  'EROFS',
  'EAGAIN',
  'EBUSY',
]);

/**
 * Null: what becomes of it is told later (asked-waits.ts). Throws when the command may be tried again as it is; then nothing
 * has happened.
 */
export function execute(options: ExecuteOptions, asker: Group, command: Command): ResultFile | null {
  const { db, clock, log } = options;
  const { folder } = asker;
  const { id, type } = command;
  let effect: CommandEffect | undefined;
  const result = db.transaction((): ResultFile | null => {
    const before = knownResult(db, folder, id);
    if (before === 'waiting') return null;
    // What was only asked for is asked for again: the answer was not kept.
    const isRead = before?.ok === true && isQuery(command);
    if (before && !isRead) return before;
    const at = iso(clock.now());
    const turn = db.turns.openOf(asker.chatJid).find(({ state }) => state === 'running') ?? null;
    const digest = digestOf(command);
    const note = { id, folder, type, at, turn: turn?.id ?? null, digest };
    const earlier = doneBefore(db, turn, digest);
    if (earlier !== null) {
      db.agents.noteCommand({ ...note, outcome: 'repeated', reason: earlier });
      log.info({ event: 'command_repeated', group: folder, command: id, type, turn: turn?.id });
      return toResult(id, true, earlier);
    }
    try {
      effect = db.savepoint(() => runCommand(options.commands, asker, command));
      const { detail, noted = detail, waits = false } = effect;
      const outcome = waits ? 'waiting' : 'done';
      if (!isRead) db.agents.noteCommand({ ...note, outcome, reason: waits ? null : noted });
      auditElsewhere(db, asker, type, effect, at);
      return waits ? null : toResult(id, true, detail);
    } catch (error) {
      const reason = refusal(error);
      if (reason === null || !db.sqlite.inTransaction) throw error;
      db.agents.noteCommand({ ...note, outcome: 'refused', reason });
      const actor = `agent:${folder}`;
      db.audit.note({ at, actor, group: folder, action: type, outcome: 'refused', detail: reason });
      const expected = error instanceof NanoClawError;
      const details = { event: 'command_refused', group: folder, command: id, type };
      if (expected) log.warn({ ...details, code: error.code }, reason);
      else log.error({ ...details, err: error }, messageOf(error));
      return toResult(id, false, reason);
    }
  });
  const { wakeDelivery, tasksChanged, groupsChanged, reactions, asked } = effect ?? {};
  const wakes = [
    () => options.reach?.('command.done'),
    ...(wakeDelivery ? [() => options.wakeDelivery(wakeDelivery)] : []),
    ...(tasksChanged ? [() => options.tasksChanged(tasksChanged)] : []),
    ...(groupsChanged ? [options.groupsChanged] : []),
    ...(asked && options.wakeAsked ? [options.wakeAsked] : []),
    ...(reactions && options.wakeReactions ? [options.wakeReactions] : []),
  ];
  runEach(wakes, (error) => log.error({ event: 'wake_failed', group: folder, err: error }, messageOf(error)));
  return result;
}

/** It changes nothing. */
const isQuery = ({ type }: Command): boolean => type === 'search_history' || type === 'read_history';

/** What a group does to itself is in ipc_commands; registrations are audited where they happen. */
function auditElsewhere(db: Db, asker: Group, action: string, effect: CommandEffect, at: Iso): void {
  const concerned = effect.tasksChanged ?? effect.wakeDelivery ?? effect.read;
  if (concerned === undefined || concerned === asker.chatJid) return;
  const group = db.groups.byJid(concerned)?.folder ?? null;
  db.audit.note({
    at,
    actor: `agent:${asker.folder}`,
    group,
    action,
    outcome: 'done',
    detail: effect.noted ?? effect.detail,
  });
}

/** What the agent was told about this command before, or is to be told later; null when it was not noted. */
export function knownResult(db: Db, folder: Folder, id: string): ResultFile | 'waiting' | null {
  const before = db.agents.command(folder, id);
  if (before?.outcome === 'waiting') return 'waiting';
  return before ? toResult(id, before.outcome !== 'refused', before.reason ?? '') : null;
}

const toResult = (id: string, ok: boolean, text: string): ResultFile =>
  ok ? { id, ok, detail: text } : { id, ok, reason: text };

/** Why a command is refused for good, or null when it may be tried again as it is. */
function refusal(error: unknown): string | null {
  if (error instanceof NanoClawError) return error.kind === 'rejected' ? error.message : null;
  if (isStorageFailure(error) || PASSING.has((error as NodeJS.ErrnoException).code ?? '')) return null;
  return 'it failed inside the daemon; the operator finds the reason in the log';
}
