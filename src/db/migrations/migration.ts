/** One step of the schema. */
export interface Migration {
  /** Counts from 1 without a gap. */
  id: number;
  name: string;
  sql: string;
}
