import type { SourceChange } from '../../support/source-changes.ts';

/** What a cluster would be without one of its guarantees, and the difference that must be found then. */
export interface ClusterMutation {
  /** The faults that it cannot bear. */
  readonly faults: readonly string[];
  readonly broken: RegExp;
  /** False: commits do not wait for the standby. */
  readonly isSynchronous: boolean;
  readonly connectorChanges: readonly SourceChange[];
  /** Whether it is seen by how long keys stand still: then nothing that producers send may hold them up. */
  readonly isSeenByTime?: boolean;
}

/** By name, for `--mutation`. */
export const clusterMutations: Readonly<Record<string, ClusterMutation>> = {
  /** `synchronous_standby_names` is empty: what the standby has not yet is lost with the primary, although it was acknowledged. */
  'asynchronous-standby': {
    faults: ['lose-primary-ahead'],
    broken: /^I1 no loss: /,
    isSynchronous: false,
    connectorChanges: [],
  },
  /** Every connector reads, whoever holds the lease. */
  'lease-ignored': {
    faults: ['end-function'],
    broken: /^I5 order: /,
    isSynchronous: true,
    connectorChanges: [
      {
        file: 'infra/connector/create-connector.ts',
        find: 'if (leases === undefined) return aloneReader(',
        replace: 'if (leases === undefined || state.own !== undefined) return aloneReader(',
      },
    ],
  },
  /** Nobody looks what the connector before has left, or holds later messages of the same keys back. */
  'takeover-skipped': {
    faults: ['kill-holder'],
    broken: /^I5 order: /,
    isSynchronous: true,
    connectorChanges: [
      {
        file: 'infra/connector/intake/takeover.ts',
        find: 'const { gone, elsewhere } = await findUnsettled(state, position, find);',
        replace: 'const { gone, elsewhere } = { gone: 0, elsewhere: [] };',
      },
    ],
  },
  /**
   * A request for messages waits at the server for longer than the lease of whoever sent it lasts. While that one is frozen, the next holder
   * takes it for somebody who reads without a lease, and hands nothing back: keys stand still for an ack wait. Their order is kept all
   * the same, by waiting.
   */
  'pull-outlives-lease': {
    faults: ['freeze-holder'],
    broken: /^I6 bounded: not at rest /,
    isSynchronous: true,
    isSeenByTime: true,
    connectorChanges: [
      {
        file: 'infra/connector/lease/pull-expiry.ts',
        find: 'remainingMs / (1 + driftAllowance)',
        replace: 'remainingMs > 0 ? longestPullMs : 0',
      },
    ],
  },
};
