/**
 * Holds the house rules: imports point down, no circles, one reader of the environment, no mutable module state,
 * files of a readable size, and every setting and error code documented. Each failure names the file and the rule.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parseSync } from 'rolldown/utils';
import { describe, expect, it } from 'vitest';
import { settingsSchema } from '../src/config/settings.ts';
import { ERROR_CODES } from '../src/errors.ts';
import { STEPS } from '../src/lib/failpoint.ts';

const ROOT = path.resolve(import.meta.dirname, '..');
const SRC = path.join(ROOT, 'src');
const MOST_LINES = 400;
const MANY_LINES = 300;

/** From the top down. A name stands for `name.ts` and for the folder `name/`. */
const LEVELS: readonly (readonly string[])[] = [
  ['lib', 'errors', 'types', 'protocol', 'words'],
  ['config', 'log', 'policy', 'next-run', 'prompt', 'trigger', 'format'],
  [
    'db',
    'registry',
    'team',
    'skills',
    'mcp',
    'sender-rules',
    'pairing',
    'retry',
    'allowances',
    'asked',
    'tasks',
    'why',
    'mailbox',
    'mounts',
    'docker',
    'runtime',
    'telegram',
    'simulator',
    'http',
    'metrics',
    'backup',
    'service',
  ],
  [
    'router',
    'group-queue',
    'container-runner',
    'ipc',
    'task-scheduler',
    'retention',
    'search-indexer',
    'forgetting',
    'backup-schedule',
    'attachments',
    'status',
    'problems',
    'watchdog',
  ],
  ['index', 'app', 'cli', 'commands'],
];
/** Modules of this level know each other as types only; app.ts wires them. */
const WIRED_LEVEL = 3;
const MAY_EXIT = new Set(['index', 'cli']);

interface Import {
  /** Path relative to src/ for a file of ours, else the package's name. */
  target: string;
  ours: boolean;
  typeOnly: boolean;
}

interface SourceFile {
  /** Path relative to src/. */
  name: string;
  text: string;
  imports: Import[];
  reExports: { all: boolean; only: boolean };
  /** Names declared by `let` or `var` outside any function. */
  mutable: string[];
  readsEnv: boolean;
  exits: boolean;
}

interface Node {
  type: string;
  [key: string]: unknown;
}
const files = readSources();
const byName = new Map(files.map((file) => [file.name, file]));

describe('imports', () => {
  it('every file has a level', () => {
    expect(files.filter((file) => levelOf(file.name) === -1).map((file) => file.name)).toEqual([]);
  });

  it('resolve to a file', () => {
    expect(
      ourImports()
        .filter(({ to }) => !existsSync(path.join(SRC, to)))
        .map(show),
    ).toEqual([]);
  });

  it('point down', () => {
    expect(
      ourImports()
        .filter(({ from, to }) => levelOf(from) !== -1 && levelOf(to) > levelOf(from))
        .map(show),
    ).toEqual([]);
  });

  it(`of level ${WIRED_LEVEL} take each other as types only`, () => {
    const wrong = ourImports().filter(
      ({ from, to, typeOnly }) =>
        !typeOnly &&
        levelOf(from) === WIRED_LEVEL &&
        levelOf(to) === WIRED_LEVEL &&
        moduleOf(from) !== moduleOf(to),
    );
    expect(wrong.map(show)).toEqual([]);
  });

  it('make no circle', () => {
    expect(circles()).toEqual([]);
  });

  it('of the protocol are zod and itself alone, since the agent runner takes it along', () => {
    const protocol = files.filter(({ name }) => moduleOf(name) === 'protocol' && !name.endsWith('.test.ts'));
    const foreign = protocol
      .flatMap(({ imports }) => imports)
      .filter(({ target, ours }) => target !== 'zod' && !(ours && moduleOf(target) === 'protocol'));
    expect(protocol.length).toBeGreaterThan(1);
    expect(foreign).toEqual([]);
  });
});

