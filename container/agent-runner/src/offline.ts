/**
 * The provider without a model. It is honest about it: it answers a handful of plain requests, uses the same tools
 * as Claude, and echoes the rest. It makes a first start without any credential worth something, and tests repeatable.
 * It may run without a container, so it runs no commands and touches only the group's folder and its own home.
 */
import * as fs from 'node:fs';
import { dirname } from 'node:path';
import { localTime } from '../../../src/lib/local-time.ts';
import type { TurnFile } from '../../../src/protocol.ts';
import { behindAsk, readTeam, whoIsAsked } from '../../../src/team.ts';
import { dayIn } from './memory.ts';
import { type OfflineRequest, readOfflineRequest, readScheduledPrompt } from './offline-request.ts';
import { factsAbout, OfflineMemory, OfflineSessions } from './offline-store.ts';
import { scheduleArguments } from './offline-when.ts';
import { helpText, listed, received, shortened } from './offline-words.ts';
import { pathInside } from './plain-file.ts';
import type { Provider, TurnOutcome, TurnReport } from './provider.ts';
import { TeamLog } from './team-log.ts';
import type { Tool } from './tool.ts';

const LISTED_FILES = 50;
const MAX_WRITTEN_BYTES = 64 * 1024;

/** Thrown by `fail`, the request that fails a turn on purpose. */
class AskedToFail extends Error {}

interface Turn {
  file: TurnFile;
  tools: readonly Tool[];
  report: TurnReport;
  signal: AbortSignal;
  /** What was said in this session before this turn. */
  history: readonly string[];
  /** The message that asks. */
  messageId?: number | undefined;
}

export function createOfflineProvider(options: {
  groupDir: string;
  globalDir: string;
  home: string;
}): Provider {
  const { groupDir, globalDir } = options;
  const memory = new OfflineMemory(groupDir, globalDir);
  const sessions = new OfflineSessions(options.home);

  async function answer(request: OfflineRequest, turn: Turn): Promise<string> {
    switch (request.kind) {
      case 'help':
        return helpText(turn.file);
      case 'ping':
        return 'pong';
      case 'remember':
        return remember(request, turn);
      case 'note':
        return note(request.text, turn);
      case 'notes':
        return listed(
          'Notes of today and yesterday:',
          memory.notes(days(turn)),
          'There are no notes of today or yesterday.',
        );
      case 'recall':
        return listed('I remember:', memory.facts(), 'I remember nothing yet.');
      case 'history':
        return listed(
          'In this session you said:',
          turn.history,
          'You have said nothing in this session before.',
        );
      case 'search':
        return use(turn, 'search_history', { query: request.query });
      case 'read_back':
        return use(turn, 'read_history', {
          limit: request.count,
          ...(request.around === null ? {} : { message_id: request.around }),
        });
      case 'send_message':
        return use(turn, 'send_message', { text: request.text });
      case 'send_file':
        return sendFile(request, turn);
      case 'react':
        return react(request, turn);
      case 'ask_people':
        return use(turn, 'ask_user', {
          question: request.question,
          choices: request.choices,
          ...(request.seconds === null ? {} : { wait_s: request.seconds }),
        });
      case 'list_files':
        return listed('Files:', files(), 'There are no files here.');
      case 'mcp_tools': {
        const tools = turn.tools.flatMap(({ mcp, description }) =>
          mcp ? [`${mcp.server} ${mcp.tool}: ${shortened(description)}`] : [],
        );
        return listed('Tools of MCP servers:', tools, 'There are no tools of MCP servers here.');
      }
      case 'mcp':
        return callMcp(request, turn);
      case 'slow':
        return slow(request.seconds, turn);
      case 'fail':
        throw new AskedToFail('failed because I was asked to');
      case 'register':
        return use(turn, 'register_group', {
          chat_jid: request.chatJid,
          name: request.name,
          folder: request.folder,
        });
      case 'unregister':
        return use(turn, 'unregister_group', { chat_jid: request.chatJid });
      case 'refresh':
        return use(turn, 'refresh_groups', {});
      case 'schedule': {
        const when = scheduleArguments(request.when, Date.now(), turn.file.timezone);
        return use(turn, 'schedule_task', { prompt: request.prompt, ...when });
      }
      case 'schedule_unclear':
        return 'I did not understand when. Say it like “remind me in 10 minutes to …” or “remind me every weekday at 9 to …”.';
      case 'preview':
        return use(turn, 'preview_task', {
          ...scheduleArguments(request.when, Date.now(), turn.file.timezone),
        });
      case 'list_tasks':
        return use(turn, 'list_tasks', {});
      case 'change_task':
        return use(turn, request.tool, {
          task_id: request.id,
          ...(request.runMissed ? { run_missed: true } : {}),
        });
      case 'ask':
        return askSpecialist(request, turn);
      case 'reply':
        return request.text;
      case 'echo': {
        const known = factsAbout(request.text, [...memory.facts(), ...memory.notes(days(turn))]);
        if (known.length > 0) return listed('I remember:', known, '');
        return `I am the offline agent and cannot think. You said: “${shortened(request.text)}”`;
      }
    }
  }

  /** Of this chat's clock. */
  const days = ({ file }: Turn): string[] => [1, 0].map((before) => dayIn(Date.now(), file.timezone, before));

  function remember({ fact, forAll }: { fact: string; forAll?: true }, { file }: Turn): string {
    if (forAll && !file.is_main) return 'Only the main group may say what all groups should know.';
    return written('MEMORY.md', () => memory.add(fact, forAll));
  }

  function note(text: string, { file }: Turn): string {
    const now = localTime(Date.now(), file.timezone);
    const day = now.slice(0, 10);
    return written(`memory/${day}.md`, () => memory.note(text, day, now.slice(11, 16)));
  }

  function written(file: string, write: () => void): string {
    try {
      write();
      return 'Noted.';
    } catch (error) {
      return `I could not write that to ${file}: ${messageOf(error)}.`;
    }
  }

  /** Nobody here can think in its place; what it is, and that it was asked, can be told and written down. */
  function askSpecialist(
    { specialist, question }: Extract<OfflineRequest, { kind: 'ask' }>,
    { file }: Turn,
  ): string {
    const { name, description, instructions } = specialist;
    const answer = `I am the offline agent and cannot think as ${name} would: ${description} Its instructions have ${instructions.length} characters and begin: “${shortened(instructions.split('\n', 1)[0] ?? '')}”`;
    const talk = new TeamLog({ groupDir, now: Date.now, log: () => {} }, file);
    talk.asked(name, name, question, question);
    talk.answered(name, answer);
    return answer;
  }

  /** An echo may be meant for a specialist. */
  function understood(request: OfflineRequest): OfflineRequest {
    const words = request.kind === 'echo' || request.kind === 'reply' ? behindAsk(request.text) : null;
    if (words === null) return request;
    const asked = whoIsAsked(readTeam({ groupDir, globalDir }), words);
    return asked?.specialist
      ? { kind: 'ask', specialist: asked.specialist, question: asked.request }
      : request;
  }

  async function sendFile(request: { path: string; content: string | null }, turn: Turn): Promise<string> {
    const path = pathInside(groupDir, request.path);
    if (!path) return `${request.path} is not a file of this group's folder.`;
    let note = '';
    if (fs.existsSync(path)) {
      if (request.content !== null) note = ' (It was there already; I did not overwrite it.)';
    } else {
      const content = `${request.content ?? 'Written by the offline agent.'}\n`;
      fs.mkdirSync(dirname(path), { recursive: true });
      fs.writeFileSync(path, content.slice(0, MAX_WRITTEN_BYTES), { flag: 'wx' });
    }
    return (await use(turn, 'send_file', { path: request.path })) + note;
  }

  function files(): string[] {
    const names = fs
      .readdirSync(groupDir, { withFileTypes: true })
      .filter((entry) => !entry.name.startsWith('.'))
      .map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name))
      .sort();
    const more = names.length - LISTED_FILES;
    return more > 0 ? [...names.slice(0, LISTED_FILES), `and ${more} more`] : names;
  }

  return {
    async run(file, tools, report, signal): Promise<TurnOutcome> {
      const session = sessions.open(file.session_id);
      const turn: Turn = { file, tools, report, signal, history: sessions.said(session.id) };
      if (session.id !== file.session_id) await report.session(session.id, session.fresh);
      const requests = file.requests.length > 0 ? file.requests : [file.prompt];
      const read = file.kind === 'task' ? readScheduledPrompt : readOfflineRequest;
      const answers: string[] = [];
      const asking = messagesOf(file.prompt);
      for (const [n, request] of requests.entries()) {
        report.alive('thinking');
        try {
          const messageId = asking.length === requests.length ? asking[n] : asking.at(-1);
          answers.push(await answer(understood(read(request)), { ...turn, messageId }));
        } catch (error) {
          if (!(error instanceof AskedToFail)) throw error;
          return { status: 'error', code: 'agent', message: error.message };
        }
        if (signal.aborted) return { status: 'interrupted' };
      }
      sessions.add(session.id, requests);
      if (file.attachments?.length) answers.push(received(file.attachments));
      const text = answers.filter(Boolean).join('\n\n');
      const usage = { input_tokens: 0, output_tokens: 0, cost_usd: 0 };
      return { status: 'ok', text, usage, context: sessions.fullness(session.id) };
    },
    close() {},
  };
}

