/**
 * The mount allowlist, ~/.config/nanoclaw/mount-allowlist.json: which folders of the host a group may be given.
 *
 * Read anew at every use, so a change counts from the next look. Whatever is wrong with the file (missing, not JSON, an
 * unknown key, writable by everybody, inside a folder that agents write) means that nothing is allowed, and why.
 */
import { constants } from 'node:fs';
import { open, realpath } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { messageOf } from '../errors.ts';

const MAX_BYTES = 256 * 1024;
const absolutePath = z
  .string()
  .max(4096)
  .refine(
    (value) => /^(\/|~\/|~$)/.test(value) && !value.includes('\0'),
    'expected an absolute path, or one that begins with ~/',
  );
const pattern = z
  .string()
  .min(1, 'expected a name')
  .max(255, 'expected at most 255 characters')
  .refine(
    (value) => !/[/\0]/.test(value),
    'expected the name of a file or folder, without /; * and ? may stand in it',
  )
  .refine((value) => !/^\*+$/.test(value), 'expected more than *');

export const allowlistSchema = z.strictObject({
  allowedRoots: z
    .array(
      z.strictObject({
        /** This folder and everything below it may be mounted. */
        path: absolutePath,
        /** false: read-only for all. "main": main may write. true: every group that was given it read-write may. */
        allowReadWrite: z
          .union([z.boolean(), z.literal('main')], { error: 'expected true, false or "main"' })
          .default(false),
        description: z.string().max(1000).optional(),
      }),
    )
    .max(1000),
  /** More names that are never mounted, besides the built-in ones. */
  blockedPatterns: z.array(pattern).max(1000).default([]),
  /** Names that are let through although a pattern blocks them. */
  allowedNames: z.array(pattern).max(1000).default([]),
  /** Everything is read-only for all groups but main, whatever a root says. */
  nonMainReadOnly: z.boolean().default(false),
});
type Parsed = z.infer<typeof allowlistSchema>;

export type Allowlist = ({ ok: true } & Parsed) | { ok: false; missing: boolean; reason: string };

export interface AllowlistPlace {
  file: string;
  /** What ~ stands for. */
  homeDir: string;
  /** Folders that agents may write; an allowlist in one of them would be theirs. */
  agentWritable: readonly string[];
}

/** Never throws. */
export async function readAllowlist(place: AllowlistPlace): Promise<Allowlist> {
  const { file } = place;
  const malformed = (why: string): Allowlist => ({
    ok: false,
    missing: false,
    reason: `nothing is allowed, because the mount allowlist ${file} ${why}`,
  });
  let text: string;
  try {
    const real = await realpath(file);
    const within = place.agentWritable.find((dir) => isWithin(real, dir));
    if (within !== undefined) return malformed(`lies in ${within}, where agents write: move it`);
    const handle = await open(real, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const stat = await handle.stat();
      if (!stat.isFile()) return malformed('is no ordinary file');
      if (stat.size > MAX_BYTES) return malformed(`is larger than ${MAX_BYTES / 1024} KiB`);
      if ((stat.mode & 0o002) !== 0) return malformed(`may be written by everybody: chmod o-w ${file}`);
      const own = process.getuid?.();
      if (own !== undefined && stat.uid !== own && stat.uid !== 0)
        return malformed(`belongs to user ${stat.uid}; expected the daemon's own user or root`);
      text = await handle.readFile('utf8');
    } finally {
      await handle.close();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      return malformed(`cannot be read: ${messageOf(error)}`);
    const reason = `nothing is allowed, because there is no mount allowlist (${file})`;
    return { ok: false, missing: true, reason };
  }
  const parsed = parseAllowlist(text, place.homeDir);
  return typeof parsed === 'string' ? malformed(`is malformed: ${parsed}`) : { ok: true, ...parsed };
}

/** The parsed list with ~ replaced, or what was wrong and expected. Pure. */
export function parseAllowlist(text: string, homeDir: string): Parsed | string {
  let json: unknown;
  try {
    json = JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (error) {
    return `expected JSON (${messageOf(error)})`;
  }
  const parsed = allowlistSchema.safeParse(json);
  if (!parsed.success) {
    return parsed.error.issues
      .slice(0, 5)
      .map((issue) => `${issue.path.join('.') || 'the file'}: ${issue.message}`)
      .join('; ');
  }
  const allowedRoots = parsed.data.allowedRoots.map((root) => ({
    ...root,
    path: path.resolve(root.path.replace(/^~(?=\/|$)/, () => homeDir)),
  }));
  return { ...parsed.data, allowedRoots };
}

/** Is `inner` the folder `outer`, or below it? Both absolute and resolved. */
export function isWithin(inner: string, outer: string): boolean {
  return inner === outer || inner.startsWith(outer.endsWith('/') ? outer : `${outer}/`);
}
