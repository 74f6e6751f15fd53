/**
 * /team remove NAME [FOLDER], in main: a specialist's file, also one that cannot be used, is laid aside in agents/removed/ under
 * the day on which it went. It is asked first, with a button; nothing is destroyed.
 */
import { NanoClawError } from '../errors.ts';
import { oneLine } from '../lib/front-matter.ts';
import { localTime } from '../lib/local-time.ts';
import { nameSlug } from '../lib/name-slug.ts';
import { setAsideIn } from '../mailbox/copy-in.ts';
import { groupPaths } from '../mailbox/layout.ts';
import { stemOf } from '../team/specialist.ts';
import { AGENTS, GLOBAL, nearTo, readAgents, type Team } from '../team.ts';
import { iso } from '../types.ts';
import type { ChatAnswer, ChatCommandContext } from './chat-commands.ts';
import type { Choice } from './choices.ts';

/** In agents/; what lies deeper there is nobody's. */
const REMOVED = 'removed';

interface Subject {
  /** Of a group, or `global`. */
  folder: string;
  file: string;
}

const read = (subject: string): Subject => JSON.parse(subject) as Subject;
const placeOf = ({ folder, file }: Subject): string => `${folder}/${AGENTS}/${oneLine(file, 100)}`;

export function removeFromTeam(context: ChatCommandContext, args: string): ChatAnswer {
  const { group, words } = context;
  if (!group.isMain) return { text: '', forMain: true };
  const parts = args.split(/\s+/).filter(Boolean);
  if (parts.length === 0) return { text: words.team.removeWhom };
  const last = parts.at(-1) ?? '';
  const isPlace = parts.length > 1 && (last === GLOBAL || context.db.groups.byFolder(last) !== null);
  const folder = isPlace ? last : group.folder;
  const name = parts.slice(0, isPlace ? -1 : undefined).join(' ');
  const team = teamIn(context, folder);
  const file = fileOf(team, name);
  if (file === null) {
    const near = nearTo(team, name).slice(0, 5);
    throw new NanoClawError('FILE_REFUSED', (w) =>
      w.team.noneToRemove(
        oneLine(name, 64),
        folder,
        near.length === 0 ? null : near.map((one) => one.name).join(', '),
      ),
    );
  }
  const subject: Subject = { folder, file };
  return {
    text: '',
    ask: 'dismiss',
    about: { subject: JSON.stringify(subject), text: words.team.confirmRemove(placeOf(subject)) },
  };
}

export const DISMISS_CHOICE: Choice = {
  title: (w) => w.team.removeIt,
  none: (w) => w.team.none,
  no: (w) => w.neverMind,
  options: () => [],
  confirm({ words }, value) {
    return { text: words.team.confirmRemove(placeOf(read(value))), yes: words.team.removeIt };
  },
  act(context, value) {
    const { db, words, sender, tasks } = context;
    const subject = read(value);
    const day = localTime(tasks.now(), tasks.defaultTimezone);
    const as = `${day.slice(0, 10)}-${day.slice(11, 19).replaceAll(':', '')}-${subject.file}`;
    const place = placeOf(subject);
    const isMoved = setAsideIn(rootOf(context, subject.folder), AGENTS, subject.file, REMOVED, as);
    db.audit.note({
      at: iso(tasks.now()),
      actor: `telegram:${sender}`,
      group: subject.folder,
      action: 'remove_specialist',
      outcome: isMoved ? 'done' : 'refused',
      detail: place,
    });
    return {
      text: isMoved
        ? words.team.removed(place, `${AGENTS}/${REMOVED}/${oneLine(as, 140)}`)
        : words.team.isGone(place),
    };
  },
};

function rootOf({ db, registry }: ChatCommandContext, folder: string): string {
  const paths = groupPaths(registry.home, folder);
  if (folder === GLOBAL) return paths.globalDir;
  if (db.groups.byFolder(folder) === null)
    throw new NanoClawError('GROUP_UNKNOWN', (w) => w.team.wrongPlace(oneLine(folder, 64)));
  return paths.groupDir;
}

const teamIn = (context: ChatCommandContext, folder: string): Team =>
  readAgents(rootOf(context, folder), folder === GLOBAL ? 'global' : 'group');

/** By its name, however it is spelt, or by the name of its file, which one that cannot be used has as well. */
function fileOf({ specialists, notes }: Team, name: string): string | null {
  const slug = nameSlug(name);
  const files = [
    ...specialists.map(({ file }) => file),
    ...notes.filter(({ isBad }) => isBad).map(({ file }) => file),
  ];
  return (
    files.find((file) => file === name) ??
    specialists.find((one) => slug !== '' && one.name === slug)?.file ??
    files.find((file) => slug !== '' && nameSlug(stemOf(file)) === slug) ??
    null
  );
}
