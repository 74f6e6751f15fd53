/** What the daemon says in chats by itself, in German. How to add a sentence: en.ts. */
import { ageOf, durationOf, type Length, type Unit } from '../lib/duration.ts';
import { lazily } from '../lib/lazily.ts';
import type { Words } from '../words.ts';
import { countedIn, countIn } from './counted.ts';

const dollars = lazily(
  () => new Intl.NumberFormat('de', { style: 'currency', currency: 'USD', maximumFractionDigits: 4 }),
);
const counted = countedIn('de');
const count = countIn('de');

const unit = (name: string) =>
  lazily(() => new Intl.NumberFormat('de', { style: 'unit', unit: name, unitDisplay: 'short' }));
const UNITS: Record<Unit, () => Intl.NumberFormat> = {
  d: unit('day'),
  h: unit('hour'),
  min: unit('minute'),
  s: unit('second'),
};
const lengthOf = (length: Length): string =>
  length.map(([count, name]) => UNITS[name]().format(count)).join(' ');

const MINUTE = {
  weekday: 'short',
  day: 'numeric',
  month: 'numeric',
  year: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
} as const satisfies Intl.DateTimeFormatOptions;
const clock = (ms: number, timeZone: string, form: Intl.DateTimeFormatOptions): string =>
  new Intl.DateTimeFormat('de', { timeZone, ...form }).format(ms);

const LOOK = 'Wer mich betreibt, findet den Grund im Protokoll.';

