/**
 * /mcp: the MCP servers of a group, and main's decisions about them. Nothing is approved by a command: it shows the exact definition
 * with two buttons, and what is pressed counts for what was shown.
 */
import { MCP_QUESTION } from '../db/mcp.ts';
import { NanoClawError } from '../errors.ts';
import { oneLine } from '../lib/one-line.ts';
import { askText } from '../mcp/ask.ts';
import { type DecideContext, decideServer, findServer, withdrawServer } from '../mcp/decide.ts';
import { brief } from '../mcp/definition.ts';
import { readServers } from '../mcp.ts';
import type { Group } from '../types.ts';
import type { ChatAnswer, ChatCommandContext, Handler } from './chat-commands.ts';
import type { Choice } from './choices.ts';

export const MCP_COMMANDS = {
  mcp: { listed: 'everyone', run: mcp },
} as const satisfies Record<string, Handler>;

const VERBS = new Set(['approve', 'refuse', 'remove']);

const decidingIn = ({ db, registry, tasks }: ChatCommandContext): DecideContext => ({
  db,
  home: registry.home,
  now: tasks.now,
});

function mcp(context: ChatCommandContext, args: string): ChatAnswer | string {
  const { db, group } = context;
  const words = args.split(/\s+/).filter((word) => word !== '');
  const [verb = '', folder = '', name = ''] = words;
  if (VERBS.has(verb) && db.groups.byFolder(verb) === null) {
    if (!group.isMain) return { text: '', forMain: true };
    if (words.length !== 3) throw new NanoClawError('COMMAND_INVALID', (w) => w.mcp.how);
    return decide(context, verb, groupOf(context, folder), name);
  }
  if (words.length > 1) throw new NanoClawError('COMMAND_INVALID', (w) => w.mcp.how);
  const named = verb !== '' && group.isMain ? groupOf(context, verb) : group;
  return list(context, named);
}

function groupOf({ db }: ChatCommandContext, folder: string): Group {
  const group = db.groups.byFolder(folder);
  if (group === null)
    throw new NanoClawError('GROUP_UNKNOWN', (w) => w.refused.noFolder(oneLine(folder, 63)));
  return group;
}

function decide(context: ChatCommandContext, verb: string, group: Group, name: string): ChatAnswer {
  const { words, sender } = context;
  const deciding = decidingIn(context);
  const actor = `telegram:${sender}`;
  if (verb === 'remove') {
    withdrawServer(deciding, group, name, actor);
    return { text: words.mcp.removed(name, group.folder), groupsChanged: true };
  }
  const server = findServer(deciding, group, name);
  if (verb === 'refuse') {
    decideServer(deciding, group, name, server.fingerprint, 'refused', actor);
    return { text: words.mcp.refused(name, group.folder), groupsChanged: true };
  }
  const subject = `${group.folder}/${name}/${server.fingerprint}`;
  return { text: '', ask: MCP_QUESTION, about: { subject, text: askText(group, server, words) } };
}

function list({ db, group: asker, registry, words }: ChatCommandContext, group: Group): string {
  const w = words.mcp;
  const { servers, problems } = readServers(db, registry.home, group.folder);
  const troubles = new Map(db.mcp.troubles(group.folder).map(({ name, detail }) => [name, detail]));
  const lines = servers.flatMap(({ definition, state }) => {
    const trouble = state === 'approved' ? troubles.get(definition.name) : undefined;
    const line = w.line(definition.name, brief(definition), w.states[state]);
    return trouble === undefined ? [line] : [line, w.trouble(trouble)];
  });
  const faults = problems.map(({ name, reason }) =>
    name === null ? w.badFile(reason(words)) : w.badOne(oneLine(name, 64), reason(words)),
  );
  return [
    ...(lines.length > 0 ? [w.title(group.folder), ...lines] : []),
    ...(faults.length > 0 ? [w.bad, ...faults] : []),
    ...(lines.length === 0 && faults.length === 0 ? [w.none] : []),
    ...(asker.isMain ? [w.howTo] : []),
  ].join('\n');
}

interface Shown {
  group: Group;
  name: string;
  fingerprint: string;
}

function shownIn(context: ChatCommandContext, subject: string): Shown {
  const [folder = '', name = '', fingerprint = ''] = subject.split('/');
  return { group: groupOf(context, folder), name, fingerprint };
}

function act(context: ChatCommandContext, subject: string, state: 'approved' | 'refused'): ChatAnswer {
  const { group, name, fingerprint } = shownIn(context, subject);
  decideServer(decidingIn(context), group, name, fingerprint, state, `telegram:${context.sender}`);
  return { text: context.words.mcp[state](name, group.folder), groupsChanged: true };
}

export const MCP_CHOICE: Choice = {
  title: (w) => w.mcp.title1,
  none: (w) => w.mcp.none,
  no: (w) => w.mcp.refuse,
  options: () => [],
  confirm(context, subject) {
    const { group, name, fingerprint } = shownIn(context, subject);
    const server = findServer(decidingIn(context), group, name);
    if (server.fingerprint !== fingerprint)
      throw new NanoClawError('MCP_CHANGED', (w) => w.mcp.changed(name, group.folder));
    return { text: askText(group, server, context.words), yes: context.words.mcp.approve };
  },
  act: (context, subject) => act(context, subject, 'approved'),
  decline: (context, subject) => act(context, subject, 'refused'),
};
