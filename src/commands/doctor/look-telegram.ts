/**
 * Telegram, as the daemon will meet it: token, clock, webhook, a second poller. Takes nothing away from anybody: a question
 * to getUpdates has no offset and confirms nothing, and is not asked at all while our own daemon polls.
 */
import { messageOf } from '../../errors.ts';
import { age } from '../../lib/duration.ts';
import { isHomeLocked } from '../../lib/home-lock.ts';
import { askBotApi, type BotAnswer, type BotApiAddress } from '../../telegram/ask.ts';
import type { Check } from './check.ts';
import { type Finding, fail, ok, unseen, warn } from './finding.ts';
import type { Ground } from './ground.ts';

export const ASK_MS = 10_000;

export interface BotFacts {
  id: number;
  username: string;
  /** Privacy mode is off. */
  readsAllMessages: boolean;
}

/** Null when the built-in simulator is Telegram. */
export function addressOf({ config }: Ground): BotApiAddress | null {
  const { token, apiRoot } = config.telegram;
  return token === null ? null : { token, apiRoot };
}

export const SIMULATED = 'No TELEGRAM_BOT_TOKEN is set: the built-in simulator is Telegram.';

const getMe = (ground: Ground, address: BotApiAddress): Promise<BotAnswer> =>
  ground.once('getMe', () => askBotApi(address, 'getMe', {}, ASK_MS));

/** Who the token belongs to; null when Telegram does not say. */
export async function botOf(ground: Ground, address: BotApiAddress): Promise<BotFacts | null> {
  const answer = await getMe(ground, address).catch(() => null);
  return answer?.result === undefined ? null : botFacts(answer.result);
}

function botFacts(result: unknown): BotFacts {
  const me = result as { id: number; username?: string; can_read_all_group_messages?: boolean };
  return {
    id: me.id,
    username: me.username ?? '?',
    readsAllMessages: me.can_read_all_group_messages === true,
  };
}

/** What the answer to getMe says of the token; `answer` may be the error that came instead. */
export function tokenFinding(answer: BotAnswer | Error, apiRoot: string): Finding {
  if (answer instanceof Error)
    return fail(
      'token',
      `Telegram cannot be reached at ${apiRoot}: ${answer.message}.`,
      'Look at the network of this machine (DNS, proxy, firewall), and at TELEGRAM_API_ROOT if it is set.',
    );
  if (answer.result !== undefined)
    return ok('token', `The token is that of @${botFacts(answer.result).username}.`);
  if (answer.status === 401 || answer.status === 404)
    return fail(
      'token',
      'Telegram refuses the bot token.',
      'Set TELEGRAM_BOT_TOKEN to the one that @BotFather shows under /mybots → API Token; then restart the daemon.',
    );
  return fail('token', `Telegram answers ${answer.status}: ${answer.description}.`, 'Try again in a minute.');
}

const token: Check = {
  id: 'token',
  async look(ground) {
    const address = addressOf(ground);
    if (!address) return ok('token', SIMULATED);
    const answer = await getMe(ground, address).catch((error: unknown) => new Error(messageOf(error)));
    return tokenFinding(answer, address.apiRoot);
  },
};

// ---------------------------------------------------------------- the clock

/** Of what comes later than this, people wonder why. */
const SKEW_WARN_MS = 10_000;
/** Tasks run at the wrong minute, and certificates begin to look wrong. */
const SKEW_FAIL_MS = 60_000;

const clock: Check = {
  id: 'clock',
  async look(ground) {
    const address = addressOf(ground);
    if (!address) return ok('clock', 'Without Telegram there is no clock to compare with.');
    const answer = await getMe(ground, address).catch(() => null);
    if (!answer) return unseen('clock', 'Telegram cannot be reached', 'token');
    if (answer.skewMs === null)
      return warn(
        'clock',
        'The Bot API server does not tell its time.',
        'Compare the clock of this machine by hand: date -u',
      );
    const off = Math.abs(answer.skewMs);
    if (off < SKEW_WARN_MS) return ok('clock', 'The clock agrees with Telegram’s.');
    const seen = `The clock of this machine is ${age(off)} ${answer.skewMs > 0 ? 'behind' : 'ahead of'} Telegram’s: tasks run at the wrong time.`;
    const fix =
      'Let it be set by the network: sudo timedatectl set-ntp true (macOS: sudo sntp -sS time.apple.com).';
    return off >= SKEW_FAIL_MS ? fail('clock', seen, fix) : warn('clock', seen, fix);
  },
};

