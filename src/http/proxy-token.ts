/**
 * A container's own token: worth nothing elsewhere, and dead with the container. The daemon keeps only its SHA-256,
 * so that a container adopted after a restart is still known and a stolen database opens nothing.
 */
import { createHash, randomBytes } from 'node:crypto';
import type { ProviderName } from '../types.ts';

/** Who a token belongs to. */
export interface TokenHolder {
  container: string;
  folder: string;
  /** What its container was started for; null: nobody has noted it. */
  provider?: ProviderName | null;
}

/** Looks a holder up by the SHA-256 (hexadecimal) of its token; null when unknown or its container is gone. */
export type ResolveToken = (sha256: string) => TokenHolder | null;

/** A new token, 256 random bits as base64url, with the hash to keep. */
export function issueToken(): { token: string; sha256: string } {
  const token = randomBytes(32).toString('base64url');
  return { token, sha256: hashToken(token) };
}

/** Looking up by hash needs no constant-time compare: whoever can time it learns about a hash, not about a token. */
export function hashToken(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

/**
 * Who asks: the holder of `token`, and at a container's own door only that container. Null for everybody else, also for
 * a token that is good at another door.
 */
export function resolveAt(
  owner: TokenHolder | null,
  token: string | null,
  resolve: ResolveToken,
): TokenHolder | null {
  const holder = token === null ? null : resolve(hashToken(token));
  if (holder === null || owner === null) return holder;
  return holder.container === owner.container && holder.folder === owner.folder ? holder : null;
}
