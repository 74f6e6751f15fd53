/**
 * The schema, as numbered steps. A step is one transaction together with its own record; steps are only added,
 * never changed. The columns named in DESIGN.md are public: operators query them.
 */
import { SPINE } from './migrations/1-spine.ts';
import { SCHEDULED_TASKS } from './migrations/2-scheduled-tasks.ts';
import { PHASES_QUESTIONS_FORMATTING } from './migrations/3-phases-questions-formatting.ts';
import { GROUP_CHOICES_STEP } from './migrations/4-group-choices.ts';
import { AGENTS_WORLD } from './migrations/5-agents-world.ts';
import { GROUPS_AGENTS } from './migrations/6-groups-agents.ts';
import type { Migration } from './migrations/migration.ts';

export const MIGRATIONS: readonly Migration[] = [
  SPINE,
  SCHEDULED_TASKS,
  PHASES_QUESTIONS_FORMATTING,
  GROUP_CHOICES_STEP,
  AGENTS_WORLD,
  GROUPS_AGENTS,
];
