/**
 * Scheduled tasks by asking Nina in a chat, with the real daemon, engine and image (the offline agent inside): a task
 * of a group runs in that group's container; the group can end it; another group cannot see or touch it; main can.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MAIN_CHAT_ID } from '../../src/simulator/simulator.ts';
import { type BotApi, startBotApi, TestHome } from '../support/daemon.ts';
import { docker, whyNoAgentImage } from './agent-container.ts';

const whyNot = await whyNoAgentImage();
const COLD_MS = 60_000;

describe.skipIf(whyNot !== null)(
  `tasks in containers${whyNot === null ? '' : ` (skipped: ${whyNot})`}`,
  () => {
    let api: BotApi;
    let home: TestHome;
    let family: number;
    let work: number;

    beforeAll(async () => {
      api = await startBotApi();
      home = new TestHome({ ...api.settings, CONTAINER_RUNTIME: 'docker' });
      if (process.env.DOCKER_HOST) home.settings.DOCKER_HOST = process.env.DOCKER_HOST;
      family = api.group('Family');
      work = api.group('Work');
      await home.addGroup(family, 'family');
      await home.addGroup(work, 'work');
      await home.addGroup(MAIN_CHAT_ID, 'main', '--main');
      await home.start();
    }, COLD_MS);
    afterAll(async () => {
      const instance =
        home.row<{ value: string }>("SELECT value FROM meta WHERE key = 'instance_id'")?.value ?? 'none';
      await home.killAll();
      const ids = await docker('ps', '-aq', '--filter', `label=nanoclaw.instance=${instance}`);
      if (ids !== '') await docker('rm', '-f', '-v', ...ids.split('\n').filter(Boolean));
      await home.dispose();
      await api.close();
    });

    const taskOf = (folder: string) =>
      home.row<{ id: string; status: string }>(
        'SELECT id, status FROM scheduled_tasks WHERE group_folder = ? ORDER BY created_at DESC',
        folder,
      );

    it(
      'a reminder comes when it is due, from the container of the group that asked',
      async () => {
        const told = await api.ask(family, '@Nina remind me in 2 seconds to stretch', COLD_MS);
        expect(told).toContain(taskOf('family')?.id);
        await api.until(
          () => api.answers(family).some((text) => text === '⏰ stretch'),
          'the reminder',
          COLD_MS,
        );
        expect(
          home.row(
            `SELECT r.outcome, c.group_folder AS container_of, s.status FROM task_runs r JOIN turns t ON t.id = r.turn_id
         JOIN containers c ON c.name = t.container_id JOIN scheduled_tasks s ON s.id = r.task_id`,
          ),
        ).toEqual({ outcome: 'ok', container_of: 'family', status: 'done' });
        await home.until(
          () => home.row('SELECT 1 FROM task_runs WHERE delivered = 1'),
          'the delivery to be noted',
        );
      },
      2 * COLD_MS,
    );

    it(
      'every minute: another group cannot see or touch it, main can, and its own group ends it',
      async () => {
        await api.ask(family, '@Nina every minute stay quiet', COLD_MS);
        const id = taskOf('family')?.id ?? '';
        expect(await api.ask(family, '@Nina list my tasks', COLD_MS)).toContain(id);

        expect(await api.ask(work, '@Nina list my tasks', COLD_MS)).not.toContain(id);
        expect(await api.ask(work, `@Nina cancel ${id}`, COLD_MS)).toMatch(/no task/);
        expect(await api.ask(work, '/tasks', COLD_MS)).toBe('There are no scheduled tasks.');
        expect(taskOf('family')?.status).toBe('active');
        expect(
          home.row("SELECT group_folder, action, outcome FROM audit_log WHERE outcome = 'refused'"),
        ).toEqual({
          group_folder: 'work',
          action: 'cancel_task',
          outcome: 'refused',
        });

        expect(await api.ask(MAIN_CHAT_ID, '/tasks', COLD_MS)).toContain(`${id} [family]`);
        expect(await api.ask(MAIN_CHAT_ID, `/run ${id}`, COLD_MS)).toContain(id);
        // It says nothing, so that a minute that begins just now disturbs no answer that is waited for here.
        const asked = `SELECT r.outcome, c.group_folder AS container_of FROM task_runs r JOIN turns t ON t.id = r.turn_id
        JOIN containers c ON c.name = t.container_id WHERE r.task_id = ? AND r.origin LIKE 'telegram:%' AND r.outcome IS NOT NULL`;
        expect(await home.until(() => home.row(asked, id), 'the run', COLD_MS)).toEqual({
          outcome: 'quiet',
          container_of: 'family',
        });

        expect(await api.ask(family, `@Nina cancel ${id}`, COLD_MS)).toContain('cancelled');
        expect(taskOf('family')?.status).toBe('cancelled');
        expect(home.row("SELECT count(*) AS n FROM scheduled_tasks WHERE group_folder <> 'family'")).toEqual({
          n: 0,
        });
      },
      3 * COLD_MS,
    );
  },
);
