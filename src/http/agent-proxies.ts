/**
 * What agents may reach on the host, behind their tokens: the model. Listens where the runtime says (the gateway of
 * the agents' network), on the same port as last time, so that agents of an earlier daemon find it again.
 */
import { NanoClawError } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { TcpAddress } from './listener.ts';
import { createModelProxy, type ModelProxy, type ModelProxyOptions } from './model-proxy.ts';

export interface AgentProxiesOptions {
  model: Omit<ModelProxyOptions, 'log'>;
  log: Logger;
  /** The port of last time, kept by the caller over restarts. */
  port: { get: () => number; set: (port: number) => void };
}

export interface AgentProxies {
  /** Idempotent; listens anew when the host has changed. Throws PORT_IN_USE only when no port is free. */
  listen(host: string): Promise<TcpAddress>;
  readonly model: ModelProxy;
  close(): Promise<void>;
}

export function createAgentProxies(options: AgentProxiesOptions): AgentProxies {
  const model = createModelProxy({ ...options.model, log: options.log });
  let listening: { host: string; address: Promise<TcpAddress> } | undefined;

  async function listen(host: string): Promise<TcpAddress> {
    const wanted = options.port.get();
    const address = await model.listen(host, wanted).catch((error: unknown) => {
      if (!(error instanceof NanoClawError && error.code === 'PORT_IN_USE') || wanted === 0) throw error;
      options.log.warn(
        { event: 'proxy_port_taken', port: wanted },
        'agents of the last daemon will not find the model proxy again',
      );
      return model.listen(host, 0);
    });
    if (address.port !== wanted) options.port.set(address.port);
    return address;
  }

  return {
    model,
    listen(host) {
      if (listening?.host !== host) {
        const address = listen(host);
        listening = { host, address };
        address.catch(() => {
          listening = undefined;
        });
      }
      return listening.address;
    },
    close: () => model.close(),
  };
}
