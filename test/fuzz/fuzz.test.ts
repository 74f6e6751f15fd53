/**
 * Everything that reads what others wrote, under inputs that nobody would write: it neither crashes, hangs nor grows.
 * Some hundred inputs each in `npm test`; `npm run test:fuzz` takes 100,000 each (FUZZ_INPUTS sets another number).
 * A failure names the seed and the input; FUZZ_SEED repeats it. What once broke belongs into corpus.json.
 */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import type { Update } from 'grammy/types';
import { expect, it } from 'vitest';
import { loadConfig } from '../../src/config.ts';
import { NanoClawError } from '../../src/errors.ts';
import { stripInternal } from '../../src/format/reply-text.ts';
import { formatReply, MESSAGE_LENGTH } from '../../src/format.ts';
import { formatDuration, parseDuration } from '../../src/lib/duration.ts';
import { parseAllowlist } from '../../src/mounts/allowlist.ts';
import { createNameFilter } from '../../src/mounts/names.ts';
import { parseCron } from '../../src/next-run/cron.ts';
import {
  checkSchedule,
  nextRun,
  previewSchedule,
  ScheduleError,
  scheduleTypeOf,
} from '../../src/next-run.ts';
import { renderPrompt } from '../../src/prompt.ts';
import { watchSenderRules } from '../../src/sender-rules.ts';
import { BotApiError } from '../../src/simulator/api-error.ts';
import { parseFormatted } from '../../src/simulator/parse-mode.ts';
import { parseUpdate } from '../../src/telegram/update.ts';
import { commandOf, requestOf, triggerOf } from '../../src/trigger.ts';
import type { StoredMessage } from '../../src/types.ts';
import { entityProblem } from '../support/telegram-rules.ts';
import { BOT, createWorld, FAMILY, routerOf, tempFolder } from '../support/world.ts';
import { anything, broken, CORPUS, loose, text } from './inputs.ts';
import { createMailboxTarget, leftFiles } from './mailbox.ts';

const INPUTS = Number(process.env.FUZZ_INPUTS ?? 300);
const SEED = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31);
/** No single input may keep the daemon so long. A thousandth is usual: this is no measure, it tells a hang. */
const HANG_MS = 5000;
/** What the heap may have more after all inputs than after a tenth. Caches that are bounded fill within that. */
const GROWTH_BYTES = 24 * 1024 * 1024;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

function heapAfterGc(): number {
  for (let i = 0; i < 3; i += 1) collect();
  return process.memoryUsage().heapUsed;
}

/** Runs `use` on a tenth and then on the rest; prints what it found where it takes long. */
function fuzz<T>(
  name: string,
  inputs: fc.Arbitrary<T>,
  use: (input: T) => void,
  examples: NoInfer<T>[] = [],
): void {
  const guarded = (input: T) => {
    const from = performance.now();
    use(input);
    if (performance.now() - from > HANG_MS)
      throw new Error(`hung for ${Math.round(performance.now() - from)} ms`);
  };
  const property = fc.property(inputs, guarded);
  const tenth = Math.ceil(INPUTS / 10);
  const from = performance.now();
  fc.assert(property, {
    numRuns: tenth + examples.length,
    seed: SEED,
    endOnFailure: true,
    examples: examples.map((one): [T] => [one]),
  });
  const before = heapAfterGc();
  fc.assert(property, { numRuns: INPUTS - tenth, seed: SEED + 1, endOnFailure: true });
  const grown = heapAfterGc() - before;
  if (INPUTS >= 10_000) {
    const seconds = ((performance.now() - from) / 1000).toFixed(1);
    console.log(
      `${name}: ${INPUTS} inputs, seed ${SEED}, ${seconds} s, heap ${(grown / 1024 / 1024).toFixed(1)} MiB more`,
    );
  }
  expect(grown, `${name}, seed ${SEED}: heap`).toBeLessThan(GROWTH_BYTES);
}

const target = (name: string, run: () => void) =>
  it(`${name}: no crash, no hang, no growth`, run, 60 * 60_000);

/** Only these errors are an answer; any other is a crash. */
function answers<T>(kinds: readonly (abstract new (...args: never[]) => Error)[], work: () => T): T | null {
  try {
    return work();
  } catch (error) {
    if (kinds.some((kind) => error instanceof kind)) return null;
    throw error;
  }
}

target('mailbox files', () => fuzz('mailbox files', leftFiles, createMailboxTarget()));

// ---------------------------------------------------------------- Telegram

