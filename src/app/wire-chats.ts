/** The side of the daemon that faces Telegram: updates in, replies out, files that people send. Nothing is started here. */
import type { Attachments } from '../attachments.ts';
import { messageOf } from '../errors.ts';
import { goingBackups } from '../forgetting/backups.ts';
import { createForgetter, type Forgetter } from '../forgetting.ts';
import { oncePerTick } from '../lib/once-per-tick.ts';
import type { Random } from '../lib/random.ts';
import { createProblems, type Problems } from '../problems.ts';
import { createAdmins } from '../router/admins.ts';
import type { CallbackAnswers } from '../router/callback-answers.ts';
import { createDelivery, type Delivery } from '../router/delivery.ts';
import { moveGroup } from '../router/moves.ts';
import { createPacing, TELEGRAM_LIMITS } from '../router/pacing.ts';
import { createPauseLook, type PauseLook } from '../router/pauses.ts';
import { createPeople } from '../router/people.ts';
import type { Presence } from '../router/presence.ts';
import type { Reactions } from '../router/reactions.ts';
import { createRequestLimits } from '../router/request-limits.ts';
import { createRouter, type Router } from '../router.ts';
import { type SenderRules, senderRulesFile, watchSenderRules } from '../sender-rules.ts';
import { judgeWaiting } from '../task-scheduler/claim.ts';
import type { TaskRules } from '../tasks.ts';
import { createPoller, POLL_TIMEOUT_S, type Poller } from '../telegram/poller.ts';
import type { ChatJid } from '../types.ts';
import { type Links, need } from './links.ts';
import { openAttachments } from './open-attachments.ts';
import { createTelegramExtras } from './telegram-extras.ts';
import type { WireParts } from './wire.ts';

export interface ChatsParts extends WireParts {
  links: Links;
  random: Random;
  tasks: TaskRules;
  groupsChanged: () => void;
  tasksChanged: (jid: ChatJid) => void;
  /** A group has another chat id. */
  chatMoved: (from: ChatJid, to: ChatJid) => void;
  /** For /status: everything in main, what concerns the chat elsewhere. */
  describe: (group: { isMain: boolean; chatJid: ChatJid }) => string;
}

export interface Chats {
  poller: Poller;
  router: Router;
  delivery: Delivery;
  presence: Presence;
  reactions: Reactions;
  attachments: Attachments;
  forgetter: Forgetter;
  problems: Problems;
  answers: CallbackAnswers;
  pauses: PauseLook;
  senderRules: () => SenderRules;
  /** Malformed rules admit nobody; that is told before it is felt. */
  lookAtRules: () => void;
  /** The commands that Telegram offers may be others now. */
  menusChanged: () => void;
}

