/**
 * What the daemon says in chats by itself, in English: commands, menus, buttons, notices, refusals. One file per language.
 *
 * To add a sentence: add its key here and to each other file in this folder (a missing or extra key, or another parameter,
 * is a compile error), and say it with `db.languages.wordsFor(jid).yourKey`. Whole sentences, and
 * parameters as they are (names, counts, instants): order, plurals and dates are the language's own business. What is kept
 * in the database and shown to people later is written with `REASONS` and shown with `inWords`. What is for the log, the
 * command line, the status page or the model does not belong here.
 */
import { age, formatDuration } from '../lib/duration.ts';
import { lazily } from '../lib/lazily.ts';
import { localTime } from '../lib/local-time.ts';
import { countedIn, countIn } from './counted.ts';

const dollars = lazily(
  () => new Intl.NumberFormat('en', { style: 'currency', currency: 'USD', maximumFractionDigits: 4 }),
);
const counted = countedIn('en');
const count = countIn('en');

export const EN = {
  // Times: milliseconds, in an IANA zone
  time: (ms: number, zone: string) => localTime(ms, zone),
  minute: (ms: number, zone: string) => localTime(ms, zone).slice(0, 16),
  timeOfDay: (ms: number, zone: string) => localTime(ms, zone).slice(11, 16),
  duration: (ms: number) => formatDuration(ms),
  age: (ms: number) => age(ms),

  /** `menu` for Telegram's menu; `help` for /help, where there is more to know. */
  commands: {
    help: { menu: 'what you can do here' },
    status: { menu: 'is everything all right?' },
    tasks: { menu: 'the scheduled tasks' },
    why: { menu: 'as a reply: what became of that message' },
    stop: {
      menu: 'end what I am doing here',
      help: '[all] – end what I am doing here; all: in every topic of the group',
    },
    new: { menu: 'begin a fresh conversation' },
    context: { menu: 'how full the conversation is' },
    team: { menu: 'the specialists here', help: '– the specialists here, and files that are not in order' },
    ask: { menu: 'ask a specialist', help: 'NAME QUESTION – ask a specialist' },
    skills: {
      menu: 'what I know how to do',
      help: '– what I know how to do, and files that are not in order',
    },
    mcp: {
      menu: 'the MCP servers here',
      help: '– the MCP servers here; in main also [approve | refuse | remove] FOLDER NAME',
    },
    forget: {
      menu: 'have your messages forgotten',
      help: 'mine [all | today | 1h] – forget your messages; as a reply: that one',
    },
    ping: { menu: 'a sign of life' },
    chatid: { menu: 'the id of this chat' },
    groups: { menu: 'the groups, and the other chats I have seen' },
    register: {
      menu: 'make a chat a group',
      help: '[CHAT FOLDER [NAME]] – make a chat a group',
    },
    unregister: { menu: 'end a registration; its files stay', help: '[FOLDER] – its files stay' },
    pause: { menu: 'no further runs of a task', help: '[TASK] – no further runs' },
    resume: { menu: 'let a paused task run again', help: '[TASK] – run again from now on' },
    cancel: { menu: 'end a task for good', help: '[TASK] – end it for good' },
    run: { menu: 'run a task once, now', help: '[TASK] – run it once, now' },
    retry: { menu: 'try again what has failed', help: '– try again what has failed; also as a reply to it' },
    audit: { menu: 'who did, or tried, what', help: '[FOLDER] – who did, or tried, what' },
    usage: {
      menu: 'what was used, and what may be used',
      help: '[FOLDER] – what was used, and what may be used',
    },
    model: {
      menu: 'what the groups think with',
      help: '[FOLDER [PROVIDER] [MODEL] [effort high] [turns 50] [thinking 8000] | FOLDER default] – what a group thinks with',
    },
    allowance: {
      menu: 'how much may be used',
      help: '[FOLDER|all|person:ID 1usd/day|50000tokens/month|off] – how much may be used',
    },
  },

  // Commands
  howToAsk: (trigger: string | null) =>
    trigger === null
      ? 'Just write, and I answer.'
      : `Write ${trigger} anywhere in a message, or reply to one of mine, and I answer.`,
  introduction: (name: string) => `I am ${name}. Commands:`,
  onlyInMain: (command: string) => `/${command} works in the main group only.`,
  didNotWork: (why: string) => `That did not work: ${why}.`,
  pong: 'pong',
  whyNeedsReply: 'Send /why as a reply to the message you mean.',
  nothingToStop: 'There is nothing to stop.',
  nothingToStopHere:
    'There is nothing to stop in this topic. I am at work in another one: /stop there, or /stop all.',
  meantForTopic: (topic: string) => `(This is for the topic “${topic}”, which is closed or gone.)`,
  topicWithoutName: (id: number) => `no. ${id}`,
  stopped: 'Stopped.',
  freshConversation: 'A fresh conversation begins with your next message. Files and notes stay.',
  conversation: {
    none: 'There is no conversation here: your next message begins one.',
    noneIn: (group: string) => `There is no conversation in “${group}”: the next message begins one.`,
    general: 'General',
    since: (time: string | null, turns: number) =>
      `This conversation ${time === null ? 'goes on' : `began at ${time}`}: ${counted(turns, 'turn', 'turns')}.`,
    unknown: 'How full it is I know after its next turn.',
    full: (tokens: number, window: number, percent: number) =>
      `Full to ${percent} %: ${count(tokens)} of ${count(window)} tokens.`,
    room: (said: number, instructions: number, tools: number) =>
      `What was said and done takes about ${count(said)}, instructions and memory ${count(instructions)}, descriptions of tools ${count(tools)}.`,
    compacted: (at: number, percent: number) =>
      `At ${count(at)} (${percent} %) I sum it up, keep the whole of it in conversations/ and go on. /new begins a fresh one.`,
    fresh: '/new begins a fresh one.',
  },
  noTasks: 'There are no scheduled tasks.',
  andMore: (count: number) => `… and ${count} more`,
  registeredAlready: (folder: string) =>
    `This chat is registered already, with folder ${folder}. Send /pair from another chat, or unregister this one first (nanoclaw groups remove ${folder}).`,
  hasMain: 'There is a main group already.',
  mainGroup: 'main',
  notRegistered: 'not registered',
  taskPaused: (id: string) => `Task ${id} is paused.`,
  taskActive: (id: string, next: string) => `Task ${id} is active again, ${next}.`,
  taskCancelled: (id: string) => `Task ${id} is cancelled.`,
  taskRuns: (id: string) => `Task ${id} runs as soon as its group has time.`,
  registered: (name: string, folder: string, trigger: string | null) =>
    `Registered "${name}" with folder ${folder}${trigger === null ? '' : `, trigger ${trigger}`}.`,
  unregistered: (name: string, folder: string) => `Unregistered "${name}". Its folder ${folder} stays.`,
  nothingNoted: (folder: string | undefined) =>
    folder === undefined ? 'Nothing is noted.' : `Nothing is noted for "${folder}".`,
  times: (count: number) => `(${counted(count, 'time', 'times')})`,
  retryNeedsReply: 'Send /retry as a reply to the message that failed.',
  triedAgain: (group: string | null, taskId: string | null) => {
    if (group === null) return taskId === null ? 'It is tried again.' : `Task ${taskId} runs again.`;
    return `In ${group}: ${taskId === null ? 'it is tried again' : `task ${taskId} runs again`}.`;
  },

  // What groups think with
  modelOf: (folder: string, thinks: string, isOwn: boolean) =>
    `${folder}: ${thinks}${isOwn ? '' : ' (as the settings say)'}`,
  modelSet: (folder: string, thinks: string) => `From its next turn on ${folder} thinks with ${thinks}.`,
  otherProviderThere: 'Its conversation cannot be taken along: a new one begins with its next message.',
  noThinkingThere: 'A bound on thinking means nothing to this provider.',
  modelHow:
    'To change it: /model FOLDER and any of a provider, a model, “effort high”, “turns 50”, “thinking 8000”; “default” takes one back, /model FOLDER default all.',
  /** Said once, before the first answer. */
  otherProvider:
    'I think with another provider’s model here now, which cannot take our conversation up, so a new one begins. Files and notes stay.',
  /** `what`: one of `lacks`. */
  cannotThink: (what: string) =>
    `I cannot answer here: ${what}. Your message is kept, and I answer it as soon as that is put right.`,
  lacks: {
    claude:
      'this group thinks with Claude, and the operator has set none of ANTHROPIC_API_KEY, CLAUDE_CODE_OAUTH_TOKEN and ANTHROPIC_AUTH_TOKEN',
    openai:
      'this group thinks with an OpenAI-compatible server, and the operator has set neither OPENAI_BASE_URL nor OPENAI_API_KEY',
    openaiModel:
      'this group thinks with an OpenAI-compatible server, and neither OPENAI_MODEL nor a model of its own (/model) says with which model',
    isolation:
      'this group thinks with a model, and only the offline agent works without containers; the operator has to start Docker, or give it the provider offline (/model)',
  },

  // Specialists
  /** Why a file of a specialist or a skill cannot be used, or is used otherwise than it is written. */
  files: {
    notUtf8: 'this is not UTF-8 text; save the file as UTF-8',
    notText: 'it holds a character that no text has (NUL)',
    isLink: 'it is a symbolic link, or lies behind one; expected a file of its own',
    noFile: 'it is not a plain file',
    cannotOpen: (code: string) => `it cannot be opened (${code})`,
    tooLarge: (kb: number) => `it is larger than ${kb} KB`,
    tooMany: (count: number) => `this one and those behind it are left out: ${count} files are enough`,
    openFrontMatter: 'the front matter that begins here has no end: expected a line --- behind it',
    longFrontMatter: (most: number) => `the front matter is longer than ${most} characters`,
    notYaml: (detail: string) => `the front matter is not YAML: ${detail}`,
    notFields: 'the front matter is no list of fields: expected lines such as name: reviewer',
    noInstructions: 'there are no instructions behind the front matter',
    noName: 'neither its front matter nor its file name makes a name of letters and digits',
    nameTaken: (own: string, name: string) =>
      `${own} is the name of something else here; it is called ${name}`,
    sameName: (name: string, other: string) =>
      `the name ${name} is that of ${other}, and so is its file name; expected another`,
    renamed: (name: string, other: string, as: string) =>
      `the name ${name} is that of ${other}; it is called ${as}, as its file`,
    unknownModel: (model: string) =>
      `the model “${model}” is unknown; it thinks with the group’s own (expected opus, sonnet, haiku, fable, inherit or claude-…)`,
  },
  skills: {
    none: 'There are no skills here.',
    title: 'What I know how to do:',
    from: { group: 'of this group', global: 'for all groups', shipped: 'comes with me' },
    howToAdd: 'A skill is a file skills/NAME/SKILL.md in a group’s folder, or in groups/global for all.',
  },
  team: {
    none: 'There are no specialists here.',
    title: 'The specialists here:',
    global: 'for all groups',
    howToAsk: (trigger: string | null) =>
      `Ask one with /ask NAME and your question${trigger === null ? '' : `, or “${trigger} ask NAME …”`}.`,
    howToAdd:
      'To add one, send its Markdown file with the caption /team add GROUP (the folder of a group, or global for all).',
    howToRemove: 'To lay one aside: /team remove NAME [FOLDER].',
    removeWhom:
      'Whom? Write /team remove NAME, with the folder of a group, or global, where it is not main’s own.',
    noneToRemove: (name: string, folder: string, near: string | null) =>
      `there is no specialist “${name}” in ${folder}/agents${near === null ? '' : `; near: ${near}`}`,
    confirmRemove: (file: string) =>
      `Lay ${file} aside? It can be asked no more; the file stays in agents/removed.`,
    removeIt: 'Lay it aside',
    removed: (file: string, to: string) => `Laid aside: ${file}. It is kept as ${to}.`,
    isGone: (file: string) => `${file} is not there any more. Nothing was changed.`,
    bad: 'Files that I cannot use:',
    otherwise: 'Used otherwise than it is written:',
    askWhom: 'Whom? Write /ask NAME and your question.',
    unknown: (name: string, near: string | null) =>
      near === null
        ? `I know no specialist “${name}” here.`
        : `I know no specialist “${name}” here. Near: ${near}.`,
    allAre: (names: string) => `There are: ${names}.`,
    askWhat: (name: string) => `What shall I ask ${name}? Write /ask ${name} and your question.`,
    needsFile: 'Send the specialist’s Markdown file as a document, with /team add GROUP as its caption.',
    needsMarkdown: (name: string) =>
      `“${name}” is no Markdown file: expected a document whose name ends in .md`,
    wrongPlace: (place: string) =>
      `there is no group with the folder “${place}”; expected one of /groups, or global`,
    isFetched: 'I fetch the file and tell you what becomes of it.',
    notFetched: (name: string, why: string) => `“${name}” could not be fetched: ${why}`,
    added: (name: string, file: string) =>
      `Added: ${name} (${file}). It can be asked from the next message on.`,
    isThere: (file: string) =>
      `${file} is there already, with other words. It stays as it is; send yours under another name, or remove that one first`,
    refusedFile: (file: string, line: number | null, reason: string) =>
      line === null ? `${file}: ${reason}` : `${file}, line ${line}: ${reason}`,
  },

  // MCP servers
  mcp: {
    none: 'There are no MCP servers here.',
    title: (folder: string) => `MCP servers of ${folder}:`,
    states: { approved: 'approved', waiting: 'waits for approval in main', refused: 'refused' },
    /** `what`: its command or address. */
    line: (name: string, what: string, state: string) => `${name} – ${what} (${state})`,
    trouble: (detail: string) => `  It did not work last time: ${detail}`,
    bad: 'What I cannot use:',
    badFile: (reason: string) => `mcp.json: ${reason}`,
    badOne: (name: string, reason: string) => `mcp.json, ${name}: ${reason}`,
    badServer: (detail: string) => detail,
    notJson: (detail: string) => `expected JSON (${detail})`,
    noServers: 'expected an object with the key mcpServers, which holds the servers by their names',
    unknownKeys: (keys: string) => `expected the key mcpServers alone, found ${keys}`,
    tooManyServers: (most: number) => `expected at most ${most} servers`,
    howTo: '/mcp approve, refuse or remove, with FOLDER NAME. Approving shows it first.',
    noContainers: 'Agents run as plain processes here: without Docker none of them is started.',
    /** `shown` is the definition, word for word. */
    ask: (group: string, folder: string, shown: string, about: string) =>
      `In “${group}” (${folder}), mcp.json names an MCP server that nobody has approved yet. Exactly this (what is not plain ASCII stands as \\u and its number):\n\n${shown}\n\n${about}\nMay its agent use it?`,
    isStdio:
      'It would be started in the group’s container, with the rights and the network of its agent. Approved is this command, not what it fetches or what stands in the files that it starts.',
    isHttp: (host: string) => `I would talk to ${host} for the agent, and tell it what that answers.`,
    title1: 'The MCP server',
    approve: 'Approve',
    refuse: 'Refuse',
    approved: (name: string, folder: string) =>
      `Approved: ${name} in ${folder}, exactly as it was shown. It counts from the next message there.`,
    refused: (name: string, folder: string) =>
      `Refused: ${name} in ${folder}. I do not ask about this one again.`,
    removed: (name: string, folder: string) => `${name} in ${folder} is not approved any more.`,
    more: (folder: string, most: number) =>
      `In ${folder} still more MCP servers wait for approval. I have asked ${most} times within a day and ask no more until tomorrow: /mcp ${folder} shows them.`,
    how: 'expected /mcp FOLDER, or /mcp approve, refuse or remove with FOLDER NAME',
    unknown: (name: string, folder: string) =>
      `there is no MCP server “${name}” in groups/${folder}/mcp.json`,
    unusable: (name: string, reason: string) => `the MCP server “${name}” cannot be used: ${reason}`,
    notApproved: (name: string, folder: string) => `no MCP server “${name}” is approved in ${folder}`,
    changed: (name: string, folder: string) =>
      `“${name}” in groups/${folder}/mcp.json is not what was shown; nothing was decided. /mcp approve ${folder} ${name} shows it as it is now`,
    failed: (name: string, detail: string) =>
      `The MCP server “${name}” did not work, and I went on without it: ${detail}`,
    worksAgain: (name: string) => `The MCP server “${name}” works again.`,
  },

  // Forgetting
  forgetTitle: 'Forget messages?',
  forgetHow: (isMain: boolean) =>
    `Send /forget as a reply to a message${isMain ? '' : ' of yours'}, or /forget mine with all, today or a time like 1h.${isMain ? ' Of a group: /forget FOLDER, with a name and a time if you like.' : ''}`,
  forgetNotYours: 'That is not a message of yours. In the main group, any can be forgotten.',
  nothingToForget: 'There is nothing to forget: I have no such message.',
  forgetThem: 'Forget them',
  forgetting: 'I am forgetting that.',
  confirmForget: (about: {
    count: number;
    more: boolean;
    mine: boolean;
    who: string | null;
    group: string | null;
    since: string | null;
  }) => {
    const what = `${counted(about.count, 'message', 'messages')}${about.more ? ' or more' : ''}`;
    const whose = about.mine ? ' of yours' : about.who === null ? ', everybody’s,' : ` of ${about.who}`;
    const where = about.group === null ? 'here' : `in “${about.group}”`;
    const since = about.since === null ? '' : ` since ${about.since}`;
    return `Forget ${what}${whose} ${where}${since}, with their files and my answers to them? This cannot be undone.`;
  },
  forgotten: (
    done: {
      messages: number;
      entries: number;
      answers: number;
      files: number;
      lines: number;
      kept: number;
      left: number;
      conversations: number;
      renewed: number;
      busy: number;
      notes: string[];
      mains: boolean;
    },
    held: { count: number; first: string; last: string; until: string | null } | null,
  ) =>
    [
      `Forgotten: ${counted(done.messages, 'message', 'messages')}, ${counted(done.answers, 'answer', 'answers')} of mine to them, ${counted(done.entries, 'entry', 'entries')} of the search index, ${counted(done.files, 'file', 'files')}, ${counted(done.lines, 'line', 'lines')} of archives and notes, ${counted(done.conversations, 'conversation', 'conversations')} with the model${done.renewed > 0 ? ': the next message begins a fresh one' : ''}.`,
      ...(done.kept > 0
        ? [
            `Not yet: ${counted(done.kept, 'message', 'messages')} that I am still working on; say it again later.`,
          ]
        : []),
      ...(done.left > 0
        ? [
            `Not removed: ${counted(done.left, 'file or archive', 'files or archives')} in the group’s folder: too large, too many, or I may not change them. Whoever runs me can look there.`,
          ]
        : []),
      ...(done.busy > 0
        ? ['A turn was running: what it still writes down stays. Say it again when it is over.']
        : []),
      ...(done.notes.length > 0
        ? [`Notes that still quote it: ${done.notes.join(', ')}. Change those lines, or have me change them.`]
        : []),
      ...(held === null
        ? []
        : [
            `Backups that still hold it: ${held.count}, made from ${held.first} to ${held.last}; ${held.until === null ? 'they stay until somebody removes them' : `the last of them goes about ${held.until}, as newer ones are made`}.`,
          ]),
      `What I cannot remove: what Telegram itself shows here, what a model’s server keeps, ${done.mains ? '' : 'what I was told of it in the main group (main can have it forgotten there), '}and copies that were made elsewhere.`,
    ].join('\n'),

  // While a turn runs
  /** `doing`: a tool's name or a plain word. */
  progress: (ms: number, doing: string | null) =>
    `Working for ${formatDuration(ms)}${doing === null ? '' : `: ${doing}`} …`,
  stopIt: 'Stop',
  turnIsOver: 'That is over already.',
  mayNotStop: 'You may not stop this.',
  tooManyPresses: 'That was very many presses within a minute. Please wait a moment, then press again.',

  // Questions with buttons
  whichTask: {
    pause: 'Which task shall be paused?',
    resume: 'Which task shall run again?',
    cancel: 'Which task shall be cancelled?',
    run: 'Which task shall run now?',
  },
  noSuchTask: {
    pause: 'There is no active task.',
    resume: 'There is no paused task.',
    cancel: 'There are no scheduled tasks.',
    run: 'There are no scheduled tasks.',
  },
  confirmCancel: (task: string) => `Cancel this task? It cannot be undone.\n${task}`,
  cancelIt: 'Cancel the task',
  whichFailure: 'What shall be tried again?',
  noFailure: 'Nothing has failed within the last seven days that was not tried again.',
  whichGroup: 'Which group shall be unregistered?',
  noGroup: 'There is no group besides this one.',
  confirmUnregister: (name: string, folder: string) =>
    `Unregister “${name}”? I answer there no more, what waits there is dropped and its tasks are paused. Its folder ${folder} stays.`,
  unregisterIt: 'Unregister it',
  whichChat: 'Which chat shall be registered?',
  noChat: 'There is no other chat that I am in. Add me to one, or write to me from it.',
  confirmRegister: (name: string, jid: string, folder: string) =>
    `Register “${name}” with folder ${folder}? For another folder: /register ${jid} FOLDER`,
  registerAs: (folder: string) => `Register as ${folder}`,
  pageOf: (page: number, pages: number) => `(page ${page} of ${pages})`,
  before: '‹ Before',
  further: 'Further ›',
  back: '‹ Back',
  neverMind: 'Never mind',
  notNow: 'Not now',
  nothingChanged: 'Nothing was changed.',

  // Presses that do nothing
  mayNotDecide: 'You may not decide this.',
  outdated: 'These buttons are outdated. Send the command again.',
  tooLate: (question: string) => `${question}\nNobody decided for a day. Send the command again.`,
  decidedAlready: (answer: string) => `That was decided already: ${answer}`,
  changedMeanwhile: 'That has changed meanwhile. Please look again.',

  // What agents ask, with buttons
  chose: (who: string, choice: string) => `${who} chose: ${choice}`,
  chosen: (choice: string) => `Chosen: ${choice}`,
  chosenIn: (choice: string, group: string) => `Chosen in “${group}”: ${choice}`,
  askedExpired: '(Nobody answered within a week.)',
  askedOver: 'This question is outdated.',
  askedAnswered: 'Somebody has answered that already.',

  // Chats that come and go
  addedTo: (name: string, by: string, folder: string) =>
    `${by} added me to “${name}”. Register it with folder ${folder}, so that I answer there?`,
  addedToMany: (name: string, most: number) =>
    `I was added to “${name}” as well, and to more than ${most} chats within an hour. I ask no more about such chats for an hour; /register shows them all.`,
  removedFrom: (name: string, by: string) =>
    `${by} removed me from “${name}”: I neither hear nor answer anybody there. It stays registered; /unregister ends that.`,
  backIn: (name: string, by: string) => `${by} added me to “${name}” again.`,
  pauses: {
    removed: 'I was removed from it',
    blocked: 'I was blocked',
    restricted: 'I lack the right to',
    gone: 'the chat is not there any more',
  },
  /** `why` out of pauses. */
  pausedSince: (why: string, time: string) => `paused since ${time}: ${why}`,
  cannotWriteIn: (name: string, why: string) =>
    `I cannot write in “${name}” any more: ${why}. It is paused; what waits there waits for a week, and I go on by myself as soon as I can.`,
  canWriteIn: (name: string) => `I can write in “${name}” again and go on there.`,
  waitsThere: (questions: number, replies: number) =>
    `Waiting there: ${counted(questions, 'question', 'questions')} and ${counted(replies, 'reply', 'replies')}.`,
  wasAway: 'I could not write here for a while. What had waited stands above, and I go on now.',
  gaveUpMeanwhile: (count: number) =>
    `I could not write here for more than a week, and gave up ${counted(count, 'question or reply', 'questions and replies')} that had waited so long. Please ask again.`,
  somebody: 'somebody',

  // Strangers, pairing and setup
  notSetUp: (name: string) =>
    `Hello, I am ${name}. Nobody has set me up yet. If this is your NanoClaw: run "nanoclaw pair" on its machine and send me the line that it prints.`,
  notForYou: (name: string) =>
    `Hello, I am ${name}. I work for a few chats only, and this is none of them, so I cannot help you. What you write here is not kept.`,
  wrongCode:
    'That code is not valid. It works once and for ten minutes; "nanoclaw pair" on the machine prints a new one.',
  lastWrongCode: 'That code is not valid either. This chat can try again in an hour.',
  isMainNow:
    'This is the main group now: from here you administer the others. Just write, and I answer; /help shows the commands.',
  everybodyMay:
    'Everybody who writes here may do that. To narrow it: nanoclaw groups set main --senders admins',
  setupDone: (name: string, thinksWith: string | null, asService: boolean) => {
    const model = thinksWith
      ? `I think with ${thinksWith}`
      : 'I have no model yet, so I answer only the simplest things';
    return `Hello, I am ${name}, and my setup is done. ${model}${asService ? ', and I am here from every boot on.' : '.'}\nJust write to me here. /help shows what else there is; add me to a group and send /register here, and I work there, too.`;
  },

  // Limits
  tooManyByOne: (most: number) =>
    `That was more than ${counted(most, 'request', 'requests')} within a minute from one person. I do not answer what is beyond it; please write again in a minute.`,
  tooManyHere: (most: number) =>
    `That was more than ${counted(most, 'request', 'requests')} within a minute in this group. I do not answer what is beyond it; please write again in a minute.`,
  tooManyTurns: (most: number, time: string) =>
    `I have had ${counted(most, 'turn', 'turns')} here within an hour, which is the limit. I go on at ${time} and answer then what was written until then.`,

  // Usage and allowances
  amount: (unit: 'usd' | 'tokens', amount: number) =>
    unit === 'usd' ? dollars().format(amount) : counted(amount, 'token', 'tokens'),
  per: { day: (amount: string) => `${amount} a day`, month: (amount: string) => `${amount} a month` },
  used: (turns: number, tokens: number, usd: number) =>
    `${counted(turns, 'turn', 'turns')}, ${counted(tokens, 'token', 'tokens')}, ${dollars().format(usd)}`,
  usageToday: (used: string) => `Today: ${used}.`,
  usageThisMonth: (used: string) => `This month: ${used}.`,
  usageOf: (what: string, used: string) => `– ${what}: ${used}`,
  usageByPeople: 'This month by person:',
  usageByTasks: 'This month by task:',
  usageByGroups: 'This month by group:',
  forAll: 'all groups together',
  forGroup: (name: string) => `group “${name}”`,
  forPerson: (id: string) => `person ${id}`,
  allowanceStands: (whose: string, amount: string, used: string, left: string) =>
    `Allowance of ${whose}: ${amount}. Used: ${used}; left: ${left}.`,
  noAllowances: 'There are no allowances.',
  allowanceOff: (whose: string) => `There is no allowance of ${whose} any more.`,
  allowanceSpent: (until: string) =>
    `The allowance for this is used up. What is written here waits, and I answer it from ${until} on, or as soon as the main group tops it up. Tasks do not run until then.`,
  personSpent: (until: string) =>
    `Your allowance is used up, so I do not answer this. Please ask again after ${until}, or once the main group has topped it up.`,
  askTopUp: (whose: string, amount: string, until: string) =>
    `The allowance of ${whose} is used up (${amount}). It begins anew ${until}. Top it up?`,
  topUp: 'Top up the allowance?',
  topUpBy: (amount: string) => `Top up by ${amount}`,
  toppedUp: (whose: string, amount: string) => `The allowance of ${whose} was topped up by ${amount}.`,

  // Answers that come later, or not as they should
  cannotWork:
    'I cannot work just now. Your message is kept, and I answer as soon as I can; you need not repeat it.',
  refusedByTelegram: 'Telegram refused a message of mine. The operator finds the reason in the log.',
  maybeLost: 'A message of mine may not have arrived: the connection broke twice while I sent it.',
  cut: (most: number) =>
    `[The reply was longer than ${counted(most, 'character', 'characters')}; the rest is left out.]`,
  freshSession:
    'I could not go on with our earlier conversation, so I began a fresh one. Files and notes stay.',
  idleSession: (age: string) =>
    `Nobody asked me here for ${age}, so I begin a fresh conversation. Files and notes stay.`,
  tooLong: 'Our conversation had grown too long, so I answer in a fresh one. Files and notes stay.',
  quotaUntil: (time: string) =>
    `The limit of the model account is used up. Your message is kept; I try again at ${time}.`,
  /** One plain sentence for each final failure; by its code in docs/errors.md. */
  failures: {
    credential: 'I could not answer: the model refused the credential. The operator has to renew it.',
    quota: 'I could not answer: the limit of the model account is used up. Please try again later.',
    overload:
      'I could not answer: the model could not be reached after several tries. Please ask again later.',
    context_too_long:
      'I could not answer: this is more text than I can take in at once. Please ask for a smaller part.',
    stale_session:
      'I could not answer: our conversation could not be resumed. Begin a fresh one with /new and ask again.',
    model:
      'I could not answer: the model that I am set to use is not there, or cannot work with tools. The operator has to choose another.',
    max_turns: 'I stopped: this needed more steps than I am allowed in one turn. Ask for a smaller part.',
    allowance:
      'I stopped in the middle of it: the allowance for this is used up. Ask again once it begins anew, or once the main group has topped it up.',
    out_of_memory: (mb: number) =>
      `I could not finish: the work needed more than the ${mb} MB of memory I have.`,
    timeout: (seconds: number) => {
      const minutes = Math.round(seconds / 60);
      const time =
        minutes < 1
          ? `${seconds} seconds`
          : minutes === 1
            ? 'a minute'
            : counted(minutes, 'minute', 'minutes');
      return `I could not finish: there was no progress for ${time}, twice.`;
    },
    stalled:
      'I could not finish: the model fell silent in the middle of the work, twice. Please ask again later.',
    gate: 'The script of the task has failed.',
    workspace:
      'I could not begin: I may not write into this group’s folder. The operator has to look at its owner.',
    network:
      'I do not start here: this group’s network policy cannot be enforced on my machine. The operator has to change one of the two.',
    engine: 'I could not begin: my container could not be started. The operator finds the reason in the log.',
    other:
      'I could not answer: something went wrong several times in a row. The operator finds the reason in the log.',
  },

  // Tasks
  every: (ms: number) => `every ${formatDuration(ms)}`,
  cron: (fields: string) => `cron ${fields}`,
  once: (at: string) => `once ${at}`,
  nextRun: (ms: number, zone: string) => `next run ${localTime(ms, zone)} (${zone})`,
  noFurtherRun: 'no further run',
  taskStates: { active: 'active', paused: 'paused', done: 'done', cancelled: 'cancelled' },
  taskFailed: (id: string, prompt: string, why: string, next: string) =>
    `Task ${id} (“${prompt}”) has failed. ${why} (${next})`,
  taskFailedOften: (id: string, prompt: string, times: number, why: string) =>
    `Task ${id} (“${prompt}”) has failed ${counted(times, 'time', 'times')} in a row and is paused now. ${why}`,
  inGroup: (name: string, said: string) => `In ${name}: ${said}`,

  // /status in a group that is not main
  up: (time: string) => `Up for ${time}.`,
  allIsWell: 'All is well.',
  notAllIsWell: 'Something is not all right; the main chat knows more.',
  here: (what: string) => `Here: ${what}`,
  atWork: (what: string | null) =>
    what === null ? 'I am at work on something.' : `I am at work on something: ${what}.`,
  waitsForPlace: 'Something waits for a free place.',
  backsOff: 'Something failed or has to wait, and is tried again.',
  nothingGoesOn: 'Nothing is going on.',
  phases: {
    container: 'its agent is starting',
    first_output: 'the model has not answered yet',
    reply: 'answering',
  },
  phaseFor: (phase: string, time: string) => `${phase} for ${time}`,
  aTask: 'a task',
  attempt: (attempt: number) => `attempt ${attempt}`,
  nextTaskIn: (time: string) => `Next task here: in ${time}.`,
  nextTaskDue: (time: string) => `Next task here: due for ${time}.`,

  // /why
  noMessage: (id: number) => `I have no message ${id} of this chat.`,
  beforeRegistration:
    'It was written before this chat was registered, or Telegram did not show it to the bot (privacy mode).',
  onlyNameKept: 'This chat is not registered: of such chats only the name is kept.',
  messageFrom: (id: number, name: string, time: string, stored: string) =>
    `Message ${id} from ${name}, ${time}; stored ${stored}.`,
  fromElsewhere: 'It was sent here from another chat.',
  turnsUsedUp: (time: string) => `The chat has had its turns of this hour; it goes on ${time}.`,
  allowanceUsedUp: (time: string) =>
    `The allowance for it is used up; it goes on ${time}, or once main tops it up.`,
  waitsForModel: 'What this group thinks with cannot be asked; the main chat knows what is missing.',
  attemptOf: (kind: 'task' | 'messages', id: string, attempt: number, queued: string, began: string) =>
    `The ${kind === 'task' ? 'task' : 'turn'} ${id}, attempt ${attempt}: queued ${queued}, began ${began}`,
  after: (time: string) => `after ${time}`,
  turnStates: {
    queued: 'queued',
    running: 'running',
    done: 'done',
    failed: 'failed',
    retried: 'retried',
    stopped: 'stopped',
  },
  replyIs: (id: number, how: string) => `Reply ${id}: ${how}`,
  sentAs: (time: string, messageId: number | null) => `sent ${time} as message ${messageId}`,
  tries: (count: number) => counted(count, 'try', 'tries'),
  replyStates: {
    pending: 'pending',
    sending: 'sending',
    sent: 'sent',
    uncertain: 'uncertain',
    failed: 'failed',
  },
  detailsGone: 'The details of its turn are not kept any more (KEEP_HISTORY).',
  nothingToSay: 'The agent had nothing to say.',
  because: {
    mention: 'it names her',
    reply: 'it replies to her',
    command: 'it is a command',
    always: 'everything here is for her',
    album: 'its album is for her',
    voice: 'her name is spoken in it',
    answer: 'it answers her question',
  },
  /** `why` out of pauses. */
  waitsForPause: (why: string, time: string) => `The group is paused since ${time}: ${why}.`,
  waitsForTurn: (because: string) => `Meant for Nina${because}; it waits for its turn.`,
  beingAnswered: (because: string) => `Meant for Nina${because}; it is being answered.`,
  answered: (because: string) => `Meant for Nina${because}; answered.`,
  failed: (because: string, why: string) => `Meant for Nina${because}; it failed: ${why}.`,
  wasStopped: (because: string, by: string | null) =>
    `Meant for Nina${because}; stopped${by === null ? '' : `: ${by}`}.`,
  notForNina: (why: string, wasShown: boolean) =>
    wasShown
      ? `Not meant for Nina: ${why}. It was shown to her as context.`
      : `Not meant for Nina: ${why}. It will be shown to her as context with the next question.`,
  notAllowed: (why: string) => `Not allowed: ${why}. Nina does not see it.`,
  wasCommand: (command: string) => `A command (${command}) that the daemon answered itself.`,
  own: 'Written by Nina.',
  service: 'A change in the chat, nothing that was said.',
  unregisteredMessage: (why: string | null) => `unregistered${why === null ? '' : `: ${why}`}.`,
  noTrigger: 'no trigger',
  unknown: 'unknown',

  /** What stands in the database in English; at most one parameter, a text. */
  reasons: {
    byBot: 'sent by another bot',
    superseded: 'superseded by an edit without a trigger',
    badRules:
      'the file with the sender rules is malformed, so nobody is admitted until the operator mends it',
    notAdmin: 'the sender is not an administrator of the chat',
    notListed: 'the sender is not one of those who may ask here',
    allowanceSpent: 'the allowance is used up',
    personSpent: 'the allowance of who wrote it is used up',
    tooManyByOne: (most: string) => `more than ${most} requests within a minute from one person`,
    tooManyHere: (most: string) => `more than ${most} requests within a minute in this group`,
    stoppedBy: (who: string) => `by ${who}`,
    pausedBy: (who: string) => `paused by ${who}`,
    unregistered: 'the group was unregistered',
    notRegistered: 'the chat is not registered',
    groupGone: 'its group is not registered any more',
    badSchedule: (why: string) => `its schedule cannot be computed: ${why}`,
    pausedTooLong: 'I could not write here for a week',
    resultUnknown: (why: string) => `result unknown twice, it may have arrived: ${why}`,
    failedOften: (times: string) => `failed ${times} times in a row`,
  },

  /** Of what only the operator can put right; for main. `since`: as minute() writes it. */
  problems: {
    /** `provider`: empty where it is everybody's. */
    credential: {
      begins: (_: string, provider: string) =>
        provider === ''
          ? 'The model refuses the credential, so I cannot answer anybody. Renew it in .env and restart me.'
          : `The model server of ${provider} refuses the credential, so I cannot answer the groups that think with it. Renew it in .env and restart me.`,
      ends: (provider: string) =>
        provider === ''
          ? 'The model accepts the credential again.'
          : `The model server of ${provider} accepts the credential again.`,
    },
    quota: {
      begins: (detail: string) => `The limit of the model account is used up, so answers wait: ${detail}`,
      ends: () => 'The model account has room again.',
    },
    engine: {
      begins: (detail: string) => `I cannot start agents, so messages wait: ${detail}`,
      ends: () => 'Agents can be started again.',
    },
    image: {
      begins: (detail: string) => `The agents’ image is missing, so messages wait: ${detail}`,
      ends: () => 'The agents’ image is there again.',
    },
    provider: {
      begins: (detail: string, folder: string) => `I cannot answer in “${folder}”: ${detail}.`,
      ends: (folder: string) => `I can answer in “${folder}” again.`,
    },
    workspace: {
      begins: (detail: string, folder: string) =>
        `The agent of “${folder}” may not write into its folder: ${detail}`,
      ends: (folder: string) => `The agent of “${folder}” can write into its folder again.`,
    },
    network: {
      begins: (detail: string, folder: string) => `The agent of “${folder}” does not start: ${detail}`,
      ends: (folder: string) => `The agent of “${folder}” starts again.`,
    },
    disk: {
      begins: (detail: string) => `My database cannot be written, so nothing new is taken: ${detail}`,
      ends: (_: string, since: string) =>
        `My database could not be written from ${since} on; now it can again.`,
    },
    mount: {
      begins: (detail: string, name: string) =>
        `The extra folder “${name}” is not as it should be: ${detail}`,
      ends: (name: string) => `The extra folder “${name}” is no longer a problem.`,
    },
    telegram_conflict: {
      begins: (detail: string) => `I get no messages: ${detail}`,
      ends: () => 'I get messages again.',
    },
    telegram_token: {
      begins: () => 'Telegram refuses the bot token.',
      ends: (_: string, since: string) =>
        `Telegram refused the bot token from ${since} on; now it accepts it again.`,
    },
    sender_rules: {
      begins: (detail: string) =>
        `The sender rules cannot be used: ${detail}. Until that file is mended nobody is admitted in any group, nor here.`,
      ends: () => 'The sender rules are sound again and in force.',
    },
    backup: {
      begins: (detail: string) => `The scheduled backup did not work: ${detail}`,
      ends: () => 'The scheduled backup works again.',
    },
    forgetting: {
      begins: (detail: string) => `What is to be forgotten (/forget) cannot be removed so far: ${detail}`,
      ends: () => 'What was to be forgotten can be removed again.',
    },
  },

  /** Why a command was refused, as the end of a sentence. The command line and the model are told the English one. */
  refused: {
    forgetSince: (text: string) =>
      `expected all, today, a day like 2026-11-02 or a time like 1h or 3d, got “${text}”`,
    nobodyCalled: (name: string, group: string) => `nobody in “${group}” is called “${name}”`,
    severalCalled: (name: string, ids: string) => `several are called “${name}”; say which by id: ${ids}`,
    registerHow: 'expected /register CHAT FOLDER [NAME]; /groups shows the chats',
    notThere: (name: string) => `I am not in “${name}” any more`,
    neverSeen: (chat: string) => `I have never seen a chat ${chat}`,
    notRegistered: (chat: string) => `chat ${chat} is not registered`,
    notRegisteredNow: (chat: string) => `chat ${chat} is not registered any more`,
    chatTaken: (chat: string, folder: string) =>
      `chat ${chat} is registered already, with folder "${folder}"`,
    folderTaken: (folder: string) => `folder "${folder}" belongs to another group already`,
    hasMain: (name: string, chat: string) => `there is a main group already: "${name}" (${chat})`,
    mainStays: 'the main group cannot be unregistered by a command; use nanoclaw groups remove --force',
    chatId: 'chat: expected a Telegram chat id such as -1001234567890',
    name: 'name: expected 1 to 128 characters',
    folder: 'folder: expected 1 to 63 of a-z, 0-9, - and _, beginning with a letter or a digit',
    folderReserved: (folder: string) => `folder: "${folder}" is reserved; expected another name`,
    folderOfMain: 'folder: "main" is for the main group (--main)',
    provider: (known: string, got: string) => `provider: expected ${known} or default, got “${got}”`,
    model: (got: string) =>
      `model: expected a name of up to 200 characters without spaces, as its provider calls it, or default, got “${got}”`,
    effort: (known: string, got: string) => `effort: expected ${known} or default, got “${got}”`,
    maxTurns: (most: number, got: string) =>
      `turns: expected a whole number from 1 to ${most}, or default, got “${got}”`,
    maxThinking: (least: number, most: number, got: string) =>
      `thinking: expected 0 for none, ${least} to ${most} tokens, or default, got “${got}”`,
    modelTwice: (what: string) => `${what} is said twice`,
    modelWhat: (what: string) => `${what}: a value is missing behind it`,
    lacks: {
      claude:
        'claude needs ANTHROPIC_API_KEY, CLAUDE_CODE_OAUTH_TOKEN or ANTHROPIC_AUTH_TOKEN in .env, and a restart',
      openai: 'openai needs OPENAI_BASE_URL, or OPENAI_API_KEY for OpenAI itself, in .env, and a restart',
      openaiModel: 'openai needs a model: name one for the group, or set OPENAI_MODEL in .env',
      isolation: 'only the offline agent works without containers',
    },
    allowanceWhose: (text: string) =>
      `"${text}" is nobody's allowance; expected the folder of a group, all, or person:ID with a Telegram id`,
    allowanceHowMuch: (text: string) =>
      `"${text}" is no allowance; expected an amount above 0 like 1usd/day, 0.50usd/month or 50000tokens/day`,
    allowanceHow: 'expected /allowance FOLDER|all|person:ID and then 1usd/day, 50000tokens/month or off',
    noAllowance: (what: string) => `there is no allowance "${what}"; /allowance lists those there are`,
    topUp: (amount: string) =>
      `"${amount}" is no amount to top up by; expected a number above 0, whole for tokens`,
    periodIsOver: 'the time that it was for is over, and a new one has begun',
    noFolder: (folder: string) => `there is no group with the folder "${folder}"; /groups lists them`,
    noTask: (id: string) => `there is no task "${id}"; expected the id of one of the listed tasks`,
    taskIsOver: (id: string, state: 'done' | 'cancelled') => `task ${id} is ${state}`,
    taskIsPaused: (id: string) => `task ${id} is paused already`,
    taskIsActive: (id: string) => `task ${id} is not paused`,
    taskWithoutGroup: (id: string) => `the group of task ${id} is not registered`,
    taskWaits: (id: string) => `task ${id} is waiting to run or running already`,
    taskJustRan: (id: string) => `task ${id} has just been run`,
    timeIsPast: (at: string, zone: string) =>
      `"${at}" is in the past in ${zone}; expected a time that is still to come`,
    noTurn: (id: string) => `there is no turn ${id} (any more)`,
    noMessage: (id: number) => `I have no message ${id} of this chat`,
    waitsAlready: 'that message waits for its answer already',
    didNotFail: 'that message was not one that failed',
    fromElsewhere: 'it was sent from another chat',
    triedAgain: 'it was tried again already',
    taskRanSince: 'its task has run again since, or is over',
    taskIsGone: 'there is no such task any more',
    turns: {
      queued: 'it is being worked on',
      running: 'it is being worked on',
      done: 'it did not fail',
      retried: 'it is tried again by itself',
      stopped: 'it was stopped; ask again if you want it after all',
    },
  },
};
