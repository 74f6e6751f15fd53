/**
 * MCP servers where turns begin and end: which an agent is given, what main is asked, and what the chat is told of those that did not
 * work. A file that an agent rewrites without end asks main about one server once at a time, and MOST_ASKED times a day in all.
 */
import { MCP_QUESTION, type McpAsked } from '../db/mcp.ts';
import type { Turn } from '../db/turn-row.ts';
import type { Db } from '../db.ts';
import { messageOf } from '../errors.ts';
import type { Clock } from '../lib/clock.ts';
import { oneLine } from '../lib/front-matter.ts';
import type { Logger } from '../log.ts';
import { askText } from '../mcp/ask.ts';
import { type ReadSecrets, whyNotReach } from '../mcp/secrets.ts';
import { type McpServer, readServers } from '../mcp.ts';
import type { AgentEvent, TurnMcpServer } from '../protocol.ts';
import type { Router } from '../router.ts';
import type { AgentRuntime } from '../runtime/agent-runtime.ts';
import { type ChatJid, type Folder, type Group, iso } from '../types.ts';

export interface McpGateOptions {
  db: Db;
  clock: Clock;
  log: Logger;
  home: string;
  runtime: () => AgentRuntime;
  mcpSecrets: () => ReadSecrets;
  record: Router['record'];
  askMain: Router['askMain'];
  wakeDelivery: (jid: ChatJid) => void;
}

type Reported = NonNullable<Extract<AgentEvent, { type: 'turn_finished' }>['mcp']>;

export interface McpGate {
  /** Those that are approved, as the file is now; asks main about others. Joins the caller's transaction. */
  forTurn(group: Group): TurnMcpServer[];
  /** Asks main about what an agent has just written. */
  look(folder: Folder): void;
  /** In the transaction that ends the turn: how its servers went. Said in the chat when that has changed. */
  report(turn: Turn, reported: Reported): void;
}

export const MOST_ASKED = 10;
const DAY_MS = 86_400_000;
/** As long as questions are kept: nobody is asked twice about the same. */
const REMEMBERED_MS = 30 * DAY_MS;
const MOST_DETAIL = 300;

export function createMcpGate(options: McpGateOptions): McpGate {
  const { db, clock, log, home } = options;

  function ask(group: Group, servers: readonly McpServer[]): void {
    const main = db.groups.main();
    const waiting = servers.filter(({ state }) => state === 'waiting');
    if (main === null || waiting.length === 0) return;
    db.transaction(() => {
      const dayAgo = iso(clock.now() - DAY_MS);
      const asked = db.mcp.asked(group.folder, iso(clock.now() - REMEMBERED_MS));
      let count = asked.filter(({ askedAt }) => askedAt >= dayAgo).length;
      for (const server of waiting) {
        const { definition, fingerprint } = server;
        const about = `${group.folder}/${definition.name}/`;
        const isOpen = ({ subject, answer, askedAt }: McpAsked) =>
          answer === null && askedAt >= dayAgo && subject.startsWith(about);
        const isKnown = asked.some((each) => each.subject === about + fingerprint || isOpen(each));
        if (isKnown) continue;
        count += 1;
        if (count > MOST_ASKED) return tellMore(group, main);
        const words = db.languages.wordsFor(main.chatJid);
        const text = askText(group, server, words);
        options.askMain({ kind: MCP_QUESTION, about: { subject: about + fingerprint, text } });
        db.afterCommit(() => options.wakeDelivery(main.chatJid));
      }
    });
  }

  /** Once a day. */
  function tellMore({ folder }: Group, main: Group): void {
    const key = `mcp_more:${folder}`;
    const before = Number(db.inbox.meta(key) ?? 0);
    if (clock.now() - before < DAY_MS && clock.now() >= before) return;
    db.inbox.setMeta(key, String(clock.now()));
    const text = db.languages.wordsFor(main.chatJid).mcp.more(folder, MOST_ASKED);
    options.record({ chatJid: main.chatJid, threadId: null, turnId: null, replyTo: null, text });
    db.afterCommit(() => options.wakeDelivery(main.chatJid));
  }

  return {
    forTurn(group) {
      const { servers } = readServers(db, home, group.folder);
      ask(group, servers);
      // A plain process of this machine starts no programs for an agent.
      if (options.runtime().name !== 'docker') return [];
      return servers.flatMap(({ definition, state }): TurnMcpServer[] => {
        if (state !== 'approved') return [];
        if (definition.type === 'stdio') return [definition];
        const problem = whyNotReach(definition, group.folder, group, options.mcpSecrets());
        return [{ type: 'http', name: definition.name, ...(problem === null ? {} : { problem }) }];
      });
    },
    look(folder) {
      const group = db.groups.byFolder(folder);
      if (group === null) return;
      try {
        ask(group, readServers(db, home, folder).servers);
      } catch (error) {
        log.warn({ event: 'mcp_look_failed', group: folder, err: error }, messageOf(error));
      }
    },
    report({ chatJid, threadId, id, folder }, reported) {
      const known = new Map(db.mcp.troubles(folder).map(({ name, detail }) => [name, detail]));
      const words = db.languages.wordsFor(chatJid);
      const tell = (text: string) => options.record({ chatJid, threadId, turnId: id, replyTo: null, text });
      for (const { name, problem } of reported) {
        // The names are the host's; what an agent makes of them is nobody's business.
        if (db.mcp.approved(folder, name) === null) continue;
        const detail = problem === null ? null : oneLine(problem, MOST_DETAIL);
        if (detail === null) {
          if (!known.has(name)) continue;
          db.mcp.endTrouble(folder, name);
          tell(words.mcp.worksAgain(name));
        } else {
          db.mcp.setTrouble(folder, name, detail, iso(clock.now()));
          if (known.has(name)) continue;
          log.warn({ event: 'mcp_failed', group: folder, server: name }, detail);
          tell(words.mcp.failed(name, detail));
        }
      }
    },
  };
}
