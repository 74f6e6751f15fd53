/** nanoclaw mcp list | approve | refuse | remove */
import type { Command } from 'commander';
import type { Config } from '../config.ts';
import type { Db } from '../db.ts';
import { decideServer, SHORT, withdrawServer } from '../mcp/decide.ts';
import { brief, showDefinition } from '../mcp/definition.ts';
import { type McpServer, readServers } from '../mcp.ts';
import type { Group } from '../types.ts';
import { ENGLISH } from '../words.ts';
import { findGroup, type Output, print, readDb, withDb } from './context.ts';

const ACTOR = 'operator';
const GROUP = 'folder or chat id of a group';
const NAME = 'name of the server';
const FINGERPRINT = 'what mcp list shows, at least its first 12 digits: it says which definition is meant';

export function mcpCommand(program: Command): void {
  const mcp = program.command('mcp').description('MCP servers of groups: list, approve, refuse, remove');

  mcp
    .command('list')
    .description(
      'the servers that mcp.json of a group (or of each) names, word for word, and what was decided',
    )
    .argument('[group]', GROUP)
    .option('--json', 'machine-readable')
    .action((which: string | undefined, options: Output) =>
      readDb((db, { home }) => {
        const groups = which === undefined ? db.groups.all() : [findGroup(db, which)];
        const found = groups.map((group) => ({ group, ...readServers(db, home, group.folder) }));
        const value = found.map(({ group, servers, problems }) => ({
          group: group.folder,
          servers: servers.map((server) => record(db, group, server)),
          problems: problems.map(({ name, reason }) => ({ name, reason: reason(ENGLISH) })),
        }));
        const texts = value.flatMap((each, index) => describe(each, found[index]?.servers ?? []));
        print(options, value, texts.join('\n') || 'No group has MCP servers.');
      }),
    );

  for (const [verb, state, description] of [
    ['approve', 'approved', 'let the group’s agent use a server, exactly as mcp list showed it'],
    ['refuse', 'refused', 'a server is not used, and main is not asked about it again'],
  ] as const)
    mcp
      .command(verb)
      .description(description)
      .argument('<group>', GROUP)
      .argument('<name>', NAME)
      .argument('<fingerprint>', FINGERPRINT)
      .option('--json', 'machine-readable')
      .action((which: string, name: string, shown: string, options: Output) =>
        withDb((db, config) => {
          const group = findGroup(db, which);
          const server = decideServer(deciding(db, config), group, name, shown.toLowerCase(), state, ACTOR);
          print(options, record(db, group, server), ENGLISH.mcp[state](name, group.folder));
        }),
      );

  mcp
    .command('remove')
    .description('take back an approval; the file stays as it is')
    .argument('<group>', GROUP)
    .argument('<name>', NAME)
    .option('--json', 'machine-readable')
    .action((which: string, name: string, options: Output) =>
      withDb((db, config) => {
        const group = findGroup(db, which);
        withdrawServer(deciding(db, config), group, name, ACTOR);
        print(options, { group: group.folder, name }, ENGLISH.mcp.removed(name, group.folder));
      }),
    );
}

const deciding = (db: Db, { home }: Config) => ({ db, home, now: Date.now });

const record = (db: Db, { folder }: Group, { definition, fingerprint, state }: McpServer) => ({
  name: definition.name,
  state,
  type: definition.type,
  fingerprint,
  definition: showDefinition(definition),
  trouble: db.mcp.troubles(folder).find(({ name }) => name === definition.name)?.detail ?? null,
});

interface Listed {
  group: string;
  servers: ReturnType<typeof record>[];
  problems: { name: string | null; reason: string }[];
}

function describe({ group, servers, problems }: Listed, read: readonly McpServer[]): string[] {
  return [
    ...servers.flatMap(({ name, state, fingerprint, definition, trouble }, index) => [
      `${group}/${name}: ${state}${read[index] ? `, ${brief(read[index].definition, 60)}` : ''}`,
      definition,
      ...(trouble === null ? [] : [`It did not work last time: ${trouble}`]),
      ...(state === 'approved'
        ? []
        : [`To approve exactly this: nanoclaw mcp approve ${group} ${name} ${fingerprint.slice(0, SHORT)}`]),
      '',
    ]),
    ...problems.map(({ name, reason }) => `${group}/mcp.json${name === null ? '' : `, ${name}`}: ${reason}`),
  ];
}
