/**
 * An engine that is asked for less than the daemon asks: a proxy before the real one that changes what containers are
 * created as, so that the drill, as it is shipped, meets containers with holes.
 */
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ContainerSpec } from '../../src/docker/engine-types.ts';
import { LABELS } from '../../src/runtime/docker-spec.ts';

export type HostConfig = NonNullable<ContainerSpec['HostConfig']> & Record<string, unknown>;
export interface Asked {
  folder: string;
  /** The home of whoever asks. */
  home: string;
  spec: ContainerSpec & { Env: string[] };
  host: HostConfig;
}

/** Listens at `path`, or on a port of the loopback, until closed. `weaken` changes what it is given. */
export async function weakenedEngine(
  path: string | null,
  realSocket: string,
  weaken: (asked: Asked) => void,
): Promise<{ dockerHost: string; close(): void }> {
  const server = createServer((incoming, outgoing) => {
    const forward = (body?: Buffer) => {
      const headers = { ...incoming.headers, ...(body ? { 'content-length': String(body.length) } : {}) };
      if (body) delete (headers as Record<string, unknown>)['transfer-encoding'];
      const { method, url: target } = incoming;
      const real = request({ socketPath: realSocket, method, path: target, headers }, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
        outgoing.flushHeaders();
        answer.pipe(outgoing);
      });
      real.on('error', () => outgoing.destroy());
      outgoing.on('close', () => real.destroy());
      if (body) real.end(body);
      else incoming.pipe(real);
    };
    if (incoming.method !== 'POST' || !/\/containers\/create/.test(incoming.url ?? '')) return forward();
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const spec = JSON.parse(Buffer.concat(chunks).toString()) as Asked['spec'];
      const host = spec.HostConfig as HostConfig;
      const folder = spec.Labels?.[LABELS.group] ?? '';
      const source = host.Mounts?.find(({ Target }) => Target === '/workspace/group')?.Source ?? '';
      weaken({ folder, home: source.replace(/\/groups\/[^/]+$/, ''), spec, host });
      forward(Buffer.from(JSON.stringify(spec)));
    });
  });
  await new Promise<void>((resolve) => {
    if (path === null) server.listen(0, '127.0.0.1', resolve);
    else server.listen(path, resolve);
  });
  const address = server.address() as AddressInfo | string;
  return {
    dockerHost: typeof address === 'string' ? `unix://${address}` : `tcp://127.0.0.1:${address.port}`,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

export const bindMount = (Source: string, Target: string, ReadOnly = true) =>
  ({ Type: 'bind', Source, Target, ReadOnly }) as const;