describe('modules', () => {
  it('are no barrels', () => {
    const barrels = files.filter(
      ({ name, reExports }) => reExports.all || reExports.only || /.\/index\.[cm]?[jt]s$/.test(name),
    );
    expect(barrels.map(({ name }) => name)).toEqual([]);
  });

  it('keep no mutable state', () => {
    expect(files.flatMap(({ name, mutable }) => mutable.map((variable) => `${name}: ${variable}`))).toEqual(
      [],
    );
  });

  it('make nothing of Intl on import: its tables are 8 MiB and half a start', () => {
    expect(
      namesWhere(
        ({ name, text }) =>
          name.endsWith('.ts') && /^(?:export )?const \w+(?::[^=]+)? = new Intl\./m.test(text),
      ),
    ).toEqual([]);
  });

  it('leave node:http to lib/node-http.ts: imported by its name it loads undici', () => {
    expect(namesWhere(({ text }) => /^import (?!type )[^;]*from 'node:http';/m.test(text))).toEqual([]);
  });

  it('leave the environment to config.ts', () => {
    expect(namesWhere(({ name, readsEnv }) => readsEnv && name !== 'config.ts')).toEqual([]);
  });

  it('leave process.exit to index.ts and cli.ts', () => {
    expect(namesWhere(({ name, exits }) => exits && !MAY_EXIT.has(moduleOf(name)))).toEqual([]);
  });

  it(`stay under ${MOST_LINES} lines`, () => {
    const sizes = files
      // A language is one file: a list of sentences is found in, not read.
      .filter(({ name }) => !/^words\/[a-z]{2}\.ts$/.test(name))
      .map(({ name, text }) => ({ name, lines: text.split('\n').length - 1 }));
    const full = sizes
      .filter(({ lines }) => lines > MANY_LINES)
      .map(({ name, lines }) => `${name} (${lines} lines)`);
    if (full.length > 0)
      console.warn(`Past ${MANY_LINES} lines, time to move parts to a leaf: ${full.join(', ')}`);
    expect(sizes.filter(({ lines }) => lines > MOST_LINES)).toEqual([]);
  });
});

