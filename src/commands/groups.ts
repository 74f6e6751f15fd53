/** nanoclaw groups list | add | remove | set */
import { isDeepStrictEqual } from 'node:util';
import type { Command } from 'commander';
import { isTimezone } from '../config/settings.ts';
import type { Db } from '../db.ts';
import { NanoClawError } from '../errors.ts';
import { checkNetwork, type NetworkRules } from '../policy/network.ts';
import { describeThinks, thinksWith } from '../policy/thinking.ts';
import { changeGroup, groupRecord, registerGroup, removeGroup } from '../registry.ts';
import type { SenderRules } from '../sender-rules.ts';
import type { Group } from '../types.ts';
import { findGroup, type Output, print, readDb, registryOf, withDb } from './context.ts';
import { type ChoiceOptions, choiceOptions, chosen, chosenThinking } from './group-choices.ts';
import { judgeMounts, MOUNT_HELP, type MountOptions } from './group-mounts.ts';
import { describeSenders, senderRecord, sendersOf, setSenders } from './group-senders.ts';
import { table } from './table.ts';

const ACTOR = 'operator';
const NETWORK_HELP = 'what its agent may reach besides the model: open, allowlist or none';
const ALLOW_HELP = 'host for allowlist, repeatable: example.org, *.example.org, example.org:8443';
const collect = (value: string, former: string[] | undefined) => [...(former ?? []), value];

export function groupsCommand(program: Command): void {
  const groups = program.command('groups').description('list and change the registered groups');

  groups
    .command('list')
    .description('registered groups; with --available also the other chats the bot has seen')
    .option('--available', 'also chats that are not registered')
    .option('--json', 'machine-readable')
    .action((options: Output & { available?: boolean }) =>
      readDb((db, config) => {
        const list = db.groups.all();
        const rules = sendersOf(config)();
        const others = options.available ? db.groups.knownChats().filter((c) => c.folder === null) : [];
        const value = options.available
          ? {
              groups: list.map((g) => record(db, rules, g)),
              available: others.map((c) => ({
                chat_jid: c.chatJid,
                name: c.name,
                type: c.type,
                last_activity: c.lastActivity,
              })),
            }
          : list.map((g) => record(db, rules, g));
        const rows = [
          ['CHAT', 'NAME', 'FOLDER', 'TRIGGER', 'NETWORK', 'SENDERS', 'THINKS WITH', ''],
          ...list.map((g) => [
            g.chatJid,
            g.name,
            g.folder,
            g.requiresTrigger ? g.trigger : '(none needed)',
            g.network,
            describeSenders(rules, g),
            describeThinks(thinksWith(g, config.thinking)),
            [g.isMain ? 'main' : '', pausedOf(db, g)].filter(Boolean).join(', '),
          ]),
          ...others.map((c) => [c.chatJid, c.name, '-', '-', '-', '-', '-', `not registered (${c.type})`]),
        ];
        print(
          options,
          value,
          rows.length === 1 ? 'No groups are registered. See: nanoclaw groups add --help' : table(rows),
        );
      }),
    );

  groups
    .command('add')
    .description('register a chat as a group')
    .requiredOption('--chat <id>', 'Telegram chat id, e.g. -1001234567890')
    .requiredOption('--name <name>', 'name for people')
    .requiredOption('--folder <folder>', 'folder under groups/: a-z, 0-9, - and _')
    .option('--main', 'the main group, from which the others are administered')
    .option('--no-trigger', 'answer every message')
    .option('--trigger <word>', 'what makes a message meant for the assistant (default: @ and its name)')
    .option('--timezone <zone>', 'IANA zone of the group (default: TZ)')
    .option('--network <policy>', NETWORK_HELP)
    .option('--allow <host>', ALLOW_HELP, collect)
    .option('--json', 'machine-readable')
    .action(
      (
        options: Output & {
          chat: string;
          name: string;
          folder: string;
          main?: boolean;
          trigger?: string | boolean;
          timezone?: string;
          network?: string;
          allow?: string[];
        },
      ) =>
        withDb((db, config) => {
          const group = registerGroup(
            registryOf(db, config),
            {
              chatJid: options.chat,
              name: options.name,
              folder: options.folder,
              isMain: options.main === true,
              timezone: checkedZone(options.timezone),
              trigger: typeof options.trigger === 'string' ? options.trigger : undefined,
              requiresTrigger: options.trigger === false ? false : undefined,
              network: options.network,
              networkAllow: options.allow,
            },
            ACTOR,
          );
          print(
            options,
            groupRecord(group),
            `Registered "${group.name}" (${group.chatJid}) with folder groups/${group.folder}.`,
          );
        }),
    );

  groups
    .command('remove')
    .description('unregister a group; its folder and history stay')
    .argument('<group>', 'chat id or folder')
    .option('--force', 'also the main group')
    .option('--json', 'machine-readable')
    .action((which: string, options: Output & { force?: boolean }) =>
      withDb((db, config) => {
        const group = findGroup(db, which);
        if (group.isMain && !options.force) {
          throw new NanoClawError('GROUP_INVALID', 'This is the main group.', {
            fix: 'Add --force if you mean it.',
          });
        }
        removeGroup(registryOf(db, config), group, ACTOR);
        print(
          options,
          groupRecord(group),
          `Unregistered "${group.name}" (${group.chatJid}). groups/${group.folder} stays.`,
        );
      }),
    );

  choiceOptions(groups.command('set'))
    .description('change a group')
    .argument('<group>', 'chat id or folder')
    .option('--name <name>', 'name for people')
    .option('--trigger <word>', 'what makes a message meant for the assistant')
    .option('--requires-trigger <yes|no>', 'answer only what is meant for the assistant')
    .option('--timezone <zone>', 'IANA zone, or "default"')
    .option('--network <policy>', NETWORK_HELP)
    .option('--allow <host>', `${ALLOW_HELP}; replaces the list`, collect)
    .option('--senders <who>', 'who may ask: everyone, admins (of the chat) or listed')
    .option(
      '--sender <id>',
      'Telegram id for listed (or besides admins), repeatable; replaces the list',
      collect,
    )
    .option('--others <what>', 'what becomes of what the others write: context or drop')
    .option('--mount <mount>', MOUNT_HELP, collect)
    .option('--no-mounts', 'take away the mounts it has')
    .option('--json', 'machine-readable')
    .action(
      (
        which: string,
        options: Output & {
          name?: string;
          trigger?: string;
          requiresTrigger?: string;
          timezone?: string;
          network?: string;
          allow?: string[];
          senders?: string;
          sender?: string[];
          others?: string;
        } & ChoiceOptions &
          MountOptions,
      ) =>
        withDb(async (db, config) => {
          const before = findGroup(db, which);
          const { json: _, mounts, ...asked } = options;
          if (mounts !== false && Object.keys(asked).length === 0) {
            throw new NanoClawError('COMMAND_INVALID', 'Nothing was said to be changed.', {
              fix: 'nanoclaw groups set --help shows what can be; nanoclaw groups list shows what is.',
            });
          }
          const needs = options.requiresTrigger;
          if (needs !== undefined && needs !== 'yes' && needs !== 'no') {
            throw new NanoClawError(
              'GROUP_INVALID',
              `--requires-trigger: expected yes or no, got "${needs}"`,
            );
          }
          const registry = registryOf(db, config);
          const group: Group = {
            ...before,
            name: options.name ?? before.name,
            trigger: options.trigger ?? before.trigger,
            requiresTrigger: needs === undefined ? before.requiresTrigger : needs === 'yes',
            timezone:
              options.timezone === 'default' ? null : (checkedZone(options.timezone) ?? before.timezone),
            ...network(before, options),
            ...chosen(before, options),
            ...chosenThinking(before, options, registry.thinking),
          };
          // What may be refused comes first: then nothing has changed.
          const storeMounts = await judgeMounts(db, config, before, options, ACTOR);
          const senders = setSenders(registry, config, before, options, ACTOR);
          storeMounts?.();
          const other = senders !== null || storeMounts !== null;
          if (!other || !isDeepStrictEqual(before, group))
            changeGroup(registry, group, differences(before, group), ACTOR);
          const changed = `Changed "${group.name}" (${group.chatJid}).`;
          print(options, record(db, sendersOf(config)(), group), changed);
        }),
    );
}

