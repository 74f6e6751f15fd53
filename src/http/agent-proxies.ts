/**
 * What agents may reach, behind the tokens of their containers: the model, and the public internet. Both listen
 * where the runtime says (the gateway of the agents' network), on the same ports as last time, so that agents of
 * an earlier daemon find them again.
 */
import { NanoClawError } from '../errors.ts';
import type { Logger } from '../log.ts';
import { createEgressProxy, type EgressProxyOptions } from './egress-proxy.ts';
import type { TcpAddress } from './listener.ts';
import { createModelProxy, type ModelProxyOptions } from './model-proxy.ts';

export interface AgentProxiesOptions {
  model: Omit<ModelProxyOptions, 'log'>;
  egress: Omit<EgressProxyOptions, 'log'>;
  log: Logger;
  /** The ports of last time, kept by the caller over restarts; 0 before the first. */
  ports: { get: (name: 'model' | 'egress') => number; set: (name: 'model' | 'egress', port: number) => void };
}

export interface AgentProxies {
  /** Idempotent; listens anew when the host has changed. Throws when no port can be had. */
  listen(host: string): Promise<{ modelPort: number; egressPort: number }>;
  close(): Promise<void>;
}

export function createAgentProxies(options: AgentProxiesOptions): AgentProxies {
  const { log, ports } = options;
  let listening: { host: string; proxies: Promise<Started> } | undefined;

  /** Proxies are made anew with the host: a listener cannot move. */
  async function start(host: string): Promise<Started> {
    const model = createModelProxy({ ...options.model, log });
    const egress = createEgressProxy({ ...options.egress, log });
    const modelAt = await bind('model', host, model);
    const egressAt = await bind('egress', host, egress);
    log.info({ event: 'proxies_listening', host, model: modelAt.port, egress: egressAt.port });
    return {
      modelPort: modelAt.port,
      egressPort: egressAt.port,
      close: async () => {
        await Promise.all([model.close(), egress.close()]);
      },
    };
  }

  async function bind(name: 'model' | 'egress', host: string, proxy: Listens): Promise<TcpAddress> {
    const wanted = ports.get(name);
    const address = await proxy.listen(host, wanted).catch((error: unknown) => {
      if (!(error instanceof NanoClawError && error.code === 'PORT_IN_USE') || wanted === 0) throw error;
      log.warn(
        { event: 'proxy_port_taken', port: wanted },
        'agents of the last daemon will not find the proxy again',
      );
      return proxy.listen(host, 0);
    });
    if (address.port !== wanted) ports.set(name, address.port);
    return address;
  }

  const stop = async () => {
    const current = listening;
    listening = undefined;
    await current?.proxies.then(({ close }) => close()).catch(() => {});
  };

  return {
    async listen(host) {
      if (listening?.host !== host) {
        await stop();
        const proxies = start(host);
        listening = { host, proxies };
        proxies.catch(() => {
          listening = undefined;
        });
      }
      return listening.proxies;
    },
    close: stop,
  };
}

interface Started {
  modelPort: number;
  egressPort: number;
  close(): Promise<void>;
}

interface Listens {
  listen(host: string, port: number): Promise<TcpAddress>;
}
