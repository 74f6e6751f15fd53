/**
 * The network of an instance: one bridge without a way out, on whose gateway address the daemon's proxies listen.
 *
 * Linux, the engine on this host: internal, no traffic between containers, only the gateway to talk to; on that, also
 * whatever else listens on all addresses, so a policy is not enforced either (proxy-sockets.ts does that).
 * Open (Docker Desktop, a remote or rootless engine: the gateway is not an address of this host): an ordinary
 * bridge; containers reach the daemon on its loopback as host.docker.internal, and the internet besides.
 * Checked on every prepare(): a pruned network is made again, on the same subnet, so that listeners stay valid.
 */
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { Engine } from '../docker/engine.ts';
import { EngineError } from '../docker/engine-http.ts';
import type { EngineInfo, EngineNetwork } from '../docker/engine-types.ts';
import { messageOf } from '../errors.ts';
import { LABELS } from './docker-spec.ts';

export interface AgentNetwork {
  /** internal: no way out but the proxies. open: an ordinary bridge. none: no network at all (proxy-sockets.ts). */
  mode: 'internal' | 'open' | 'none';
  name: string;
  /** Where the daemon's proxies listen on this host. */
  listenHost: string;
  /** The name or address under which a container reaches them. */
  containerHost: string;
  /** Whether a container is held to the proxies. */
  enforced: boolean;
  /** Why not, for status and doctor. */
  notEnforcedBecause: string | null;
  extraHosts: readonly string[];
}

const ICC = 'com.docker.network.bridge.enable_icc';
const HOST_NAME = 'host.docker.internal';

/** `previous` is the last result for this instance, if any. */
export async function ensureNetwork(
  engine: Engine,
  instanceId: string,
  info: EngineInfo,
  previous: AgentNetwork | null,
): Promise<AgentNetwork> {
  const name = `nanoclaw-${instanceId.slice(0, 8)}`;
  const desktop = /docker desktop/i.test(info.OperatingSystem);
  let because = desktop ? 'Docker Desktop runs containers in a virtual machine' : null;
  if (!because && previous?.mode !== 'open') {
    const network = await ensureBridge(
      engine,
      name,
      instanceId,
      true,
      previous?.mode === 'internal' ? previous.listenHost : null,
    );
    const gateway = gatewayOf(network);
    const refusal = await whyNotBindable(gateway);
    if (refusal === null) {
      return {
        mode: 'internal',
        name,
        listenHost: gateway,
        containerHost: gateway,
        enforced: false,
        notEnforcedBecause: (await bridgeIsFiltered())
          ? 'over a bridge, containers also reach what listens on all of this host’s addresses'
          : 'bridge-nf-call-iptables is off on this host, so containers can reach each other',
        extraHosts: [],
      };
    }
    because = `the network's gateway ${gateway} is not an address of this host (${refusal}): the engine runs elsewhere or rootless`;
  }
  await ensureBridge(engine, `${name}-open`, instanceId, false, null);
  return {
    mode: 'open',
    name: `${name}-open`,
    listenHost: '127.0.0.1',
    containerHost: HOST_NAME,
    enforced: false,
    notEnforcedBecause: because ?? previous?.notEnforcedBecause ?? 'the platform cannot enforce it',
    extraHosts: [`${HOST_NAME}:host-gateway`],
  };
}

/** Nothing to make: the container has its own loopback and no other interface. */
export const NO_NETWORK: AgentNetwork = {
  mode: 'none',
  name: 'none',
  listenHost: '127.0.0.1',
  containerHost: '127.0.0.1',
  enforced: true,
  notEnforcedBecause: null,
  extraHosts: [],
};

/** Removes the instance's networks; those in use or gone are left. */
export async function removeNetworks(engine: Engine, instanceId: string): Promise<void> {
  for (const suffix of ['', '-open']) {
    await engine.removeNetwork(`nanoclaw-${instanceId.slice(0, 8)}${suffix}`).catch((error) => {
      if (!(error instanceof EngineError) || error.status === null) throw error;
    });
  }
}

async function ensureBridge(
  engine: Engine,
  name: string,
  instanceId: string,
  internal: boolean,
  gateway: string | null,
): Promise<EngineNetwork> {
  const existing = await find(engine, name);
  if (existing) {
    const ours = existing.Labels[LABELS.instance] === instanceId;
    if (ours && existing.Internal === internal && existing.Options[ICC] === 'false') return existing;
    // A network of our name with other rules would be a hole: it goes, or the engine says why it cannot.
    await engine.removeNetwork(name);
  }
  const spec = {
    Name: name,
    Driver: 'bridge',
    Internal: internal,
    CheckDuplicate: true,
    EnableIPv6: false,
    Labels: { [LABELS.instance]: instanceId },
    Options: { [ICC]: 'false' },
  } as const;
  const same = gateway
    ? { IPAM: { Config: [{ Subnet: `${gateway.replace(/\.\d+$/, '.0')}/24`, Gateway: gateway }] } }
    : null;
  try {
    await engine.createNetwork(same ? { ...spec, ...same } : spec);
  } catch (error) {
    if (!(error instanceof EngineError) || error.status === null) throw error;
    if (same) return ensureBridge(engine, name, instanceId, internal, null);
    // Another process of this instance may have made it just now.
    if (error.status !== 409) throw withFix(error);
  }
  return engine.inspectNetwork(name);
}

async function find(engine: Engine, name: string): Promise<EngineNetwork | null> {
  try {
    return await engine.inspectNetwork(name);
  } catch (error) {
    if (error instanceof EngineError && error.status === 404) return null;
    throw error;
  }
}

function gatewayOf(network: EngineNetwork): string {
  const gateway = network.IPAM.Config.map((config) => config.Gateway?.split('/')[0]).find((value) =>
    value?.includes('.'),
  );
  if (!gateway) throw new EngineError(500, `The network ${network.Name} has no IPv4 gateway.`);
  return gateway;
}

function withFix(error: EngineError): EngineError {
  return new EngineError(error.status, error.message, {
    cause: error,
    fix: 'If no address range is free, remove unused networks (docker network prune) or set default-address-pools in daemon.json.',
  });
}

/** Null when this host can listen on the address. */
async function whyNotBindable(host: string): Promise<string | null> {
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, host, resolve);
    });
    return null;
  } catch (error) {
    return messageOf(error);
  } finally {
    server.close();
  }
}

/** Traffic between two containers of a bridge passes the engine's rules only with br_netfilter. */
async function bridgeIsFiltered(): Promise<boolean> {
  const value = await readFile('/proc/sys/net/bridge/bridge-nf-call-iptables', 'utf8').catch(() => '0');
  return value.trim() === '1';
}
