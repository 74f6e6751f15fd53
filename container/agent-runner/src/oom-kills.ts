/** How often the kernel has killed a process of this container for want of memory, by its control group. */
import { readFileSync } from 'node:fs';

/** cgroup v2, then v1. */
const COUNTERS = ['/sys/fs/cgroup/memory.events', '/sys/fs/cgroup/memory/memory.oom_control'];

/** 0 where that cannot be known. */
export function oomKills(files: readonly string[] = COUNTERS): number {
  for (const file of files) {
    try {
      const count = /^oom_kill (\d+)$/m.exec(readFileSync(file, 'utf8'))?.[1];
      if (count !== undefined) return Number(count);
    } catch {
      // The other version, or no control groups.
    }
  }
  return 0;
}
