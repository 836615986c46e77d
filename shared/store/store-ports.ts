import type { IdentityUse } from '../message/content-hash.ts';
import type { Delivery } from '../message/delivery.ts';
import type { OutgoingMessage, PublishOutcome } from '../message/outgoing-message.ts';
import type { AppendRequest, AppendResult } from '../postgres/append-request.ts';
import type { RouteConfig } from '../routing/routing.ts';
import type { EvaluatorFactory, ExpressionScope } from '../state/evaluator.ts';
import type { Route, StateModel } from '../state/state-model.ts';
import type { PlanPace } from '../function/plan-pace.ts';

/** Variables of callable columns (reference.md D.6) without those of the state; a function reads them only if needed. */
export type Scope = ExpressionScope | (() => Promise<ExpressionScope>);

/** A delivery whose state is known: by its `state_id`, or through its OUTPUT route. */
export interface StoreTarget {
  readonly delivery: Delivery;
  readonly stateId: string;
  readonly scope: Scope;
}

/** What storing needs of the world; each is one room behind an interface. */
export interface StorePorts {
  /** @throws RetryableError `unknown_state` */
  state(stateId: string): StateModel | Promise<StateModel>;
  forwardRoutes(stateId: string): readonly Route[] | Promise<readonly Route[]>;
  /** The next plan reads the state again: its columns changed, or it is no longer what the cache says. */
  forgetState(stateId: string): void;
  /** @throws StaleMetadataError if the state or a column is no longer what the request says */
  append(request: AppendRequest): Promise<AppendResult>;
  markForwarded(ids: readonly string[]): Promise<void>;
  /** What is stored of those ids already, and whether it was passed on; the unknown ones are absent. */
  readLedger(ids: readonly string[]): Promise<ReadonlyMap<string, IdentityUse & { readonly forwarded: boolean }>>;
  maxPayloadBytes(): Promise<number>;
  publish(messages: readonly OutgoingMessage[], deliveryIds: readonly string[]): Promise<readonly PublishOutcome[]>;
  /** Loaded only for states that have a callable column. */
  evaluators(): Promise<EvaluatorFactory>;
  readonly routerRoute: RouteConfig;
  readonly flatten: 'lossless' | 'reference';
  /** What one message may expand to. */
  readonly maxExpandedBytes: number;
  /** The most columns that a state may get from data. */
  readonly maxStateColumns: number;
  /** How all plans of the process share its time and memory. */
  readonly pace: PlanPace;
  /** Told of the rows that were stored now. */
  onStored(rows: number): void;
}
