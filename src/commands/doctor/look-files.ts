/**
 * The files and folders of the home: are they there, whose are they, and may the daemon's user work with them? Never follows
 * a link: in group folders they may have been planted by a container.
 */
import {
  chmodSync,
  closeSync,
  fchmodSync,
  fchownSync,
  fstatSync,
  lchownSync,
  lstatSync,
  opendirSync,
  type Stats,
} from 'node:fs';
import path from 'node:path';
import { openBelow } from '../../lib/open-below.ts';
import { groupPaths } from '../../mailbox/layout.ts';
import { MAILBOX } from '../../protocol.ts';
import { prepareFolders } from '../../registry.ts';
import { type Check, some } from './check.ts';
import { type DaemonUser, may, type Right } from './daemon-user.ts';
import { fail, ok, warn } from './finding.ts';
import { type Ground, groupsOf } from './ground.ts';

const look = (file: string): Stats | null => {
  try {
    return lstatSync(file);
  } catch {
    return null;
  }
};

const isRoot = () => process.getuid?.() === 0;
const octal = (stat: Stats) => (stat.mode & 0o7777).toString(8).padStart(4, '0');

// ---------------------------------------------------------------- .env

const envFile: Check = {
  id: 'env-file',
  homeOnly: true,
  async look({ home, user }) {
    const file = path.join(home, '.env');
    const stat = look(file);
    if (!stat) return ok('env-file', 'There is no .env; settings come from the environment alone.');
    if (stat.isSymbolicLink())
      return ok('env-file', `${file} is a link; whatever it leads to keeps the secrets.`);
    if (!stat.isFile())
      return fail('env-file', `${file} is no file.`, 'Move it aside and write a .env in its place.');
    if (!may(user, file, stat, 'read'))
      return fail(
        'env-file',
        `${file} (mode ${octal(stat)}, of user ${stat.uid}) cannot be read by ${user.name}, whom the daemon runs as.`,
        `sudo chown ${user.name}: ${file} && chmod 600 ${file}`,
      );
    if ((stat.mode & 0o077) !== 0)
      return fail(
        'env-file',
        `${file} has mode ${octal(stat)}: others can read its secrets.`,
        `chmod 600 ${file}`,
      );
    return ok('env-file', '.env is readable by its owner alone.');
  },
  async mend(ground) {
    return mendFile(ground, path.join(ground.home, '.env'), ['read'], 0o600);
  },
};

// ---------------------------------------------------------------- folders

/** What must be there, from the outside in. */
function wantedFolders(ground: Ground): string[] {
  const groups = groupsOf(ground).flatMap(({ folder }) => {
    const paths = groupPaths(ground.home, folder);
    const mailbox = Object.values(MAILBOX).map((dir) => path.join(paths.mailbox, dir));
    return [paths.groupDir, paths.homeDir, ...mailbox];
  });
  const shared = groups.length > 0 ? [path.join(ground.home, 'groups', 'global')] : [];
  return [...shared, ...groups];
}

