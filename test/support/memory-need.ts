/** What a process of the store may take, part by part, in MiB. */
export interface MemoryNeed {
  /** `--max-old-space-size`: rows, plans, texts. V8 goes no further. */
  readonly heap: number;
  /** Node, the bundle and its libraries, young objects: what an idle process has, rounded up. */
  readonly program: number;
  /** Bodies and payloads outside the heap. */
  readonly bodies: number;
}

/** The limit that a container needs: the sum, rounded up to the next 128 MiB. */
export const limitOf = ({ heap, program, bodies }: MemoryNeed): number =>
  Math.ceil((heap + program + bodies) / 128) * 128;
