/**
 * The status page over HTTP: its files below /status/, and the stream of events that keeps it live. Reads only. While
 * somebody looks, the sections are read once a second and those that changed are sent; while nobody does, nothing is read.
 * Other sites are refused, as everywhere; who may look at all is the guard's business.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { messageOf } from '../errors.ts';
import type { Clock, Timer } from '../lib/clock.ts';
import { EventStream } from './event-stream.ts';
import { findPageDirectory, policyOf, sendPageFile } from './page-files.ts';
import type { PageFrame, PageSections } from './page-sections.ts';
import { sendJson } from './send-json.ts';
import type { Handler } from './server.ts';

export interface StatusPageOptions {
  clock: Clock;
  /** What there is to show; undefined while the daemon is starting. */
  read: () => PageSections | undefined;
  onError: (message: string) => void;
}

export interface StatusPage {
  handle: Handler;
  close(): void;
}

const LOOK_MS = 1000;
const MOST_LISTENERS = 32;
const MOST_BACKLOG_BYTES = 2 * 1024 * 1024;
const POLICY = policyOf();
const PREFIX = '/status/';

export function createStatusPage({ clock, read, onError }: StatusPageOptions): StatusPage {
  const directory = findPageDirectory(import.meta.url, 'status-page');
  const stream = new EventStream({
    clock,
    mostListeners: MOST_LISTENERS,
    mostBacklogBytes: MOST_BACKLOG_BYTES,
    retryMs: 2000,
  });
  /** What the listeners were told last, by section, as JSON. */
  const told = new Map<string, string>();
  let timer: Timer | undefined;

  const frameOf = (sections: Partial<PageSections>): PageFrame => ({
    now: new Date(clock.now()).toISOString(),
    sections,
  });

  /** Null when it cannot be read now: the next look tries again. */
  function readNow(): PageSections | null {
    try {
      return read() ?? null;
    } catch (error) {
      onError(messageOf(error));
      return null;
    }
  }

  /** Those who listen hear of what has changed since they were told last. */
  function tellChanges(sections: PageSections): void {
    const changed = Object.entries(sections).filter(([name, value]) => {
      const json = JSON.stringify(value);
      const isNew = told.get(name) !== json;
      if (isNew) told.set(name, json);
      return isNew;
    });
    if (changed.length > 0) stream.send(frameOf(Object.fromEntries(changed)));
  }

  function look(): void {
    timer = clock.after(LOOK_MS, () => {
      timer = undefined;
      if (stream.size === 0) {
        told.clear();
        return;
      }
      const sections = readNow();
      if (sections) tellChanges(sections);
      look();
    });
  }

  function listen(res: ServerResponse): void {
    const sections = readNow();
    if (sections) tellChanges(sections);
    if (stream.open(res, frameOf(sections ?? {})) && !timer) look();
  }

  return {
    handle(req, res) {
      const path = (req.url ?? '').split('?', 1)[0] ?? '';
      if (!path.startsWith(PREFIX)) return false;
      req.resume();
      const why = refusal(req, path === `${PREFIX}events`);
      if (why) sendJson(res, why.status, { error: why.error });
      else if (path === `${PREFIX}events` && req.method === 'GET') listen(res);
      else
        sendPageFile(res, directory, path.slice(PREFIX.length) || 'index.html', POLICY).catch(
          (error: unknown) => onError(messageOf(error)),
        );
      return true;
    },
    close() {
      timer?.cancel();
      stream.close();
    },
  };
}

/** Any web page in the operator's browser reaches loopback: it may lead there, but not use up the places of those who look. */
function refusal(req: IncomingMessage, isStream: boolean): { status: number; error: string } | null {
  if (req.method !== 'GET' && req.method !== 'HEAD') return { status: 405, error: 'use GET' };
  const isForeign =
    req.headers['sec-fetch-site'] === 'cross-site' &&
    (isStream || req.headers['sec-fetch-mode'] !== 'navigate');
  return isForeign ? { status: 403, error: 'requests from other sites are refused' } : null;
}
