/** The form that asks for STATUS_TOKEN. It shows nothing that came with the request, and needs no file and no script. */
import { createHash } from 'node:crypto';
import type { ServerResponse } from 'node:http';

/** Why it is shown. */
export type LoginReason = 'asked' | 'wrong' | 'limited';

const STYLE = `
:root { color-scheme: light dark; --ground: #f3f1ec; --panel: #fff; --line: #cfc9bd; --ink: #23212b; --quiet: #5f5b68; --accent: #4f46a5; --on: #fff; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ground: #17161c; --panel: #1f1e26; --line: #4a4757; --ink: #ebe9f1; --quiet: #aaa6b8; --accent: #a39bf0; --on: #1b1830; --bad: #ff9d94; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100dvh; display: grid; place-items: center; padding: 20px; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { width: min(400px, 100%); padding: 26px; border: 1px solid var(--line); border-radius: 16px; background: var(--panel); }
h1 { margin: 0 0 4px; font-size: 22px; }
p { margin: 0 0 18px; color: var(--quiet); }
p.bad { color: var(--bad); }
label { display: block; margin-bottom: 6px; font-weight: 600; }
input, button { width: 100%; min-height: 46px; padding: 8px 12px; border-radius: 10px; font: inherit; }
input { border: 1px solid var(--line); background: var(--ground); color: inherit; }
button { margin-top: 14px; border: 0; background: var(--accent); color: var(--on); font-weight: 650; cursor: pointer; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
`;
const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');
const POLICY = `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`;
const STATUS: Readonly<Record<LoginReason, number>> = { asked: 200, wrong: 401, limited: 429 };
const WORDS: Readonly<Record<LoginReason, string>> = {
  asked: '<p id="why">This NanoClaw asks for its status token.</p>',
  wrong:
    '<p id="why" class="bad" role="alert">That is not the token. It is STATUS_TOKEN in the .env of this NanoClaw.</p>',
  limited: '<p id="why" class="bad" role="alert">Too many attempts. Try again in a minute.</p>',
};

export function loginPage(res: ServerResponse, reason: LoginReason): void {
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>Sign in · NanoClaw</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>NanoClaw</h1>
${WORDS[reason]}
<form method="post" action="/login">
<label for="token">Status token</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus aria-describedby="why">
<button type="submit">Sign in</button>
</form>
</main>
</body>
</html>
`;
  res.writeHead(STATUS[reason], {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': POLICY,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-store',
    ...(reason === 'limited' ? { 'retry-after': '60' } : {}),
  });
  res.end(html);
}
