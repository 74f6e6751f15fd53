/** The drill's lines about files and secrets: what can be written, found and opened from inside. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { attack, bad, idOf, some } from './drill-line.ts';
import { ATTACKER, type DrillWorld, VICTIM } from './drill-world.ts';
import { type Finding, ok } from './finding.ts';

/** Where an agent may write; all of it is the container's own or the group's. */
const OWN = ['/workspace/group', '/workspace/ipc/out', '/home/agent'];

const SCRATCH = ['/tmp', '/dev/shm', '/dev/mqueue'];

export async function ownFolder(world: DrillWorld): Promise<Finding> {
  const id = 'own-folder';
  const host = path.join(world.config.home, 'groups', ATTACKER, 'from-host.txt');
  writeFileSync(host, 'host');
  const script =
    'cat from-host.txt > from-agent.txt && mkdir -p sub && echo x > sub/y && touch "$HOME/z" /workspace/ipc/out/.staging/z && rm -r sub "$HOME/z" /workspace/ipc/out/.staging/z';
  const { code, stderr } = await world.engine.exec(idOf(world, ATTACKER), [
    'sh',
    '-c',
    `cd /workspace/group && ${script}`,
  ]);
  const back = path.join(world.config.home, 'groups', ATTACKER, 'from-agent.txt');
  if (code !== 0 || !existsSync(back) || readFileSync(back, 'utf8') !== 'host')
    return bad(
      id,
      `The agent cannot work in its own folder: ${stderr.trim() || 'what it wrote did not arrive'}.`,
    );
  return ok(id, 'The agent reads and writes its own folder, and the host sees what it wrote.');
}

export async function otherPlaces(world: DrillWorld): Promise<Finding> {
  const id = 'other-places';
  const { folders, files, visited } = await attack(world, 'write', {});
  const wrong = [...folders.filter((each) => ![...OWN, ...SCRATCH].includes(each)), ...files];
  const missing = OWN.filter((each) => !folders.includes(each));
  if (wrong.length > 0) return bad(id, `It can write where it should not: ${some(wrong)}.`);
  if (missing.length > 0)
    return bad(id, `The look itself did not work: ${some(missing)} should be writable.`);
  return ok(id, `Of ${visited} folders it can write its own only, and memory-backed scratch space.`);
}

/** Nothing of these words can be found or opened from inside. */
async function hidden(
  world: DrillWorld,
  id: string,
  what: string,
  words: readonly string[],
  paths: readonly string[],
  folder?: string,
): Promise<Finding> {
  // The control: what does stand in the group's own folder must be found, or the search proves nothing.
  const control = `drill-control-${world.instanceId}`;
  writeFileSync(path.join(world.config.home, 'groups', folder ?? ATTACKER, 'control.txt'), control);
  const { hits: seen } = await attack(world, 'search', { words: [control] }, folder);
  if (!seen.some((hit) => hit.endsWith('/control.txt')))
    return bad(id, 'The search did not find what it should have found, so it proves nothing.');
  const { hits, files } = await attack(world, 'search', { words: [...words] }, folder);
  if (hits.length > 0) return bad(id, `${what} can be read in ${some(hits)}.`);
  const tries = paths.flatMap((each) => [each, `/proc/1/root${each}`, `/workspace/group/../../..${each}`]);
  const { opened } = await attack(world, 'read', { paths: tries }, folder);
  if (opened.length > 0) return bad(id, `${what} can be opened at ${some(opened)}.`);
  return ok(id, `${what} cannot be found in ${files} files and processes, nor opened by its path.`);
}

export const otherGroup = (world: DrillWorld): Promise<Finding> =>
  hidden(
    world,
    'other-group',
    'What belongs to another group (its files, session and mailbox)',
    [world.canaries.file, world.canaries.session, world.canaries.mailbox],
    [
      ...world.secretPaths.filter((each) => each.includes(`/${VICTIM}/`)),
      path.join(world.config.home, 'data/nanoclaw.db'),
    ],
  );

export const envFile = (world: DrillWorld): Promise<Finding> =>
  hidden(
    world,
    'env-file',
    'What stands in .env',
    [world.canaries.env],
    [path.join(world.config.home, '.env'), '/workspace/.env', '/workspace/project/.env'],
  );

export const allowlist = (world: DrillWorld): Promise<Finding> =>
  hidden(
    world,
    'allowlist',
    'The mount allowlist',
    [world.canaries.allowlist],
    [path.join(world.config.configDir, 'mount-allowlist.json')],
  );

export async function secrets(world: DrillWorld): Promise<Finding> {
  const { engine, canaries, config } = world;
  const id = 'secrets';
  const found = await hidden(world, id, 'The model’s credential', [canaries.credential], []);
  if (found.state !== 'ok') return found;
  const places: [where: string, text: string][] = [];
  for (const container of Object.values(world.containers)) {
    const inspect = await engine.json({ method: 'GET', path: `/containers/${container}/json` });
    places.push(['docker inspect', JSON.stringify(inspect)]);
    places.push(['docker logs', await engine.logsTail(container, 1 << 20)]);
  }
  const image = encodeURIComponent(config.containerImage);
  const history = await engine.json({ method: 'GET', path: `/images/${image}/history` });
  places.push(['docker history', JSON.stringify(history)]);
  places.push(['nanoclaw.log', readFileSync(path.join(config.home, 'nanoclaw.log'), 'utf8')]);
  const words = [canaries.credential, canaries.env];
  const wrong = places
    .filter(([, text]) => words.some((word) => text.includes(word)))
    .map(([where]) => where);
  if (wrong.length > 0) return bad(id, `A secret of the host stands in ${some([...new Set(wrong)])}.`);
  return ok(
    id,
    'The credential is in no environment, process, file or argument, nor in inspect, image history or logs.',
  );
}

export async function mainView(world: DrillWorld): Promise<Finding> {
  const { canaries, engine } = world;
  const id = 'main-view';
  const words = [canaries.env, canaries.credential, canaries.allowlist, canaries.session, canaries.backup];
  for (const folder of [ATTACKER, VICTIM]) {
    const token = /HTTP_PROXY=http:\/\/agent:([^@]+)@/.exec(
      JSON.stringify(await engine.json({ method: 'GET', path: `/containers/${idOf(world, folder)}/json` })),
    )?.[1];
    if (token) words.push(token);
  }
  const names = [
    '.env',
    'data/backups/drill.db',
    `data/sessions/${VICTIM}/session.json`,
    'data/run/resolv.conf',
  ];
  const paths = names.map((name) => `/workspace/project/${name}`);
  const found = await hidden(world, id, 'A secret of the project', words, paths, 'main');
  if (found.state !== 'ok') return found;
  const { opened } = await attack(world, 'read', { paths: ['/workspace/project/data/nanoclaw.db'] }, 'main');
  if (opened.length === 0) return bad(id, 'Main does not see the database it should see.');
  const { folders, files } = await attack(world, 'write', {}, 'main');
  const wrong = [...folders, ...files].filter((each) => each.startsWith('/workspace/project'));
  if (wrong.length > 0) return bad(id, `Main can write ${some(wrong)}.`);
  return ok(
    id,
    'Main sees the project read-only, without .env, the allowlist, sessions, backups and the tokens of containers.',
  );
}
