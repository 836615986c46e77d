import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { DeadLetterLine } from '../../../../shared/operate/describe-dead-letter.ts';
import { formatAddress, type Address } from '../address.ts';
import { useDesk } from '../desk.ts';
import { ActionButton } from '../parts/action-button.tsx';
import { Dialog } from '../parts/dialog.tsx';
import { TimeText } from '../parts/time-text.tsx';
import { TraceLink } from '../parts/trace-link.tsx';
import { prettyPayload } from '../pretty-payload.ts';
import { countText, numberText } from '../words.ts';

interface WholeLetter extends DeadLetterLine {
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly payload: string;
  readonly payloadEncoding: 'utf8' | 'base64';
  readonly payloadIsCut: boolean;
}

/** One dead letter whole. Its address names it; closing it leads back to the list. */
export const DeadLetter = (props: {
  readonly sequence: number;
  readonly query: Address['query'];
  readonly onReplay: (sequence: number) => Promise<boolean>;
}): JSX.Element | null => {
  const { client, attempt } = useDesk();
  const [letter, setLetter] = useState<WholeLetter>();
  const close = (): void => void (location.hash = formatAddress({ view: 'dead', query: props.query }));

  useEffect(() => {
    void attempt(async () => setLetter(await client.command<WholeLetter>('dead.show', { sequence: props.sequence })));
  }, [props.sequence]);

  if (letter === undefined) return null;
  return (
    <Dialog title={`Dead letter ${letter.sequence}`} onClose={close}>
      <dl class="pairs">
        {pairsOf(letter).map(([name, value]) => (
          <>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </>
        ))}
      </dl>
      <h3>Headers</h3>
      <pre tabIndex={0} role="region" aria-label="Headers" dir="auto">
        {letter.headers.map(([name, value]) => `${name}: ${value}`).join('\n')}
      </pre>
      <h3>
        Payload <span class="quiet">{bytesText(letter)}</span>
      </h3>
      <pre tabIndex={0} role="region" aria-label="Payload" dir="auto">
        {prettyPayload(letter.payload)}
      </pre>
      <div class="buttons">
        <button type="button" onClick={close}>
          Close
        </button>
        <ActionButton
          kind="primary"
          onAction={async () => {
            if (await props.onReplay(letter.sequence)) close();
          }}
        >
          Replay
        </ActionButton>
      </div>
    </Dialog>
  );
};

const pairsOf = (letter: WholeLetter): readonly (readonly [name: string, value: ComponentChildren])[] => [
  ['Code', <bdi>{letter.code}</bdi>],
  ['Reason', <bdi>{letter.reason}</bdi>],
  ['Time', <TimeText time={letter.time} />],
  [
    'From',
    <bdi>{`${letter.stream}${letter.streamSequence === null ? '' : `, sequence ${letter.streamSequence}`}`}</bdi>,
  ],
  ['Subject', <bdi>{letter.subject}</bdi>],
  ['Identity', <bdi>{letter.identity ?? '–'}</bdi>],
  [
    'Attempts',
    `${numberText(letter.attempts)}${letter.deliveryCount === null ? '' : ` (${countText(letter.deliveryCount, 'delivery', 'deliveries')})`}`,
  ],
  ['Trace', <TraceLink letter={letter} />],
];

const bytesText = ({ bytes, payloadEncoding, payloadIsCut }: WholeLetter): string =>
  `${countText(bytes, 'byte')}${payloadEncoding === 'base64' ? ', shown as base64' : ''}${payloadIsCut ? ', cut' : ''}`;
