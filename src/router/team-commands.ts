/**
 * /team and /ask: who the specialists are, and what the daemon answers itself when one is asked who is not there. A question
 * to one who is there is the agent's. Adding one: the file comes later than the command (team-add.ts).
 */
import { NanoClawError } from '../errors.ts';
import { oneLine } from '../lib/front-matter.ts';
import { oncePerTick } from '../lib/once-per-tick.ts';
import { groupPaths } from '../mailbox/layout.ts';
import { MAX_SPECIALIST_BYTES } from '../team/specialist.ts';
import {
  AGENTS,
  behindAsk,
  type FileNote,
  GLOBAL,
  nearTo,
  readTeam,
  type Specialist,
  type Team,
  whoIsAsked,
} from '../team.ts';
import type { Group } from '../types.ts';
import type { Words } from '../words.ts';
import type { ChatAnswer, ChatCommandContext, Handler } from './chat-commands.ts';
import { removeFromTeam } from './team-remove.ts';

const LISTED = 50;
const MAX_LISTED_DESCRIPTION = 200;

export const TEAM_COMMANDS = {
  team: { listed: 'everyone', run: team },
  ask: { listed: 'everyone', run: ask },
} as const satisfies Record<string, Handler>;

/** Of one batch of updates each group's team is read once: its files are its agent's to write. */
const teams = oncePerTick(() => new Map<string, Team>());

export function teamOf(home: string, folder: string): Team {
  const paths = groupPaths(home, folder);
  const team = teams().get(paths.groupDir) ?? readTeam(paths);
  teams().set(paths.groupDir, team);
  return team;
}

function team(context: ChatCommandContext, args: string): ChatAnswer | string {
  const { db, group, registry, words } = context;
  const [verb = '', place = '', ...rest] = args.split(/\s+/);
  if (verb.toLowerCase() === 'add') return add(context, place, rest);
  if (verb.toLowerCase() === 'remove') return removeFromTeam(context, [place, ...rest].join(' '));
  const other = verb !== '' && group.isMain ? db.groups.byFolder(verb) : null;
  return describeTeam(teamOf(registry.home, (other ?? group).folder), other ?? group, group.isMain, words);
}

function describeTeam({ specialists, notes }: Team, group: Group, isMain: boolean, words: Words): string {
  const w = words.team;
  const line = ({ name, description, model, scope }: Specialist) => {
    const about = [...(model === null ? [] : [model]), ...(scope === 'global' ? [w.global] : [])].join(', ');
    return `${name} – ${oneLine(description, MAX_LISTED_DESCRIPTION)}${about === '' ? '' : ` (${about})`}`;
  };
  const fault = ({ scope, file, line: at, reason }: FileNote) => {
    const path = [
      ...(scope === 'global' ? [GLOBAL] : []),
      AGENTS,
      ...(file === '' ? [] : [oneLine(file, 100)]),
    ];
    return w.refusedFile(path.join('/'), at, reason(words));
  };
  const [bad, otherwise] = [notes.filter(({ isBad }) => isBad), notes.filter(({ isBad }) => !isBad)];
  return [
    ...(specialists.length === 0 ? [w.none] : [w.title, ...specialists.slice(0, LISTED).map(line)]),
    ...(specialists.length > LISTED ? [words.andMore(specialists.length - LISTED)] : []),
    ...(specialists.length === 0 ? [] : [w.howToAsk(group.requiresTrigger ? group.trigger : null)]),
    ...(bad.length === 0 ? [] : [w.bad, ...bad.slice(0, LISTED).map(fault)]),
    ...(otherwise.length === 0 ? [] : [w.otherwise, ...otherwise.slice(0, LISTED).map(fault)]),
    ...(isMain ? [w.howToAdd, ...(specialists.length + bad.length > 0 ? [w.howToRemove] : [])] : []),
  ].join('\n');
}

/** A question to one who is there is passed on. */
function ask({ group, registry, words }: ChatCommandContext, args: string): ChatAnswer {
  const all = teamOf(registry.home, group.folder);
  const asked = whoIsAsked(all, args);
  if (asked === null) return { text: [words.team.askWhom, ...names(all, words)].join('\n') };
  if (asked.specialist === null) return { text: unknown(all, asked.name, words) };
  if (asked.request === '') return { text: words.team.askWhat(asked.specialist.name) };
  return { text: '', toAgent: true };
}

/**
 * What to say instead of a turn to words like "ask backend-architct …" without a command: they have to name somebody who
 * is nearly there, or be spelt like a name. Null: it is the agent's.
 */
export function misspeltAsk(team: () => Team, request: string, words: Words): string | null {
  const behind = behindAsk(request);
  if (behind === null || behind === '') return null;
  const all = team();
  const asked = whoIsAsked(all, behind);
  if (asked === null || asked.specialist !== null || all.specialists.length === 0) return null;
  // Anna-Lena is a person.
  const looksLikeName = /^[\p{Ll}\p{Lo}\p{N}]+(?:[-_][\p{Ll}\p{Lo}\p{N}]+)+$/u.test(asked.name);
  return looksLikeName || nearTo(all, asked.name).length > 0 ? unknown(all, asked.name, words) : null;
}

function unknown(all: Team, name: string, words: Words): string {
  const near = nearTo(all, name)
    .slice(0, 5)
    .map((each) => each.name);
  const said = words.team.unknown(oneLine(name, 64), near.length === 0 ? null : near.join(', '));
  return near.length > 0 ? said : [said, ...names(all, words)].join(' ');
}

const names = ({ specialists }: Team, words: Words): string[] =>
  specialists.length === 0
    ? [words.team.none]
    : [
        words.team.allAre(
          specialists
            .slice(0, LISTED)
            .map(({ name }) => name)
            .join(', '),
        ),
      ];

function add(context: ChatCommandContext, place: string, rest: string[]): ChatAnswer {
  const { db, group, file, words } = context;
  if (!group.isMain) return { text: '', forMain: true };
  if (file === null) return { text: words.team.needsFile };
  const refused = (why: (w: Words) => string) => new NanoClawError('FILE_REFUSED', why);
  const name = oneLine(file.name ?? '', 100);
  if (file.kind !== 'document' || !/\.md$/i.test(name)) throw refused((w) => w.team.needsMarkdown(name));
  if ((file.size ?? 0) > MAX_SPECIALIST_BYTES)
    throw refused((w) => w.team.refusedFile(name, null, w.files.tooLarge(MAX_SPECIALIST_BYTES / 1024)));
  const isOwn = place === '' || (place.toLowerCase() === 'group' && db.groups.byFolder(place) === null);
  const folder = isOwn ? group.folder : place;
  if (rest.length > 0 || (folder !== GLOBAL && db.groups.byFolder(folder) === null))
    throw refused((w) => w.team.wrongPlace(oneLine([place, ...rest].join(' '), 64)));
  return { text: words.team.isFetched, addsSpecialist: { folder } };
}
