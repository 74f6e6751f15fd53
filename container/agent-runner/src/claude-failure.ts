/**
 * Tells why a Claude turn failed, from what the SDK says. Pure. The SDK reports several failures as a "success"
 * whose text is the error, so the code decides on the category where there is one, else on status and words.
 */
import type { SDKAssistantMessageError } from '@anthropic-ai/claude-agent-sdk';
import { type AgentErrorCode, ALLOWANCE_USED_UP } from '../../../src/protocol.ts';

const BY_CATEGORY: Partial<Record<SDKAssistantMessageError, AgentErrorCode>> = {
  authentication_failed: 'credential',
  oauth_org_not_allowed: 'credential',
  account_on_hold: 'credential',
  verification_required: 'credential',
  cloud_credential_error: 'credential',
  billing_error: 'quota',
  rate_limit: 'quota',
  overloaded: 'overload',
  server_error: 'overload',
};

/** After these the host begins another conversation. */
export const LEAVES: ReadonlySet<AgentErrorCode> = new Set<AgentErrorCode>([
  'stale_session',
  'context_too_long',
]);

/** In this order: a text about credit may also carry a 400, one about a long prompt as well. */
const BY_WORDS: readonly [RegExp, AgentErrorCode][] = [
  [
    /prompt is too long|context (?:window|length|limit)|exceeds? the maximum.*tokens|input length and .*max_tokens/i,
    'context_too_long',
  ],
  [/credit balance|usage limit|rate.?limit|quota|billing|\b429\b/i, 'quota'],
  [
    /\b401\b|\b403\b|not logged in|please run \/login|invalid (?:x-)?api.?key|invalid bearer|authentication|oauth token/i,
    'credential',
  ],
  [
    /\b5(?:00|02|03|04|2[0-9])\b|overloaded|internal server error|connection (?:error|refused|reset|closed)|unable to connect|ECONN|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|timed? ?out|fetch failed|socket/i,
    'overload',
  ],
];

const BY_STATUS: Record<number, AgentErrorCode> = {
  401: 'credential',
  402: 'quota',
  403: 'credential',
  408: 'overload',
  413: 'context_too_long',
  429: 'quota',
};

export interface Failure {
  /** What the SDK calls the failure of the last reply. */
  category?: SDKAssistantMessageError | undefined;
  /** The HTTP status with which the model's endpoint refused. */
  status?: number | null | undefined;
  text: string;
}

/** The code of a failure; `agent` when nothing more is known. */
export function classifyFailure({ category, status, text }: Failure): AgentErrorCode {
  if (text.includes(ALLOWANCE_USED_UP)) return 'allowance';
  // Too long a prompt comes as 400 or 413 and as `invalid_request`, which are no categories of ours.
  const byCategory = category === undefined ? undefined : BY_CATEGORY[category];
  if (byCategory) return byCategory;
  const byStatus =
    status == null ? undefined : (BY_STATUS[status] ?? (status >= 500 ? 'overload' : undefined));
  return byStatus ?? BY_WORDS.find(([words]) => words.test(text))?.[1] ?? 'agent';
}

/** When the limit is lifted, in milliseconds since the epoch: as an event said it, or in the text ("…|1790000000"). */
export function resetTime(resetsAtS: number | undefined, text: string): number | undefined {
  const seconds = resetsAtS ?? Number(/limit reached\|(\d{10})\b/i.exec(text)?.[1]);
  return Number.isFinite(seconds) && seconds > 0 && seconds < 8.64e12 ? seconds * 1000 : undefined;
}

/** The asked-for conversation is not among the transcripts of this home, or cannot be read. */
export function isStaleSession(text: string): boolean {
  return /no conversation found|failed to resume session/i.test(text);
}

/** What the Messages API, or Claude Code for it, says of a history that it takes from nobody, however often it is sent. */
const REFUSED_HISTORY =
  /tool use concurrency|in conversation history|`?signature`? in `?thinking|`?thinking`? blocks?|redacted_thinking|`?tool_use`? ids?\b|tool_use_id|`?tool_result`?|text content blocks must be non-empty|roles must alternate|could not process (?:image|pdf)|messages\.\d+\.content/i;

/** The model's endpoint refuses what was said before: with a conversation that was resumed, this one will not work again. */
export function isRefusedHistory(status: number | null | undefined, text: string): boolean {
  return (status === 400 || /\bAPI Error: 400\b/.test(text)) && REFUSED_HISTORY.test(text);
}
