/** The package brings no types of its own. */
declare module 'pg-copy-streams' {
  import type { Writable } from 'node:stream';
  import type { Submittable } from 'pg';
  export const from: (statement: string) => Writable & Submittable;
}
