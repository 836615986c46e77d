export interface StopOptions {
  /** The process ends after this long, whatever hangs. */
  readonly limitMs: number;
  /** Ends what is under way; called once. Exit code 0, or 1 if it rejects. */
  stop(signal: NodeJS.Signals): Promise<void>;
  /** Told if the limit cut it off. */
  onUnfinished(limitMs: number): void;
  onFailed(error: unknown): void;
}

/**
 * Ends the process in order on SIGTERM and SIGINT. It ends whatever hangs: a process that has closed its port and does not
 * end takes every request that a gateway still gives it with it.
 */
export const stopOnSignals = (options: StopOptions): void => {
  let isStopping = false;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (isStopping) return;
    isStopping = true;
    setTimeout(() => {
      options.onUnfinished(options.limitMs);
      process.exit(0);
    }, options.limitMs).unref();
    options.stop(signal).then(
      () => process.exit(0),
      (error: unknown) => {
        options.onFailed(error);
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
};
