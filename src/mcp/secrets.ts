/**
 * What MCP servers elsewhere need and no container ever sees: ~/.config/nanoclaw/mcp-secrets.json. Each secret is bound by the operator to hosts
 * and groups, so that an approval alone sends none of them anywhere; and servers on this machine or its network, which nobody
 * else may name. Read anew at each use. Whatever is wrong with the file means that it holds nothing, and why.
 */
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { messageOf } from '../errors.ts';
import { allowEntry, hostMatches, type NetworkRules, whyNotConnect } from '../policy/network.ts';
import { FOLDER_PATTERN } from '../types.ts';
import { describeIssues, type HttpDefinition, secretsOf, withSecrets } from './definition.ts';

export const mcpSecretsFile = (configDir: string): string => path.join(configDir, 'mcp-secrets.json');
const MAX_BYTES = 256 * 1024;

const groups = z
  .array(
    z
      .string()
      .refine(
        (folder) => folder === '*' || FOLDER_PATTERN.test(folder),
        'expected the folder of a group, or *',
      ),
  )
  .min(1, 'expected the folders of groups, or *');
const host = z
  .string()
  .refine(
    (text) => allowEntry(text) !== null || /^(\[[0-9a-f:]+\]|[\d.]+|localhost)(:\d{1,5})?$/i.test(text),
    {
      error: 'expected a host like example.org, *.example.org, example.org:8443 or 127.0.0.1:3000',
    },
  );

const schema = z.strictObject({
  secrets: z
    .record(
      z.string().regex(/^[a-z0-9][a-z0-9_-]{0,63}$/, 'expected a name of a-z, 0-9, _ and -'),
      z.strictObject({
        value: z
          .string()
          .regex(
            /^[\x21-\x7e]([\x20-\x7e]{6,4094}[\x21-\x7e])$/,
            'expected 8 to 4,096 characters of plain ASCII',
          ),
        /** Nowhere else is it sent. */
        hosts: z.array(host).min(1, 'expected at least one host'),
        groups,
      }),
    )
    .default({}),
  /** By origin: on this machine, or on a network that is not public. */
  localServers: z
    .array(
      z.strictObject({
        origin: z.string().refine(isOrigin, 'expected an origin like http://127.0.0.1:3000'),
        groups,
      }),
    )
    .default([]),
});

export type McpSecrets = z.infer<typeof schema>;
export type ReadSecrets = ({ ok: true } & McpSecrets) | { ok: false; reason: string };

/** Never throws. A file that is not there holds nothing, which is no fault. */
export function readMcpSecrets(file: string): ReadSecrets {
  const bad = (why: string): ReadSecrets => ({ ok: false, reason: `${file} ${why}` });
  let text: string;
  try {
    const fd = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const stat = fstatSync(fd);
      if (!stat.isFile()) return bad('is no ordinary file');
      if (stat.size > MAX_BYTES) return bad(`is larger than ${MAX_BYTES / 1024} KiB`);
      if ((stat.mode & 0o077) !== 0) return bad(`may be read or written by others: chmod 600 ${file}`);
      const own = process.getuid?.();
      if (own !== undefined && stat.uid !== own && stat.uid !== 0)
        return bad(`belongs to user ${stat.uid}; expected the daemon's own user or root`);
      text = readFileSync(fd, 'utf8');
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT')
      return { ok: true, secrets: {}, localServers: [] };
    return bad(`cannot be read: ${messageOf(error)}`);
  }
  let json: unknown;
  try {
    json = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch {
    // What the parser says holds a part of the text.
    return bad('is malformed: expected JSON');
  }
  const parsed = schema.safeParse(json);
  return parsed.success ? { ok: true, ...parsed.data } : bad(`is malformed: ${describeIssues(parsed.error)}`);
}

const isFor = (folders: readonly string[], folder: string): boolean =>
  folders.includes('*') || folders.includes(folder);

/** The operator lets this group reach this server although its address is not public. */
export const isLocalServer = (held: ReadSecrets, url: URL, folder: string): boolean =>
  held.ok &&
  held.localServers.some((each) => new URL(each.origin).origin === url.origin && isFor(each.groups, folder));

/** Why this group's agent may not reach this server now: its policy, or a secret; null when it may try. */
export function whyNotReach(
  definition: HttpDefinition,
  folder: string,
  rules: NetworkRules,
  held: ReadSecrets,
): string | null {
  const url = new URL(definition.url);
  // The operator has named it for this group; for one that is to reach only the model that is not enough.
  const isNamed = rules.network !== 'none' && isLocalServer(held, url, folder);
  const denied = isNamed ? null : whyNotConnect(rules, hostOf(url), portOf(url));
  if (denied !== null) return denied;
  const filled = fillHeaders(held, definition, folder);
  return 'refused' in filled ? filled.refused : null;
}

export const hostOf = ({ hostname }: URL): string =>
  hostname
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '')
    .toLowerCase();
export const portOf = ({ port, protocol }: URL): number => Number(port || (protocol === 'https:' ? 443 : 80));

/** The headers with secrets in their places, and those secrets; or why there is none. A value never stands in `refused`. */
export function fillHeaders(
  held: ReadSecrets,
  definition: HttpDefinition,
  folder: string,
): { headers: Record<string, string>; values: string[] } | { refused: string } {
  const names = secretsOf(definition);
  if (names.length === 0) return { headers: definition.headers, values: [] };
  if (!held.ok)
    return {
      refused: 'the file with the secrets cannot be used; the operator finds the reason with nanoclaw doctor',
    };
  const url = new URL(definition.url);
  const port = portOf(url);
  const values = new Map<string, string>();
  for (const name of names) {
    const secret = Object.hasOwn(held.secrets, name) ? held.secrets[name] : undefined;
    if (!secret) return { refused: `there is no secret “${name}”` };
    if (!isFor(secret.groups, folder)) return { refused: `the secret “${name}” is not for this group` };
    const isForHost = secret.hosts.some(
      (each) => each.toLowerCase() === url.host || hostMatches(each.toLowerCase(), url.hostname, port),
    );
    if (!isForHost) return { refused: `the secret “${name}” is not for ${url.host}` };
    if (url.protocol !== 'https:' && !isLocalServer(held, url, folder))
      return { refused: `the secret “${name}” is not sent over http://` };
    values.set(name, secret.value);
  }
  const fill = (text: string) => withSecrets(text, (name) => values.get(name) ?? '');
  const headers = Object.entries(definition.headers).map(([name, value]) => [name, fill(value)]);
  return { headers: Object.fromEntries(headers) as Record<string, string>, values: [...values.values()] };
}

function isOrigin(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, origin } = new URL(text);
  return /^https?:$/.test(protocol) && text.toLowerCase() === origin;
}