async function react(request: { emoji: string; messageId: number | null }, turn: Turn): Promise<string> {
  const messageId = request.messageId ?? turn.messageId;
  if (messageId === undefined) return 'There is no message to react to.';
  return use(turn, 'react', { message_id: messageId, emoji: request.emoji });
}

/** The ids of those that ask, in their order. */
const messagesOf = (prompt: string): number[] =>
  [...prompt.matchAll(/<message id="(\d+)"[^>]* for_you="yes"/g)].map(([, id]) => Number(id));

/** Uses a tool as Claude would, and repeats what it said. */
async function use(turn: Turn, name: string, args: Record<string, unknown>): Promise<string> {
  const tool = turn.tools.find((candidate) => candidate.name === name);
  if (!tool) return `Only the main group may do that (${name}).`;
  turn.report.alive(name);
  return (await tool.call(args)).text;
}

async function callMcp(
  { server, tool, args }: Extract<OfflineRequest, { kind: 'mcp' }>,
  turn: Turn,
): Promise<string> {
  const found = turn.tools.find(({ mcp }) => mcp?.server === server && mcp.tool === tool);
  if (!found) return `There is no tool ${tool} of an MCP server ${server} here; \`mcp tools\` lists them.`;
  try {
    return await use(turn, found.name, JSON.parse(args) as Record<string, unknown>);
  } catch (error) {
    return `That is no JSON: ${messageOf(error)}.`;
  }
}

async function slow(seconds: number, turn: Turn): Promise<string> {
  const until = performance.now() + seconds * 1000;
  while (!turn.signal.aborted && performance.now() < until) {
    const left = Math.max(0, Math.ceil((until - performance.now()) / 1000));
    turn.report.alive('working slowly', `That takes ${seconds} seconds; ${left} are left.`);
    await pause(Math.min(1000, until - performance.now()), turn.signal);
  }
  return `That took ${seconds} seconds.`;
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, Math.max(0, ms));
    signal.addEventListener('abort', done, { once: true });
  });
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