export const DE: Words = {
  time: (ms, zone) => clock(ms, zone, { ...MINUTE, second: '2-digit' }),
  minute: (ms, zone) => clock(ms, zone, MINUTE),
  timeOfDay: (ms, zone) => clock(ms, zone, { hour: '2-digit', minute: '2-digit' }),
  duration: (ms) => lengthOf(durationOf(ms)),
  age: (ms) => lengthOf(ageOf(ms)),

  commands: {
    help: { menu: 'was du hier tun kannst' },
    status: { menu: 'ist alles in Ordnung?' },
    tasks: { menu: 'die geplanten Aufgaben' },
    why: { menu: 'als Antwort: was aus der Nachricht wurde' },
    stop: {
      menu: 'beenden, was ich hier gerade tue',
      help: '[all] – beenden, was ich hier gerade tue; all: in allen Themen der Gruppe',
    },
    new: { menu: 'ein neues Gespräch beginnen' },
    context: { menu: 'wie voll das Gespräch ist' },
    team: {
      menu: 'die Fachleute hier',
      help: '– die Fachleute hier, und Dateien, die nicht in Ordnung sind',
    },
    ask: { menu: 'jemanden vom Fach fragen', help: 'NAME FRAGE – jemanden vom Fach fragen' },
    skills: {
      menu: 'was ich zu tun weiß',
      help: '– was ich zu tun weiß, und Dateien, die nicht in Ordnung sind',
    },
    mcp: {
      menu: 'die MCP-Server hier',
      help: '– die MCP-Server hier; in der Hauptgruppe auch [approve | refuse | remove] ORDNER NAME',
    },
    forget: {
      menu: 'deine Nachrichten vergessen lassen',
      help: 'meine [alles | heute | 1h] – deine Nachrichten vergessen; als Antwort: diese eine',
    },
    ping: { menu: 'ein Lebenszeichen' },
    chatid: { menu: 'die Nummer dieses Chats' },
    groups: { menu: 'die Gruppen und die anderen Chats, die ich gesehen habe' },
    register: {
      menu: 'einen Chat zur Gruppe machen',
      help: '[CHAT ORDNER [NAME]] – einen Chat zur Gruppe machen',
    },
    unregister: {
      menu: 'eine Gruppe abmelden; ihre Dateien bleiben',
      help: '[ORDNER] – ihre Dateien bleiben',
    },
    pause: { menu: 'eine Aufgabe nicht weiter ausführen', help: '[AUFGABE] – nicht weiter ausführen' },
    resume: {
      menu: 'eine angehaltene Aufgabe wieder ausführen',
      help: '[AUFGABE] – ab jetzt wieder ausführen',
    },
    cancel: { menu: 'eine Aufgabe für immer beenden', help: '[AUFGABE] – für immer beenden' },
    run: { menu: 'eine Aufgabe einmal ausführen, jetzt', help: '[AUFGABE] – einmal ausführen, jetzt' },
    retry: {
      menu: 'noch einmal versuchen, was nicht ging',
      help: '– noch einmal versuchen, was nicht ging; auch als Antwort darauf',
    },
    audit: { menu: 'wer was getan oder versucht hat', help: '[ORDNER] – wer was getan oder versucht hat' },
    usage: {
      menu: 'was verbraucht wurde und werden darf',
      help: '[ORDNER] – was verbraucht wurde und werden darf',
    },
    model: {
      menu: 'womit die Gruppen denken',
      help: '[ORDNER [ANBIETER] [MODELL] [effort high] [turns 50] [thinking 8000] | ORDNER default] – womit eine Gruppe denkt',
    },
    allowance: {
      menu: 'wie viel verbraucht werden darf',
      help: '[ORDNER|all|person:ID 1usd/day|50000tokens/month|off] – wie viel verbraucht werden darf',
    },
  },

  howToAsk: (trigger) =>
    trigger === null
      ? 'Schreib einfach, und ich antworte.'
      : `Schreib ${trigger} irgendwo in eine Nachricht oder antworte auf eine von mir, und ich antworte.`,
  introduction: (name) => `Ich bin ${name}. Befehle:`,
  onlyInMain: (command) => `/${command} geht nur in der Hauptgruppe.`,
  didNotWork: (why) => `Das ging nicht: ${why}.`,
  pong: 'pong',
  whyNeedsReply: 'Schick /why als Antwort auf die Nachricht, die du meinst.',
  nothingToStop: 'Es gibt nichts anzuhalten.',
  nothingToStopHere:
    'In diesem Thema gibt es nichts anzuhalten. Ich arbeite in einem anderen: dort /stop, oder /stop all.',
  meantForTopic: (topic) => `(Das gehört zum Thema „${topic}“, das geschlossen oder gelöscht ist.)`,
  topicWithoutName: (id) => `Nr. ${id}`,
  stopped: 'Angehalten.',
  freshConversation: 'Mit deiner nächsten Nachricht beginnt ein neues Gespräch. Dateien und Notizen bleiben.',
  conversation: {
    none: 'Hier läuft kein Gespräch: Mit deiner nächsten Nachricht beginnt eines.',
    noneIn: (group) => `In „${group}“ läuft kein Gespräch: Mit der nächsten Nachricht beginnt eines.`,
    general: 'Allgemein',
    since: (time, turns) =>
      `Dieses Gespräch ${time === null ? 'läuft' : `begann am ${time}`}: ${counted(turns, 'Runde', 'Runden')}.`,
    unknown: 'Wie voll es ist, weiß ich nach der nächsten Runde.',
    full: (tokens, window, percent) => `Zu ${percent} % voll: ${count(tokens)} von ${count(window)} Tokens.`,
    room: (said, instructions, tools) =>
      `Davon hat, was gesagt und getan wurde, etwa ${count(said)}, Anweisungen und Gedächtnis ${count(instructions)}, Beschreibungen von Werkzeugen ${count(tools)}.`,
    compacted: (at, percent) =>
      `Bei ${count(at)} (${percent} %) fasse ich es zusammen, bewahre das ganze in conversations/ auf und mache weiter. /new beginnt ein neues.`,
    fresh: '/new beginnt ein neues.',
  },
  noTasks: 'Es gibt keine geplanten Aufgaben.',
  andMore: (count) => `… und ${count} weitere`,
  registeredAlready: (folder) =>
    `Dieser Chat ist schon angemeldet, mit dem Ordner ${folder}. Schick /pair aus einem anderen Chat, oder melde diesen erst ab (nanoclaw groups remove ${folder}).`,
  hasMain: 'Es gibt schon eine Hauptgruppe.',
  mainGroup: 'Hauptgruppe',
  notRegistered: 'nicht angemeldet',
  taskPaused: (id) => `Aufgabe ${id} ist angehalten.`,
  taskActive: (id, next) => `Aufgabe ${id} ist wieder aktiv, ${next}.`,
  taskCancelled: (id) => `Aufgabe ${id} ist beendet.`,
  taskRuns: (id) => `Aufgabe ${id} läuft, sobald ihre Gruppe Zeit hat.`,
  registered: (name, folder, trigger) =>
    `„${name}“ ist angemeldet, mit dem Ordner ${folder}${trigger === null ? '' : ` und der Anrede ${trigger}`}.`,
  unregistered: (name, folder) => `„${name}“ ist abgemeldet. Der Ordner ${folder} bleibt.`,
  nothingNoted: (folder) =>
    folder === undefined ? 'Es ist nichts vermerkt.' : `Zu „${folder}“ ist nichts vermerkt.`,
  times: (count) => `(${count}-mal)`,
  retryNeedsReply: 'Schick /retry als Antwort auf die Nachricht, bei der es nicht ging.',
  triedAgain: (group, taskId) => {
    if (group === null)
      return taskId === null ? 'Ich versuche es noch einmal.' : `Aufgabe ${taskId} läuft noch einmal.`;
    return `In ${group}: ${taskId === null ? 'ich versuche es noch einmal' : `Aufgabe ${taskId} läuft noch einmal`}.`;
  },

  // What groups think with
  modelOf: (folder, thinks, isOwn) => `${folder}: ${thinks}${isOwn ? '' : ' (wie eingestellt)'}`,
  modelSet: (folder, thinks) => `Vom nächsten Mal an denkt ${folder} mit ${thinks}.`,
  otherProviderThere:
    'Das Gespräch dort lässt sich nicht mitnehmen: Mit der nächsten Nachricht beginnt ein neues.',
  noThinkingThere: 'Eine Grenze fürs Nachdenken bedeutet diesem Anbieter nichts.',
  modelHow:
    'Ändern: /model ORDNER und davon, was gemeint ist: ein Anbieter, ein Modell, „effort high“, „turns 50“, „thinking 8000“; „default“ nimmt eins zurück, /model ORDNER default alle.',
  otherProvider:
    'Ich denke hier jetzt mit dem Modell eines anderen Anbieters, das unser Gespräch nicht fortsetzen kann; deshalb beginnt ein neues. Dateien und Notizen bleiben.',
  cannotThink: (what) =>
    `Ich kann hier nicht antworten: ${what}. Deine Nachricht ist aufgehoben, und ich antworte, sobald das in Ordnung ist.`,
  lacks: {
    claude:
      'Diese Gruppe denkt mit Claude, und weder ANTHROPIC_API_KEY noch CLAUDE_CODE_OAUTH_TOKEN noch ANTHROPIC_AUTH_TOKEN ist gesetzt; das macht, wer mich betreibt',
    openai:
      'Diese Gruppe denkt mit einem OpenAI-kompatiblen Server, und weder OPENAI_BASE_URL noch OPENAI_API_KEY ist gesetzt; das macht, wer mich betreibt',
    openaiModel:
      'Diese Gruppe denkt mit einem OpenAI-kompatiblen Server, und weder OPENAI_MODEL noch ein eigenes Modell (/model) sagt, mit welchem Modell',
    isolation:
      'Diese Gruppe denkt mit einem Modell, und ohne Container arbeitet nur der Offline-Agent; wer mich betreibt, muss Docker starten oder ihr den Anbieter offline geben (/model)',
  },

  // Specialists
  files: {
    notUtf8: 'das ist kein UTF-8-Text; speichere die Datei als UTF-8',
    notText: 'sie enthält ein Zeichen, das kein Text hat (NUL)',
    isLink: 'sie ist ein symbolischer Link oder liegt hinter einem; erwartet wird eine eigene Datei',
    noFile: 'sie ist keine gewöhnliche Datei',
    cannotOpen: (code: string) => `sie lässt sich nicht öffnen (${code})`,
    tooLarge: (kb: number) => `sie ist größer als ${kb} KB`,
    tooMany: (count: number) => `diese und die nach ihr bleiben weg: ${count} Dateien sind genug`,
    openFrontMatter:
      'die Kopfangaben, die hier beginnen, haben kein Ende: erwartet wird danach eine Zeile ---',
    longFrontMatter: (most: number) => `die Kopfangaben sind länger als ${most} Zeichen`,
    notYaml: (detail: string) => `die Kopfangaben sind kein YAML: ${detail}`,
    notFields: 'die Kopfangaben sind keine Liste von Feldern: erwartet werden Zeilen wie name: reviewer',
    noInstructions: 'nach den Kopfangaben stehen keine Anweisungen',
    noName: 'weder die Kopfangaben noch der Dateiname ergeben einen Namen aus Buchstaben und Ziffern',
    nameTaken: (own: string, name: string) => `${own} heißt hier schon etwas anderes; der Name ist ${name}`,
    sameName: (name: string, other: string) =>
      `den Namen ${name} hat schon ${other}, und der Dateiname hilft nicht; erwartet wird ein anderer`,
    renamed: (name: string, other: string, as: string) =>
      `den Namen ${name} hat schon ${other}; dieser heißt ${as}, wie die Datei`,
    unknownModel: (model: string) =>
      `das Modell „${model}“ ist unbekannt; gedacht wird mit dem der Gruppe (erwartet: opus, sonnet, haiku, fable, inherit oder claude-…)`,
  },
  skills: {
    none: 'Hier gibt es keine Fertigkeiten.',
    title: 'Das weiß ich zu tun:',
    from: { group: 'von dieser Gruppe', global: 'für alle Gruppen', shipped: 'bringe ich mit' },
    howToAdd:
      'Eine Fertigkeit ist eine Datei skills/NAME/SKILL.md im Ordner einer Gruppe, oder in groups/global für alle.',
  },
  team: {
    none: 'Hier gibt es keine Fachleute.',
    title: 'Die Fachleute hier:',
    global: 'für alle Gruppen',
    howToAsk: (trigger: string | null) =>
      `Frag mit /ask NAME und deiner Frage${trigger === null ? '' : ` oder mit „${trigger} frag NAME …“`}.`,
    howToAdd:
      'Um jemanden hinzuzufügen, schick die Markdown-Datei mit der Beschriftung /team add GRUPPE (der Ordner einer Gruppe, oder global für alle).',
    howToRemove: 'Um jemanden zur Seite zu legen: /team remove NAME [ORDNER].',
    removeWhom:
      'Wen? Schreib /team remove NAME, mit dem Ordner einer Gruppe oder global, wenn es nicht um diese Gruppe geht.',
    noneToRemove: (name, folder, near) =>
      `in ${folder}/agents ist niemand vom Fach namens „${name}“${near === null ? '' : `; ähnlich: ${near}`}`,
    confirmRemove: (file) =>
      `${file} zur Seite legen? Dann kann niemand mehr danach fragen; die Datei bleibt in agents/removed.`,
    removeIt: 'Zur Seite legen',
    removed: (file, to) => `Zur Seite gelegt: ${file}. Die Datei ist jetzt ${to}.`,
    isGone: (file) => `${file} ist nicht mehr da. Es hat sich nichts geändert.`,
    bad: 'Dateien, die ich nicht verwenden kann:',
    otherwise: 'Anders verwendet als geschrieben:',
    askWhom: 'Wen? Schreib /ask NAME und deine Frage.',
    unknown: (name: string, near: string | null) =>
      near === null
        ? `Fachleute mit dem Namen „${name}“ kenne ich hier nicht.`
        : `Fachleute mit dem Namen „${name}“ kenne ich hier nicht. Ähnlich: ${near}.`,
    allAre: (names: string) => `Es gibt: ${names}.`,
    askWhat: (name: string) => `Was soll ich ${name} fragen? Schreib /ask ${name} und deine Frage.`,
    needsFile: 'Schick die Markdown-Datei als Dokument, mit der Beschriftung /team add GRUPPE.',
    needsMarkdown: (name: string) =>
      `„${name}“ ist keine Markdown-Datei: erwartet wird ein Dokument, dessen Name auf .md endet`,
    wrongPlace: (place: string) =>
      `es gibt keine Gruppe mit dem Ordner „${place}“; erwartet wird einer aus /groups oder global`,
    isFetched: 'Ich hole die Datei und sage, was daraus wird.',
    notFetched: (name: string, why: string) => `„${name}“ ließ sich nicht holen: ${why}`,
    added: (name: string, file: string) =>
      `Hinzugefügt: ${name} (${file}). Fragen geht ab der nächsten Nachricht.`,
    isThere: (file: string) =>
      `${file} gibt es schon, mit anderem Inhalt. Sie bleibt, wie sie ist; schick deine unter anderem Namen oder entferne erst diese`,
    refusedFile: (file: string, line: number | null, reason: string) =>
      line === null ? `${file}: ${reason}` : `${file}, Zeile ${line}: ${reason}`,
  },

  // MCP-Server
  mcp: {
    none: 'Hier gibt es keine MCP-Server.',
    title: (folder: string) => `MCP-Server von ${folder}:`,
    states: {
      approved: 'freigegeben',
      waiting: 'wartet auf Freigabe in der Hauptgruppe',
      refused: 'abgelehnt',
    },
    line: (name: string, what: string, state: string) => `${name} – ${what} (${state})`,
    trouble: (detail: string) => `  Zuletzt ging er nicht: ${detail}`,
    bad: 'Was ich nicht brauchen kann:',
    badFile: (reason: string) => `mcp.json: ${reason}`,
    badOne: (name: string, reason: string) => `mcp.json, ${name}: ${reason}`,
    badServer: (detail: string) => detail,
    notJson: (detail: string) => `JSON wurde erwartet (${detail})`,
    noServers: 'ein Objekt mit dem Schlüssel mcpServers wurde erwartet, darin die Server mit ihren Namen',
    unknownKeys: (keys: string) => `allein der Schlüssel mcpServers wurde erwartet, da steht auch ${keys}`,
    tooManyServers: (most: number) => `höchstens ${most} Server wurden erwartet`,
    howTo: '/mcp approve, refuse oder remove, mit ORDNER NAME. Vor der Freigabe wird er gezeigt.',
    noContainers: 'Agenten laufen hier als bloße Prozesse: ohne Docker wird keiner davon gestartet.',
    ask: (group: string, folder: string, shown: string, about: string) =>
      `In „${group}“ (${folder}) nennt mcp.json einen MCP-Server, den noch niemand freigegeben hat. Genau diesen (was kein schlichtes ASCII ist, steht als \\u und Nummer):\n\n${shown}\n\n${about}\nDarf ihr Agent ihn benutzen?`,
    isStdio:
      'Er würde im Container der Gruppe gestartet, mit den Rechten und dem Netz ihres Agenten. Freigegeben ist dieser Befehl, nicht was er holt oder was in den Dateien steht, die er startet.',
    isHttp: (host: string) =>
      `Ich würde für den Agenten mit ${host} sprechen und ihm sagen, was die Antwort ist.`,
    title1: 'Der MCP-Server',
    approve: 'Freigeben',
    refuse: 'Ablehnen',
    approved: (name: string, folder: string) =>
      `Freigegeben: ${name} in ${folder}, genau wie gezeigt. Das gilt von der nächsten Nachricht dort an.`,
    refused: (name: string, folder: string) =>
      `Abgelehnt: ${name} in ${folder}. Nach diesem frage ich nicht wieder.`,
    removed: (name: string, folder: string) => `${name} in ${folder} ist nicht mehr freigegeben.`,
    more: (folder: string, most: number) =>
      `In ${folder} warten noch mehr MCP-Server auf Freigabe. Ich habe an einem Tag ${most}-mal gefragt und frage erst morgen wieder: /mcp ${folder} zeigt sie.`,
    how: '/mcp ORDNER wurde erwartet, oder /mcp approve, refuse oder remove mit ORDNER NAME',
    unknown: (name: string, folder: string) =>
      `in groups/${folder}/mcp.json gibt es keinen MCP-Server „${name}“`,
    unusable: (name: string, reason: string) => `der MCP-Server „${name}“ ist nicht zu brauchen: ${reason}`,
    notApproved: (name: string, folder: string) => `in ${folder} ist kein MCP-Server „${name}“ freigegeben`,
    changed: (name: string, folder: string) =>
      `„${name}“ in groups/${folder}/mcp.json ist nicht mehr das, was gezeigt wurde; entschieden ist nichts. /mcp approve ${folder} ${name} zeigt, was jetzt dort steht`,
    failed: (name: string, detail: string) =>
      `Der MCP-Server „${name}“ ging nicht, ich habe ohne ihn weitergemacht: ${detail}`,
    worksAgain: (name: string) => `Der MCP-Server „${name}“ geht wieder.`,
  },

  // Vergessen
  forgetTitle: 'Nachrichten vergessen?',
  forgetHow: (isMain) =>
    `Schick /forget als Antwort auf eine Nachricht${isMain ? '' : ' von dir'}, oder /forget meine mit alles, heute oder einer Zeit wie 1h.${isMain ? ' Für eine Gruppe: /forget ORDNER, auf Wunsch mit Name und Zeit.' : ''}`,
  forgetNotYours: 'Das ist keine Nachricht von dir. In der Hauptgruppe kann jede vergessen werden.',
  nothingToForget: 'Es gibt nichts zu vergessen: Eine solche Nachricht habe ich nicht.',
  forgetThem: 'Vergessen',
  forgetting: 'Ich vergesse das.',
  confirmForget: (about) => {
    const what = `${counted(about.count, 'Nachricht', 'Nachrichten')}${about.more ? ' oder mehr' : ''}`;
    const whose = about.mine ? ' von dir' : about.who === null ? ' von allen' : ` von ${about.who}`;
    const where = about.group === null ? 'hier' : `in „${about.group}“`;
    const since = about.since === null ? '' : ` seit ${about.since}`;
    return `${what}${whose} ${where}${since} vergessen, mit ihren Dateien und meinen Antworten darauf? Das lässt sich nicht rückgängig machen.`;
  },
  forgotten: (done, held) =>
    [
      `Vergessen: ${counted(done.messages, 'Nachricht', 'Nachrichten')}, ${counted(done.answers, 'Antwort', 'Antworten')} von mir darauf, ${counted(done.entries, 'Eintrag', 'Einträge')} des Suchindex, ${counted(done.files, 'Datei', 'Dateien')}, ${counted(done.lines, 'Zeile', 'Zeilen')} in Archiven und Notizen, ${counted(done.conversations, 'Gespräch', 'Gespräche')} mit dem Modell${done.renewed > 0 ? ': Mit der nächsten Nachricht beginnt ein neues' : ''}.`,
      ...(done.kept > 0
        ? [
            `Noch nicht: ${counted(done.kept, 'Nachricht', 'Nachrichten')}, an denen ich noch arbeite; sag es später noch einmal.`,
          ]
        : []),
      ...(done.left > 0
        ? [
            `Nicht entfernt: ${counted(done.left, 'Datei oder Archiv', 'Dateien oder Archive')} im Ordner der Gruppe: zu groß, zu viele, oder ich darf sie nicht ändern. Wer mich betreibt, kann dort nachsehen.`,
          ]
        : []),
      ...(done.busy > 0
        ? [
            'Gerade lief eine Runde: Was sie noch aufschreibt, bleibt. Sag es noch einmal, wenn sie vorbei ist.',
          ]
        : []),
      ...(done.notes.length > 0
        ? [
            `Notizen, die es noch wörtlich enthalten: ${done.notes.join(', ')}. Ändere diese Zeilen, oder lass mich es tun.`,
          ]
        : []),
      ...(held === null
        ? []
        : [
            `Sicherungen, in denen es noch steht: ${held.count}, von ${held.first} bis ${held.last}; ${held.until === null ? 'sie bleiben, bis jemand sie entfernt' : `die letzte verschwindet etwa am ${held.until}, wenn neuere gemacht werden`}.`,
          ]),
      `Nicht entfernen kann ich: was Telegram selbst hier zeigt, was der Server des Modells aufbewahrt${done.mains ? '' : ', was ich in der Hauptgruppe davon erfahren habe (von dort aus kann es vergessen werden)'} und Kopien, die anderswo liegen.`,
    ].join('\n'),

  // Während eine Runde läuft
  progress: (ms: number, doing: string | null) =>
    `Ich arbeite seit ${lengthOf(durationOf(ms))} daran${doing === null ? '' : `: ${doing}`} …`,
  stopIt: 'Anhalten',
  turnIsOver: 'Das ist schon vorbei.',
  mayNotStop: 'Du darfst das nicht anhalten.',
  tooManyPresses:
    'Das war sehr oft innerhalb einer Minute. Bitte warte einen Moment und drück dann noch einmal.',

  whichTask: {
    pause: 'Welche Aufgabe soll angehalten werden?',
    resume: 'Welche Aufgabe soll wieder laufen?',
    cancel: 'Welche Aufgabe soll beendet werden?',
    run: 'Welche Aufgabe soll jetzt laufen?',
  },
  noSuchTask: {
    pause: 'Es gibt keine aktive Aufgabe.',
    resume: 'Es gibt keine angehaltene Aufgabe.',
    cancel: 'Es gibt keine geplanten Aufgaben.',
    run: 'Es gibt keine geplanten Aufgaben.',
  },
  confirmCancel: (task) => `Diese Aufgabe beenden? Das lässt sich nicht rückgängig machen.\n${task}`,
  cancelIt: 'Aufgabe beenden',
  whichFailure: 'Was soll noch einmal versucht werden?',
  noFailure: 'In den letzten sieben Tagen ging nichts schief, was nicht noch einmal versucht wurde.',
  whichGroup: 'Welche Gruppe soll abgemeldet werden?',
  noGroup: 'Außer dieser gibt es keine Gruppe.',
  confirmUnregister: (name, folder) =>
    `„${name}“ abmelden? Ich antworte dort nicht mehr; was dort wartet, entfällt, und die Aufgaben werden angehalten. Der Ordner ${folder} bleibt.`,
  unregisterIt: 'Abmelden',
  whichChat: 'Welcher Chat soll angemeldet werden?',
  noChat: 'Ich bin in keinem anderen Chat. Füge mich zu einem hinzu oder schreib mir von dort.',
  confirmRegister: (name, jid, folder) =>
    `„${name}“ mit dem Ordner ${folder} anmelden? Für einen anderen Ordner: /register ${jid} ORDNER`,
  registerAs: (folder) => `Anmelden als ${folder}`,
  pageOf: (page, pages) => `(Seite ${page} von ${pages})`,
  before: '‹ Zurück',
  further: 'Weiter ›',
  back: '‹ Zur Liste',
  neverMind: 'Doch nicht',
  notNow: 'Jetzt nicht',
  nothingChanged: 'Es wurde nichts geändert.',

  mayNotDecide: 'Das darfst du nicht entscheiden.',
  outdated: 'Diese Knöpfe sind veraltet. Schick den Befehl noch einmal.',
  tooLate: (question) =>
    `${question}\nEinen Tag lang hat niemand entschieden. Schick den Befehl noch einmal.`,
  decidedAlready: (answer) => `Das ist schon entschieden: ${answer}`,
  changedMeanwhile: 'Das hat sich inzwischen geändert. Bitte sieh noch einmal hin.',

  chose: (who, choice) => `${who} hat gewählt: ${choice}`,
  chosen: (choice) => `Gewählt: ${choice}`,
  chosenIn: (choice, group) => `Gewählt in „${group}“: ${choice}`,
  askedExpired: '(Eine Woche lang hat niemand geantwortet.)',
  askedOver: 'Diese Frage ist veraltet.',
  askedAnswered: 'Darauf hat schon jemand geantwortet.',

  addedTo: (name, by, folder) =>
    `${by} hat mich zu „${name}“ hinzugefügt. Soll ich die Gruppe mit dem Ordner ${folder} anmelden, damit ich dort antworte?`,
  addedToMany: (name, most) =>
    `Ich wurde auch zu „${name}“ hinzugefügt, und zu mehr als ${most} Chats innerhalb einer Stunde. Eine Stunde lang frage ich zu solchen Chats nicht mehr; /register zeigt sie alle.`,
  removedFrom: (name, by) =>
    `${by} hat mich aus „${name}“ entfernt: Dort höre und antworte ich niemandem. Die Gruppe bleibt angemeldet; /unregister beendet das.`,
  backIn: (name, by) => `${by} hat mich wieder zu „${name}“ hinzugefügt.`,
  pauses: {
    removed: 'ich wurde entfernt',
    blocked: 'ich wurde blockiert',
    restricted: 'mir fehlt das Recht dazu',
    gone: 'den Chat gibt es nicht mehr',
  },
  pausedSince: (why, time) => `ruht seit ${time}: ${why}`,
  cannotWriteIn: (name, why) =>
    `In „${name}“ kann ich nicht mehr schreiben: ${why}. Die Gruppe ruht; was dort wartet, wartet eine Woche lang, und ich mache von selbst weiter, sobald ich kann.`,
  canWriteIn: (name) => `In „${name}“ kann ich wieder schreiben und mache dort weiter.`,
  waitsThere: (questions, replies) =>
    `Dort warten: ${counted(questions, 'Frage', 'Fragen')} und ${counted(replies, 'Antwort', 'Antworten')}.`,
  wasAway:
    'Ich konnte hier eine Weile nicht schreiben. Was gewartet hat, steht darüber; ich mache jetzt weiter.',
  gaveUpMeanwhile: (count) =>
    `Ich konnte hier über eine Woche lang nicht schreiben und habe ${counted(count, 'Frage oder Antwort', 'Fragen und Antworten')} aufgegeben, die so lange gewartet haben. Bitte frag noch einmal.`,
  somebody: 'Jemand',

  notSetUp: (name) =>
    `Hallo, ich bin ${name}. Noch hat mich niemand eingerichtet. Wenn das dein NanoClaw ist: Ruf auf seinem Rechner „nanoclaw pair“ auf und schick mir die Zeile, die dann erscheint.`,
  notForYou: (name) =>
    `Hallo, ich bin ${name}. Ich arbeite nur für einige Chats, und dieser gehört nicht dazu; deshalb kann ich dir nicht helfen. Was du hier schreibst, wird nicht aufbewahrt.`,
  wrongCode:
    'Dieser Code gilt nicht. Er gilt einmal und zehn Minuten lang; „nanoclaw pair“ auf dem Rechner zeigt einen neuen.',
  lastWrongCode: 'Auch dieser Code gilt nicht. Dieser Chat kann es in einer Stunde wieder versuchen.',
  isMainNow:
    'Das ist jetzt die Hauptgruppe: Von hier aus verwaltest du die anderen. Schreib einfach, und ich antworte; /help zeigt die Befehle.',
  everybodyMay:
    'Das dürfen alle, die hier schreiben. Einschränken: nanoclaw groups set main --senders admins',
  setupDone: (name, thinksWith, asService) => {
    const model = thinksWith
      ? `Ich denke mit ${thinksWith}`
      : 'Ich habe noch kein Modell und antworte deshalb nur auf das Einfachste';
    return `Hallo, ich bin ${name}, und ich bin fertig eingerichtet. ${model}${asService ? ', und ab jetzt bin ich nach jedem Start des Rechners da.' : '.'}\nSchreib mir einfach hier. /help zeigt, was es sonst gibt; füge mich zu einer Gruppe hinzu und schick hier /register, dann arbeite ich auch dort.`;
  },

  amount: (unit, amount) => (unit === 'usd' ? dollars().format(amount) : counted(amount, 'Token', 'Tokens')),
  per: { day: (amount) => `${amount} am Tag`, month: (amount) => `${amount} im Monat` },
  used: (turns, tokens, usd) =>
    `${counted(turns, 'Runde', 'Runden')}, ${counted(tokens, 'Token', 'Tokens')}, ${dollars().format(usd)}`,
  usageToday: (used) => `Heute: ${used}.`,
  usageThisMonth: (used) => `Diesen Monat: ${used}.`,
  usageOf: (what, used) => `– ${what}: ${used}`,
  usageByPeople: 'Diesen Monat nach Personen:',
  usageByTasks: 'Diesen Monat nach Aufgaben:',
  usageByGroups: 'Diesen Monat nach Gruppen:',
  forAll: 'alle Gruppen zusammen',
  forGroup: (name) => `Gruppe „${name}“`,
  forPerson: (id) => `Person ${id}`,
  allowanceStands: (whose, amount, used, left) =>
    `Budget für ${whose}: ${amount}. Verbraucht: ${used}; übrig: ${left}.`,
  noAllowances: 'Es gibt keine Budgets.',
  allowanceOff: (whose) => `Für ${whose} gibt es kein Budget mehr.`,
  allowanceSpent: (until) =>
    `Das Budget dafür ist aufgebraucht. Was hier geschrieben wird, wartet; ich beantworte es ab ${until}, oder sobald die Hauptgruppe es aufstockt. Aufgaben laufen bis dahin nicht.`,
  personSpent: (until) =>
    `Dein Budget ist aufgebraucht, deshalb beantworte ich das nicht. Bitte frag nach ${until} noch einmal, oder wenn die Hauptgruppe es aufgestockt hat.`,
  askTopUp: (whose, amount, until) =>
    `Das Budget für ${whose} ist aufgebraucht (${amount}). Es beginnt neu ${until}. Aufstocken?`,
  topUp: 'Das Budget aufstocken?',
  topUpBy: (amount) => `Um ${amount} aufstocken`,
  toppedUp: (whose, amount) => `Das Budget für ${whose} wurde um ${amount} aufgestockt.`,

  tooManyByOne: (most) =>
    `Das war mehr als ${counted(most, 'Anfrage', 'Anfragen')} von einer Person innerhalb einer Minute. Auf alles darüber antworte ich nicht; bitte schreib in einer Minute noch einmal.`,
  tooManyHere: (most) =>
    `Das war mehr als ${counted(most, 'Anfrage', 'Anfragen')} in dieser Gruppe innerhalb einer Minute. Auf alles darüber antworte ich nicht; bitte schreib in einer Minute noch einmal.`,
  tooManyTurns: (most, time) =>
    `Ich habe hier innerhalb einer Stunde ${most}-mal geantwortet, mehr geht nicht. Um ${time} mache ich weiter und antworte dann auf alles, was bis dahin geschrieben wurde.`,

  cannotWork:
    'Ich kann gerade nicht arbeiten. Deine Nachricht ist aufgehoben, und ich antworte, sobald ich kann; du musst sie nicht wiederholen.',
  refusedByTelegram: `Telegram hat eine Nachricht von mir abgelehnt. ${LOOK}`,
  maybeLost:
    'Eine Nachricht von mir ist vielleicht nicht angekommen: Beim Senden brach die Verbindung zweimal ab.',
  cut: (most) => `[Die Antwort war länger als ${counted(most, 'Zeichen', 'Zeichen')}; der Rest fehlt.]`,
  freshSession:
    'Ich konnte unser früheres Gespräch nicht fortsetzen und habe ein neues begonnen. Dateien und Notizen bleiben.',
  idleSession: (age) =>
    `Seit ${age} hat mich hier niemand gefragt, deshalb beginne ich ein neues Gespräch. Dateien und Notizen bleiben.`,
  tooLong:
    'Unser Gespräch war zu lang geworden, deshalb antworte ich in einem neuen. Dateien und Notizen bleiben.',
  quotaUntil: (time) =>
    `Das Kontingent für das Modell ist aufgebraucht. Deine Nachricht ist aufgehoben; ich versuche es wieder: ${time}.`,
  failures: {
    credential:
      'Ich konnte nicht antworten: Das Modell hat die Zugangsdaten abgelehnt. Wer mich betreibt, muss sie erneuern.',
    quota:
      'Ich konnte nicht antworten: Das Kontingent für das Modell ist aufgebraucht. Bitte versuch es später wieder.',
    overload:
      'Ich konnte nicht antworten: Das Modell war auch nach mehreren Versuchen nicht zu erreichen. Bitte frag später noch einmal.',
    context_too_long:
      'Ich konnte nicht antworten: Das ist mehr Text, als ich auf einmal aufnehmen kann. Bitte frag nach einem kleineren Teil.',
    stale_session:
      'Ich konnte nicht antworten: Unser Gespräch ließ sich nicht fortsetzen. Beginne mit /new ein neues und frag noch einmal.',
    model:
      'Ich konnte nicht antworten: Das Modell, das für mich eingestellt ist, gibt es dort nicht, oder es kann nicht mit Werkzeugen umgehen. Der Betreiber muss ein anderes wählen.',
    max_turns:
      'Ich habe aufgehört: Das hätte mehr Schritte gebraucht, als ich auf einmal machen darf. Bitte frag nach einem kleineren Teil.',
    allowance:
      'Ich habe mittendrin aufgehört: Das Kontingent dafür ist aufgebraucht. Frag noch einmal, wenn es neu beginnt oder die Hauptgruppe es aufgestockt hat.',
    out_of_memory: (mb) =>
      `Ich bin nicht fertig geworden: Die Arbeit brauchte mehr als die ${mb} MB Speicher, die ich habe.`,
    timeout: (seconds) => {
      const minutes = Math.round(seconds / 60);
      const time =
        minutes < 1 ? counted(seconds, 'Sekunde', 'Sekunden') : counted(minutes, 'Minute', 'Minuten');
      return `Ich bin nicht fertig geworden: ${time} lang ging es nicht voran, zweimal.`;
    },
    stalled:
      'Ich bin nicht fertig geworden: Das Modell verstummte mitten in der Arbeit, zweimal. Bitte frag später noch einmal.',
    gate: 'Das Skript der Aufgabe ist fehlgeschlagen.',
    workspace:
      'Ich konnte nicht anfangen: Ich darf nicht in den Ordner dieser Gruppe schreiben. Wer mich betreibt, muss nachsehen, wem er gehört.',
    network:
      'Ich fange hier nicht an: Die Netzregeln dieser Gruppe lassen sich auf meinem Rechner nicht durchsetzen. Wer mich betreibt, muss eins von beidem ändern.',
    engine: `Ich konnte nicht anfangen: Mein Container ließ sich nicht starten. ${LOOK}`,
    other: `Ich konnte nicht antworten: Es ging mehrmals hintereinander etwas schief. ${LOOK}`,
  },

  every: (ms) => `alle ${lengthOf(durationOf(ms))}`,
  cron: (fields) => `cron ${fields}`,
  once: (at) => `einmal ${at}`,
  nextRun: (ms, zone) => `nächster Lauf ${clock(ms, zone, MINUTE)} (${zone})`,
  noFurtherRun: 'kein weiterer Lauf',
  taskStates: { active: 'aktiv', paused: 'angehalten', done: 'erledigt', cancelled: 'beendet' },
  taskFailed: (id, prompt, why, next) => `Aufgabe ${id} („${prompt}“) ist fehlgeschlagen. ${why} (${next})`,
  taskFailedOften: (id, prompt, times, why) =>
    `Aufgabe ${id} („${prompt}“) ist ${times}-mal hintereinander fehlgeschlagen und jetzt angehalten. ${why}`,
  inGroup: (name, said) => `In ${name}: ${said}`,

  up: (time) => `Ich laufe seit ${time}`,
  allIsWell: 'Alles in Ordnung.',
  notAllIsWell: 'Etwas ist nicht in Ordnung; die Hauptgruppe weiß mehr.',
  here: (what) => `Hier: ${what}`,
  atWork: (what) => (what === null ? 'Ich arbeite an etwas.' : `Ich arbeite an etwas: ${what}.`),
  waitsForPlace: 'Etwas wartet auf einen freien Platz.',
  backsOff: 'Etwas ging nicht oder muss warten und wird wieder versucht.',
  nothingGoesOn: 'Gerade ist nichts los.',
  phases: {
    container: 'der Agent startet',
    first_output: 'das Modell hat noch nicht geantwortet',
    reply: 'die Antwort entsteht',
  },
  phaseFor: (phase, time) => `${phase} (seit ${time})`,
  aTask: 'eine Aufgabe',
  attempt: (attempt) => `Versuch ${attempt}`,
  nextTaskIn: (time) => `Nächste Aufgabe hier: in ${time}`,
  nextTaskDue: (time) => `Nächste Aufgabe hier: fällig seit ${time}`,

  noMessage: (id) => `Ich habe keine Nachricht ${id} aus diesem Chat.`,
  beforeRegistration:
    'Sie wurde geschrieben, bevor dieser Chat angemeldet war, oder Telegram hat sie dem Bot nicht gezeigt (Privacy Mode).',
  onlyNameKept: 'Dieser Chat ist nicht angemeldet: Von solchen Chats wird nur der Name aufbewahrt.',
  messageFrom: (id, name, time, stored) => `Nachricht ${id} von ${name}, ${time}; gespeichert ${stored}.`,
  fromElsewhere: 'Sie wurde aus einem anderen Chat hierher geschickt.',
  turnsUsedUp: (time) => `In dieser Stunde habe ich hier oft genug geantwortet; weiter geht es ${time}.`,
  allowanceUsedUp: (time) =>
    `Das Budget dafür ist aufgebraucht; es geht weiter ${time}, oder wenn die Hauptgruppe es aufstockt.`,
  waitsForModel: 'Womit diese Gruppe denkt, lässt sich nicht fragen; der Hauptchat weiß, was fehlt.',
  attemptOf: (kind, id, attempt, queued, began) =>
    `${kind === 'task' ? 'Aufgabe' : 'Durchgang'} ${id}, Versuch ${attempt}: eingereiht ${queued}, begonnen ${began}`,
  after: (time) => `nach ${time}`,
  turnStates: {
    queued: 'eingereiht',
    running: 'läuft',
    done: 'fertig',
    failed: 'fehlgeschlagen',
    retried: 'noch einmal versucht',
    stopped: 'angehalten',
  },
  replyIs: (id, how) => `Antwort ${id}: ${how}`,
  sentAs: (time, messageId) => `gesendet ${time} als Nachricht ${messageId}`,
  tries: (count) => counted(count, 'Versuch', 'Versuche'),
  replyStates: {
    pending: 'wartet',
    sending: 'wird gesendet',
    sent: 'gesendet',
    uncertain: 'ungewiss',
    failed: 'nicht angekommen',
  },
  detailsGone: 'Die Einzelheiten dazu werden nicht mehr aufbewahrt (KEEP_HISTORY).',
  nothingToSay: 'Der Agent hatte nichts zu sagen.',
  because: {
    mention: 'sie nennt ihren Namen',
    reply: 'sie antwortet auf eine von ihr',
    command: 'sie ist ein Befehl',
    always: 'hier ist alles für sie',
    album: 'ihr Album ist für sie',
    voice: 'ihr Name kommt darin vor',
    answer: 'sie beantwortet ihre Frage',
  },
  waitsForPause: (why, time) => `Die Gruppe ruht seit ${time}: ${why}.`,
  waitsForTurn: (because) => `Für Nina bestimmt${because}; sie wartet, bis sie an der Reihe ist.`,
  beingAnswered: (because) => `Für Nina bestimmt${because}; sie wird gerade beantwortet.`,
  answered: (because) => `Für Nina bestimmt${because}; beantwortet.`,
  failed: (because, why) => `Für Nina bestimmt${because}; fehlgeschlagen: ${why}.`,
  wasStopped: (because, by) => `Für Nina bestimmt${because}; angehalten${by === null ? '' : ` ${by}`}.`,
  notForNina: (why, wasShown) =>
    wasShown
      ? `Nicht für Nina bestimmt: ${why}. Sie hat sie als Zusammenhang gesehen.`
      : `Nicht für Nina bestimmt: ${why}. Mit der nächsten Frage sieht sie sie als Zusammenhang.`,
  notAllowed: (why) => `Nicht erlaubt: ${why}. Nina sieht sie nicht.`,
  wasCommand: (command) => `Ein Befehl (${command}), auf den das Programm selbst geantwortet hat.`,
  own: 'Von Nina geschrieben.',
  service: 'Eine Änderung im Chat, nichts Gesagtes.',
  unregisteredMessage: (why) => `Abgemeldet${why === null ? '' : `: ${why}`}.`,
  noTrigger: 'keine Anrede',
  unknown: 'unbekannt',

  reasons: {
    byBot: 'von einem anderen Bot geschickt',
    superseded: 'durch eine Änderung ohne Anrede ersetzt',
    badRules:
      'die Datei mit den Absenderregeln ist fehlerhaft; bis sie in Ordnung gebracht ist, wird niemand zugelassen',
    notAdmin: 'der Absender ist kein Administrator des Chats',
    notListed: 'der Absender gehört nicht zu denen, die hier fragen dürfen',
    allowanceSpent: 'das Budget ist aufgebraucht',
    personSpent: 'das Budget dessen, der es geschrieben hat, ist aufgebraucht',
    tooManyByOne: (most) => `mehr als ${most} Anfragen von einer Person innerhalb einer Minute`,
    tooManyHere: (most) => `mehr als ${most} Anfragen in dieser Gruppe innerhalb einer Minute`,
    stoppedBy: (who) => `von ${who}`,
    pausedBy: (who) => `von ${who}`,
    unregistered: 'die Gruppe wurde abgemeldet',
    notRegistered: 'der Chat ist nicht angemeldet',
    groupGone: 'die Gruppe ist nicht mehr angemeldet',
    badSchedule: (why) => `ihr Zeitplan lässt sich nicht berechnen: ${why}`,
    pausedTooLong: 'ich konnte hier eine Woche lang nicht schreiben',
    resultUnknown: (why) => `zweimal ohne Antwort, vielleicht ist sie angekommen: ${why}`,
    failedOften: (times) => `${times}-mal hintereinander fehlgeschlagen`,
  },

  problems: {
    credential: {
      begins: (_, provider) =>
        provider === ''
          ? 'Das Modell lehnt die Zugangsdaten ab, deshalb kann ich niemandem antworten. Erneuere sie in .env und starte mich neu.'
          : `Der Modellserver von ${provider} lehnt die Zugangsdaten ab, deshalb kann ich den Gruppen nicht antworten, die mit ihm denken. Erneuere sie in .env und starte mich neu.`,
      ends: (provider) =>
        provider === ''
          ? 'Das Modell nimmt die Zugangsdaten wieder an.'
          : `Der Modellserver von ${provider} nimmt die Zugangsdaten wieder an.`,
    },
    quota: {
      begins: (detail) =>
        `Das Kontingent für das Modell ist aufgebraucht, deshalb warten Antworten: ${detail}`,
      ends: () => 'Für das Modell ist wieder Kontingent da.',
    },
    engine: {
      begins: (detail) => `Ich kann keine Agenten starten, deshalb warten Nachrichten: ${detail}`,
      ends: () => 'Agenten lassen sich wieder starten.',
    },
    image: {
      begins: (detail) => `Das Image der Agenten fehlt, deshalb warten Nachrichten: ${detail}`,
      ends: () => 'Das Image der Agenten ist wieder da.',
    },
    provider: {
      begins: (detail, folder) => `Ich kann in „${folder}“ nicht antworten: ${detail}.`,
      ends: (folder) => `Ich kann in „${folder}“ wieder antworten.`,
    },
    workspace: {
      begins: (detail, folder) =>
        `Der Agent von „${folder}“ darf nicht in seinen Ordner schreiben: ${detail}`,
      ends: (folder) => `Der Agent von „${folder}“ kann wieder in seinen Ordner schreiben.`,
    },
    network: {
      begins: (detail, folder) => `Der Agent von „${folder}“ startet nicht: ${detail}`,
      ends: (folder) => `Der Agent von „${folder}“ startet wieder.`,
    },
    disk: {
      begins: (detail) =>
        `In meine Datenbank lässt sich nicht schreiben, deshalb nehme ich nichts Neues an: ${detail}`,
      ends: (_, since) => `Ab ${since} ließ sich nicht in meine Datenbank schreiben; jetzt geht es wieder.`,
    },
    mount: {
      begins: (detail, name) => `Der zusätzliche Ordner „${name}“ ist nicht, wie er sein soll: ${detail}`,
      ends: (name) => `Mit dem zusätzlichen Ordner „${name}“ ist wieder alles in Ordnung.`,
    },
    telegram_conflict: {
      begins: (detail) => `Ich bekomme keine Nachrichten: ${detail}`,
      ends: () => 'Ich bekomme wieder Nachrichten.',
    },
    telegram_token: {
      begins: () => 'Telegram lehnt das Bot-Token ab.',
      ends: (_, since) => `Ab ${since} hat Telegram das Bot-Token abgelehnt; jetzt nimmt es es wieder an.`,
    },
    sender_rules: {
      begins: (detail) =>
        `Die Absenderregeln sind nicht zu gebrauchen: ${detail}. Bis die Datei in Ordnung gebracht ist, wird niemand zugelassen, in keiner Gruppe und auch hier nicht.`,
      ends: () => 'Die Absenderregeln sind wieder in Ordnung und gelten.',
    },
    backup: {
      begins: (detail) => `Die geplante Sicherung hat nicht geklappt: ${detail}`,
      ends: () => 'Die geplante Sicherung klappt wieder.',
    },
    forgetting: {
      begins: (detail) => `Was vergessen werden soll (/forget), lässt sich bisher nicht entfernen: ${detail}`,
      ends: () => 'Was vergessen werden sollte, lässt sich wieder entfernen.',
    },
  },

  refused: {
    forgetSince: (text) =>
      `erwartet: alles, heute, ein Tag wie 2026-11-02 oder eine Zeit wie 1h oder 3d, nicht „${text}“`,
    nobodyCalled: (name, group) => `niemand in „${group}“ heißt „${name}“`,
    severalCalled: (name, ids) => `mehrere heißen „${name}“; sag mit der Nummer, wer: ${ids}`,
    registerHow: 'erwartet wird /register CHAT ORDNER [NAME]; /groups zeigt die Chats',
    notThere: (name) => `in „${name}“ bin ich nicht mehr`,
    neverSeen: (chat) => `einen Chat ${chat} habe ich nie gesehen`,
    notRegistered: (chat) => `der Chat ${chat} ist nicht angemeldet`,
    notRegisteredNow: (chat) => `der Chat ${chat} ist nicht mehr angemeldet`,
    chatTaken: (chat, folder) => `der Chat ${chat} ist schon angemeldet, mit dem Ordner „${folder}“`,
    folderTaken: (folder) => `der Ordner „${folder}“ gehört schon einer anderen Gruppe`,
    hasMain: (name, chat) => `es gibt schon eine Hauptgruppe: „${name}“ (${chat})`,
    mainStays:
      'die Hauptgruppe lässt sich nicht mit einem Befehl abmelden, nur mit nanoclaw groups remove --force',
    chatId: 'Chat: erwartet wird die Nummer eines Telegram-Chats wie -1001234567890',
    name: 'Name: erwartet werden 1 bis 128 Zeichen',
    folder:
      'Ordner: erwartet werden 1 bis 63 aus a-z, 0-9, - und _, am Anfang ein Buchstabe oder eine Ziffer',
    folderReserved: (folder) => `Ordner: „${folder}“ ist vergeben; erwartet wird ein anderer Name`,
    folderOfMain: 'Ordner: „main“ ist für die Hauptgruppe (--main)',
    provider: (known, got) => `Anbieter: erwartet ${known} oder default, nicht „${got}“`,
    model: (got) =>
      `Modell: erwartet ein Name mit bis zu 200 Zeichen ohne Leerzeichen, wie sein Anbieter es nennt, oder default, nicht „${got}“`,
    effort: (known, got) => `effort: erwartet ${known} oder default, nicht „${got}“`,
    maxTurns: (most, got) =>
      `turns: erwartet eine ganze Zahl von 1 bis ${most}, oder default, nicht „${got}“`,
    maxThinking: (least, most, got) =>
      `thinking: erwartet 0 für gar nicht, ${least} bis ${most} Token, oder default, nicht „${got}“`,
    modelTwice: (what) => `${what} steht zweimal da`,
    modelWhat: (what) => `${what}: dahinter fehlt ein Wert`,
    lacks: {
      claude:
        'claude braucht ANTHROPIC_API_KEY, CLAUDE_CODE_OAUTH_TOKEN oder ANTHROPIC_AUTH_TOKEN in .env, und einen Neustart',
      openai:
        'openai braucht OPENAI_BASE_URL, oder OPENAI_API_KEY für OpenAI selbst, in .env, und einen Neustart',
      openaiModel: 'openai braucht ein Modell: nenn eins für die Gruppe, oder setz OPENAI_MODEL in .env',
      isolation: 'ohne Container arbeitet nur der Offline-Agent',
    },
    allowanceWhose: (text) =>
      `„${text}“ hat kein Budget; erwartet wird der Ordner einer Gruppe, all, oder person:ID mit einer Telegram-Id`,
    allowanceHowMuch: (text) =>
      `„${text}“ ist kein Budget; erwartet wird ein Betrag über 0 wie 1usd/day, 0.50usd/month oder 50000tokens/day`,
    allowanceHow:
      'erwartet wird /allowance ORDNER|all|person:ID und dann 1usd/day, 50000tokens/month oder off',
    noAllowance: (what) => `es gibt kein Budget „${what}“; /allowance zählt die Budgets auf`,
    topUp: (amount) =>
      `um „${amount}“ kann nicht aufgestockt werden; erwartet wird eine Zahl über 0, bei Tokens eine ganze`,
    periodIsOver: 'die Zeit, für die es galt, ist vorbei, und eine neue hat begonnen',
    noFolder: (folder) => `es gibt keine Gruppe mit dem Ordner „${folder}“; /groups zählt sie auf`,
    noTask: (id) => `es gibt keine Aufgabe „${id}“; /tasks zeigt, welche es gibt`,
    taskIsOver: (id, state) => `Aufgabe ${id} ist ${state === 'done' ? 'erledigt' : 'beendet'}`,
    taskIsPaused: (id) => `Aufgabe ${id} ist schon angehalten`,
    taskIsActive: (id) => `Aufgabe ${id} ist nicht angehalten`,
    taskWithoutGroup: (id) => `die Gruppe von Aufgabe ${id} ist nicht angemeldet`,
    taskWaits: (id) => `Aufgabe ${id} wartet schon auf einen Lauf oder läuft`,
    taskJustRan: (id) => `Aufgabe ${id} ist gerade erst gelaufen`,
    timeIsPast: (at, zone) => `„${at}“ ist in ${zone} schon vorbei; erwartet wird eine Zeit, die noch kommt`,
    noTurn: (id) => `einen Durchgang ${id} gibt es nicht (mehr)`,
    noMessage: (id) => `ich habe keine Nachricht ${id} aus diesem Chat`,
    waitsAlready: 'diese Nachricht wartet schon auf ihre Antwort',
    didNotFail: 'bei dieser Nachricht ging nichts schief',
    fromElsewhere: 'sie wurde aus einem anderen Chat geschickt',
    triedAgain: 'es wurde schon noch einmal versucht',
    taskRanSince: 'die Aufgabe ist seither wieder gelaufen oder zu Ende',
    taskIsGone: 'diese Aufgabe gibt es nicht mehr',
    turns: {
      queued: 'es wird gerade daran gearbeitet',
      running: 'es wird gerade daran gearbeitet',
      done: 'es ging nicht schief',
      retried: 'es wird von selbst noch einmal versucht',
      stopped: 'es wurde angehalten; frag noch einmal, wenn du es doch willst',
    },
  },
};
