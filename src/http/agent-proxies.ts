/**
 * What agents may reach, behind the tokens of their containers: the model, approved MCP servers, and the internet as their policy allows it.
 *
 * Each container has doors of its own: unix sockets in a folder that is mounted into it alone. Who asks is known twice,
 * by the door and by the token, and both must agree. Doors close with their container; the next daemon opens them anew at
 * the same paths for the containers that it adopts. Where sockets are not possible, all containers share a listener on
 * the gateway of their network, on the same ports as last time, so that agents of an earlier daemon find it again.
 */
import { NanoClawError } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Door } from './door.ts';
import { createEgressProxy, type EgressProxyOptions } from './egress-proxy.ts';
import type { TcpListening } from './listener.ts';
import { createMcpDoor, type McpDoorOptions } from './mcp-door.ts';
import { createModelProxy, type ModelProxyOptions } from './model-proxy.ts';
import type { TokenHolder } from './proxy-token.ts';

type Name = 'model' | 'egress';

export interface AgentProxiesOptions {
  model: Omit<ModelProxyOptions, 'log' | 'other'>;
  /** Without it no MCP server is reached. */
  mcp?: Omit<McpDoorOptions, 'log'>;
  egress: Omit<EgressProxyOptions, 'log'>;
  log: Logger;
  /** The ports of last time, kept by the caller over restarts; 0 before the first. */
  ports: { get: (name: Name) => number; set: (name: Name, port: number) => void };
}

export interface AgentProxies {
  /** Opens the doors of a container, on sockets in a folder that exists. Idempotent. */
  open(owner: TokenHolder, sockets: { model: string; egress: string }): Promise<void>;
  /** Closes them. Idempotent. */
  leave(container: string): Promise<void>;
  /** For all containers, by TCP. Idempotent; listens anew when the host has changed. */
  listen(host: string): Promise<{ modelPort: number; egressPort: number }>;
  /** After a change of network policies: connections that are no longer allowed are cut. */
  recheck(): void;
  close(): Promise<void>;
}

interface Shared {
  host: string;
  listening: Promise<{ model: TcpListening; egress: TcpListening }>;
}

export function createAgentProxies(options: AgentProxiesOptions): AgentProxies {
  const { log, ports } = options;
  const mcp = options.mcp ? createMcpDoor({ ...options.mcp, log }) : null;
  const model = createModelProxy({ ...options.model, ...(mcp ? { other: mcp.handle } : {}), log });
  const egress = createEgressProxy({ ...options.egress, log });
  const doors = new Map<string, Promise<Door[]>>();
  let shared: Shared | null = null;

  async function openBoth(owner: TokenHolder, sockets: { model: string; egress: string }): Promise<Door[]> {
    const first = await model.openDoor(owner, sockets.model);
    try {
      return [first, await egress.openDoor(owner, sockets.egress)];
    } catch (error) {
      await first.close();
      throw error;
    }
  }

  async function listenBoth(host: string) {
    const first = await bind('model', host);
    try {
      const second = await bind('egress', host);
      log.info({ event: 'proxies_listening', host, modelPort: first.port, egressPort: second.port });
      return { model: first, egress: second };
    } catch (error) {
      await first.close();
      throw error;
    }
  }

  async function bind(name: Name, host: string): Promise<TcpListening> {
    const proxy = name === 'model' ? model : egress;
    const wanted = ports.get(name);
    const listening = await proxy.listen(host, wanted).catch((error: unknown) => {
      if (!(error instanceof NanoClawError && error.code === 'PORT_IN_USE') || wanted === 0) throw error;
      const details = { event: 'proxy_port_taken', port: wanted };
      log.warn(details, 'agents of the last daemon will not find the proxy again');
      return proxy.listen(host, 0);
    });
    if (listening.port !== wanted) ports.set(name, listening.port);
    return listening;
  }

  async function endShared(): Promise<void> {
    const last = await shared?.listening.catch(() => null);
    shared = null;
    await Promise.all([last?.model.close(), last?.egress.close()]);
  }

  return {
    async open(owner, sockets) {
      const known = doors.get(owner.container);
      if (known) return void (await known);
      const opening = openBoth(owner, sockets);
      doors.set(owner.container, opening);
      try {
        await opening;
      } catch (error) {
        if (doors.get(owner.container) === opening) doors.delete(owner.container);
        throw error;
      }
    },
    async leave(container) {
      const opened = doors.get(container);
      doors.delete(container);
      await Promise.all(((await opened?.catch(() => [])) ?? []).map((door) => door.close()));
    },
    async listen(host) {
      if (shared?.host !== host) {
        await endShared();
        const listening = listenBoth(host);
        shared = { host, listening };
        listening.catch(() => {
          if (shared?.listening === listening) shared = null;
        });
      }
      const { model: one, egress: other } = await shared.listening;
      return { modelPort: one.port, egressPort: other.port };
    },
    recheck() {
      egress.recheck();
      mcp?.recheck();
    },
    async close() {
      await Promise.allSettled(doors.values());
      doors.clear();
      await endShared();
      await Promise.all([model.close(), egress.close()]);
    },
  };
}
