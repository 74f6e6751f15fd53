/** The main chat: paired by a code that is sent to the bot, and Nina's first message in it. */
import type { Db } from '../../db.ts';
import { NanoClawError } from '../../errors.ts';
import { systemClock } from '../../lib/clock.ts';
import { formatDuration, parseDuration } from '../../lib/duration.ts';
import { poke } from '../../lib/poke.ts';
import { openPairing } from '../../pairing.ts';
import { registerGroup } from '../../registry.ts';
import { type Group, iso } from '../../types.ts';
import { registryOf } from '../context.ts';
import { configOf, failed, pause, type Setup, warn } from './context.ts';

const LOOK_MS = 400;
const SENT_MS = 60_000;
const HELLO = 'setup_hello';

/** Milliseconds. Throws COMMAND_INVALID. */
export function pairTimeoutOf(text: string): number {
  const ms = parseDuration(text);
  if (ms !== null && ms > 0) return ms;
  throw new NanoClawError('COMMAND_INVALID', '--pair-timeout: expected a length of time like 10m');
}

/** Registers the chat that --main-chat names. */
export function registerMain(setup: Setup, db: Db, chatJid: string): Group {
  const main = db.groups.main();
  if (main && main.chatJid !== chatJid)
    throw failed(
      `"${main.name}" (${main.chatJid}) is the main chat already.`,
      'nanoclaw groups remove --force takes it away; then run nanoclaw setup again.',
    );
  const input = { chatJid, name: 'Main', folder: 'main', isMain: true };
  return main ?? registerGroup(registryOf(db, configOf(setup)), input, 'operator');
}

/** Shows a code and waits until somebody has sent it. Where nobody can be asked, for --pair-timeout only. */
export async function pairMain(setup: Setup, db: Db, botName: string | null): Promise<Group> {
  try {
    return await untilPaired(setup, db, botName);
  } finally {
    // A code that nobody waits for any more is worth nothing to us.
    db.pairing.close();
  }
}

async function untilPaired(setup: Setup, db: Db, botName: string | null): Promise<Group> {
  const { talk, flags } = setup;
  const started = systemClock.monotonic();
  const mostMs = talk.interactive ? Number.POSITIVE_INFINITY : pairTimeoutOf(flags.pairTimeout);
  let code = show(setup, db, botName);
  let wrong = 0;
  for (;;) {
    const open = db.pairing.current(); // before the look at main: who is paired in between closes it
    const main = db.groups.main();
    if (main) {
      talk.good(`"${main.name}" is the main chat now.`);
      return main;
    }
    if (open && open.wrong > wrong) {
      wrong = open.wrong;
      talk.warn(`A wrong code was sent (${wrong}). The right one still works.`);
    }
    if (systemClock.monotonic() - started > mostMs)
      throw failed(
        `Nobody sent the code within ${formatDuration(mostMs)}.`,
        'Run nanoclaw setup again: everything else is done. --no-pair leaves it out.',
      );
    if (open === null || Date.now() >= Date.parse(code.expiresAt)) {
      talk.say('That code is over; here is a new one.');
      code = show(setup, db, botName);
      wrong = 0;
    }
    if (talk.interactive) {
      const left = Math.max(0, Date.parse(code.expiresAt) - Date.now());
      talk.progress(
        `Waiting for it … the code is good for ${formatDuration(Math.ceil(left / 10_000) * 10_000)}`,
      );
    }
    await pause(setup, LOOK_MS);
  }
}

function show(setup: Setup, db: Db, botName: string | null): { code: string; expiresAt: string } {
  const made = openPairing(db, Date.now());
  const bot = botName === null ? 'your bot' : `@${botName} (https://t.me/${botName})`;
  setup.talk.say(
    `The main chat is the one from which you administer Nina: your private chat with the bot, best.
Open ${bot} in Telegram and send it this line. It works once; show it to nobody.

  /pair ${made.code}
`,
  );
  return made;
}

export const wasGreeted = (db: Db): boolean =>
  db.sqlite.prepare("SELECT 1 FROM audit_log WHERE action = ? AND outcome = 'done' LIMIT 1").get(HELLO) !==
  undefined;

/** Nina's own words, through the outbox of the daemon that runs. False when they did not arrive. */
export async function greet(
  setup: Setup,
  db: Db,
  main: Group,
  how: { asService: boolean },
): Promise<boolean> {
  const { talk, home } = setup;
  const config = configOf(setup);
  const at = iso(Date.now());
  const words = db.languages.wordsFor(main.chatJid);
  const thinksWith = config.openai?.model ?? (config.provider === 'claude' ? 'Claude' : null);
  const text = words.setupDone(config.assistantName, thinksWith, how.asService);
  const id = db.transaction(() => {
    const note = { at, actor: 'operator', group: main.folder, action: HELLO, outcome: 'done' } as const;
    db.audit.note({ ...note, detail: null });
    return db.outbox.add({
      chatJid: main.chatJid,
      threadId: null,
      turnId: null,
      replyTo: null,
      text,
      at,
    });
  });
  poke(home);
  const until = systemClock.monotonic() + SENT_MS;
  for (;;) {
    const fate = db.outbox.fate(id);
    if (fate?.state === 'sent') {
      talk.good(`${config.assistantName} has written into "${main.name}".`);
      return true;
    }
    if (fate?.state === 'failed') {
      warn(
        setup,
        `Telegram refused ${config.assistantName}’s first message: ${fate.error ?? 'no reason given'}`,
      );
      return false;
    }
    if (systemClock.monotonic() > until) {
      warn(setup, 'The first message has not been sent yet; it waits in the outbox.');
      return false;
    }
    talk.progress('Nina writes …');
    await pause(setup, LOOK_MS);
  }
}