const folders: Check = {
  id: 'folders',
  homeOnly: true,
  async look(ground) {
    const { home } = ground;
    const wrong = wantedFolders(ground).filter((dir) => !look(dir)?.isDirectory());
    const named = wrong.map((dir) => path.relative(home, dir));
    const taken = wrong.filter((dir) => look(dir) !== null);
    if (taken.length > 0)
      return fail(
        'folders',
        `Where folders should be there is something else: ${some(taken.map((dir) => path.relative(home, dir)))}.`,
        'Look at it and move it aside; then nanoclaw doctor --fix.',
      );
    const workspaces = named.filter((dir) => /^groups\//.test(dir));
    if (workspaces.length > 0)
      return fail(
        'folders',
        `Folders of registered groups are gone: ${some(workspaces)}.`,
        'If one was moved away, put it back, or take it from a backup; else nanoclaw doctor --fix makes an empty one.',
      );
    if (named.length > 0)
      return warn(
        'folders',
        `Folders are missing: ${some(named)}.`,
        'They are made when an agent starts; or now: nanoclaw doctor --fix',
      );
    return ok('folders', `The folders of ${groupsOf(ground).length} groups are there.`);
  },
  async mend(ground) {
    const { home, user } = ground;
    const missing = wantedFolders(ground).filter((dir) => look(dir) === null);
    if (missing.length === 0) return [];
    const above = path.join(home, 'groups');
    const hadAbove = look(above) !== null;
    for (const group of groupsOf(ground)) {
      const paths = groupPaths(home, group.folder);
      const isBlocked = [paths.groupDir, paths.homeDir].some(
        (dir) => look(dir) !== null && !look(dir)?.isDirectory(),
      );
      if (!isBlocked) prepareFolders(home, group);
    }
    const made = missing.filter((dir) => look(dir)?.isDirectory());
    // The daemon's user must be able to work in what root has made.
    const memories = made.map((dir) => path.join(dir, 'CLAUDE.md')).filter((file) => look(file)?.isFile());
    const parents = [...new Set(made.map((dir) => path.dirname(dir)))].filter((dir) =>
      dir.startsWith(path.join(home, 'data')),
    );
    for (const each of [...(hadAbove ? [] : [above]), ...parents, ...made, ...memories]) giveTo(user, each);
    return made.length === 0 ? [] : [`Made ${some(made.map((dir) => path.relative(home, dir)))}.`];
  },
};

// ---------------------------------------------------------------- owners and modes

interface Wrong {
  file: string;
  stat: Stats;
}

/** An agent may have put a million files into its folder. */
const MOST_ENTRIES = 2000;

function entriesOf(dir: string): string[] {
  const names: string[] = [];
  try {
    const opened = opendirSync(dir);
    for (let entry = opened.readSync(); entry && names.length < MOST_ENTRIES; entry = opened.readSync())
      names.push(path.join(dir, entry.name));
    opened.closeSync();
  } catch {
    // Not readable: the folder itself is on the list.
  }
  return names;
}

/** What the daemon's user must be able to read and write, as far as it is there. */
function worked(ground: Ground): string[] {
  const { home } = ground;
  const data = (...names: string[]) => path.join(home, 'data', ...names);
  const database = ['', '-wal', '-shm'].map((suffix) => data(`nanoclaw.db${suffix}`));
  const own = ['ipc', 'sessions', 'logs', 'backups', 'outbox', 'run', 'poke'].map((name) => data(name));
  const files = ['daemon.lock', 'daemon.json', 'registered_groups.json', 'simulator.json'].map((name) =>
    data(name),
  );
  const groups = groupsOf(ground).flatMap(({ folder }) => {
    const paths = groupPaths(home, folder);
    const mailbox = ['in', 'out', ...Object.values(MAILBOX)].map((dir) => path.join(paths.mailbox, dir));
    return [
      paths.mailbox,
      paths.staging,
      paths.quarantine,
      paths.logDir,
      ...mailbox,
      paths.groupDir,
      paths.homeDir,
    ];
  });
  const global = path.join(home, 'groups', 'global');
  return [home, data(), ...database, ...own, ...files, path.join(home, 'groups'), global, ...groups];
}

/** A daemon that is root gives agents their folders itself, at each start of one. */
function wrongOnes(ground: Ground): Wrong[] {
  const { user, home } = ground;
  const paths = worked(ground);
  const contents =
    user.uid === 0
      ? []
      : groupsOf(ground).flatMap(({ folder }) => entriesOf(groupPaths(home, folder).groupDir));
  return [...new Set([...paths, ...contents])].flatMap((file) => {
    const stat = look(file);
    if (!stat || stat.isSymbolicLink() || (!stat.isDirectory() && !stat.isFile())) return [];
    return may(user, file, stat, 'read', 'write') ? [] : [{ file, stat }];
  });
}

const owners: Check = {
  id: 'owners',
  homeOnly: true,
  async look(ground) {
    const { home, user } = ground;
    const wrong = wrongOnes(ground);
    const [first] = wrong;
    if (!first)
      return ok('owners', `${user.name}, whom the daemon runs as, may write all that it works with.`);
    const named = (list: readonly Wrong[]) =>
      some(
        list.map(({ file }) => path.relative(home, file) || home),
        3,
      );
    const foreign = wrong.filter(({ stat }) => stat.uid !== user.uid);
    const paths = wrong
      .map(({ file }) => `'${file}'`)
      .slice(0, 5)
      .join(' ');
    const command = foreign.length > 0 ? `sudo chown -R ${user.name}: ${paths}` : `chmod -R u+rwX ${paths}`;
    return fail(
      'owners',
      `${user.name}, whom the daemon runs as, cannot write ${named(wrong)} (of user ${first.stat.uid}, mode ${octal(first.stat)}).`,
      `${command} (nanoclaw doctor --fix does it where it may)`,
    );
  },
  async mend(ground) {
    return wrongOnes(ground).flatMap(({ file }) => mendFile(ground, file, ['read', 'write']));
  },
};

/**
 * Gives it to the user, as root, and the owner's rights, until the user may do it. `mode` replaces the whole mode. Root changes
 * only what it holds open, reached without a link: a container may put another thing in its place at any moment.
 */
function mendFile(ground: Ground, file: string, rights: readonly Right[], mode?: number): string[] {
  const { user } = ground;
  const before = look(file);
  if (!before || (!before.isFile() && !before.isDirectory())) return [];
  if (!isRoot()) {
    const wanted = wantedMode(before, may(user, file, before, ...rights), mode);
    if (before.uid !== process.getuid?.() || wanted === (before.mode & 0o7777)) return [];
    chmodSync(file, wanted);
    return [said(file, wanted)];
  }
  const done: string[] = [];
  const fd = openBelow(ground.home, path.relative(ground.home, file).split(path.sep).filter(Boolean));
  try {
    const stat = fstatSync(fd);
    if (stat.ino !== before.ino || (stat.isFile() && stat.nlink > 1)) return [];
    if (!may(user, file, stat, ...rights) && stat.uid !== user.uid) {
      fchownSync(fd, user.uid, user.gids[0] ?? stat.gid);
      done.push(`Gave ${file} to ${user.name}.`);
    }
    const now = fstatSync(fd);
    const wanted = wantedMode(now, may(user, file, now, ...rights), mode);
    if (wanted === (now.mode & 0o7777)) return done;
    fchmodSync(fd, wanted);
    return [...done, said(file, wanted)];
  } finally {
    closeSync(fd);
  }
}

const wantedMode = (stat: Stats, isEnough: boolean, mode: number | undefined): number =>
  mode ?? (isEnough ? stat.mode & 0o7777 : (stat.mode & 0o7777) | (stat.isDirectory() ? 0o700 : 0o600));

const said = (file: string, mode: number) =>
  `Set the mode of ${file} to ${mode.toString(8).padStart(4, '0')}.`;

function giveTo(user: DaemonUser, file: string): void {
  const stat = look(file);
  if (isRoot() && stat && !stat.isSymbolicLink() && stat.uid !== user.uid)
    lchownSync(file, user.uid, user.gids[0] ?? stat.gid);
}

// ---------------------------------------------------------------- the log

const log: Check = {
  id: 'log',
  homeOnly: true,
  async look({ home, user }) {
    const file = path.join(home, 'nanoclaw.log');
    const stat = look(file);
    if (!stat) return ok('log', 'There is no log yet.');
    if (!stat.isFile() && !stat.isSymbolicLink())
      return fail('log', `${file} is no file.`, `Move it aside: mv '${file}' '${file}.aside'`);
    if (!stat.isSymbolicLink() && !may(user, file, stat, 'write'))
      return fail(
        'log',
        `${user.name}, whom the daemon runs as, cannot write ${file} (of user ${stat.uid}, mode ${octal(stat)}).`,
        stat.uid === user.uid ? `chmod u+rw '${file}'` : `sudo chown ${user.name}: '${file}'`,
      );
    return ok('log', 'The log can be written.');
  },
  async mend(ground) {
    return mendFile(ground, path.join(ground.home, 'nanoclaw.log'), ['read', 'write']);
  },
};

export const FILE_CHECKS: readonly Check[] = [envFile, folders, owners, log];
