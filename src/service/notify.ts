/**
 * Tells systemd that the daemon is ready, alive and stopping (sd_notify(3)), through systemd's own tool: Node has no
 * datagram sockets of the unix kind. Without systemd nothing is done. Alive means that this event loop turns.
 */
import { spawn } from 'node:child_process';
import type { Clock, Timer } from '../lib/clock.ts';

export interface ServiceNotifier {
  /** Messages are taken; from here on the signs of life go out. */
  ready(): void;
  stopping(): void;
}

export interface NotifierOptions {
  clock: Clock;
  /** Null: nobody is to be told. */
  manager: { watchdogMs: number | null } | null;
  /** systemd-notify cannot be run. */
  onProblem: (why: string) => void;
}

export function createNotifier({ clock, manager, onProblem }: NotifierOptions): ServiceNotifier {
  let timer: Timer | undefined;
  const tell = (...states: string[]) => {
    const child = spawn('systemd-notify', states, { stdio: 'ignore' });
    child.on('error', (error) => onProblem(error.message));
    child.unref();
  };
  const beat = (everyMs: number) => {
    timer = clock.after(everyMs, () => {
      tell('WATCHDOG=1');
      beat(everyMs);
    });
  };
  return {
    ready() {
      if (!manager) return;
      tell('--ready');
      // Half the time, as sd_watchdog_enabled(3) recommends.
      if (manager.watchdogMs !== null) beat(manager.watchdogMs / 2);
    },
    stopping() {
      timer?.cancel();
      if (manager) tell('STOPPING=1');
    },
  };
}
