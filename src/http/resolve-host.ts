/**
 * Looks names up for agents. By DNS itself, not by the system's getaddrinfo: that has four threads, which the daemon's files
 * and its way to Telegram share, and an agent that asks for names nobody answers would hold them all. The hosts file and
 * search domains are left out on purpose: they name what is not public.
 */
import { Resolver } from 'node:dns/promises';

/** All addresses of a name, IPv4 first; none when there is no such name or nobody answers. `servers`: instead of the host's. */
export async function resolveHost(host: string, servers?: readonly string[]): Promise<string[]> {
  // A new one each time sees the name servers of now: a host may have moved to another network.
  const resolver = new Resolver({ timeout: 3000, tries: 2 });
  if (servers) resolver.setServers(servers);
  const found = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)]);
  return found.flatMap((each) => (each.status === 'fulfilled' ? each.value : []));
}