const person = loose({
  id: fc.constantFrom(1001, 4242, 7),
  is_bot: fc.boolean(),
  first_name: text,
  last_name: text,
  username: text,
});
const chat = loose({
  id: fc.constantFrom(FAMILY, 1001, -77),
  type: fc.constantFrom('private', 'group', 'supergroup', 'channel'),
  title: text,
  first_name: text,
  is_forum: fc.boolean(),
});
const entity = loose({
  type: fc.constantFrom('bot_command', 'mention', 'code', 'pre', 'text_link'),
  offset: fc.oneof(fc.nat(20), fc.integer()),
  length: fc.oneof(fc.nat(20), fc.integer()),
});
const media = Object.fromEntries(
  [
    'sticker',
    'photo',
    'video',
    'voice',
    'audio',
    'document',
    'location',
    'contact',
    'poll',
    'dice',
    'animation',
    'venue',
    'story',
    'new_chat_members',
    'left_chat_member',
    'pinned_message',
    'forum_topic_created',
    'quote',
    'forward_origin',
    'migrate_to_chat_id',
  ].map((key) => [key, anything]),
);
const plainMessage = loose({
  message_id: fc.oneof(fc.nat(50), fc.integer()),
  date: fc.oneof(fc.constant(1_793_606_400), fc.integer(), fc.double()),
  edit_date: fc.integer(),
  chat,
  from: person,
  sender_chat: chat,
  text,
  caption: text,
  entities: fc.array(entity, { maxLength: 3 }),
  message_thread_id: fc.nat(9),
  is_topic_message: fc.boolean(),
  reply_to_message: loose({ message_id: fc.nat(50), chat, from: person, text }),
});
const message = fc.oneof(
  { weight: 6, arbitrary: plainMessage.map((m) => ({ ...sane, ...m })) },
  plainMessage,
  fc
    .tuple(plainMessage, fc.record(media, { requiredKeys: [] }))
    .map(([m, more]) => ({ ...sane, ...m, ...more })),
);
const sane = {
  message_id: 1,
  date: 1_793_606_400,
  chat: { id: FAMILY, type: 'supergroup', title: 'Family' },
  from: { id: 1001, is_bot: false, first_name: 'Anna' },
};
const update = fc.oneof(
  { weight: 6, arbitrary: fc.record({ message }) },
  fc.record({ edited_message: message }),
  fc.record({ my_chat_member: loose({ chat, from: person, new_chat_member: loose({ status: text }) }) }),
  fc.dictionary(
    fc.constantFrom('callback_query', 'message_reaction', 'chat_member', 'poll', '__proto__', 'message'),
    anything,
    { maxKeys: 2 },
  ),
);

target('updates', () => {
  const world = createWorld();
  const { db, clock } = world;
  const group = world.register({ requiresTrigger: false });
  const router = routerOf(world);
  let id = 0;
  fuzz('updates', update, (given) => {
    id += 1;
    clock.jump(1000);
    const whole = { ...given, update_id: id } as unknown as Update;
    parseUpdate(whole);
    router.accept(BOT, [whole], id + 1);
    const kept = db.sqlite.prepare('SELECT count(*) FROM inbox WHERE update_id = ?').pluck().get(id);
    if (kept !== 1 || db.inbox.offset(BOT.id) !== id + 1) throw new Error('not stored, or not confirmed');
    if (id % 500 !== 0) return;
    db.sqlite.exec('DELETE FROM inbox; DELETE FROM messages; DELETE FROM outbox; DELETE FROM chats');
    if (db.groups.byJid(group.chatJid) === null) {
      db.sqlite.exec('DELETE FROM registered_groups');
      world.register({ requiresTrigger: false });
    }
  });
});

// ---------------------------------------------------------------- pure parsers

const zone = fc.oneof(
  fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Pacific/Apia'),
  text,
);
const instant = fc.oneof(
  fc.integer({ min: Date.parse('1970-01-01'), max: Date.parse('2300-01-01') }),
  fc.constantFrom(Date.parse('2026-03-29T00:59:59.999Z'), Date.parse('2026-10-25T00:30:00Z'), 0),
);
const field = fc.oneof(
  fc.constantFrom('*', '*/7', '0', '59', '1-5', '*/15,3', '31', '2', 'MON', '1-3/2', 'FEB', '7', '5/10'),
  fc.array(fc.constantFrom(...'*/,-0123456789'), { maxLength: 5 }).map((a) => a.join('')),
);
const cron = fc.oneof(
  fc.array(field, { minLength: 5, maxLength: 5 }).map((five) => five.join(' ')),
  text,
);