// ---------------------------------------------------------------- who else takes the updates

interface WebhookInfo {
  url?: string;
  pending_update_count?: number;
  last_error_message?: string;
}

const webhookInfo = (ground: Ground, address: BotApiAddress): Promise<WebhookInfo | null> =>
  ground.once('webhook', async () => {
    const answer = await askBotApi(address, 'getWebhookInfo', {}, ASK_MS).catch(() => null);
    return (answer?.result ?? null) as WebhookInfo | null;
  });

const webhook: Check = {
  id: 'webhook',
  async look(ground) {
    const address = addressOf(ground);
    if (!address) return ok('webhook', SIMULATED);
    const info = await webhookInfo(ground, address);
    if (!info) return unseen('webhook', 'Telegram did not say', 'token');
    if (!info.url) return ok('webhook', 'No webhook is set.');
    const error = info.last_error_message ? ` (which fails: ${info.last_error_message})` : '';
    return fail(
      'webhook',
      `A webhook is set: Telegram sends all messages to ${hostOf(info.url)}${error}, and none can be asked for.`,
      'If no other program of yours lives by it: nanoclaw doctor --fix --delete-webhook. Nothing that waits is lost.',
    );
  },
  // A webhook is somebody's decision, and who lives by it cannot be seen from here: only on an explicit word.
  async mend(ground, { deleteWebhook }) {
    const address = addressOf(ground);
    if (!address || !deleteWebhook) return [];
    const answer = await askBotApi(address, 'deleteWebhook', { drop_pending_updates: false }, ASK_MS);
    if (answer.result !== true) throw new Error(answer.description ?? 'Telegram did not delete the webhook');
    return ['Deleted the webhook; what waits at Telegram comes to the daemon.'];
  },
};

/** A webhook's path is often its secret. */
const hostOf = (url: string): string => (URL.canParse(url) ? new URL(url).host : 'an address');

/** Another NanoClaw that was told of the conflict polls again after five seconds. */
const LISTEN_S = 7;

const poller: Check = {
  id: 'poller',
  async look(ground) {
    const address = addressOf(ground);
    if (!address) return ok('poller', SIMULATED);
    const [bot, info] = await Promise.all([botOf(ground, address), webhookInfo(ground, address)]);
    if (!bot) return unseen('poller', 'Telegram does not take the token', 'token');
    if (info?.url) return unseen('poller', 'a webhook is set', 'webhook');
    // One of our own, which starts just now, would be told of a conflict.
    if (!ground.daemon && isHomeLocked(ground.home))
      return unseen('poller', 'a daemon may be starting', 'lock');
    const asked = ground.daemon ? await askDaemon(ground) : await listen(address);
    if (asked === null) return unseen('poller', 'the daemon runs and does not say how it is', 'daemon');
    if (asked === 'alone')
      return ok(
        'poller',
        ground.daemon ? 'Only this daemon polls with the token.' : 'Nobody polls with the token.',
      );
    return fail(
      'poller',
      `Somebody else polls with this token (@${bot.username}), so messages go astray.`,
      'Stop the other program (another NanoClaw, a test?), or revoke the token at @BotFather and set the new one here.',
    );
  },
};

async function askDaemon(ground: Ground): Promise<'alone' | 'conflict' | null> {
  const status = await ground.status();
  if (!status) return null;
  return /someone else polls/i.test(status.poller.problem ?? '') ? 'conflict' : 'alone';
}

/** Polls without an offset, which confirms nothing, until somebody else's poll ends ours. */
async function listen(address: BotApiAddress): Promise<'alone' | 'conflict'> {
  const end = performance.now() + LISTEN_S * 1000;
  for (;;) {
    const left = Math.ceil((end - performance.now()) / 1000);
    if (left <= 0) return 'alone';
    const answer = await askBotApi(address, 'getUpdates', { timeout: left, limit: 1 }, left * 1000 + ASK_MS);
    if (answer.status === 409) return 'conflict';
    if (answer.result === undefined)
      throw new Error(`Telegram answers ${answer.status}: ${answer.description}`);
    // What waits is answered at once. Somebody who polled would have taken it.
    if ((answer.result as unknown[]).length > 0) return 'alone';
  }
}

export const TELEGRAM_CHECKS: readonly Check[] = [token, clock, webhook, poller];