export function wireChats(parts: ChatsParts): Chats {
  const { config, log, overrides, clock, releasers, db, telegram, registry, reach, links, groupsChanged } =
    parts;
  const child = (component: string) => log.child({ component });
  const senderRules = oncePerTick(watchSenderRules(senderRulesFile(config.configDir)));
  const admins = createAdmins({ db, clock, log: child('router'), telegram, rules: senderRules });
  const lookAtRules = () => {
    const { problem } = senderRules();
    if (problem === null) problems.solved('sender_rules');
    else problems.report('sender_rules', problem);
  };
  const bot = () => poller.status().bot;
  const pacing = createPacing(overrides.pacing ?? TELEGRAM_LIMITS);
  const { progressAfterMs } = config;
  const extras = {
    db,
    clock,
    log: child('router'),
    telegram,
    bot,
    releasers,
    pacing,
    progressAfterMs,
    reach,
  };
  const { menus, answers, presence, reactions } = createTelegramExtras(extras);
  const poller = createPoller({
    telegram,
    clock,
    log: child('poller'),
    pollTimeoutS: overrides.pollTimeoutS ?? POLL_TIMEOUT_S,
    offset: (bot) => db.inbox.offset(bot.id),
    identified: menus.changed,
    async store(bot, updates, nextOffset) {
      reach?.('updates.received');
      await admins.prepare(updates);
      lookAtRules();
      router.accept(bot, updates, nextOffset);
    },
  });
  const delivery = createDelivery({
    db,
    home: config.home,
    telegram,
    clock,
    log: child('delivery'),
    pacing,
    bot,
    chatMoved: parts.chatMoved,
    settled: presence.settled,
    wakeAsked: () => need(links.late.askedWaits).wake(),
    reach,
  });
  const judgeRuns = (jid: ChatJid) => judgeWaiting(db, clock.now(), jid);
  const pauses = createPauseLook({
    db,
    clock,
    log: child('pauses'),
    telegram,
    judgeRuns,
    wake(jid) {
      delivery.wake(jid);
      links.wakeQueueNow(jid);
    },
    moved(from, to) {
      if (db.transaction(() => moveGroup({ db, clock, log: child('pauses') }, from, to)))
        parts.chatMoved(from, to);
    },
  });
  releasers.add(() => pauses.stop());
  const requestLimits = createRequestLimits({
    clock,
    perSender: config.limits.senderPerMinute,
    perGroup: config.limits.groupPerMinute,
  });
  const forgetter = createForgetter({
    db,
    home: config.home,
    clock,
    log: child('forgetting'),
    timezone: config.timezone,
    backups: goingBackups(config.backup),
    rest: (folder) => links.late.runner?.rest(folder) ?? true,
    stuck: (why) => problems.report('forgetting', why),
    goesOn: () => problems.solved('forgetting'),
    wakeDelivery: delivery.wake,
  });
  releasers.add(() => forgetter.stop());
  const router = createRouter({
    db,
    clock,
    log: child('router'),
    assistantName: config.assistantName,
    wakeQueue: links.wakeQueue,
    wakeDelivery: delivery.wake,
    chatMoved: parts.chatMoved,
    judgeRuns,
    heardPaused: (jid) => pauses.heard(jid),
    chatsChanged: groupsChanged,
    wakeAnswers: answers.wake,
    wakeForgetting: forgetter.wake,
    wakeAsked: () => need(links.late.askedWaits).wake(),
    tasksChanged: parts.tasksChanged,
    random: parts.random,
    turnIsOver: presence.settled,
    stopTurn(jid, only) {
      need(links.late.runner).stopTurn(jid, only);
      // What backed off is stopped: the next message need not wait for it.
      links.wakeQueueNow(jid);
    },
    allowancesChanged() {
      for (const jid of need(links.late.runner).chatsWithWork()) links.wakeQueue(jid);
    },
    tasks: parts.tasks,
    registry,
    people: createPeople(senderRules, admins),
    limits: requestLimits,
    describe: parts.describe,
    maxFileBytes: config.attachments.maxBytes,
    filesCame: () => attachments.look(),
    reach,
  });
  const attachments = openAttachments({
    config,
    db,
    clock,
    log: child('attachments'),
    telegram,
    limits: requestLimits,
    wake: links.wakeQueueNow,
    wakeDelivery: delivery.wake,
    record: router.record,
    reach,
  });
  const problems = createProblems({
    db,
    clock,
    log: child('problems'),
    record: router.record,
    wakeDelivery: delivery.wake,
    timezoneOf: (group) => group.timezone ?? config.timezone,
    sendNow(chatJid, text) {
      telegram
        .sendMessage({ chatJid, threadId: null, replyTo: null, text })
        .catch((error: unknown) => log.warn({ event: 'problem_not_sent' }, messageOf(error)));
    },
  });
  return {
    poller,
    router,
    delivery,
    presence,
    reactions,
    attachments,
    forgetter,
    problems,
    answers,
    pauses,
    senderRules,
    lookAtRules,
    menusChanged: menus.changed,
  };
}