target('cron expressions and next runs', () =>
  fuzz(
    'cron',
    fc.tuple(cron, fc.constantFrom('UTC', 'Europe/Berlin', 'Australia/Lord_Howe'), instant),
    ([value, timezone, from]) => {
      const schedule = { type: 'cron', value, timezone, anchor: from } as const;
      const next = answers([ScheduleError], () => nextRun(schedule, from));
      if (next === null) return;
      parseCron(value);
      if (!(next > from) || !Number.isInteger(next)) throw new Error(`the run after ${from} is ${next}`);
      if (next % 1000 !== 0) throw new Error(`no whole second: ${next}`);
    },
    CORPUS.map((value): [string, 'UTC', number] => [value, 'UTC', 0]),
  ),
);

target('schedules of every kind, zones and lengths', () =>
  fuzz(
    'schedules',
    fc.tuple(fc.oneof(text, cron), zone, instant),
    ([value, timezone, from]) => {
      const schedule = { type: scheduleTypeOf(value), value, timezone, anchor: from };
      const ms = parseDuration(value);
      if (ms !== null && !(ms >= 0)) throw new Error(`a length of ${ms}`);
      if (ms !== null) formatDuration(ms);
      answers([ScheduleError], () => {
        checkSchedule(schedule, from);
        const { next } = previewSchedule(schedule, from, 2);
        for (const at of next) if (!(Date.parse(at) > from)) throw new Error(`${at} is not later`);
      });
    },
    CORPUS.map((value): [string, string, number] => [value, value, 0]),
  ),
);

const prompted = fc.record({
  groupName: text,
  sender: text,
  name: text,
  content: text,
  quote: text,
  quoted: text,
  thread: fc.option(fc.nat(9)),
});
target('the prompt', () =>
  fuzz('prompt', prompted, ({ groupName, sender, name, content, quote, quoted, thread }) => {
    const one: StoredMessage = {
      seq: 1 as StoredMessage['seq'],
      messageId: 1,
      threadId: thread,
      sender,
      senderName: name,
      content,
      timestamp: '2026-11-02T08:00:00.000Z' as StoredMessage['timestamp'],
      forNina: true,
      editedAt: null,
      albumId: null,
      request: null,
      forwardedFrom: quoted,
      replyTo: { messageId: 2, name: quoted, text: quote },
    };
    const prompt = renderPrompt({
      groupName,
      timezone: 'UTC',
      nowMs: 0,
      messages: [one, one],
      omitted: 0,
      attempt: 1,
    });
    const tags: string[] = prompt.match(/<\/?[a-z_]+/g) ?? ([] as string[]);
    const expected = ['<message', '<reply_to', '</reply_to', '</message'];
    const inner = tags.slice(tags.indexOf('<messages') + 1, tags.lastIndexOf('</messages'));
    if (inner.join() !== [...expected, ...expected].join()) throw new Error(`tags: ${inner.join(' ')}`);
    if (!prompt.isWellFormed()) throw new Error('not well formed');
  }),
);

target('the trigger', () =>
  fuzz(
    'trigger',
    fc.record({
      said: text,
      trigger: fc.oneof(fc.constant('@Nina'), text),
      entities: fc.array(entity, { maxLength: 3 }),
    }),
    ({ said, trigger, entities }) => {
      const { message: parsed } = parseUpdate({
        update_id: 1,
        message: { ...sane, text: said, entities },
      } as unknown as Update) as { message?: { text: string; entities: [] } };
      if (!parsed) return;
      triggerOf({ ...parsed, trigger, repliesToBot: false, botUsername: 'nina_bot', requiresTrigger: true });
      commandOf(parsed.text, parsed.entities, 'nina_bot');
      requestOf({ text: parsed.text, trigger, botUsername: 'nina_bot' });
    },
  ),
);

target('replies, split and stripped', () =>
  fuzz(
    'replies',
    fc.array(text, { maxLength: 12 }).map((parts) => parts.join('\n').repeat(3)),
    (reply) => {
      const { parts } = formatReply(stripInternal(reply), 'markdown');
      for (const { text: shown, entities } of parts) {
        if (shown.length > MESSAGE_LENGTH) throw new Error(`a part of ${shown.length}`);
        const wrong = entityProblem(shown, entities);
        if (wrong !== null) throw new Error(wrong);
      }
    },
    CORPUS.slice(),
  ),
);