const pausedOf = (db: Db, group: Group): string => {
  const pause = db.pauses.of(group.chatJid);
  return pause === null ? '' : `paused: ${pause.reason}`;
};

const record = (db: Db, rules: SenderRules, group: Group) => ({
  ...groupRecord(group),
  ...senderRecord(rules, group),
  mounts: db.mounts.of(group.chatJid),
  paused: db.pauses.of(group.chatJid)?.reason ?? null,
});

function checkedZone(zone: string | undefined): string | undefined {
  if (zone === undefined || isTimezone(zone)) return zone;
  throw new NanoClawError(
    'GROUP_INVALID',
    `--timezone: expected an IANA zone like Europe/Berlin, got "${zone}"`,
  );
}

/** What is asked for, on what there was. A list alone is not taken: it would look like a rule and be none. */
function network(before: Group, options: { network?: string; allow?: string[] }): NetworkRules {
  const policy = options.network ?? before.network;
  const { rules, problems } = checkNetwork(policy, options.allow ?? before.networkAllow);
  if (options.allow && policy !== 'allowlist')
    problems.push(`--allow: expected together with --network allowlist, the policy is "${policy}"`);
  if (problems.length > 0) throw new NanoClawError('GROUP_INVALID', problems.join('; '));
  return rules;
}

/** e.g. "network: open → allowlist", for the audit log. */
function differences(before: Group, after: Group): string {
  const [from, to] = [groupRecord(before), groupRecord(after)];
  const keys = Object.keys(to) as (keyof typeof to)[];
  const changed = keys.filter((key) => String(from[key]) !== String(to[key]));
  return changed.map((key) => `${key}: ${from[key]} → ${to[key]}`).join('; ') || 'nothing';
}
