/**
 * Commands that only the main group has, and /retry, which every group has as a reply. What they change goes into the
 * audit log with who asked for it. Sent without saying what is meant, a command asks with buttons (choices.ts).
 */
import { NanoClawError } from '../errors.ts';
import { describeThinks, isChosen, OFFLINE_GROUND, thinksWith } from '../policy/thinking.ts';
import { registerGroup, unregisterGroup } from '../registry.ts';
import { type Retried, retryMessage } from '../retry.ts';
import { cancelTask, describeNext, findTask, pauseTask, resumeTask, runTaskNow } from '../tasks.ts';
import { chatJid, type Group, iso } from '../types.ts';
import { type CommandName, REASONS } from '../words.ts';
import type { ChatAnswer, ChatCommandContext, Handler } from './chat-commands.ts';

type Task = ReturnType<typeof findTask>;
const AUDIT_LINES = 15;

export const MAIN_COMMANDS: Partial<Record<CommandName, Handler>> = {
  groups: { listed: 'main', mainOnly: true, run: groups },
  register: { listed: 'main', mainOnly: true, run: register },
  unregister: { listed: 'main', mainOnly: true, run: unregister },
  pause: changing('pause', ({ tasks, sender, words }, task) => {
    pauseTask(tasks, task, REASONS.pausedBy(`telegram:${sender}`));
    return words.taskPaused(task.id);
  }),
  resume: changing('resume', ({ tasks, words }, task) =>
    words.taskActive(task.id, describeNext(resumeTask(tasks, task, false), words)),
  ),
  cancel: changing('cancel', ({ tasks, words }, task) => {
    cancelTask(tasks, task);
    return words.taskCancelled(task.id);
  }),
  run: changing('run', ({ tasks, sender, words }, task) => {
    runTaskNow(tasks, task, `telegram:${sender}`);
    return words.taskRuns(task.id);
  }),
  retry: { listed: 'main', run: retry },
  audit: { listed: 'main', mainOnly: true, run: audit },
};

function groups({ db, words, group, tasks, registry }: ChatCommandContext): string {
  const ground = registry.thinking ?? OFFLINE_GROUND;
  const zone = group.timezone ?? tasks.defaultTimezone;
  const pauseOf = new Map(db.pauses.all().map((pause) => [pause.chatJid, pause]));
  const lineOf = (g: Group): string => {
    const pause = pauseOf.get(g.chatJid);
    const more = [
      ...(g.isMain ? [words.mainGroup] : []),
      ...(pause
        ? [words.pausedSince(words.pauses[pause.reason], words.minute(Date.parse(pause.since), zone))]
        : []),
    ];
    const own = isChosen(g) ? [describeThinks(thinksWith(g, ground.defaults))] : [];
    return [`${g.folder}: ${g.name} (${g.chatJid})`, ...more, ...own].join(', ');
  };
  const known = db.groups.knownChats().filter((chat) => chat.folder === null);
  return [
    ...db.groups.all().map(lineOf),
    ...known.slice(0, 20).map((c) => `– ${c.name} (${c.chatJid}, ${c.type}), ${words.notRegistered}`),
    ...(known.length > 20 ? [words.andMore(known.length - 20)] : []),
  ].join('\n');
}

function register({ db, registry, sender, words: w }: ChatCommandContext, args: string): ChatAnswer {
  if (args === '') return { text: '', ask: 'register' };
  const [chat = '', folder = '', ...rest] = args.split(/\s+/);
  if (folder === '') throw new NanoClawError('GROUP_INVALID', (w) => w.refused.registerHow);
  const known = db.groups.chat(chatJid(chat));
  const name = rest.join(' ') || known?.name.replace(/\s+/g, ' ').trim().slice(0, 128) || folder;
  const group = registerGroup(registry, { chatJid: chat, name, folder }, `telegram:${sender}`);
  const trigger = group.requiresTrigger ? group.trigger : null;
  return { text: w.registered(group.name, group.folder, trigger), groupsChanged: true };
}

function unregister({ db, registry, sender, words }: ChatCommandContext, args: string): ChatAnswer {
  const which = args.trim();
  if (which === '') return { text: '', ask: 'unregister' };
  const jid = db.groups.byFolder(which)?.chatJid ?? chatJid(which);
  const group = unregisterGroup(registry, jid, `telegram:${sender}`);
  return { text: words.unregistered(group.name, group.folder), groupsChanged: true };
}

function retry(context: ChatCommandContext): ChatAnswer {
  const { tasks, group, replyTo, sender } = context;
  if (replyTo !== null)
    return retried(context, retryMessage(tasks, group.chatJid, replyTo, `telegram:${sender}`));
  return group.isMain ? { text: '', ask: 'retry' } : { text: context.words.retryNeedsReply };
}

/** What to say and whom to wake after something was opened again. */
export function retried({ group: asker, words }: ChatCommandContext, { group, taskId }: Retried): ChatAnswer {
  const text = words.triedAgain(group.chatJid === asker.chatJid ? null : group.name, taskId);
  return taskId === null ? { text, wakeQueue: group.chatJid } : { text, tasksChanged: group.chatJid };
}

function audit({ db, group, tasks, words }: ChatCommandContext, args: string): string {
  const folder = args.trim() || undefined;
  const entries = db.audit.list({ group: folder, limit: AUDIT_LINES });
  if (entries.length === 0) return words.nothingNoted(folder);
  const zone = group.timezone ?? tasks.defaultTimezone;
  return entries
    .map((e) => {
      const where = e.group === null ? '' : ` [${e.group}]`;
      const times = e.times > 1 ? ` ${words.times(e.times)}` : '';
      const detail = e.detail === null ? '' : `: ${e.detail.slice(0, 160)}`;
      return `${words.time(Date.parse(e.at), zone)} ${e.actor}${where} ${e.action} ${e.outcome}${detail}${times}`;
    })
    .join('\n');
}

function changing(
  command: 'pause' | 'resume' | 'cancel' | 'run',
  act: (context: ChatCommandContext, task: Task) => string,
): Handler {
  return {
    listed: 'main',
    mainOnly: true,
    run(context, args) {
      if (args === '') return { text: '', ask: command };
      const task = findTask(context.tasks, args, context.group);
      const text = act(context, task);
      context.db.audit.note({
        at: iso(context.tasks.now()),
        actor: `telegram:${context.sender}`,
        group: task.folder,
        action: `${command}_task`,
        outcome: 'done',
        detail: task.id,
      });
      return { text, tasksChanged: task.chatJid };
    },
  };
}
