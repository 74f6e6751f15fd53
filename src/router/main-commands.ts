/** Commands that only the main group has. What they change goes into the audit log with who asked for it. */
import { NanoClawError } from '../errors.ts';
import { localTime } from '../prompt.ts';
import { registerGroup, unregisterGroup } from '../registry.ts';
import { cancelTask, describeNext, findTask, pauseTask, resumeTask, runTaskNow } from '../tasks.ts';
import { chatJid, iso } from '../types.ts';
import type { ChatAnswer, ChatCommandContext, Handler } from './chat-commands.ts';

type Task = ReturnType<typeof findTask>;
const AUDIT_LINES = 15;

export const MAIN_COMMANDS: Record<string, Handler & { help: string; mainOnly: true }> = {
  pause: {
    help: 'TASK – no further runs',
    mainOnly: true,
    run: changing('pause_task', ({ tasks, sender }, task) => {
      pauseTask(tasks, task, `paused by telegram:${sender}`);
      return `Task ${task.id} is paused.`;
    }),
  },
  resume: {
    help: 'TASK – run again from now on',
    mainOnly: true,
    run: changing('resume_task', ({ tasks }, task) => {
      const resumed = resumeTask(tasks, task, false);
      return `Task ${task.id} is active again, ${describeNext(resumed)}.`;
    }),
  },
  cancel: {
    help: 'TASK – end it for good',
    mainOnly: true,
    run: changing('cancel_task', ({ tasks }, task) => {
      cancelTask(tasks, task);
      return `Task ${task.id} is cancelled.`;
    }),
  },
  run: {
    help: 'TASK – run it once, now',
    mainOnly: true,
    run: changing('run_task', ({ tasks, sender }, task) => {
      runTaskNow(tasks, task, `telegram:${sender}`);
      return `Task ${task.id} runs as soon as its group has time.`;
    }),
  },
  groups: { help: 'the groups, and the other chats I have seen', mainOnly: true, run: groups },
  register: { help: 'CHAT FOLDER [NAME] – make a chat a group', mainOnly: true, run: register },
  unregister: { help: 'FOLDER – its files stay', mainOnly: true, run: unregister },
  audit: { help: '[FOLDER] – who did, or tried, what', mainOnly: true, run: audit },
};

function groups({ db }: ChatCommandContext): string {
  const known = db.groups.knownChats().filter((chat) => chat.folder === null);
  return [
    ...db.groups.all().map((g) => `${g.folder}: ${g.name} (${g.chatJid})${g.isMain ? ', main' : ''}`),
    ...known.slice(0, 20).map((c) => `– ${c.name} (${c.chatJid}, ${c.type}), not registered`),
    ...(known.length > 20 ? [`… and ${known.length - 20} more`] : []),
  ].join('\n');
}

function register({ db, registry, sender }: ChatCommandContext, args: string): ChatAnswer {
  const [chat = '', folder = '', ...words] = args.split(/\s+/);
  if (folder === '')
    throw new NanoClawError(
      'GROUP_INVALID',
      'expected /register CHAT FOLDER [NAME]; /groups shows the chats',
    );
  const known = db.groups.knownChats().find((each) => each.chatJid === chat);
  const name = words.join(' ') || known?.name.trim().slice(0, 128) || folder;
  const group = registerGroup(registry, { chatJid: chat, name, folder }, `telegram:${sender}`);
  const trigger = group.requiresTrigger ? `, trigger ${group.trigger}` : '';
  return { text: `Registered "${group.name}" with folder ${group.folder}${trigger}.`, groupsChanged: true };
}

function unregister({ db, registry, sender }: ChatCommandContext, args: string): ChatAnswer {
  const which = args.trim();
  const jid = db.groups.byFolder(which)?.chatJid ?? chatJid(which);
  if (which === '')
    throw new NanoClawError('GROUP_INVALID', 'expected /unregister FOLDER; /groups shows them');
  const group = unregisterGroup(registry, jid, `telegram:${sender}`);
  return { text: `Unregistered "${group.name}". Its folder ${group.folder} stays.`, groupsChanged: true };
}

function audit({ db, group, tasks }: ChatCommandContext, args: string): string {
  const folder = args.trim() || undefined;
  const entries = db.audit.list({ group: folder, limit: AUDIT_LINES });
  if (entries.length === 0) return folder ? `Nothing is noted for "${folder}".` : 'Nothing is noted.';
  const zone = group.timezone ?? tasks.defaultTimezone;
  return entries
    .map((e) => {
      const where = e.group === null ? '' : ` [${e.group}]`;
      const times = e.times > 1 ? ` (${e.times} times)` : '';
      const detail = e.detail === null ? '' : `: ${e.detail.slice(0, 160)}`;
      return `${localTime(Date.parse(e.at), zone)} ${e.actor}${where} ${e.action} ${e.outcome}${detail}${times}`;
    })
    .join('\n');
}

function changing(action: string, act: (context: ChatCommandContext, task: Task) => string): Handler['run'] {
  return (context, args) => {
    const task = findTask(context.tasks, args, context.group);
    const text = act(context, task);
    context.db.audit.note({
      at: iso(context.tasks.now()),
      actor: `telegram:${context.sender}`,
      group: task.folder,
      action,
      outcome: 'done',
      detail: task.id,
    });
    return { text, tasksChanged: task.chatJid };
  };
}
