/** Has another Node process collect its garbage, through its inspector: what is in use afterwards is really in use. */
import { within } from './processes.ts';

const LIMIT_MS = 30_000;

/** `output` is what a process started with --inspect=127.0.0.1:0 has said so far. Throws when no inspector answers. */
export async function collectGarbage(output: string): Promise<void> {
  const url = /Debugger listening on (ws:\/\/\S+)/.exec(output)?.[1];
  if (url === undefined) throw new Error(`the process has no inspector:\n${output}`);
  const socket = new WebSocket(url);
  try {
    await within('the garbage to be collected', LIMIT_MS, ask(socket, 'HeapProfiler.collectGarbage'));
  } finally {
    socket.close();
  }
}

function ask(socket: WebSocket, method: string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.addEventListener('open', () => socket.send(JSON.stringify({ id: 1, method })));
    socket.addEventListener('error', () => reject(new Error('the inspector does not answer')));
    socket.addEventListener('message', ({ data }) => {
      const answer = JSON.parse(String(data)) as { id?: number; error?: { message: string } };
      if (answer.id !== 1) return;
      if (answer.error) reject(new Error(answer.error.message));
      else resolve();
    });
  });
}
