/**
 * The database: the one place where work lives. Opens the file, brings the schema up to date and returns the
 * repositories. Everything here is synchronous; multi-row work runs inside `transaction`, which commits with
 * synchronous=FULL, so what it returned from is on the disk.
 * Invariants: cursors are sequence numbers, never timestamps; a row in `messages` with disposition NULL is owed
 * an answer; a turn in state queued or running owns its messages. It never calls out: no files, no network.
 */
import { additionRepository } from './db/additions.ts';
import { agentQuestionRepository } from './db/agent-questions.ts';
import { agentRepository } from './db/agents.ts';
import { allowanceRepository } from './db/allowances.ts';
import { attachmentRepository } from './db/attachments.ts';
import { auditRepository } from './db/audit.ts';
import { chargeRepository } from './db/charges.ts';
import { correctionRepository } from './db/corrections.ts';
import { exportRepository } from './db/exports.ts';
import { forgettingRepository } from './db/forgettings.ts';
import { groupRepository } from './db/groups.ts';
import { historyRepository } from './db/history.ts';
import { inboxRepository } from './db/inbox.ts';
import { languageRepository } from './db/languages.ts';
import { ledgerRepository } from './db/ledger.ts';
import { mcpRepository } from './db/mcp.ts';
import { messageRepository } from './db/messages.ts';
import { MIGRATIONS } from './db/migrations.ts';
import { mountRepository } from './db/mounts.ts';
import { checkPages, type OpenOptions, openDatabase, type Sqlite } from './db/open.ts';
import { outboxRepository } from './db/outbox.ts';
import { overviewRepository } from './db/overview.ts';
import { pageRepository } from './db/page.ts';
import { pairingRepository } from './db/pairing.ts';
import { pauseRepository } from './db/pauses.ts';
import { problemRepository } from './db/problems.ts';
import { progressRepository } from './db/progress.ts';
import { questionRepository } from './db/questions.ts';
import { reactionRepository } from './db/reactions.ts';
import { reportRepository } from './db/reports.ts';
import { retentionRepository } from './db/retention.ts';
import { searchRepository } from './db/search.ts';
import { searchIndexRepository } from './db/search-index.ts';
import { sessionRepository } from './db/sessions.ts';
import { taskRunRepository } from './db/task-runs.ts';
import { taskRepository } from './db/tasks.ts';
import { topicRepository } from './db/topics.ts';
import { traceQuery } from './db/trace.ts';
import { turnRepository } from './db/turns.ts';
import { usageRepository } from './db/usage.ts';
import { lazily, withLazy } from './lib/lazily.ts';
import { runEach } from './lib/run-each.ts';

export function createDb(file: string, options: OpenOptions = {}) {
  const sqlite: Sqlite = openDatabase(file, MIGRATIONS, options);
  const inbox = inboxRepository(sqlite);
  const audit = auditRepository(sqlite);
  const usage = lazily(() => usageRepository(sqlite));
  const charges = lazily(() => chargeRepository(sqlite, usage()));
  // Made once: to make one costs more than a small transaction.
  const together = sqlite.transaction((work: () => unknown) => work());
  /** What is to be done behind the commit. */
  let behind: (() => void)[] = [];
  const db = {
    sqlite,
    instanceId: inbox.meta('instance_id') ?? '',
    inbox,
    audit,
    /** Runs `work` in one IMMEDIATE transaction; nested calls join it. Throws what `work` throws, after a rollback. */
    transaction<T>(work: () => T): T {
      if (sqlite.inTransaction) return work();
      behind = [];
      const result = together.immediate(work) as T;
      const due = behind;
      behind = [];
      let failed: { error: unknown } | undefined;
      runEach(due, (error) => {
        failed ??= { error };
      });
      if (failed) throw failed.error;
      return result;
    },
    /**
     * Runs `work` once the transaction around it is on the disk, at once where there is none, never when it is rolled back. All of
     * those of one transaction run; the first error is thrown from it.
     */
    afterCommit(work: () => void): void {
      if (sqlite.inTransaction) behind.push(work);
      else work();
    },
    /** Runs `work` so that its changes are undone when it throws, without ending the transaction around it. */
    savepoint<T>(work: () => T): T {
      return together(work) as T;
    },
    /** Throws DATABASE_CORRUPT when a page of the file is damaged. Reads all of it. */
    check(): void {
      checkPages(sqlite);
    },
    close(): void {
      if (!sqlite.open) return;
      try {
        if (options.readonly) return;
        audit.flush();
        sqlite.pragma('wal_checkpoint(TRUNCATE)');
      } finally {
        sqlite.close();
      }
    },
  };
  // Some hundred statements in all: whoever only reads a list needs few of them.
  return withLazy(db, {
    groups: () => groupRepository(sqlite),
    languages: () => languageRepository(sqlite),
    mounts: () => mountRepository(sqlite),
    mcp: () => mcpRepository(sqlite),
    pauses: () => pauseRepository(sqlite),
    messages: () => messageRepository(sqlite),
    attachments: () => attachmentRepository(sqlite),
    corrections: () => correctionRepository(sqlite),
    turns: () => turnRepository(sqlite, charges()),
    outbox: () => outboxRepository(sqlite),
    tasks: () => taskRepository(sqlite),
    taskRuns: () => taskRunRepository(sqlite),
    topics: () => topicRepository(sqlite),
    /** What became of a message; null when there is none with this id in the chat. */
    trace: () => traceQuery(sqlite),
    additions: () => additionRepository(sqlite),
    agents: () => agentRepository(sqlite),
    sessions: () => sessionRepository(sqlite),
    asked: () => agentQuestionRepository(sqlite),
    page: () => pageRepository(sqlite),
    pairing: () => pairingRepository(sqlite),
    usage,
    charges,
    allowances: () => allowanceRepository(sqlite),
    reports: () => reportRepository(sqlite),
    exports: () => exportRepository(sqlite),
    overview: () => overviewRepository(sqlite),
    ledger: () => ledgerRepository(sqlite),
    problems: () => problemRepository(sqlite),
    questions: () => questionRepository(sqlite),
    progress: () => progressRepository(sqlite),
    reactions: () => reactionRepository(sqlite),
    retention: () => retentionRepository(sqlite),
    forgettings: () => forgettingRepository(sqlite),
    history: () => historyRepository(sqlite),
    search: () => searchRepository(sqlite),
    searchIndex: () => searchIndexRepository(sqlite),
  });
}

export type Db = ReturnType<typeof createDb>;
