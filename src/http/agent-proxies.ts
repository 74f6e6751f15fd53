/**
 * What agents may reach, behind the tokens of their containers: the model, and the public internet. They listen
 * where the runtime says: on unix sockets that are mounted into containers without any network, or, where that is
 * not possible, on the gateway of the agents' network, on the same ports as last time, so that agents of an
 * earlier daemon find them again.
 */
import { NanoClawError } from '../errors.ts';
import type { Logger } from '../log.ts';
import { createEgressProxy, type EgressProxyOptions } from './egress-proxy.ts';
import type { TcpAddress } from './listener.ts';
import { createModelProxy, type ModelProxyOptions } from './model-proxy.ts';

type Name = 'model' | 'egress';

export type ProxyPlace = { kind: 'sockets'; model: string; egress: string } | { kind: 'tcp'; host: string };

export interface AgentProxiesOptions {
  model: Omit<ModelProxyOptions, 'log'>;
  egress: Omit<EgressProxyOptions, 'log'>;
  log: Logger;
  /** The ports of last time, kept by the caller over restarts; 0 before the first. */
  ports: { get: (name: Name) => number; set: (name: Name, port: number) => void };
}

export interface AgentProxies {
  /** Idempotent; listens anew when the place has changed. The ports are 0 for sockets. */
  listen(place: ProxyPlace): Promise<{ modelPort: number; egressPort: number }>;
  /** After a change of network policies: connections that are no longer allowed are cut. */
  recheck(): void;
  close(): Promise<void>;
}

interface Started {
  modelPort: number;
  egressPort: number;
  recheck(): void;
  close(): Promise<void>;
}

/** Who connects to a socket is judged by its token, not by the file's mode. */
const SOCKET_MODE = 0o666;

export function createAgentProxies(options: AgentProxiesOptions): AgentProxies {
  const { log, ports } = options;
  let listening: { place: string; proxies: Promise<Started> } | undefined;

  /** Proxies are made anew with the place: a listener cannot move. */
  async function start(place: ProxyPlace): Promise<Started> {
    const model = createModelProxy({ ...options.model, log });
    const egress = createEgressProxy({ ...options.egress, log });
    const bound: Started = {
      modelPort: 0,
      egressPort: 0,
      recheck: () => egress.recheck(),
      close: async () => {
        await Promise.all([model.close(), egress.close()]);
      },
    };
    try {
      if (place.kind === 'sockets') {
        await model.listenSocket(place.model, SOCKET_MODE);
        await egress.listenSocket(place.egress, SOCKET_MODE);
      } else {
        bound.modelPort = await bind('model', place.host, model);
        bound.egressPort = await bind('egress', place.host, egress);
      }
    } catch (error) {
      await bound.close();
      throw error;
    }
    const { modelPort, egressPort } = bound;
    log.info({ event: 'proxies_listening', ...place, modelPort, egressPort });
    return bound;
  }

  async function bind(name: Name, host: string, proxy: Listens): Promise<number> {
    const wanted = ports.get(name);
    const address = await proxy.listen(host, wanted).catch((error: unknown) => {
      if (!(error instanceof NanoClawError && error.code === 'PORT_IN_USE') || wanted === 0) throw error;
      const details = { event: 'proxy_port_taken', port: wanted };
      log.warn(details, 'agents of the last daemon will not find the proxy again');
      return proxy.listen(host, 0);
    });
    if (address.port !== wanted) ports.set(name, address.port);
    return address.port;
  }

  const stop = async () => {
    const current = listening;
    listening = undefined;
    await current?.proxies.then(({ close }) => close()).catch(() => {});
  };

  return {
    async listen(place) {
      const key = JSON.stringify(place);
      if (listening?.place !== key) {
        await stop();
        const proxies = start(place);
        listening = { place: key, proxies };
        proxies.catch(() => {
          listening = undefined;
        });
      }
      return listening.proxies;
    },
    recheck() {
      void listening?.proxies.then(({ recheck }) => recheck()).catch(() => {});
    },
    close: stop,
  };
}

interface Listens {
  listen(host: string, port: number): Promise<TcpAddress>;
}
