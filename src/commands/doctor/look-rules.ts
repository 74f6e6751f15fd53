/** The operator's rules in ~/.config/nanoclaw: which folders may be mounted, and who may ask. */
import { readAllowlist } from '../../mounts/allowlist.ts';
import { checkMount } from '../../mounts/check-mount.ts';
import { mountPlaces } from '../../mounts/places.ts';
import { senderRulesFile, watchSenderRules } from '../../sender-rules.ts';
import type { Check } from './check.ts';
import { fail, ok, warn } from './finding.ts';
import { type Ground, groupsOf } from './ground.ts';

const mountsOf = ({ database }: Ground) => {
  if (database.state !== 'open') return [];
  const { groups, mounts: repository } = database.db;
  return groups
    .all()
    .flatMap(({ chatJid, folder, isMain }) =>
      repository.of(chatJid).map((mount) => ({ folder, isMain, mount })),
    );
};

const mounts: Check = {
  id: 'mounts',
  async look(ground) {
    const { place, guarded } = mountPlaces(ground.config);
    const list = await readAllowlist(place);
    const wanted = mountsOf(ground);
    const fix = `Mend ${place.file}; docs/security.md describes it.`;
    if (!list.ok && (!list.missing || wanted.length > 0)) return fail('mounts', `${list.reason}.`, fix);
    if (!list.ok) return ok('mounts', 'No group has extra mounts, and there is no mount allowlist.');
    const refused: string[] = [];
    for (const { folder, isMain, mount } of wanted) {
      const verdict = await checkMount(mount, { allowlist: list, isMain, guarded });
      if (!verdict.ok) refused.push(`${folder}/${mount.name}: ${verdict.reason}`);
      else if (verdict.mount.madeReadOnly)
        refused.push(`${folder}/${mount.name}: read-only, though asked for otherwise`);
    }
    if (refused.length > 0)
      return warn('mounts', refused.join('; '), `${fix} Or nanoclaw groups set … --no-mounts.`);
    return ok('mounts', `The mount allowlist is sound; ${wanted.length} extra mounts are as they should be.`);
  },
};

const senders: Check = {
  id: 'senders',
  async look(ground) {
    const rules = watchSenderRules(senderRulesFile(ground.config.configDir))();
    if (rules.problem !== null)
      return fail(
        'senders',
        `Nobody is admitted: ${rules.problem}.`,
        'Mend the file, or move it aside (then everyone is admitted); docs/security.md describes it.',
      );
    const unknown = rules.unknownOf(groupsOf(ground));
    if (unknown.length > 0)
      return warn(
        'senders',
        `The sender rules name no registered group: ${unknown.join(', ')}.`,
        `A misspelt rule protects nobody: correct the names in ${rules.file}.`,
      );
    return ok('senders', 'The sender rules are sound.');
  },
};

export const RULES_CHECKS: readonly Check[] = [mounts, senders];
