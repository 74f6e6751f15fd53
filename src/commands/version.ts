/**
 * nanoclaw --version [--json]: the versions that have to fit together. Answers whatever is broken: wrong settings, no
 * database, no engine (which is asked once, for at most a quarter of a second).
 */
import { existsSync } from 'node:fs';
import Database from 'better-sqlite3';
import { type Config, homeOf, loadConfig } from '../config.ts';
import { MIGRATIONS } from '../db/migrations.ts';
import { databaseFile } from '../db/open.ts';
import { readBuildContext } from '../docker/build-context.ts';
import { peekImage } from '../docker/engine-images.ts';
import { DEFAULT_IMAGE, type ImageFacts, judgeImage } from '../docker/image.ts';
import { messageOf } from '../errors.ts';
import { programVersion, projectRoot } from '../lib/project-root.ts';
import { PROTOCOL_VERSION } from '../protocol.ts';
import { type Output, print } from './context.ts';

const ENGINE_MS = 250;

/** The shape of `--json`. */
interface Versions {
  version: string;
  node: string;
  /** What this program brings a database to, and what the home's database has: null without one. */
  schema: number;
  database_schema: number | null;
  protocol: number;
  image: {
    name: string;
    /** Hash of what the image is built from; null where those files are missing. */
    sources: string | null;
    state: ImageFacts['state'] | 'unknown';
    /** Of the image the engine has. */
    built_from: string | null;
    protocol: number | null;
    /** Why the state is unknown. */
    problem: string | null;
  };
}

export async function printVersion(output: Output): Promise<void> {
  const config = settings();
  const name = config?.containerImage ?? DEFAULT_IMAGE;
  const value: Versions = {
    version: programVersion(),
    node: process.versions.node,
    schema: MIGRATIONS.at(-1)?.id ?? 0,
    database_schema: schemaOf(databaseFile(homeOf())),
    protocol: PROTOCOL_VERSION,
    image: await imageOf(name, config),
  };
  print(output, value, describe(value));
}

/** Null when they are wrong: the version can be told all the same. */
function settings(): Config | null {
  try {
    return loadConfig();
  } catch {
    return null;
  }
}

async function imageOf(name: string, config: Config | null): Promise<Versions['image']> {
  const sources = (await readBuildContext(projectRoot(), config?.imageVariant))?.hash ?? null;
  const unknown = { name, sources, state: 'unknown', built_from: null, protocol: null } as const;
  if (!config) return { ...unknown, problem: 'the settings are wrong' };
  try {
    const image = await peekImage(config.engine, name, ENGINE_MS);
    const { state, protocol, source } = judgeImage(name, image, sources);
    const speaks = protocol === null ? null : Number(protocol);
    return { name, sources, state, built_from: source, protocol: speaks, problem: null };
  } catch (error) {
    return { ...unknown, problem: messageOf(error) };
  }
}

function schemaOf(file: string): number | null {
  if (!existsSync(file)) return null;
  let db: Database.Database | undefined;
  try {
    db = new Database(file, { readonly: true, fileMustExist: true, timeout: ENGINE_MS });
    return db.prepare<[], number>('SELECT coalesce(max(id), 0) FROM migrations').pluck().get() ?? null;
  } catch {
    return null;
  } finally {
    db?.close();
  }
}

const IMAGE_TEXT: Record<Versions['image']['state'], string> = {
  current: 'built from these sources',
  outdated: 'built from other sources: the next start builds it anew',
  own: 'your own',
  mismatch: 'of another version of NanoClaw: its agents cannot work (docs/errors.md, IMAGE_MISMATCH)',
  missing: 'not here: the next start builds it',
  unknown: 'unknown',
};

function describe({ version, node, schema, database_schema, protocol, image }: Versions): string {
  const database =
    database_schema === null || database_schema === schema
      ? ''
      : ` (the database here has ${database_schema}: ${database_schema < schema ? 'upgraded at the next start' : 'of a newer version'})`;
  const why = image.problem === null ? '' : ` (${image.problem.replace(/\.$/, '')})`;
  const from = image.sources === null ? '' : `, sources ${image.sources.slice(0, 12)}`;
  return [
    `nanoclaw ${version}`,
    `schema   ${schema}${database}`,
    `protocol ${protocol}`,
    `image    ${image.name}${from}: ${IMAGE_TEXT[image.state]}${why}`,
    `node     ${node}`,
  ].join('\n');
}
