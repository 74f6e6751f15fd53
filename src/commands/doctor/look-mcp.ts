/** MCP servers of groups: files that cannot be used, servers that wait for somebody, and those that do not work. */
import { oneLine } from '../../lib/one-line.ts';
import { mcpSecretsFile, readMcpSecrets, whyNotReach } from '../../mcp/secrets.ts';
import { readServers } from '../../mcp.ts';
import { ENGLISH } from '../../words.ts';
import { type Check, some } from './check.ts';
import { fail, ok, warn } from './finding.ts';
import { fromDatabase } from './ground.ts';

const mcp: Check = {
  id: 'mcp',
  look: async (ground) =>
    await fromDatabase(ground, 'mcp', (db) => {
      const bad: string[] = [];
      const waiting: string[] = [];
      const broken: string[] = [];
      const held = readMcpSecrets(mcpSecretsFile(ground.config.configDir));
      if (!held.ok) return fail('mcp', `${held.reason}.`, 'Mend the file; docs/security.md describes it.');
      let approved = 0;
      for (const group of db.groups.all()) {
        const { folder } = group;
        const { servers, problems } = readServers(db, ground.home, folder);
        for (const { name, reason } of problems)
          bad.push(`${folder}/mcp.json${name === null ? '' : `, ${oneLine(name, 64)}`}: ${reason(ENGLISH)}`);
        const troubles = new Map(db.mcp.troubles(folder).map((each) => [each.name, each.detail]));
        for (const { definition, state } of servers) {
          if (state === 'waiting') waiting.push(`${folder}/${definition.name}`);
          if (state !== 'approved') continue;
          approved += 1;
          const denied = definition.type === 'http' ? whyNotReach(definition, folder, group, held) : null;
          const detail = denied ?? troubles.get(definition.name);
          if (detail !== undefined) broken.push(`${folder}/${definition.name} (${detail})`);
        }
      }
      const seen = [
        ...(bad.length > 0 ? [`Cannot be used: ${some(bad)}.`] : []),
        ...(waiting.length > 0 ? [`Nobody has decided about: ${some(waiting)}.`] : []),
        ...(broken.length > 0 ? [`Do not work: ${some(broken)}.`] : []),
      ];
      if (seen.length > 0)
        return warn(
          'mcp',
          seen.join(' '),
          'nanoclaw mcp list shows each; docs/agents.md describes the file.',
        );
      return ok(
        'mcp',
        approved === 0 ? 'No group has MCP servers.' : `${approved} MCP servers are approved.`,
      );
    }),
};

export const MCP_CHECKS: readonly Check[] = [mcp];
