import { describe, expect, it } from 'vitest';
import { NanoClawError } from '../errors.ts';
import { engineAddress, usualSockets } from './engine-address.ts';

describe('engineAddress', () => {
  it.each([
    ['unix:///tmp/d.sock', { kind: 'unix', socketPath: '/tmp/d.sock' }],
    ['/tmp/d.sock', { kind: 'unix', socketPath: '/tmp/d.sock' }],
    ['tcp://10.1.2.3:2375', { kind: 'tcp', host: '10.1.2.3', port: 2375, tls: null }],
    ['tcp://engine', { kind: 'tcp', host: 'engine', port: 2375, tls: null }],
    ['tcp://[::1]:99', { kind: 'tcp', host: '::1', port: 99, tls: null }],
    [
      'https://engine',
      { kind: 'tcp', host: 'engine', port: 2376, tls: { ca: undefined, cert: undefined, key: undefined } },
    ],
  ])('%s', (dockerHost, expected) => {
    expect(engineAddress({ dockerHost })).toEqual(expected);
  });

  it('takes the first usual socket that is there, and names the first when none is', () => {
    const source = { runtimeDir: '/run/user/1000', homeDir: '/home/a' };
    expect(usualSockets(source)).toEqual([
      '/var/run/docker.sock',
      '/run/user/1000/docker.sock',
      '/home/a/.docker/run/docker.sock',
      '/run/user/1000/podman/podman.sock',
      '/run/podman/podman.sock',
    ]);
    const rootless = engineAddress(source, (path) => path.startsWith('/run/user'));
    expect(rootless).toEqual({ kind: 'unix', socketPath: '/run/user/1000/docker.sock' });
    expect(engineAddress(source, () => false)).toEqual({ kind: 'unix', socketPath: '/var/run/docker.sock' });
  });

  it.each(['ssh://host', 'npipe:////./pipe/docker', 'docker', 'tcp://', 'unix://relative'])(
    'refuses %s with a fix',
    (dockerHost) => {
      const refused = (() => {
        try {
          return engineAddress({ dockerHost });
        } catch (error) {
          return error;
        }
      })();
      expect(refused).toBeInstanceOf(NanoClawError);
      expect(refused).toMatchObject({ code: 'CONFIG_INVALID', fix: expect.stringContaining('unix://') });
    },
  );

  it('says which certificate is missing', () => {
    expect(() => engineAddress({ dockerHost: 'tcp://engine:2376', certPath: '/nowhere' })).toThrow(
      '/nowhere/ca.pem',
    );
  });
});
