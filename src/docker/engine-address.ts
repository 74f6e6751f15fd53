/**
 * Where the Docker engine listens: a DOCKER_HOST string, or the usual sockets of this machine.
 *
 * Pure apart from looking which socket exists and reading client certificates. Never dials.
 * An address we cannot speak (ssh://, npipe://) is the operator's to change, and says how.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { NanoClawError } from '../errors.ts';

export interface TlsFiles {
  ca: Buffer | undefined;
  cert: Buffer | undefined;
  key: Buffer | undefined;
}

export type EngineAddress =
  | { kind: 'unix'; socketPath: string }
  | { kind: 'tcp'; host: string; port: number; tls: TlsFiles | null };

export interface AddressSource {
  /** DOCKER_HOST, or empty for the usual sockets. */
  dockerHost?: string | undefined;
  /** DOCKER_CERT_PATH: a folder with ca.pem, cert.pem, key.pem; makes tcp:// speak TLS. */
  certPath?: string | undefined;
  /** XDG_RUNTIME_DIR, where a rootless engine keeps its socket. */
  runtimeDir?: string | undefined;
  homeDir?: string | undefined;
}

/** The sockets looked at when DOCKER_HOST is not set, in this order. */
export function usualSockets(source: AddressSource): string[] {
  const sockets = ['/var/run/docker.sock'];
  if (source.runtimeDir) sockets.push(join(source.runtimeDir, 'docker.sock'));
  if (source.homeDir) sockets.push(join(source.homeDir, '.docker/run/docker.sock'));
  if (source.runtimeDir) sockets.push(join(source.runtimeDir, 'podman/podman.sock'));
  sockets.push('/run/podman/podman.sock');
  return sockets;
}

/** Throws CONFIG_INVALID for an address that cannot be used. Without any socket it names the first usual one. */
export function engineAddress(
  source: AddressSource,
  exists: (path: string) => boolean = existsSync,
): EngineAddress {
  const given = source.dockerHost?.trim();
  if (!given) {
    const sockets = usualSockets(source);
    return { kind: 'unix', socketPath: sockets.find(exists) ?? '/var/run/docker.sock' };
  }
  if (given.startsWith('/')) return { kind: 'unix', socketPath: given };
  const [, scheme, rest] = /^([a-z]+):\/\/(.*)$/.exec(given) ?? [];
  if (scheme === 'unix' && rest?.startsWith('/')) return { kind: 'unix', socketPath: rest };
  if (scheme === 'tcp' || scheme === 'http' || scheme === 'https') {
    const url = URL.canParse(`http://${rest}`) ? new URL(`http://${rest}`) : null;
    if (url?.hostname) {
      const tls = scheme === 'https' || (scheme === 'tcp' && Boolean(source.certPath));
      return {
        kind: 'tcp',
        host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
        port: Number(url.port || (tls ? 2376 : 2375)),
        tls: tls ? tlsFiles(source.certPath) : null,
      };
    }
  }
  throw new NanoClawError(
    'CONFIG_INVALID',
    `DOCKER_HOST=${given} is not an engine address NanoClaw can use.`,
    {
      fix:
        scheme === 'ssh'
          ? "ssh:// is not supported. Forward the socket (ssh -NL /tmp/docker.sock:/var/run/docker.sock HOST) and set DOCKER_HOST=unix:///tmp/docker.sock. Mind that group folders must exist on the engine's machine."
          : 'Use unix:///path/to/docker.sock, tcp://host:2375, or https://host:2376 with DOCKER_CERT_PATH.',
    },
  );
}

function tlsFiles(certPath: string | undefined): TlsFiles {
  const read = (name: string): Buffer | undefined => {
    if (!certPath) return undefined;
    try {
      return readFileSync(join(certPath, name));
    } catch (cause) {
      throw new NanoClawError('CONFIG_INVALID', `DOCKER_CERT_PATH: cannot read ${join(certPath, name)}.`, {
        fix: 'The folder must hold ca.pem, cert.pem and key.pem, readable for the daemon.',
        cause,
      });
    }
  };
  return { ca: read('ca.pem'), cert: read('cert.pem'), key: read('key.pem') };
}
