/**
 * What a monitor asks: GET /healthz (this process answers) and GET /readyz (it can do its job, or the reasons why not).
 * /status is the whole story, /metrics is for Prometheus. None changes anything.
 */
import type { IncomingMessage } from 'node:http';
import { messageOf } from '../errors.ts';
import { sendJson } from '../http/send-json.ts';
import type { Handler } from '../http/server.ts';
import type { Metrics } from '../metrics.ts';
import type { DaemonStatus } from '../status.ts';

/** 200 as long as the event loop turns. */
export const healthHandler: Handler = (req, res) => {
  if (req.url !== '/healthz' || req.method !== 'GET') return false;
  sendJson(res, 200, { alive: true });
  return true;
};

/**
 * 200 with no reasons, or 503 with every reason. `reasons` gives null while the daemon is still starting. Who does not
 * know the token, where there is one, hears that it is not ready, and no reason.
 */
export function readyHandler(
  reasons: () => string[] | null,
  mayKnow: (req: IncomingMessage) => boolean,
): Handler {
  return (req, res) => {
    if (req.url !== '/readyz' || req.method !== 'GET') return false;
    const found = reasons() ?? ['starting'];
    const told = found.length === 0 || mayKnow(req) ? found : ['bring the STATUS_TOKEN to be told why'];
    sendJson(res, found.length === 0 ? 200 : 503, { ready: found.length === 0, reasons: told });
    return true;
  };
}

/** GET /metrics, for Prometheus. */
export function metricsHandler(metrics: () => Metrics | undefined): Handler {
  return (req, res) => {
    if (req.url !== '/metrics' || req.method !== 'GET') return false;
    const scraping = metrics()?.scrape();
    if (!scraping) sendJson(res, 503, { error: 'starting' });
    scraping?.then(
      ({ contentType, text }) => {
        res.writeHead(200, { 'content-type': contentType, 'cache-control': 'no-store' });
        res.end(text);
      },
      (error: unknown) => sendJson(res, 500, { error: messageOf(error) }),
    );
    return true;
  };
}

/** GET /status, for the command line. */
export function statusHandler(status: () => Promise<DaemonStatus | undefined>): Handler {
  return (req, res) => {
    if (req.url !== '/status' || req.method !== 'GET') return false;
    status().then(
      (current) => sendJson(res, current ? 200 : 503, current ?? { error: 'starting' }),
      (error: unknown) => sendJson(res, 500, { error: messageOf(error) }),
    );
    return true;
  };
}
