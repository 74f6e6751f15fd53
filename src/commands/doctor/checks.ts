/** What `nanoclaw doctor` looks at, in the order in which it says it. docs/doctor.md describes each. */
import type { Check } from './check.ts';
import { AGENTS_CHECKS } from './look-agents.ts';
import { CHAT_CHECKS } from './look-chats.ts';
import { DATABASE_CHECKS } from './look-database.ts';
import { ENGINE_CHECKS } from './look-engine.ts';
import { FILE_CHECKS } from './look-files.ts';
import { HOME_CHECKS } from './look-home.ts';
import { MCP_CHECKS } from './look-mcp.ts';
import { MODEL_CHECKS } from './look-model.ts';
import { RULES_CHECKS } from './look-rules.ts';
import { SERVICE_CHECKS } from './look-service.ts';
import { SETTINGS_CHECKS } from './look-settings.ts';
import { TELEGRAM_CHECKS } from './look-telegram.ts';
import { WORK_CHECKS } from './look-work.ts';

export const CHECKS: readonly Check[] = [
  ...SETTINGS_CHECKS,
  ...FILE_CHECKS,
  ...HOME_CHECKS,
  ...DATABASE_CHECKS,
  ...TELEGRAM_CHECKS,
  ...CHAT_CHECKS,
  ...ENGINE_CHECKS,
  ...MODEL_CHECKS,
  ...SERVICE_CHECKS,
  ...RULES_CHECKS,
  ...AGENTS_CHECKS,
  ...MCP_CHECKS,
  ...WORK_CHECKS,
];
