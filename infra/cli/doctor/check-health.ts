import { readStatus } from '../../../shared/operate/commands/status.ts';
import type { HealthState } from '../../../shared/operate/health/assess-health.ts';
import type { Store } from '../open-store.ts';
import { fail, ok, warn, type Finding } from './finding.ts';

/** What the operator's page and `status` say of connector, functions and durables; other checks look at the rest. */
export const checkHealth = async (store: Store): Promise<readonly Finding[]> => {
  const { health } = await readStatus(await store.manage());
  const states = health.states.filter(({ part, code }) => parts.has(part) && !checkedElsewhere.has(code));
  const troubles = states.filter(({ level }) => level !== 'good');
  const held = states.filter(({ code }) => code === 'lease_held');
  const readers = held.map(({ code, headline, sinceMs }) => ok('health', code, `${headline}${sinceText(sinceMs)}`));
  return troubles.length === 0
    ? [ok('health', 'moving', 'connector, functions and consumers do what they have to'), ...readers]
    : [...troubles.map(findingOf), ...readers];
};

const parts: ReadonlySet<HealthState['part']> = new Set(['connector', 'function', 'durable', 'stream']);

/** The check of the consumers says more of these. */
const checkedElsewhere: ReadonlySet<string> = new Set(['consumer_paused', 'consumer_push']);

const startConnector =
  'start the connector (npm start, or kubectl -n state-sync scale deployment/connector --replicas=2)';

const fixes: Readonly<Record<string, string>> = {
  connector_away: startConnector,
  not_read: startConnector,
  lease_free: 'nats stream info KV_state_sync_leases: it needs a leader, and the connector the right to write to it',
  stream_full: 'nats stream edit NAME --max-msgs or --max-bytes, or let its messages be stored',
  function_missing: 'faas-cli deploy -f stack.yml',
};

const sinceText = (sinceMs: number | null): string =>
  sinceMs === null ? '' : `, since ${new Date(sinceMs).toISOString()}`;

const findingOf = ({ level, code, headline, reason, name }: HealthState): Finding => {
  const text = `${headline}${reason === '' ? '' : `: ${reason}`}`;
  const fix = (fixes[code] ?? `look at the log of the connector and of the function for ${name}`).replace('NAME', name);
  return (level === 'bad' ? fail : warn)('health', code, text, fix);
};
