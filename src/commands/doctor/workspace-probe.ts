/**
 * Can an agent write where it has to? Tried as it is: one container of the agents' image, with their user and their mounts,
 * that writes one empty file into each folder and removes it. It runs nothing of the groups', has no network, and lives for a
 * second. It bears no label of the daemon's, which would take it for a strange agent and remove it.
 */

import { randomUUID } from 'node:crypto';
import { chmodSync, lstatSync } from 'node:fs';
import path from 'node:path';
import type { ContainerSpec, EngineMount } from '../../docker/engine-types.ts';
import { messageOf } from '../../errors.ts';
import { groupPaths } from '../../mailbox/layout.ts';
import { agentUser, type User } from '../../runtime/workspace-owner.ts';
import { some } from './check.ts';
import { type Finding, fail, ok } from './finding.ts';
import { type Ground, groupsOf } from './ground.ts';

/** On the doctor's own containers: whose home they belong to. */
const LABEL = 'nanoclaw.doctor';
const RUN_MS = 30_000;

/** Writes into each folder and prints those where it could not, with the error's code. */
const PROGRAM = `
const fs = require('node:fs');
const failed = {};
for (const dir of process.argv.slice(1)) {
  const file = dir + '/.doctor-' + process.pid;
  try { fs.writeFileSync(file, ''); fs.rmSync(file); } catch (error) { failed[dir] = error.code; }
}
fs.writeSync(1, JSON.stringify(failed));
`;

/** What an agent could not write, with the error's code. */
interface Probed {
  user: User;
  tried: number;
  /** Folders that the daemon gives the agent only at its start. */
  ungiven: number;
  failed: { dir: string; code: string }[];
}

export const probeWorkspaces = (ground: Ground, imageId: string): Promise<Probed> =>
  ground.once('workspaces', async () => {
    const user = await userInside(ground);
    const { folders, ungiven } = foldersToTry(ground, user);
    const failed = folders.length === 0 ? {} : await tryAll(ground, imageId, user, folders);
    return {
      user,
      tried: folders.length,
      ungiven,
      failed: Object.entries(failed).map(([dir, code]) => ({ dir, code })),
    };
  });

export function workspaceFinding({ home }: Ground, { user, tried, ungiven, failed }: Probed): Finding {
  if (tried === 0)
    return ok(
      'workspace',
      ungiven === 0
        ? 'No group has a folder yet.'
        : 'The daemon gives the agents their folders when they start.',
    );
  if (failed.length === 0)
    return ok(
      'workspace',
      `An agent, as user ${user.uid}, can write into all ${tried} folders that were tried.`,
    );
  const named = failed.map(({ dir, code }) => `${path.relative(home, dir)} (${code})`);
  const paths = failed.slice(0, 5).map(({ dir }) => `'${dir}'`);
  const isOwn = failed.every(({ dir }) => lstatSync(dir).uid === user.uid);
  const command = isOwn
    ? `nanoclaw doctor --fix, or: sudo chmod u+rwx ${paths.join(' ')}`
    : `sudo chown -R ${user.uid}:${user.gid} ${paths.join(' ')}`;
  return fail(
    'workspace',
    `An agent, as user ${user.uid}, cannot write into ${some(named)}.`,
    `${command}. If that changes nothing, look at how that disk is mounted.`,
  );
}

/** Gives the agents' user its rights on folders of its own. Returns what was done. */
export function mendWorkspaces({ failed, user }: Probed): string[] {
  return failed.flatMap(({ dir }) => {
    const stat = lstatSync(dir);
    const mode = (stat.mode & 0o7777) | 0o700;
    const me = process.getuid?.();
    if (!stat.isDirectory() || stat.uid !== user.uid || (stat.mode & 0o7777) === mode) return [];
    if (me !== 0 && me !== stat.uid) return [];
    chmodSync(dir, mode);
    return [`Set the mode of ${dir} to ${mode.toString(8).padStart(4, '0')}.`];
  });
}

async function userInside(ground: Ground): Promise<User> {
  const { SecurityOptions } = await ground.engine.info();
  const rootless = SecurityOptions.some((option) => option.split(',')[0] === 'name=rootless');
  const { uid, gids } = ground.user;
  return agentUser({ uid, gid: gids[0] ?? uid }, rootless);
}

/** A daemon that is root gives an agent its folders at its start: before that there is nothing to try. */
function foldersToTry(ground: Ground, user: User): { folders: string[]; ungiven: number } {
  const all = groupsOf(ground).flatMap(({ folder }) => {
    const paths = groupPaths(ground.home, folder);
    return [paths.groupDir, paths.homeDir, path.join(paths.mailbox, 'out')];
  });
  const there = all.filter((dir) => lstatSync(dir, { throwIfNoEntry: false })?.isDirectory());
  const isGiven = (dir: string) => ground.user.uid !== 0 || lstatSync(dir).uid === user.uid;
  const folders = there.filter(isGiven);
  return { folders, ungiven: there.length - folders.length };
}

/** By the folder on the host. */
async function tryAll(
  ground: Ground,
  image: string,
  user: User,
  folders: readonly string[],
): Promise<Record<string, string>> {
  const { engine } = ground;
  const { SecurityOptions } = await engine.info();
  const has = (name: string) => SecurityOptions.some((option) => option.split(',')[0] === `name=${name}`);
  const targets = folders.map((_, index) => `/probe/${index}`);
  const mounts = folders.map(
    (Source, index): EngineMount => ({
      Type: 'bind',
      Source,
      Target: targets[index] ?? '',
      ReadOnly: false,
      BindOptions: { Propagation: 'rprivate' },
    }),
  );
  const spec: ContainerSpec = {
    Image: image,
    User: `${user.uid}:${user.gid}`,
    Entrypoint: ['node', '-e', PROGRAM],
    Cmd: targets,
    WorkingDir: '/',
    Labels: { [LABEL]: ground.home },
    HostConfig: {
      NetworkMode: 'none',
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges', ...(has('selinux') ? ['label=disable'] : [])],
      ...(has('userns') ? { UsernsMode: 'host' } : {}),
      ReadonlyRootfs: true,
      PidsLimit: 64,
      Mounts: mounts,
    },
  };
  await removeOld(ground);
  const id = await engine.createContainer(`nanoclaw-doctor-${randomUUID().slice(0, 8)}`, spec);
  try {
    const { ended } = await engine.wait(id, 'next-exit', AbortSignal.timeout(RUN_MS));
    await engine.start(id);
    await ended;
    const output = await engine.logsTail(id, 65_536);
    const failed = parse(output);
    return Object.fromEntries(
      Object.entries(failed).map(([target, code]) => [folders[targets.indexOf(target)] ?? target, code]),
    );
  } finally {
    await engine.removeContainer(id).catch(() => {});
  }
}

function parse(output: string): Record<string, string> {
  try {
    return JSON.parse(output) as Record<string, string>;
  } catch (error) {
    throw new Error(
      `the container that tries it ended without a word (${messageOf(error)}): ${output.slice(0, 200)}`,
    );
  }
}

/** Of a doctor that was killed. One that runs now is younger. */
async function removeOld({ engine, home }: Ground): Promise<void> {
  const old = Date.now() / 1000 - 2 * (RUN_MS / 1000);
  for (const { Id, Created } of await engine.listContainers([`${LABEL}=${home}`]))
    if (Created < old) await engine.removeContainer(Id).catch(() => {});
}