describe('documentation', () => {
  it('has every error code in docs/errors.md, with its kind, and no other', () => {
    const rows = [...read('docs/errors.md').matchAll(/^\| *`([A-Z_]+)` *\| *(\w+) *\|/gm)];
    const documented = Object.fromEntries(rows.map(([, code, kind]) => [code, kind]));
    expect(documented).toEqual(ERROR_CODES);
  });

  it('has every named step in the table of docs/durability.md, in order, and each is reached somewhere', () => {
    const named = [...read('docs/durability.md').matchAll(/^\|[^|]+\| `([a-z.]+)` \|/gm)].map(
      ([, name]) => name,
    );
    expect(named).toEqual([...STEPS]);
    const reached = files.flatMap(({ text }) =>
      [...text.matchAll(/reach\?\.\('([a-z.]+)'\)/g)].map(([, name]) => name),
    );
    expect(reached.sort()).toEqual([...STEPS].sort());
  });

  it('has every setting in .env.example and in docs/ or the README, and no other', () => {
    const settings = Object.keys(settingsSchema.shape).sort();
    const example = [...read('.env.example').matchAll(/^#? ?([A-Z][A-Z0-9_]+)=/gm)].map(([, key]) => key);
    expect([...new Set(example)].sort()).toEqual(settings);

    const pages = readdirSync(path.join(ROOT, 'docs')).filter((name) => name.endsWith('.md'));
    const text = [...pages.map((name) => read(`docs/${name}`)), read('README.md')].join('\n');
    expect(settings.filter((key) => !new RegExp(`\\b${key}\\b`).test(text))).toEqual([]);
  });
});

// ---------------------------------------------------------------- reading the sources

function read(name: string): string {
  const file = path.join(ROOT, name);
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}

/** All code below src/ except tests. The pages run in the browser: only their size is looked at. */
function readSources(): SourceFile[] {
  return readdirSync(SRC, { recursive: true, encoding: 'utf8' })
    .map((name) => name.split(path.sep).join('/'))
    .filter((name) => /\.[cm]?[jt]s$/.test(name) && !/\.test\.ts$/.test(name))
    .sort()
    .map(readSource);
}

function readSource(name: string): SourceFile {
  const text = readFileSync(path.join(SRC, name), 'utf8');
  const file: SourceFile = {
    name,
    text,
    imports: [],
    reExports: { all: false, only: false },
    mutable: [],
    readsEnv: false,
    exits: false,
  };
  if (/^(simulator|http)\/page\//.test(name)) return file;
  const { program, errors } = parseSync(name, text);
  if (errors.length > 0) throw new Error(`src/${name}: ${errors[0]?.message}`);
  const body = program.body as unknown as Node[];

  const reExports = body.filter((node) => isReExport(node));
  file.reExports.all = reExports.some(
    (node) => node.type === 'ExportAllDeclaration' && node.exportKind !== 'type',
  );
  file.reExports.only = body.length > 0 && reExports.length === body.length;
  file.mutable = body.flatMap(mutableNames);
  visit(program as unknown as Node, (node) => {
    const from = importOf(node);
    if (from) file.imports.push(resolveImport(name, from.specifier, from.typeOnly));
    if (node.type === 'MemberExpression' && isNode(node.object) && node.object.name === 'process') {
      const property = isNode(node.property) ? (node.property.name ?? node.property.value) : undefined;
      if (property === 'env') file.readsEnv = true;
      if (property === 'exit') file.exits = true;
    }
  });
  return file;
}

function isNode(value: unknown): value is Node {
  return (
    typeof value === 'object' && value !== null && typeof (value as { type?: unknown }).type === 'string'
  );
}

function visit(node: Node, look: (node: Node) => void): void {
  look(node);
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) if (isNode(child)) visit(child, look);
  }
}

function isReExport(node: Node): boolean {
  return (
    node.type === 'ExportAllDeclaration' || (node.type === 'ExportNamedDeclaration' && isNode(node.source))
  );
}

/** The module a statement or `import()` takes something from, and whether nothing of it is left at run time. */
function importOf(node: Node): { specifier: string; typeOnly: boolean } | undefined {
  if (!isNode(node.source) || typeof node.source.value !== 'string') return undefined;
  const specifier = node.source.value;
  if (node.type === 'TSImportType') return { specifier, typeOnly: true };
  const specifiers = Array.isArray(node.specifiers) ? (node.specifiers as Node[]) : [];
  const typesEach =
    specifiers.length > 0 &&
    specifiers.every((each) => each.importKind === 'type' || each.exportKind === 'type');
  return { specifier, typeOnly: node.importKind === 'type' || node.exportKind === 'type' || typesEach };
}

function resolveImport(from: string, specifier: string, typeOnly: boolean): Import {
  if (!specifier.startsWith('.')) return { target: specifier, ours: false, typeOnly };
  return { target: path.posix.join(path.posix.dirname(from), specifier), ours: true, typeOnly };
}

function mutableNames(statement: Node): string[] {
  const declaration = isNode(statement.declaration) ? statement.declaration : statement;
  if (declaration.type !== 'VariableDeclaration' || declaration.kind === 'const') return [];
  return (declaration.declarations as Node[]).map(({ id }) =>
    String((id as { name?: string }).name ?? 'a pattern'),
  );
}

// ---------------------------------------------------------------- asking about them

function moduleOf(name: string): string {
  return (name.split('/')[0] ?? name).replace(/\.[cm]?[jt]s$/, '');
}

const levelOf = (name: string): number => LEVELS.findIndex((modules) => modules.includes(moduleOf(name)));

const namesWhere = (is: (file: SourceFile) => boolean): string[] => files.filter(is).map(({ name }) => name);

interface Edge {
  from: string;
  to: string;
  typeOnly: boolean;
}
const ourImports = (): Edge[] =>
  files.flatMap(({ name, imports }) =>
    imports.filter(({ ours }) => ours).map(({ target, typeOnly }) => ({ from: name, to: target, typeOnly })),
  );
const show = ({ from, to }: Edge): string => `${from} imports ${to}`;

/** Each circle of imports that exist at run time, once, as "a → b → a". */
function circles(): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const walk = (name: string, trail: readonly string[]): void => {
    const start = trail.indexOf(name);
    if (start !== -1) found.push([...trail.slice(start), name].join(' → '));
    if (start !== -1 || done.has(name)) return;
    const values = byName.get(name)?.imports.filter(({ ours, typeOnly }) => ours && !typeOnly) ?? [];
    for (const { target } of values) walk(target, [...trail, name]);
    done.add(name);
  };
  for (const { name } of files) walk(name, []);
  return found;
}
