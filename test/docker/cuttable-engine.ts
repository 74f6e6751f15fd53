/** A socket in front of the engine's that can be cut and opened again: an engine that is away and comes back. */
import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { testEngine } from './engine-support.ts';

export class CuttableEngine {
  readonly path = join(tmpdir(), `nanoclaw-engine-${randomUUID().slice(0, 8)}.sock`);
  readonly #sockets = new Set<Socket>();
  #server: Server | null = null;

  async open(): Promise<void> {
    const { address } = testEngine();
    rmSync(this.path, { force: true });
    this.#server = createServer((client) => {
      const remote =
        address.kind === 'unix' ? connect(address.socketPath) : connect(address.port, address.host);
      for (const [socket, other] of [
        [client, remote],
        [remote, client],
      ] as const) {
        this.#sockets.add(socket);
        socket.on('error', () => {});
        socket.on('close', () => {
          this.#sockets.delete(socket);
          other.destroy();
        });
        socket.pipe(other);
      }
    });
    await new Promise<void>((resolve) => this.#server?.listen(this.path, resolve));
  }

  cut(): void {
    this.#server?.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}
