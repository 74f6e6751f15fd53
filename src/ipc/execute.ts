/**
 * A command, done once: its effect and the note that it happened (or why not) are one transaction. One that was
 * noted before is only answered again. Refusals are audited.
 */
import { isStorageFailure } from '../db/open.ts';
import type { Db } from '../db.ts';
import { messageOf, NanoClawError } from '../errors.ts';
import type { Clock } from '../lib/clock.ts';
import type { Reach } from '../lib/failpoint.ts';
import type { Logger } from '../log.ts';
import type { Command, ResultFile } from '../protocol.ts';
import { type ChatJid, type Folder, type Group, iso } from '../types.ts';
import { type CommandContext, type CommandEffect, runCommand } from './commands.ts';

export interface ExecuteOptions {
  db: Db;
  clock: Clock;
  log: Logger;
  commands: CommandContext;
  wakeDelivery: (jid: ChatJid) => void;
  groupsChanged: () => void;
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

/** Throws when the command may be tried again as it is; then nothing has happened. */
export function execute(options: ExecuteOptions, asker: Group, command: Command): ResultFile {
  const { db, clock, log } = options;
  const { folder } = asker;
  const { id, type } = command;
  let effect: CommandEffect | undefined;
  const result = db.transaction((): ResultFile => {
    const before = knownResult(db, folder, id);
    if (before) return before;
    const at = iso(clock.now());
    try {
      effect = db.savepoint(() => runCommand(options.commands, asker, command));
      db.agents.noteCommand({ id, folder, type, outcome: 'done', reason: effect.detail, at });
      return toResult(id, true, effect.detail);
    } catch (error) {
      const reason = refusal(error);
      if (reason === null || !db.sqlite.inTransaction) throw error;
      db.agents.noteCommand({ id, folder, type, outcome: 'refused', reason, at });
      const actor = `agent:${folder}`;
      db.audit.note({ at, actor, group: folder, action: type, outcome: 'refused', detail: reason });
      const expected = error instanceof NanoClawError;
      const details = { event: 'command_refused', group: folder, command: id, type };
      if (expected) log.warn({ ...details, code: error.code }, reason);
      else log.error({ ...details, err: error }, messageOf(error));
      return toResult(id, false, reason);
    }
  });
  options.reach?.('command.done');
  if (effect?.wakeDelivery) options.wakeDelivery(effect.wakeDelivery);
  if (effect?.groupsChanged) options.groupsChanged();
  if (effect?.tasksChanged) options.tasksChanged(effect.tasksChanged);
  return result;
}

/** What the agent was told about this command before, or null when it was not noted. */
export function knownResult(db: Db, folder: Folder, id: string): ResultFile | null {
  const before = db.agents.command(folder, id);
  return before ? toResult(id, before.outcome === 'done', before.reason ?? '') : null;
}

const toResult = (id: string, ok: boolean, text: string): ResultFile =>
  ok ? { id, ok, detail: text } : { id, ok, reason: text };

/** Why a command is refused for good, or null when it may be tried again as it is. */
function refusal(error: unknown): string | null {
  if (error instanceof NanoClawError) return error.kind === 'rejected' ? error.message : null;
  if (isStorageFailure(error) || PASSING.has((error as NodeJS.ErrnoException).code ?? '')) return null;
  return 'it failed inside the daemon; the operator finds the reason in the log';
}
