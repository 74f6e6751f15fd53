/** The drill's line about the mailbox: whatever concerns another group is refused, changes nothing and is audited. */
import { randomUUID } from 'node:crypto';
import { chatJid } from '../../types.ts';
import { idOf } from './drill-line.ts';
import { ATTACKER, type DrillWorld, VICTIM, VICTIM_CHAT } from './drill-world.ts';
import { type Finding, ok } from './finding.ts';
import { probe } from './probe.ts';

const ID = 'commands';
const WAIT_MS = 30_000;
const bad = (seen: string): Finding => ({ id: ID, state: 'fail', seen });

interface Sent {
  id: string;
  dir: string;
  type: string;
  [field: string]: unknown;
}
const command = (type: string, fields: Record<string, unknown>): Sent => {
  const dir = /^send_/.test(type) ? 'messages' : 'tasks';
  return { id: randomUUID(), dir, type, ...fields };
};

export async function crossings(world: DrillWorld): Promise<Finding> {
  const { db, engine } = world;
  const leave = (folder: string, commands: Sent[], links: Record<string, string> = {}) =>
    probe(engine, idOf(world, folder), 'commands', { links, commands, waitMs: WAIT_MS });

  // The control, and what the attacker goes for: the victim's own task.
  const when = { schedule_type: 'cron', schedule_value: '0 9 1 1 *' };
  const own = command('schedule_task', { prompt: 'drill', ...when });
  const { results: control } = await leave(VICTIM, [own]);
  const task = db.tasks.ofGroup(VICTIM)[0];
  if (control[own.id]?.ok !== true || !task)
    return bad('A group’s own command was not carried out, so refusals prove nothing.');

  const before = state(world);
  const told = { chat_jid: VICTIM_CHAT };
  const tasks = ['pause_task', 'resume_task', 'cancel_task', 'run_task'];
  const tried = [
    command('send_message', { ...told, text: 'drill' }),
    command('send_message', { ...told, text: 'drill', group_folder: VICTIM, is_main: true }),
    command('send_file', { ...told, path: 'from-host.txt' }),
    command('send_file', { path: `../${VICTIM}/diary.txt` }),
    command('send_file', { path: 'link-to-diary' }),
    command('send_file', { path: 'link-to-env' }),
    command('schedule_task', { ...told, prompt: 'drill', ...when }),
    ...tasks.map((type) => command(type, { task_id: task.id })),
    command('update_task', { task_id: task.id, prompt: 'drilled' }),
    command('register_group', { chat_jid: '-4200000077', name: 'Drill', folder: 'drilled' }),
    command('unregister_group', told),
    command('refresh_groups', {}),
  ];
  const links = {
    'link-to-diary': `${world.config.home}/groups/${VICTIM}/diary.txt`,
    'link-to-env': `${world.config.home}/.env`,
  };
  const { results } = await leave(ATTACKER, tried, links);
  const unanswered = tried.filter(({ id }) => results[id] === null);
  const done = tried.filter(({ id }) => results[id]?.ok === true);
  if (done.length > 0) return bad(`Commands for another group were carried out: ${names(done)}.`);
  if (unanswered.length > 0) return bad(`Commands were not answered: ${names(unanswered)}.`);
  if (state(world) !== before) return bad('Refused commands of one group changed something of another.');
  const actor = `agent:${ATTACKER}`;
  const audited = new Set(
    db.audit
      .list({ group: ATTACKER, limit: 200 })
      .flatMap((each) => (each.actor === actor && each.outcome === 'refused' ? [each.action] : [])),
  );
  const silent = [...new Set(tried.map(({ type }) => type))].filter((type) => !audited.has(type));
  if (silent.length > 0) return bad(`Refusals are missing in the audit log: ${silent.join(', ')}.`);
  return ok(
    ID,
    `All ${tried.length} commands that concern another group or its files were refused and audited.`,
  );
}

const names = (commands: readonly Sent[]): string =>
  [...new Set(commands.map(({ type }) => type))].join(', ');

/** What a command of another group could have changed. */
function state({ db, app }: DrillWorld): string {
  const chat = app.simulator()?.world.chats.get(Number(VICTIM_CHAT));
  const groups = db.groups.all().map(({ folder, name }) => `${folder} ${name}`);
  const { status, prompt } = db.tasks.ofGroup(VICTIM)[0] ?? {};
  const texts = [...(chat?.messages.values() ?? [])].filter(({ text }) => text?.includes('drill'));
  const registered = db.groups.byJid(chatJid(VICTIM_CHAT)) !== null;
  return JSON.stringify([groups, db.tasks.ofGroup(VICTIM).length, status, prompt, texts.length, registered]);
}
