/**
 * Who may see what the daemon's HTTP address shows, where STATUS_TOKEN is set: whoever brings the token, as
 * `Authorization: Bearer …`, or has a cookie that the login form gave for it. All else is refused, but for `open` paths.
 * Invariants: comparing takes the same time whatever was brought; attempts are limited, per address and in all, before
 * they are compared; nothing grows with who asks. A cookie is the time it ends with a MAC by the token: nothing is stored,
 * a restart keeps it, another token ends it. SameSite=Strict: no other site can use it.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../lib/clock.ts';
import { createWindowLimit } from '../lib/window-limit.ts';
import { readBody } from './body.ts';
import { loginPage } from './login-page.ts';
import { sendJson } from './send-json.ts';

export interface GuardOptions {
  token: string;
  clock: Clock;
  /** Paths that anybody may ask for, or that carry a secret of their own: as they were written, without a query. */
  isOpen: (path: string) => boolean;
}

export interface Guard {
  /** True: let in. False: it was answered, and nothing more is to be done. */
  admit(req: IncomingMessage, res: ServerResponse): boolean;
  /** Whether this request brings the token or the cookie, on an open path, too. */
  knows(req: IncomingMessage): boolean;
}

type Verdict = 'good' | 'none' | 'wrong' | 'limited';

const COOKIE = 'nanoclaw_status';
const COOKIE_MS = 30 * 86_400_000;
const ATTEMPTS_WINDOW_MS = 60_000;
const MOST_ATTEMPTS = 10;
const MOST_ATTEMPTS_OF_ALL = 300;
const MAX_FORM_BYTES = 4096;
/** What it takes to reach the page, in a header of every refusal. */
const CHALLENGE = 'Bearer realm="nanoclaw"';

export function createGuard({ token, clock, isOpen }: GuardOptions): Guard {
  const perAddress = createWindowLimit<string>(MOST_ATTEMPTS, ATTEMPTS_WINDOW_MS);
  const ofAll = createWindowLimit<'all'>(MOST_ATTEMPTS_OF_ALL, ATTEMPTS_WINDOW_MS);

  function tryToken(given: string, req: IncomingMessage): Verdict {
    const address = networkOf(req.socket.remoteAddress ?? '');
    const now = clock.monotonic();
    if (!perAddress.take(address, now)) return 'limited';
    if (!ofAll.take('all', now)) {
      perAddress.giveBack(address);
      return 'limited';
    }
    if (!isSame(given, token)) return 'wrong';
    ofAll.giveBack('all');
    perAddress.giveBack(address);
    return 'good';
  }

  const macOf = (end: string) => createHmac('sha256', token).update(`cookie ${end}`).digest('base64url');

  function hasCookie(req: IncomingMessage): boolean {
    const value = cookieOf(req.headers.cookie ?? '');
    const [end = '', mac = ''] = value.split('.');
    return /^\d{1,16}$/.test(end) && isSame(mac, macOf(end)) && Number(end) > clock.now();
  }

  function judge(req: IncomingMessage): Verdict {
    if (hasCookie(req)) return 'good';
    const bearer = /^Bearer +(\S+)$/i.exec(req.headers.authorization ?? '')?.[1];
    return bearer === undefined ? 'none' : tryToken(bearer, req);
  }

  async function login(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const form = new URLSearchParams((await readBody(req, MAX_FORM_BYTES)).toString('utf8'));
    const verdict = tryToken((form.get('token') ?? '').trim(), req);
    if (verdict !== 'good') {
      loginPage(res, verdict === 'limited' ? 'limited' : 'wrong');
      return;
    }
    const end = String(clock.now() + COOKIE_MS);
    res.writeHead(303, {
      location: '/',
      'set-cookie': `${COOKIE}=${end}.${macOf(end)}; Path=/; HttpOnly; SameSite=Strict`,
      'cache-control': 'no-store',
    });
    res.end();
  }

  function refuse(req: IncomingMessage, res: ServerResponse, verdict: Verdict): void {
    req.resume();
    const isPerson = req.method === 'GET' && /\btext\/html\b/.test(req.headers.accept ?? '');
    if (isPerson && verdict === 'none') {
      res.writeHead(303, { location: '/login', 'cache-control': 'no-store' }).end();
      return;
    }
    if (verdict === 'limited') {
      res.setHeader('retry-after', ATTEMPTS_WINDOW_MS / 1000);
      sendJson(res, 429, { error: 'too many attempts; try again in a minute' });
      return;
    }
    res.setHeader('www-authenticate', CHALLENGE);
    const error =
      verdict === 'none' ? 'expected "Authorization: Bearer STATUS_TOKEN"' : 'that is not the STATUS_TOKEN';
    sendJson(res, 401, { error });
  }

  return {
    admit(req, res) {
      const path = pathOf(req);
      if (isOpen(path)) return true;
      if (path === '/login' && req.method === 'POST') {
        login(req, res).catch(() => {
          res.setHeader('connection', 'close');
          if (!res.headersSent) sendJson(res, 413, { error: 'that is too large' });
        });
        return false;
      }
      if (path === '/login' && req.method === 'GET') {
        loginPage(res, 'asked');
        return false;
      }
      const verdict = judge(req);
      if (verdict !== 'good') refuse(req, res, verdict);
      return verdict === 'good';
    },
    knows: (req) => judge(req) === 'good',
  };
}

/** Compares digests, which are of one length: how long it takes tells nothing about either text. */
export function isSame(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}

/** As it was written: what has to be tidied up to be an open path is none. */
const pathOf = (req: IncomingMessage): string => (req.url ?? '').split('?', 1)[0] ?? '';

function cookieOf(header: string): string {
  const pair = header.split(';').find((part) => part.trim().startsWith(`${COOKIE}=`));
  return pair?.trim().slice(COOKIE.length + 1) ?? '';
}

/** An IPv6 customer has a whole /64 of addresses. */
export function networkOf(address: string): string {
  const [plain = ''] = address.split('%');
  if (!plain.includes(':') || plain.startsWith('::ffff:')) return plain;
  // `::` stands for as many zeros as are missing.
  const [front = [], back = []] = plain.split('::').map((part) => part.split(':').filter(Boolean));
  const zeros = plain.includes('::')
    ? Array<string>(Math.max(0, 8 - front.length - back.length)).fill('0')
    : [];
  return [...front, ...zeros, ...back].slice(0, 4).join(':');
}
