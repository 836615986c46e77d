import type { Bus } from '../nats/bus.ts';
import type { DatabasePool } from '../postgres/database.ts';
import type { Routing } from '../routing/routing.ts';
import type { ArgumentReader } from './read-arguments.ts';
import type { Gateway } from './gateway.ts';
import type { TraceSource } from './trace-source.ts';

/** What the commands work with. The command line makes one of its own, without a gateway in between. */
export interface ManageContext {
  readonly routing: Routing;
  readonly bus: Bus;
  readonly pool: DatabasePool;
  readonly manageTopic: string;
  /** The shared token: it signs what is said to functions and connector over NATS. */
  readonly token: string | undefined;
  readonly ledgerRetentionHours: number;
  /** Undefined if none is configured: then the functions' replicas are not known. */
  readonly gateway: Gateway | undefined;
  /** Where people look at traces; a link is the URL with `/trace/<id>`. */
  readonly jaegerUrl: string | undefined;
  /** Where the spans are; undefined if neither a Jaeger nor the collector of `npm start` is named. */
  readonly traces: TraceSource | undefined;
  /** Where people look at metrics. */
  readonly prometheusUrl: string | undefined;
  /** Who asks, for the audit log. */
  readonly actor: string;
  readonly nowMs: () => number;
  /** What failed in a way that the answer tells only in part. */
  readonly onError: (doing: string, error: unknown) => void;
}

/** Reads its arguments (calling `check` before it does anything), acts, and returns what becomes JSON. */
export type ManageCommand = (args: ArgumentReader, context: ManageContext) => Promise<unknown>;
