/**
 * What is measured, by name and unit as Prometheus' naming practice has it. Labels have few values, known in advance, but
 * for `group`: that is the folder of a registered group. Nothing here holds text of people or their names.
 */
import type { Registry } from 'prom-client';
import { PHASES } from '../db/turn-phases.ts';
import { DISPOSITIONS } from '../types.ts';

type Prometheus = typeof import('prom-client');

const TURN_OUTCOMES = ['done', 'retried', 'failed', 'stopped'];
const RUN_OUTCOMES = ['ok', 'quiet', 'gated', 'failed', 'stopped', 'skipped'];

/** Seconds. */
const TURN_BUCKETS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600, 1800];
const DELIVERY_BUCKETS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800];
const LATENESS_BUCKETS = [0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14_400, 86_400];

export type Instruments = ReturnType<typeof createInstruments>;

export function createInstruments({ Counter, Gauge, Histogram }: Prometheus, registry: Registry) {
  const registers = [registry];
  const gauge = <L extends string>(name: string, help: string, ...labelNames: L[]) =>
    new Gauge({ name: `nanoclaw_${name}`, help, labelNames, registers });
  const counter = <L extends string>(name: string, help: string, ...labelNames: L[]) =>
    new Counter({ name: `nanoclaw_${name}_total`, help, labelNames, registers });
  const histogram = <L extends string>(name: string, help: string, buckets: number[], ...labelNames: L[]) =>
    new Histogram({ name: `nanoclaw_${name}_seconds`, help, buckets, labelNames, registers });

  const instruments = {
    info: gauge('build_info', 'Always 1; what runs here.', 'version', 'provider', 'runtime'),
    ready: gauge('ready', '1 when it can do its job, as GET /readyz says.'),
    connected: gauge('telegram_connected', '1 while polls succeed.'),
    pollAge: gauge('poll_age_seconds', 'Since the last poll that succeeded, or since the start.'),
    watchdogTimeout: gauge('watchdog_timeout_seconds', 'WATCHDOG_TIMEOUT; 0 when watchdogs are off.'),
    problems: gauge('problems', 'Open problems that only the operator can put right.', 'kind'),
    groups: gauge('groups', 'Registered groups.'),
    queue: gauge('queue_groups', 'Groups in the queue.', 'state'),
    turnsOpen: gauge('turns_open', 'Turns that have not ended.', 'state'),
    messagesOpen: gauge('messages_open', 'Messages that are owed an answer.'),
    messages: counter(
      'messages',
      'Messages by the disposition they were given, since the database was made.',
      'disposition',
    ),
    turns: counter('turns', 'Turns (attempts) that ended.', 'kind', 'outcome'),
    turnErrors: counter('turn_errors', 'Turns (attempts) that did not work, by error code.', 'code'),
    phases: histogram(
      'turn_phase',
      'Phases of turns: queue (asked until claimed, first attempts only), container (until its agent began), first_output (until the model answered), reply (until settled).',
      TURN_BUCKETS,
      'phase',
    ),
    answers: histogram(
      'answer',
      'From the oldest message of a turn that was answered to its reply being settled, earlier attempts included.',
      TURN_BUCKETS,
    ),
    containers: gauge('containers', 'Agents that live.', 'state'),
    containerMemory: gauge('container_memory_bytes', 'Memory of an agent, as the engine says.', 'group'),
    outbox: gauge('outbox_messages', 'Replies that are still to be sent.'),
    outboxAge: gauge(
      'outbox_oldest_age_seconds',
      'Since the oldest reply that is still to be sent was stored.',
    ),
    replies: counter('replies', 'Replies that were sent, or finally were not.', 'outcome'),
    delivery: histogram(
      'delivery',
      'From a reply being stored to Telegram having taken it.',
      DELIVERY_BUCKETS,
    ),
    tasksActive: gauge('tasks_active', 'Tasks that will run again.'),
    taskRuns: counter('task_runs', 'Task runs that ended.', 'outcome'),
    taskLateness: histogram(
      'task_lateness',
      'From a scheduled run being due to its begin, skipped runs left out.',
      LATENESS_BUCKETS,
    ),
    modelRequests: counter('model_requests', 'Requests to the model.', 'group'),
    modelFailures: counter(
      'model_request_failures',
      'Requests to the model that were refused or not answered.',
      'group',
    ),
    modelTokens: counter('model_tokens', 'Tokens of the model.', 'group', 'direction'),
    modelCost: counter('model_cost_usd', 'Cost in US dollars, as agents report it.', 'group'),
    database: gauge('database_bytes', 'Size of data/nanoclaw.db.'),
    wal: gauge('database_wal_bytes', 'Size of its write-ahead log.'),
    logs: gauge('log_bytes', 'Size of nanoclaw.log and of the older ones that are kept.'),
    diskFree: gauge('disk_free_bytes', 'Free on the disk of the home.'),
  };

  // A series that is there from the start has no first increase that nobody sees.
  for (const disposition of DISPOSITIONS) instruments.messages.inc({ disposition }, 0);
  for (const kind of ['messages', 'task'])
    for (const outcome of TURN_OUTCOMES) instruments.turns.inc({ kind, outcome }, 0);
  for (const outcome of RUN_OUTCOMES) instruments.taskRuns.inc({ outcome }, 0);
  for (const outcome of ['sent', 'failed']) instruments.replies.inc({ outcome }, 0);
  for (const phase of PHASES) instruments.phases.zero({ phase });
  return instruments;
}