target("the simulator's Markdown and HTML", () =>
  fuzz(
    'markup',
    fc.tuple(
      fc.oneof(
        text,
        fc
          .array(
            fc.constantFrom(
              '*',
              '_',
              '__',
              '~',
              '||',
              '`',
              '```',
              '[',
              '](',
              ')',
              '>',
              '\\',
              '<b>',
              '</b>',
              '<a href="',
              '">',
              '&lt;',
              'x',
              '\n',
            ),
            { maxLength: 30 },
          )
          .map((a) => a.join('')),
      ),
      fc.constantFrom('Markdown', 'MarkdownV2', 'HTML'),
    ),
    ([source, mode]) => {
      const parsed = answers([BotApiError], () => parseFormatted(source, mode));
      for (const { offset, length } of parsed?.entities ?? [])
        if (offset < 0 || length < 0 || offset + length > (parsed?.text.length ?? 0))
          throw new Error('an entity outside of the text');
    },
    CORPUS.map((source): [string, 'MarkdownV2'] => [source, 'MarkdownV2']),
  ),
);

const mountList = loose({
  allowedRoots: fc.array(
    loose({
      path: fc.oneof(fc.constantFrom('/srv', '~/x'), text),
      allowReadWrite: fc.boolean(),
      description: text,
    }),
    { maxLength: 3 },
  ),
  blockedPatterns: fc.array(text, { maxLength: 3 }),
  allowedNames: fc.array(text, { maxLength: 3 }),
  nonMainReadOnly: fc.boolean(),
});
target('the mount allowlist', () =>
  fuzz(
    'mount allowlist',
    fc.tuple(
      fc.oneof(
        mountList.map((list) => Buffer.from(JSON.stringify(list))),
        broken(mountList.map((list) => JSON.stringify(list))),
        broken(text),
      ),
      text,
    ),
    ([bytes, name]) => {
      const parsed = parseAllowlist(bytes.toString('utf8'), '/home/x');
      if (typeof parsed === 'string') return;
      createNameFilter([name, '*a*a*a*b'], [name])(name.repeat(5).slice(0, 2000));
    },
  ),
);

const rules = loose({
  default: anything,
  groups: fc.dictionary(
    fc.constantFrom('family', '-1001', '__proto__'),
    loose({
      senders: fc.oneof(fc.constantFrom('everyone', 'admins', '*'), fc.array(text, { maxLength: 2 })),
      allow: fc.array(text, { maxLength: 2 }),
      others: fc.constantFrom('drop', 'context'),
    }),
    { maxKeys: 2 },
  ),
});
target('the file of sender rules: malformed admits nobody', () => {
  const file = path.join(tempFolder(), 'sender-allowlist.json');
  const group = { folder: 'family', chatJid: String(FAMILY), formerJid: null } as unknown as Parameters<
    ReturnType<ReturnType<typeof watchSenderRules>>['ruleOf']
  >[0];
  fuzz(
    'sender rules',
    fc.oneof(
      rules.map((one) => Buffer.from(JSON.stringify(one))),
      broken(rules.map((one) => JSON.stringify(one))),
      broken(text),
    ),
    (bytes) => {
      writeFileSync(file, bytes);
      const seen = watchSenderRules(file)();
      const rule = seen.ruleOf(group);
      if (seen.problem !== null && (rule.everyone || rule.admins || rule.ids.size > 0))
        throw new Error('somebody is admitted');
    },
  );
});

target('settings', () => {
  const home = tempFolder();
  const key = fc.constantFrom(
    'TELEGRAM_BOT_TOKEN',
    'ASSISTANT_NAME',
    'IDLE_TIMEOUT',
    'CONTAINER_CPUS',
    'TZ',
    'HTTP_HOST',
    'HTTP_PORT',
    'STATUS_TOKEN',
    'DOCKER_HOST',
    'CONTAINER_IMAGE',
    'ANTHROPIC_BASE_URL',
    'LOG_LEVEL',
    '__proto__',
    'X',
  );
  const line = fc
    .tuple(key, fc.constantFrom('=', ' = ', ':', '="', "='"), text)
    .map((parts) => parts.join(''));
  fuzz(
    'settings',
    fc.tuple(
      broken(fc.array(line, { maxLength: 5 }).map((lines) => lines.join('\n'))),
      fc.dictionary(key, text, { maxKeys: 3 }),
    ),
    ([bytes, env]) => {
      writeFileSync(path.join(home, '.env'), bytes);
      const clean = Object.fromEntries(Object.entries(env).map(([k, v]) => [k, v.replaceAll('\0', '')]));
      answers([NanoClawError], () => loadConfig({ ...clean, NANOCLAW_HOME: home }));
    },
  );
});
