/** How a stream is made that is missing; what is absent is left to the server. Streams that exist stay as they are. */
export interface StreamLimits {
  readonly maxBytes?: number;
  readonly maxMessages?: number;
  readonly maxAgeSeconds?: number;
  readonly maxMessageBytes?: number;
  readonly duplicateWindowSeconds?: number;
  readonly discard?: 'old' | 'new';
  /** Absent: three on a cluster of at least three servers, else one. */
  readonly replicas?: number;
  readonly storage?: 'file' | 'memory';
  readonly compression?: 'none' | 's2';
  /** Name of the cluster, and tags that its servers must have. */
  readonly placementCluster?: string;
  readonly placementTags?: readonly string[];
}

/** The section `streams` of the routing file: limits by the stream's name, `*` for all others. */
export type StreamSettings = ReadonlyMap<string, StreamLimits>;

/** What applies to one stream: its own entry, filled in from that of all. */
export const streamLimitsOf = (settings: StreamSettings | undefined, stream: string): StreamLimits => ({
  ...settings?.get('*'),
  ...settings?.get(stream),
});
