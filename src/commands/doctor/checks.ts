/** What `nanoclaw doctor` looks at without starting anything. */
import { existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import type { Config } from '../../config.ts';
import { databaseFile } from '../../db/open.ts';
import { createDb, type Db } from '../../db.ts';
import { Engine } from '../../docker/engine.ts';
import { messageOf } from '../../errors.ts';
import { findDaemon } from '../../lib/home-lock.ts';
import { readAllowlist } from '../../mounts/allowlist.ts';
import { checkMount } from '../../mounts/check-mount.ts';
import { mountPlaces } from '../../mounts/places.ts';
import { senderRulesFile, watchSenderRules } from '../../sender-rules.ts';
import type { DaemonStatus } from '../../status.ts';
import { type Finding, fail, ok, warn } from './finding.ts';

/** The largest file of an agent. */
const LEAST_FREE_MB = 2048;

/** As the running daemon says; without one only that plain processes are never held. */
async function networkOf(config: Config): Promise<DaemonStatus['network']> {
  const url = findDaemon(config.home)?.url;
  if (url) {
    const answer = await fetch(`${url}/status`, { signal: AbortSignal.timeout(5000) });
    if (answer.ok) return ((await answer.json()) as DaemonStatus).network;
  }
  return config.runtime === 'process'
    ? { enforced: false, reason: 'agents run as plain processes' }
    : { enforced: null, reason: null };
}

type Check = (config: Config) => Promise<Finding>;

/** Tells each finding as it comes. A check that throws is a finding. */
export async function runChecks(config: Config, tell: (finding: Finding) => void): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const [id, check] of Object.entries(CHECKS)) {
    const finding = await check(config).catch((error: unknown) =>
      fail(id, `It could not be looked at: ${messageOf(error)}`, 'The log may tell more.'),
    );
    findings.push(finding);
    tell(finding);
  }
  return findings;
}

const CHECKS: Record<string, Check> = {
  engine: async (config) => {
    if (config.runtime === 'process')
      return warn(
        'engine',
        'Agents run as plain processes, without isolation.',
        'Set CONTAINER_RUNTIME=auto or docker.',
      );
    const engine = new Engine(config.engine);
    try {
      const { Version, ApiVersion } = await engine.version();
      return ok('engine', `The container engine answers: version ${Version}, API ${ApiVersion}.`);
    } catch (error) {
      const say = config.runtime === 'auto' && config.provider === 'offline' ? warn : fail;
      return say('engine', messageOf(error), 'Start Docker; docker version must answer for this user.');
    } finally {
      engine.close();
    }
  },

  network: async (config) => {
    const strict = withGroups<string[]>(config, [], (db) =>
      db.groups
        .all()
        .filter(({ network }) => network !== 'open')
        .map(({ folder }) => folder),
    );
    const { enforced, reason } = await networkOf(config);
    if (enforced === true) return ok('network', 'The network rules of the groups are enforced.');
    if (enforced === null) {
      const seen = 'Whether network rules can be enforced here, only a running daemon knows.';
      if (strict.length === 0) return ok('network', `${seen} No group has any but the default.`);
      return warn('network', seen, 'Start the daemon, or try nanoclaw doctor --drill.');
    }
    const seen = `Network rules are NOT enforced: ${reason ?? 'the runtime cannot'}.`;
    const fix = 'Use a Docker engine on this machine under Linux; docs/security.md says why.';
    if (strict.length === 0) return warn('network', seen, fix);
    return fail('network', `${seen} Agents of ${strict.join(', ')} do not start.`, fix);
  },

  disk: async ({ home }) => {
    const { bavail, bsize } = await statfs(home);
    const mb = Math.floor((bavail * bsize) / 1024 ** 2);
    const seen = `${mb.toLocaleString('en')} MiB are free where ${home} lies.`;
    if (mb >= LEAST_FREE_MB) return ok('disk', seen);
    const fix = 'Make room; du -sh groups/* data/* shows what takes it.';
    return mb < LEAST_FREE_MB / 8 ? fail('disk', seen, fix) : warn('disk', seen, fix);
  },

  mounts: async (config) => {
    const { place, guarded } = mountPlaces(config);
    const list = await readAllowlist(place);
    const wanted = mountsOf(config);
    const fix = `Mend ${place.file}; docs/security.md describes it.`;
    if (!list.ok && (!list.missing || wanted.length > 0)) return fail('mounts', `${list.reason}.`, fix);
    if (!list.ok) return ok('mounts', 'No group has extra mounts, and there is no mount allowlist.');
    const refused: string[] = [];
    for (const { folder, isMain, mount } of wanted) {
      const verdict = await checkMount(mount, { allowlist: list, isMain, guarded });
      if (!verdict.ok) refused.push(`${folder}/${mount.name}: ${verdict.reason}`);
      else if (verdict.mount.madeReadOnly)
        refused.push(`${folder}/${mount.name}: read-only, though asked for otherwise`);
    }
    if (refused.length > 0)
      return warn('mounts', refused.join('; '), `${fix} Or nanoclaw groups set … --no-mounts.`);
    return ok('mounts', `The mount allowlist is sound; ${wanted.length} extra mounts are as they should be.`);
  },

  async senders(config) {
    const rules = watchSenderRules(senderRulesFile(config.configDir))();
    if (rules.problem !== null)
      return fail(
        'senders',
        `Nobody is admitted: ${rules.problem}.`,
        'Mend the file, or move it aside (then everyone is admitted); docs/security.md describes it.',
      );
    const unknown = withGroups(config, [] as string[], (db) => rules.unknownOf(db.groups.all()));
    if (unknown.length > 0)
      return warn(
        'senders',
        `The sender rules name no registered group: ${unknown.join(', ')}.`,
        `A misspelt rule protects nobody: correct the names in ${rules.file}.`,
      );
    return ok('senders', 'The sender rules are sound.');
  },
};

const mountsOf = (config: Config) =>
  withGroups(config, [], (db) =>
    db.groups
      .all()
      .flatMap(({ chatJid, folder, isMain }) =>
        db.mounts.of(chatJid).map((mount) => ({ folder, isMain, mount })),
      ),
  );

/** `otherwise` when there is no database yet; to look must not make one. */
function withGroups<T>(config: Config, otherwise: NoInfer<T>, look: (db: Db) => T): T {
  if (!existsSync(databaseFile(config.home))) return otherwise;
  const db = createDb(databaseFile(config.home));
  try {
    return look(db);
  } finally {
    db.close();
  }
}
