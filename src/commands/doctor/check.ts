/**
 * What a check of `nanoclaw doctor` is. Looking changes nothing, starts nothing and ends within its time limit; a check
 * that throws becomes a line that failed. Mending is another function, called only for `--fix`: it never destroys data,
 * asks nothing, and finds nothing to do the second time.
 */
import type { Finding } from './finding.ts';
import type { Ground } from './ground.ts';

export interface Check {
  /** Stable, kebab-case; documented in docs/doctor.md. */
  id: string;
  /** Can be looked at when the settings are wrong, too. */
  homeOnly?: true;
  look(ground: Ground): Promise<Finding>;
  /** Returns what was done, a sentence each; nothing where there is nothing that it may do. */
  mend?(ground: Ground, allowed: Allowed): Promise<string[]>;
}

/** What the operator allows besides what is always safe. */
export interface Allowed {
  deleteWebhook: boolean;
  /** Short lines of what takes long. */
  onProgress: (line: string) => void;
}

/** So many names, then how many more. */
export const some = (list: readonly string[], most = 5): string =>
  list.slice(0, most).join(', ') + (list.length > most ? ` and ${list.length - most} more` : '');
