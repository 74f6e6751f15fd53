/**
 * What a group's agent may reach on the internet: one pure judge, asked anew for each connection, so that a change
 * holds at once. Whatever it allows still has to be a public address: that is judged where the name was resolved.
 *   open: any public host on the web's ports.  allowlist: the named hosts only.  none: nothing but the model.
 */
import { domainToASCII } from 'node:url';
import { NanoClawError } from '../errors.ts';
import { type Group, NETWORK_POLICIES, type NetworkPolicy } from '../types.ts';

/** Mail, SSH and databases are not the web. An entry of an allowlist may name another port. */
export const WEB_PORTS: ReadonlySet<number> = new Set([80, 443]);
export const MOST_ALLOWED_HOSTS = 200;
const LABEL = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/;

export type NetworkRules = Pick<Group, 'network' | 'networkAllow'>;

/** One spelling of an entry: lower case, international names in ASCII. Null when it is none. */
export function allowEntry(text: string): string | null {
  const match = /^(\*\.)?([^\s:*/@?#[\]%\\]{1,253}?)\.?(?::(\d{1,5}))?$/u.exec(text.trim());
  if (!match) return null;
  const [, wildcard = '', name = '', port] = match;
  const host = domainToASCII(name);
  if (host.length > 253 || !host.split('.').every((label) => LABEL.test(label))) return null;
  // An address is no name, however it is spelled: what a list means must be readable.
  if (/^[\d.]+$/.test(host) || (wildcard !== '' && !host.includes('.'))) return null;
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65_535)) return null;
  return `${wildcard}${host}${port === undefined ? '' : `:${Number(port)}`}`;
}

/** The rules as they are kept, or what is wrong with them: one sentence each. */
export function checkNetwork(
  network: string,
  allow: readonly string[],
): { rules: NetworkRules; problems: string[] } {
  const problems: string[] = [];
  const known = NETWORK_POLICIES.find((policy) => policy === network);
  if (!known)
    problems.push(`network: expected ${NETWORK_POLICIES.join(', ')}, got "${network.slice(0, 40)}"`);
  const entries: string[] = [];
  for (const text of allow) {
    const entry = allowEntry(text);
    if (entry) entries.push(entry);
    else
      problems.push(
        `allow: expected a host like example.org, *.example.org or example.org:8443, got "${text.slice(0, 80)}"`,
      );
  }
  const unique = [...new Set(entries)];
  if (unique.length > MOST_ALLOWED_HOSTS)
    problems.push(`allow: expected at most ${MOST_ALLOWED_HOSTS} hosts`);
  if (known === 'allowlist' && allow.length === 0)
    problems.push(
      'allow: expected at least one host with the policy allowlist; for no host at all choose none',
    );
  return { rules: { network: known ?? 'none', networkAllow: unique }, problems };
}

/**
 * Why the group's agent may not connect to `host` (lower case, without a final dot) at `port`, or null when it may.
 * `*.example.org` means every name below example.org and not example.org itself. An entry without a port means 80 and 443.
 */
export function whyNotConnect(rules: NetworkRules, host: string, port: number): string | null {
  if (rules.network === 'none') return refusal('none', 'only the model can be reached');
  if (rules.network === 'open') {
    return WEB_PORTS.has(port) ? null : refusal('open', `port ${port} is not allowed, only 80 and 443`);
  }
  if (rules.networkAllow.some((entry) => hostMatches(entry, host, port))) return null;
  return refusal('allowlist', `${host}:${port} is not on its list`);
}

/** Whether agents are held to their group's policy here, and why not. */
export interface NetworkEnforcement {
  enforced: boolean;
  reason: string | null;
}

/** Throws NETWORK_NOT_ENFORCED for a policy that would be a promise nobody keeps. `open` starts everywhere. */
export function refuseUnenforced({ network }: NetworkRules, { enforced, reason }: NetworkEnforcement): void {
  if (enforced || network === 'open') return;
  throw new NanoClawError(
    'NETWORK_NOT_ENFORCED',
    `its network policy is "${network}", which cannot be enforced here: ${reason ?? 'the runtime cannot'}.`,
    { fix: 'Run on Linux with the engine’s own socket, or: nanoclaw groups set FOLDER --network open' },
  );
}

const refusal = (policy: NetworkPolicy, why: string) => `this group's network policy is "${policy}": ${why}`;

/** Does an entry of a list mean this host (lower case) at this port? */
export function hostMatches(entry: string, host: string, port: number): boolean {
  const colon = entry.lastIndexOf(':');
  const name = colon < 0 ? entry : entry.slice(0, colon);
  if (colon < 0 ? !WEB_PORTS.has(port) : Number(entry.slice(colon + 1)) !== port) return false;
  return name.startsWith('*.')
    ? host.length > name.length - 1 && host.endsWith(name.slice(1))
    : host === name;
}
