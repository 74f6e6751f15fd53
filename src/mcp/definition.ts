/**
 * One MCP server as a group's mcp.json defines it: checked, in one spelling, with a fingerprint over every byte of it, and as
 * people are shown it before they approve it. Pure. Whatever can be approved can be shown in full: longer ones are refused.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';

export interface StdioDefinition {
  name: string;
  type: 'stdio';
  command: string;
  args: string[];
  /** By name, sorted. */
  env: Record<string, string>;
}

export interface HttpDefinition {
  name: string;
  type: 'http';
  url: string;
  /** By name in lower case, sorted; a value may refer to secrets. */
  headers: Record<string, string>;
}

export type McpDefinition = StdioDefinition | HttpDefinition;

export const SERVER_NAME = /^[a-z0-9][a-z0-9-]{0,31}$/;
/** Tools of our own, and names that Claude Code keeps for itself. */
const TAKEN: ReadonlySet<string> = new Set(['nanoclaw', 'browser', 'ide', 'workspace', 'computer-use']);
/** So that the message that asks for approval is one message. */
export const MOST_SHOWN = 2500;
const PLACEHOLDER = /\$\{/;
const SECRET = /\$\{secret:([a-z0-9][a-z0-9_-]{0,63})\}/g;
/** What the door sets itself, or what belongs to a connection. */
const OUR_HEADERS =
  /^(host|connection|keep-alive|te|trailer|upgrade|transfer-encoding|proxy-.*|content-length|content-type|content-encoding|accept|accept-encoding|expect|mcp-session-id|mcp-protocol-version|last-event-id)$/;

const plain = (what: string, most: number, least = 1) =>
  z
    .string({ error: `expected ${what}` })
    .min(least, `expected ${what}`)
    .max(most, `expected at most ${most} characters`)
    .refine(
      (value) => !value.includes('\0') && value.isWellFormed(),
      `expected ${what} without NUL or halves`,
    );
const literal = (what: string, most: number, least = 1) =>
  plain(what, most, least).refine(
    (value) => !PLACEHOLDER.test(value),
    `expected no \${…}: nothing is filled in here, and a secret would be in the agent’s hands; secrets are for the headers of an http server`,
  );
const record = <T extends z.ZodType<string>>(name: RegExp, named: string, value: T, most: number) =>
  z
    .record(z.string(), value, { error: 'expected an object of texts' })
    .superRefine((all, context) => {
      const keys = Object.keys(all);
      if (keys.length > most)
        context.addIssue({ code: 'custom', message: `expected at most ${most} entries` });
      for (const key of keys.filter((each) => !name.test(each)))
        context.addIssue({ code: 'custom', path: [key.slice(0, 80)], message: `expected ${named}` });
    })
    .default({});

const stdioSchema = z.strictObject({
  type: z.literal('stdio').optional(),
  command: literal('a program', 500),
  args: z
    .array(literal('a text', 2000, 0), { error: 'expected a list of texts' })
    .max(50, 'expected at most 50 arguments')
    .default([]),
  env: record(/^[A-Za-z_][A-Za-z0-9_]{0,63}$/, 'the name of a variable', literal('a text', 2000, 0), 30),
});

const httpSchema = z.strictObject({
  type: z.enum(['http', 'streamable-http']),
  url: literal('an address like https://example.org/mcp', 1000).refine(isPlainUrl, {
    error: 'expected http:// or https:// and a host in plain ASCII, without user, password or #',
  }),
  headers: record(
    /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$/,
    'the name of a header',
    plain('a text', 2000, 0)
      .refine((value) => /^[\t\x20-\x7e]*$/.test(value), 'expected plain ASCII on one line')
      .refine(
        (value) => !PLACEHOLDER.test(value.replace(SECRET, '')),
        `expected \${secret:NAME} (a-z, 0-9, _ and -) or no \${…}: nothing else is filled in`,
      ),
    20,
  ).superRefine((all, context) => {
    const names = Object.keys(all).map((name) => name.toLowerCase());
    for (const [index, name] of names.entries()) {
      if (OUR_HEADERS.test(name))
        context.addIssue({ code: 'custom', path: [name], message: 'expected none of the connection’s own' });
      if (names.indexOf(name) !== index)
        context.addIssue({ code: 'custom', path: [name], message: 'expected each header once' });
    }
  }),
});

/** `problem`: which key, and what was expected. */
export function readDefinition(name: string, value: unknown): McpDefinition | { problem: string } {
  if (!SERVER_NAME.test(name)) return { problem: 'expected a name of a-z, 0-9 and -, at most 32' };
  if (TAKEN.has(name) || name.startsWith('claude'))
    return { problem: 'expected another name: this one is taken' };
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return { problem: 'expected an object with command, or with type and url' };
  const { type } = value as { type?: unknown };
  const isHttp = type === 'http' || type === 'streamable-http';
  if (type === 'sse')
    return {
      problem: 'type: sse is the old way and not taken; expected http, which most such servers offer, too',
    };
  if (type !== undefined && type !== 'stdio' && !isHttp) return { problem: 'type: expected stdio or http' };
  if (type === undefined && 'url' in value && !('command' in value))
    return { problem: 'type: expected "http" beside url' };
  const parsed = isHttp ? httpSchema.safeParse(value) : stdioSchema.safeParse(value);
  if (!parsed.success) return { problem: describeIssues(parsed.error) };
  const definition = spelled(name, parsed.data);
  const length = showDefinition(definition).length;
  if (length > MOST_SHOWN)
    return {
      problem: `expected at most ${MOST_SHOWN} characters as it is shown, so that main can read all of it; it has ${length}`,
    };
  return definition;
}

export function describeIssues(error: z.ZodError): string {
  return error.issues
    .slice(0, 5)
    .map((issue) => {
      const at = issue.path.join('.');
      const said =
        issue.code === 'unrecognized_keys'
          ? `unknown ${issue.keys
              .slice(0, 5)
              .map((key) => key.slice(0, 80))
              .join(', ')}`
          : issue.message;
      return at === '' ? said : `${at}: ${said}`;
    })
    .join('; ');
}

function spelled(
  name: string,
  data: z.infer<typeof stdioSchema> | z.infer<typeof httpSchema>,
): McpDefinition {
  if ('command' in data) {
    const { command, args, env } = data;
    return { name, type: 'stdio', command, args, env: sorted(Object.entries(env)) };
  }
  const headers = Object.entries(data.headers).map(([key, value]) => [key.toLowerCase(), value] as const);
  return { name, type: 'http', url: data.url, headers: sorted(headers) };
}

const sorted = (entries: readonly (readonly [string, string])[]): Record<string, string> =>
  Object.fromEntries([...entries].sort(([a], [b]) => (a < b ? -1 : 1)));

/** SHA-256, hexadecimal, over every byte of it. */
export const fingerprintOf = (definition: McpDefinition): string =>
  createHash('sha256').update(JSON.stringify(definition)).digest('hex');

/** Exactly what it is, as JSON; all but printable ASCII as \uXXXX, so that nothing in it is hidden or looks like something else. */
export function showDefinition({ name, ...rest }: McpDefinition): string {
  return ascii(JSON.stringify({ [name]: rest }, null, 1));
}

const ascii = (text: string): string =>
  text.replace(/[^\x20-\x7e\n]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** On one line, for lists: the command or the address, shortened. */
export function brief(definition: McpDefinition, most = 120): string {
  const text =
    definition.type === 'http'
      ? definition.url
      : [
          definition.command,
          ...definition.args.map((arg) => (/^[\w@%+=:,./-]+$/.test(arg) ? arg : JSON.stringify(arg))),
        ].join(' ');
  const shown = ascii(text).replace(/\n/g, '\\n');
  return shown.length <= most ? shown : `${shown.slice(0, most - 1)}…`;
}

/** The names of those that it refers to. */
export const secretsOf = (definition: McpDefinition): string[] =>
  definition.type === 'stdio'
    ? []
    : [
        ...new Set(
          Object.values(definition.headers).flatMap((v) => [...v.matchAll(SECRET)].map(([, n = '']) => n)),
        ),
      ];

/** With secrets in the place of references. */
export const withSecrets = (text: string, secret: (name: string) => string): string =>
  text.replace(SECRET, (_, name: string) => secret(name));

function isPlainUrl(text: string): boolean {
  if (!/^https?:\/\/[\x21-\x7e]+$/.test(text) || !URL.canParse(text)) return false;
  const url = new URL(text);
  return (
    url.username === '' &&
    url.password === '' &&
    !text.includes('#') &&
    !/[@\\]/.test(text.split('/')[2] ?? '')
  );
}
