/** Something that is not as it must be, named by the invariant that it breaks. */
export interface Difference {
  readonly invariant:
    | 'I1 no loss'
    | 'I2 no duplicate'
    | 'I3 atomic'
    | 'I4 forwards'
    | 'I5 order'
    | 'I6 bounded'
    | 'I7 ack after commit'
    | 'dead letters'
    | 'mapping'
    | 'count'
    /** What the servers did by themselves: what follows from it is not the store's. */
    | 'NATS'
    /** What the suite could not do or see: without it, nothing that it says counts. */
    | 'suite';
  readonly text: string;
}
