/** Files that people sent: each lies in its group's folder whole, once, or its row says why not. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Db } from '../../src/db.ts';
import { groupPaths } from '../../src/mailbox/layout.ts';
import { fileContent } from '../world/telegram.ts';
import type { World } from '../world/world.ts';

interface Row {
  folder: string;
  file_id: string;
  state: string;
  path: string | null;
}

export function checkFiles(world: World, db: Db): void {
  const rows = db.sqlite
    .prepare<[], Row>(
      'SELECT group_folder AS folder, file_id, state, path FROM attachments WHERE same_as IS NULL',
    )
    .all();
  const known = new Map<string, Set<string>>();
  for (const { folder, file_id: id, state, path: file } of rows) {
    world.count(`files ${state}`);
    if (state === 'pending') world.violated('G1', `the file ${id} of ${folder} was never settled`);
    if (state !== 'stored' || file === null) continue;
    known.set(folder, (known.get(folder) ?? new Set()).add(path.basename(file)));
    const at = path.join(groupPaths(world.home, folder).groupDir, file);
    if (!existsSync(at)) world.violated('G1', `the file ${id} does not lie at ${file} of ${folder}`);
    else if (readFileSync(at, 'utf8') !== fileContent(id))
      world.violated('G1', `${file} of ${folder} is not whole`);
  }
  for (const [folder, names] of known) {
    const lying = readdirSync(path.join(groupPaths(world.home, folder).groupDir, 'attachments'));
    for (const name of lying)
      if (!names.has(name)) world.violated('G2', `${name} of ${folder} belongs to no message`);
  }
}
