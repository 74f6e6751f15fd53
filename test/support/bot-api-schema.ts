/**
 * What the Bot API takes, as somebody else has it: @gramio/types is made from Telegram's own pages by a program, and is read here
 * as it lies on the disk. A second opinion on each request; our code is written against grammY's types.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { projectRoot } from '../../src/lib/project-root.ts';

type Type =
  | { is: 'union' | 'list'; of: Type[] }
  | { is: 'literal'; value: unknown }
  | { is: 'named'; name: string }
  | { is: 'object'; fields: Map<string, { type: Type; isOptional: boolean }> }
  /** What no request of ours can have, such as a value with a method of its own. */
  | { is: 'never' };

const TOKEN = /"(?:[^"\\]|\\.)*"|[A-Za-z_$][\w$.]*|\d+|[{}()[\]<>|?:;,]/g;
const FOLDER = path.join(projectRoot(), 'node_modules', '@gramio', 'types', 'out');

/** Reads one file of declarations: `export interface X {…}` and `export type X = …`, and nothing else is expected. */
class Declarations {
  readonly types = new Map<string, Type>();
  #tokens: string[] = [];
  #at = 0;

  constructor(file: string) {
    const source = readFileSync(path.join(FOLDER, file), 'utf8').replace(/\/\*[\s\S]*?\*\//g, '');
    const starts = /^export (interface|type) (\w+)(?: extends ([\w.]+))?[^{=\n]*(?:=|(?=\{))/gm;
    for (const { 0: head, 2: name = '', index } of source.matchAll(starts)) {
      const rest = source.slice(index + head.length);
      const next = rest.search(/^(?:export|import) /m);
      this.#tokens = (next < 0 ? rest : rest.slice(0, next)).match(TOKEN) ?? [];
      this.#at = 0;
      this.types.set(name, this.#union());
      if (this.#at !== this.#tokens.length) throw new Error(`${file}: ${name} is not understood`);
    }
  }

  get #next(): string | undefined {
    return this.#tokens[this.#at];
  }

  #take(expected?: string): string {
    const token = this.#next;
    if (token === undefined || (expected !== undefined && token !== expected))
      throw new Error(`expected ${expected ?? 'more'}, found ${token}`);
    this.#at += 1;
    return token;
  }

  #union(): Type {
    const of: Type[] = [];
    if (this.#next === '|') this.#take();
    do of.push(this.#list());
    while (this.#next === '|' && this.#take());
    return of.length === 1 && of[0] ? of[0] : { is: 'union', of };
  }

  #list(): Type {
    let type = this.#single();
    while (this.#next === '[') {
      this.#take();
      this.#take(']');
      type = { is: 'list', of: [type] };
    }
    return type;
  }

  #single(): Type {
    const token = this.#take();
    if (token === '(') {
      const type = this.#union();
      this.#take(')');
      return type;
    }
    if (token === '{') return this.#object();
    if (/^["\d]/.test(token)) return { is: 'literal', value: JSON.parse(token) };
    if (token === 'true' || token === 'false') return { is: 'literal', value: token === 'true' };
    if (token === 'Exclude') {
      // Exclude<keyof X, "a">: a field of X.
      while (this.#take() !== '>');
      return { is: 'named', name: 'string' };
    }
    return { is: 'named', name: token.replace(/^Objects\./, '') };
  }

  #object(): Type {
    const fields = new Map<string, { type: Type; isOptional: boolean }>();
    while (this.#next !== '}') {
      const name = this.#take().replace(/^"|"$/g, '');
      if (this.#next === '(') {
        while (this.#take() !== '}');
        return { is: 'never' };
      }
      const isOptional = this.#next === '?' && this.#take() === '?';
      this.#take(':');
      fields.set(name, { type: this.#union(), isOptional });
      if (this.#next === ';' || this.#next === ',') this.#take();
    }
    this.#take('}');
    return { is: 'object', fields };
  }
}

const METHODS = new Set(
  [...readFileSync(path.join(FOLDER, 'methods.d.ts'), 'utf8').matchAll(/^ {4}(\w+): CallAPI/gm)].map(
    ([, name]) => name,
  ),
);
const TYPES = new Map([...new Declarations('objects.d.ts').types, ...new Declarations('params.d.ts').types]);

/** What is wrong with a request, by the Bot API's own description; or null. `params` as the simulator's ledger has them. */
export function requestProblem(method: string, params: Readonly<Record<string, unknown>>): string | null {
  if (!METHODS.has(method)) return `${method} is no method`;
  const uploads = new Set(Object.keys(params).filter((name) => isUpload(params[name])));
  const attached = Object.values(params).filter(
    (value) => typeof value === 'string' && value.startsWith('attach://'),
  );
  const given = new Map<string, unknown>();
  for (const [name, value] of Object.entries(params)) {
    if (attached.includes(`attach://${name}`)) continue;
    // In a form everything is text.
    given.set(name, uploads.size > 0 && typeof value === 'string' ? new FormText(value) : value);
  }
  const type = TYPES.get(`${method.charAt(0).toUpperCase()}${method.slice(1)}Params`);
  return problemOf(type ?? { is: 'object', fields: new Map() }, Object.fromEntries(given), method);
}

class FormText {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

const isUpload = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && 'file' in value && 'size' in value;

function problemOf(type: Type, value: unknown, at: string): string | null {
  if (value instanceof FormText) return formProblem(type, value.text, at);
  switch (type.is) {
    case 'never':
      return `${at} is nothing that can be sent`;
    case 'literal':
      return value === type.value ? null : `${at} is ${short(value)}, expected ${short(type.value)}`;
    case 'union': {
      const problems = type.of.map((one) => problemOf(one, value, at));
      return problems.includes(null)
        ? null
        : (problems.find((p) => p !== null && !p.startsWith(`${at} is`)) ?? problems[0] ?? null);
    }
    case 'list': {
      if (!Array.isArray(value)) return `${at} is ${short(value)}, expected a list`;
      const [item] = type.of;
      return firstOf(value.map((one, i) => (item ? problemOf(item, one, `${at}[${i}]`) : null)));
    }
    case 'named':
      return namedProblem(type.name, value, at);
    case 'object': {
      if (typeof value !== 'object' || value === null || Array.isArray(value))
        return `${at} is ${short(value)}, expected an object`;
      const fields = Object.entries(value).filter(([, v]) => v !== undefined);
      const missing = [...type.fields].find(
        ([name, field]) => !field.isOptional && !fields.some(([n]) => n === name),
      );
      if (missing) return `${at}.${missing[0]} is missing`;
      return firstOf(
        fields.map(([name, v]) => {
          const field = type.fields.get(name);
          return field ? problemOf(field.type, v, `${at}.${name}`) : `${at}.${name} does not exist`;
        }),
      );
    }
  }
}

function namedProblem(name: string, value: unknown, at: string): string | null {
  if (name === 'string' || name === 'number' || name === 'boolean')
    return typeof value === name ? null : `${at} is ${short(value)}, expected a ${name}`;
  if (name === 'Blob')
    return typeof value === 'string' && value.startsWith('attach://')
      ? null
      : `${at} is ${short(value)}, expected a file`;
  const type = TYPES.get(name);
  if (!type) throw new Error(`${name} is not declared`);
  return problemOf(type, value, at);
}

/** As text, as a file, or as what the text says as JSON. */
function formProblem(type: Type, text: string, at: string): string | null {
  const asText = problemOf(type, text, at);
  if (asText === null) return null;
  try {
    return problemOf(type, JSON.parse(text), at);
  } catch {
    return asText;
  }
}

const firstOf = (problems: readonly (string | null)[]): string | null =>
  problems.find((p) => p !== null) ?? null;
const short = (value: unknown): string => (JSON.stringify(value) ?? String(value)).slice(0, 60);
