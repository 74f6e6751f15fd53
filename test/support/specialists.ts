/**
 * Files of specialists for tests: small ones of the shapes that people have, and, where they lie beside the checkout, real
 * ones (`../shared/specialists/`), which have to work as they are.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const REAL = path.resolve(import.meta.dirname, '../../../shared/specialists');

/** Name and text of each real file; none where the project was cloned alone. */
export const REAL_SPECIALISTS: readonly { file: string; text: string }[] = existsSync(REAL)
  ? readdirSync(REAL)
      .filter((file) => file.endsWith('.md'))
      .sort()
      .map((file) => ({ file, text: readFileSync(path.join(REAL, file), 'utf8') }))
  : [];

/** The same shapes, small: all keys, a version and no model, no front matter, a list and a text with commas. */
export const FIXTURES: Record<string, string> = {
  'garden-planner-large.md': `---
name: garden-planner
description: Plans beds, paths and what grows where
model: opus
color: green
priority: 9
---

# 🌱 Garden Planner

You are the **garden planner**: you draw beds before you name plants.

\`\`\`ts
const never = '--- a fence within a fence';
---
\`\`\`
`,
  'garden-planner-small.md': `---
name: garden-planner
version: 1.10
description: For balconies, and nothing else
---

# Balcony planner

You plan balconies ‚öôÔ∏è only.
`,
  'kitchen-manual.md': `# Kitchen — Operating Manual

## Recommended Skills
Use these skills by default for this role:
- \`a/b/knives\`

You are the **kitchen** specialist. Your scope: menus.
`,
  'menu-writer.md': `---
name: Menu Writer
description: "Writes menus: short ones"
model: sonnet
color: bright_yellow
capabilities:
  - menus
  - prices
tools: Read, Grep, Bash(git log:*, git diff:*), TodoWrite
unknown_key: {a: [1, 2], b: null}
---

You write menus.
`,
  'plain-taster.md': `# Taster

You are the **Taster**, and you
taste everything twice.

## More
`,
};

/** Writes files into agents/ below a group's folder, or the global one. */
export function writeAgents(root: string, files: Record<string, string | Uint8Array>): void {
  mkdirSync(path.join(root, 'agents'), { recursive: true });
  for (const [file, content] of Object.entries(files))
    writeFileSync(path.join(root, 'agents', file), content);
}
