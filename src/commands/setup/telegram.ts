/** The bot: its token is taken, shown to Telegram, and kept once Telegram knows it. */

import { settingProblem } from '../../config.ts';
import { messageOf } from '../../errors.ts';
import { type BotIdentity, NetworkError, TelegramError } from '../../telegram/api.ts';
import { createTelegram } from '../../telegram/grammy-api.ts';
import { failed, requireValid, type Setup, save, settingOf, warn } from './context.ts';

const PUBLIC_ROOT = 'https://api.telegram.org';
const ANSWER_S = 15;

const BOTFATHER = `The bot: Nina needs an account of her own in Telegram.
  1. In Telegram, write /newbot to @BotFather (https://t.me/BotFather).
  2. Give it a name (what people see) and a user name that ends in "bot".
  3. It answers with a token like 123456789:AAE…: whoever has it is the bot, so keep it to yourself.`;

const PRIVACY = `In groups the bot sees only commands and mentions ("privacy mode"): Nina would not know what was said before.
  1. Write /setprivacy to @BotFather, choose the bot, choose Disable.
  2. Groups that it is in already: remove it and add it again.`;

type Seen =
  | { bot: BotIdentity; webhook: string }
  /** wrong: Telegram does not know the token; away: nobody could be asked. */
  | { bot: null; why: 'wrong' | 'away'; text: string };

/** Null when nothing was to be verified. Throws SETUP_FAILED or COMMAND_INVALID. */
export async function setUpBot(setup: Setup, wantNew: boolean): Promise<BotIdentity | null> {
  const { flags, talk } = setup;
  if (flags.apiRoot !== undefined) requireValid('TELEGRAM_API_ROOT', flags.apiRoot, '--api-root');
  const root = flags.apiRoot ?? settingOf(setup, 'TELEGRAM_API_ROOT');
  let token = flags.token ?? (wantNew ? null : settingOf(setup, 'TELEGRAM_BOT_TOKEN'));
  if (token !== null) requireValid('TELEGRAM_BOT_TOKEN', token, '--token');
  if (token === null && talk.interactive) talk.say(BOTFATHER);
  for (;;) {
    token ??= await talk.secret('The bot’s token', '--token (or TELEGRAM_BOT_TOKEN)', (value) =>
      value === '' ? 'expected a token' : settingProblem('TELEGRAM_BOT_TOKEN', value),
    );
    const keep = () =>
      save(setup, { TELEGRAM_BOT_TOKEN: token ?? '', ...(root === null ? {} : { TELEGRAM_API_ROOT: root }) });
    if (!flags.verify) {
      keep();
      return null;
    }
    talk.progress('Asking Telegram …');
    const seen = await look(token, root ?? PUBLIC_ROOT, setup.signal);
    if (seen.bot) {
      if (seen.webhook !== '')
        throw failed(
          `@${seen.bot.username} has a webhook (${seen.webhook}): another program is given its messages.`,
          'Remove it: nanoclaw doctor names the way. Or make another bot. Then run nanoclaw setup again.',
        );
      keep();
      talk.good(`The bot is @${seen.bot.username} ("${seen.bot.name}").`);
      await explainPrivacy(setup, seen.bot, token, root ?? PUBLIC_ROOT);
      return seen.bot;
    }
    if (!talk.interactive) throw failed(seen.text, FIX[seen.why]);
    talk.warn(seen.text);
    if (seen.why === 'wrong') token = null;
    else if (!(await talk.confirm('Try again?', true))) throw failed(seen.text, FIX.away);
  }
}

const FIX = {
  wrong: 'Ask @BotFather for it (/mybots, the bot, API Token), then run nanoclaw setup again.',
  away: 'See that this machine reaches it, then run nanoclaw setup again.',
};

async function look(token: string, root: string, signal: AbortSignal): Promise<Seen> {
  const telegram = createTelegram(token, root, 1, { sendS: ANSWER_S, pollGraceS: ANSWER_S });
  try {
    const bot = await telegram.getMe(signal);
    const { url } = await telegram.webhookInfo();
    return { bot, webhook: url };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof TelegramError && (error.status === 401 || error.status === 404))
      return { bot: null, why: 'wrong', text: 'Telegram does not know this token.' };
    if (error instanceof TelegramError)
      return { bot: null, why: 'away', text: `Telegram answers ${error.status}: ${error.message}.` };
    const why = error instanceof NetworkError ? error.message : messageOf(error);
    return { bot: null, why: 'away', text: `Telegram cannot be reached at ${new URL(root).host}: ${why}.` };
  }
}

async function explainPrivacy(setup: Setup, bot: BotIdentity, token: string, root: string): Promise<void> {
  const { talk } = setup;
  for (let seen = bot; !seen.readsAllMessages; ) {
    if (!talk.interactive) return warn(setup, PRIVACY);
    talk.say(PRIVACY);
    const next = await talk.choose(
      'Privacy mode is on.',
      [
        { value: 'again', label: 'I have done that: look again' },
        { value: 'leave', label: 'Leave it on', hint: 'can be done later; nanoclaw doctor tells' },
      ],
      'leave',
    );
    if (next === 'leave') return;
    const again = await look(token, root, setup.signal);
    if (!again.bot) return talk.warn(again.text);
    seen = again.bot;
  }
  talk.good('Privacy mode is off: the bot sees what is said in its groups.');
}
