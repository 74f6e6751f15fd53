/** The agents' proxies with what they ask of the daemon: whose a token is, what a group may reach, whom to tell. */
import { overdrawnBy } from '../allowances/overdrawn.ts';
import { dayIn } from '../allowances.ts';
import { priceOf } from '../config/openai.ts';
import type { Config } from '../config.ts';
import type { AuditNote } from '../db/audit.ts';
import { costAt } from '../db/charges.ts';
import type { Db } from '../db.ts';
import { type AgentProxies, createAgentProxies } from '../http/agent-proxies.ts';
import type { ModelServer } from '../http/model-proxy.ts';
import type { TokenHolder } from '../http/proxy-token.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../log.ts';
import type { McpDefinition } from '../mcp/definition.ts';
import { mcpSecretsFile, readMcpSecrets } from '../mcp/secrets.ts';
import { whyNotConnect } from '../policy/network.ts';
import { ALLOWANCE_USED_UP } from '../protocol.ts';
import { type Folder, iso, type ProviderName } from '../types.ts';
import { createUsageCounter } from './model-usage.ts';

export interface OpenProxiesOptions {
  config: Config;
  db: Db;
  clock: Clock;
  log: Logger;
  /** The provider's server does not accept the host's credential. */
  credentialRefused: (provider: ProviderName, detail: string) => void;
  /** It does, for the first time since a refusal or the start. */
  credentialWorks: (provider: ProviderName) => void;
}

/** Where each provider's model is, what it is asked, and with which credential; null: it cannot be asked. */
function modelServers({
  openai,
  anthropicBaseUrl,
  credential,
}: Config): Record<ProviderName, ModelServer | null> {
  const key = openai?.key ?? null;
  return {
    claude: credential && { upstream: new URL(anthropicBaseUrl), api: 'messages', credential },
    openai: openai && {
      upstream: new URL(openai.baseUrl),
      api: 'chat',
      credential: key === null ? null : { kind: 'authToken', value: key },
      costOf(model, { inputTokens, outputTokens }) {
        const price = priceOf(openai.prices, model);
        return price === null ? null : costAt(price, inputTokens, outputTokens);
      },
    },
    offline: null,
  };
}

export function openProxies(options: OpenProxiesOptions): AgentProxies {
  const { config, db, clock, log, credentialRefused, credentialWorks } = options;
  /** Those that are alike are counted in one row a minute. */
  const note = (entry: Omit<AuditNote, 'at'>): void => {
    if (db.sqlite.open) db.audit.note({ at: iso(clock.now()), ...entry });
  };
  const refused = ({ folder: group }: TokenHolder, action: string, detail: string): void =>
    note({ actor: `agent:${group}`, group, action, outcome: 'refused', detail });
  const servers = modelServers(config);
  /** One from before that was noted had the one that the settings named for all. */
  const providerOf = ({ provider }: TokenHolder): ProviderName => provider ?? config.provider;
  const usage = createUsageCounter({ db, clock, log });
  const proxies = createAgentProxies({
    log,
    model: {
      serverOf: (holder) => servers[providerOf(holder)],
      resolveToken: (hash) => db.agents.byToken(hash),
      onCredentialFailure({ status, holder }) {
        const { folder: group } = holder;
        const detail = `the model server answered ${status}`;
        note({ actor: 'daemon', group, action: 'credential', outcome: 'failed', detail });
        // A 403 may concern one model or one feature; then the turn's own end tells.
        if (status === 401 && db.sqlite.open)
          credentialRefused(providerOf(holder), 'the model refuses the credential (401): renew it in .env');
      },
      onCredentialWorks(holder) {
        if (db.sqlite.open) credentialWorks(providerOf(holder));
      },
      onUsed: ({ holder, use }) => usage.add(holder.folder, use),
      whyNotAsk({ folder }) {
        if (!db.sqlite.open) return null;
        const day = dayIn(clock.now(), config.timezone);
        return overdrawnBy(db, folder as Folder, day) === null
          ? null
          : `the allowance is used up (${ALLOWANCE_USED_UP})`;
      },
      onRefused: ({ holder, reason }) => refused(holder, 'model_request', reason),
      clock,
    },
    egress: {
      resolveToken: (hash) => db.agents.byToken(hash),
      policy: (folder, host, port) => {
        const group = db.groups.byFolder(folder);
        return group === null ? 'this group is not registered' : whyNotConnect(group, host, port);
      },
      onRefused: ({ holder, host, port, reason }) => refused(holder, 'connect', `${host}:${port}: ${reason}`),
      clock,
    },
    mcp: {
      approved: (folder, name) => {
        const json = db.sqlite.open ? db.mcp.approved(folder, name) : null;
        const definition = json === null ? null : (JSON.parse(json) as McpDefinition);
        return definition?.type === 'http' ? definition : null;
      },
      secrets: () => readMcpSecrets(mcpSecretsFile(config.configDir)),
      network: (folder) => (db.sqlite.open ? db.groups.byFolder(folder) : null),
      onRefused: ({ holder, reason }) => refused(holder, 'mcp_request', reason),
      clock,
    },
    ports: {
      get: (name) => Number(db.inbox.meta(`${name}_proxy_port`) ?? 0),
      set: (name, port) => db.inbox.setMeta(`${name}_proxy_port`, String(port)),
    },
  });
  return {
    ...proxies,
    async close() {
      await proxies.close();
      usage.flush();
    },
  };
}
