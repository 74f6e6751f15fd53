/** What agents asked people: each press that counts reached the agent once, as the result of its command or as a message. */
import { readAskedPress } from '../../src/asked.ts';
import type { AgentQuestion } from '../../src/db/agent-questions.ts';
import type { Db } from '../../src/db.ts';
import type { CommandRecord } from '../world/agent-commands.ts';
import type { People } from '../world/people.ts';
import type { SimulatedTelegram } from '../world/telegram.ts';
import type { World } from '../world/world.ts';
import type { Registrations } from './registrations.ts';

export interface QuestionCheckParts {
  world: World;
  telegram: SimulatedTelegram;
  registrations: Registrations;
  people: People;
  commands: readonly CommandRecord[];
}

export function checkQuestions(parts: QuestionCheckParts, db: Db): void {
  const { world, commands } = parts;
  const ids = db.sqlite.prepare<[], string>('SELECT id FROM agent_questions').pluck().all();
  const owed = new Set(db.asked.owed().map(({ id }) => id));
  const byCommand = new Map(commands.map((command) => [command.id, command]));
  for (const id of ids) {
    const question = db.asked.byId(id);
    if (question === null) continue;
    const which = `the question ${id} of ${question.folder}`;
    world.count(`questions: ${question.settledAs ?? 'open'}`);
    if (question.waitUntil !== null) world.violated('G1', `${which} is waited for by nobody`);
    if (owed.has(id)) world.violated('G1', `${which} owes its agent a result`);
    checkSaid(world, db, which, question);
    checkTold(world, which, question, byCommand.get(question.commandId));
  }
  checkPresses(parts, db);
}

/** As a message: once where it was not the result, and never where it was. */
function checkSaid(world: World, db: Db, which: string, question: AgentQuestion): void {
  const said = db.sqlite
    .prepare<[string], number>(
      `SELECT count(*) FROM messages WHERE trigger_kind = 'answer' AND reply_to_text = ? AND disposition IS NOT NULL`,
    )
    .pluck()
    .get(question.question);
  const expected = question.settledAs === 'message' ? 1 : 0;
  if (said !== expected)
    world.violated(
      (said ?? 0) > expected ? 'G2' : 'G1',
      `${which} is settled as ${question.settledAs}, and was said ${said} times`,
    );
}

/** Whoever waited was told the choice when, and only when, it was the result. */
function checkTold(
  world: World,
  which: string,
  { settledAs, chosen, choices }: AgentQuestion,
  command: CommandRecord | undefined,
): void {
  if (command?.told == null) return;
  const isChosen = command.told.includes('was chosen');
  // A turn that failed afterwards is told again, as a message.
  if (isChosen && settledAs !== 'result' && settledAs !== 'message')
    world.violated('G4', `${which} is ${settledAs ?? 'open'}, and its agent was told: ${command.told}`);
  if (settledAs === 'result' && !command.told.includes(`"${choices[chosen?.choice ?? -1]}"`))
    world.violated('G1', `${which} was answered, and its agent was told: ${command.told}`);
}

/** None is lost: a question that somebody pressed is not open. */
function checkPresses({ world, telegram, registrations, people }: QuestionCheckParts, db: Db): void {
  for (const { data, place, update, at } of people.pressed) {
    const taken = telegram.updates.confirmedAt.get(update);
    if (taken === undefined) {
      world.violated('G1', `press ${update} in ${place} was never taken from Telegram`);
      continue;
    }
    const question = db.asked.byId(readAskedPress(data)?.id ?? '');
    const isRegistered = registrations.throughout(place, at, taken);
    if (isRegistered && question !== null && question.settledAs === null)
      world.violated('G1', `press ${update} in ${place} was taken, and question ${question.id} is open`);
  }
}
