/** Where the tools of a turn work, and what holds them. */
export interface Workplace {
  /** Where relative paths begin and commands run. */
  folder: string;
  /** The whole environment of every program that is started; holds no credential. */
  env: Record<string, string>;
  /** A result is no longer than so many characters. */
  longestResult: number;
  /** Called while a tool works. */
  alive: () => void;
  /** Ends what a tool has started. */
  signal: AbortSignal;
}
