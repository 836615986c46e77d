import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { MessageTrace } from '../../../../shared/operate/commands/message-trace.ts';
import type { FoundRows } from '../../../../shared/operate/commands/row-find.ts';
import { formatAddress, type Address } from '../address.ts';
import { useDesk } from '../desk.ts';
import { LetterEdits } from '../parts/letter-edits.tsx';
import { DeliveryWayOf } from '../parts/delivery-way.tsx';
import { SearchField } from '../parts/search-field.tsx';
import { TraceTree } from '../parts/trace-tree.tsx';
import { replaceAddress } from '../use-address.ts';
import { numberText } from '../words.ts';

interface Found {
  readonly question: string;
  /** Undefined if nothing knows it. */
  readonly answer: MessageTrace | undefined;
  /** Those that have it as their key. */
  readonly keyed: FoundRows;
}

/** What became of a message: by its id, its trace, or its dead letter; and the rows of a key. */
export const Find = ({ query }: { readonly query: Address['query'] }): JSX.Element => {
  const { client, attempt } = useDesk();
  const [found, setFound] = useState<Found>();
  const { q, letter } = query;
  const question = q ?? (letter === undefined ? '' : `dead letter ${letter}`);

  useEffect(() => {
    if (question === '') return undefined;
    let isCurrent = true;
    setFound(undefined);
    void attempt(async () => {
      const tracing = client.command<MessageTrace>('message.trace', argumentsOf(query)).catch((error: unknown) => {
        if (!(error instanceof Error && error.message.startsWith('not_found'))) throw error;
        return undefined;
      });
      const finding = q === undefined ? noRows : client.command<FoundRows>('row.find', { key: q });
      const [answer, keyed] = await Promise.all([tracing, finding]);
      if (isCurrent) setFound({ question, answer, keyed });
    });
    return () => void (isCurrent = false);
  }, [question]);

  return (
    <>
      <section aria-labelledby="find-title">
        <div class="head">
          <h2 id="find-title">Find a message</h2>
          <span class="grow" />
          <SearchField
            label="Message id, trace id or key"
            placeholder="orders/17"
            value={q ?? ''}
            onValue={(value) => replaceAddress(formatAddress({ view: 'find', query: { q: value } }))}
          />
        </div>
        <p class="quiet">
          {question === ''
            ? 'By the id that its producer gave it, by the identity that a log or a dead letter names, or by a trace id. A row by its whole key; by a part of it on the page of its state.'
            : summaryOf(found)}
        </p>
      </section>
      {isTraceId(question) && (
        <section aria-labelledby="trace-title">
          <h2 id="trace-title">Trace</h2>
          <TraceTree traceId={question.toLowerCase()} />
        </section>
      )}
      {found !== undefined && <KeyedRows {...found} />}
      {found?.answer !== undefined && <Answer answer={found.answer} hasTrace={isTraceId(question)} />}
    </>
  );
};

const isTraceId = (text: string): boolean => /^[0-9a-f]{32}$/i.test(text);

const argumentsOf = ({ q, letter }: Address['query']): Readonly<Record<string, unknown>> => {
  if (q === undefined) return { sequence: Number(letter) };
  return isTraceId(q) ? { trace_id: q } : { id: q };
};

const summaryOf = (found: Found | undefined): string => {
  if (found === undefined) return 'Looking …';
  const { question, answer, keyed } = found;
  const rows = [keyed.rows.length, 'with this key'] as const;
  if (answer === undefined && rows[0] === 0) {
    return `Neither the ledger, nor the dead letters, nor the streams know ${question}, and no row has it as its key.`;
  }
  const { deliveries = [], deadLetters = [], waiting = [], edits = [] } = answer ?? {};
  const parts = [
    rows,
    [deliveries.length, 'stored'],
    [deadLetters.length, 'given up'],
    [waiting.length, 'waiting'],
    [edits.length, 'edited'],
  ] as const;
  return parts
    .filter(([count]) => count > 0)
    .map(([count, text]) => `${numberText(count)} ${text}`)
    .join(', ');
};

const noRows: FoundRows = { rows: [], isComplete: true };

const KeyedRows = ({ question, keyed }: Found): JSX.Element | null =>
  keyed.rows.length === 0 ? null : (
    <section aria-labelledby="keyed-title">
      <h2 id="keyed-title">Rows with this key</h2>
      <ul class="findings">
        {keyed.rows.map(({ stateId, stateName, position }) => (
          <li key={`${stateId}/${position}`}>
            <a
              href={formatAddress({
                view: 'states',
                id: stateId,
                query: { offset: String(position), row: String(position) },
              })}
            >
              {`row ${position} of `}
              <bdi>{stateName ?? stateId}</bdi>
            </a>
          </li>
        ))}
      </ul>
      {!keyed.isComplete && (
        <p class="quiet">
          There are more with <bdi>{question}</bdi>.
        </p>
      )}
    </section>
  );

const Answer = ({ answer, hasTrace }: { readonly answer: MessageTrace; readonly hasTrace: boolean }): JSX.Element => (
  <>
    {answer.deadLetters.map((letter) => (
      <section key={letter.sequence} aria-labelledby={`letter-${letter.sequence}`}>
        <h2 id={`letter-${letter.sequence}`}>
          <a href={formatAddress({ view: 'dead', id: letter.sequence })}>{`Dead letter ${letter.sequence}`}</a>
        </h2>
        <p>
          <bdi class="bad">{letter.code}</bdi> <bdi>{letter.reason}</bdi>
        </p>
      </section>
    ))}
    {answer.edits.length > 0 && (
      <section aria-labelledby="edits-title">
        <h2 id="edits-title">Edited</h2>
        <LetterEdits edits={answer.edits} />
      </section>
    )}
    {answer.waiting.map(({ stream, sequence, subject }) => (
      <section key={`${stream}/${sequence}`} aria-labelledby={`waiting-${stream}-${sequence}`}>
        <h2 id={`waiting-${stream}-${sequence}`}>Waiting</h2>
        <p>
          in stream <bdi>{stream}</bdi>
          {`, sequence ${sequence}, subject `}
          <bdi>{subject}</bdi>
        </p>
      </section>
    ))}
    {answer.deliveries.map(({ trace, ...way }, index) => (
      <section key={way.identity} aria-labelledby={`delivery-${index}`}>
        <h2 id={`delivery-${index}`}>Stored</h2>
        <DeliveryWayOf way={way} trace={hasTrace ? { traceId: null, traceUrl: null, reason: 'it is above' } : trace} />
      </section>
    ))}
  </>
);
