/**
 * The agent runner: one process per group, started by the host, in a container or (offline agent only) as a plain
 * process. It reads turns from the mailbox, lets a provider answer them, and writes events and commands back.
 * Its exit code is 0 when it ended by itself or was told to, 70 when it cannot write its folders, else 1.
 * stdout and stderr are for diagnosis only. It holds no secret of the host.
 */
import { runAgent } from './run.ts';

runAgent({
  variables: process.env,
  commandTimeoutMs: 60_000,
  stallMs: 10 * 60_000,
  scriptLimitMs: 60_000,
  scriptFolder: '/workspace/group',
});
