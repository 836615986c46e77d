import type { JSX } from 'preact';
import type { DeadLetterLine } from '../../../../shared/operate/describe-dead-letter.ts';

/** The trace of a dead letter: a link if a Jaeger is configured, else its id. */
export const TraceLink = ({ letter }: { readonly letter: DeadLetterLine }): JSX.Element => {
  const { traceId, traceUrl, sequence } = letter;
  if (traceId === null) return <span class="quiet">–</span>;
  if (traceUrl === null)
    return (
      <span class="quiet" title={traceId}>
        {traceId.slice(0, 8)}
      </span>
    );
  return (
    <a href={traceUrl} target="_blank" rel="noopener noreferrer" aria-label={`Trace of dead letter ${sequence}`}>
      trace
    </a>
  );
};
