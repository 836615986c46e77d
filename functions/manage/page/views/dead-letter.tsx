import { Fragment, type ComponentChildren, type JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { DeadLetterLine } from '../../../../shared/operate/describe-dead-letter.ts';
import type { ShownEdit } from '../../../../shared/operate/letter-history.ts';
import type { ReplayReport } from '../../../../shared/operate/replay-dead-letters.ts';
import { formatAddress, type Address } from '../address.ts';
import { useDesk } from '../desk.ts';
import { ActionButton } from '../parts/action-button.tsx';
import { LetterEdits } from '../parts/letter-edits.tsx';
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
  readonly edits: readonly ShownEdit[];
}

interface DeadLetterProps {
  readonly sequence: number;
  readonly query: Address['query'];
  /** The letters of the list behind it, for the next and the previous one. */
  readonly letters: readonly DeadLetterLine[];
  readonly onReplay: (sequence: number) => Promise<boolean>;
  /** The letter was removed. */
  readonly onChange: () => Promise<void>;
}

/** One dead letter whole. Its address names it; closing it leads back to the list. */
export const DeadLetter = (props: DeadLetterProps): JSX.Element | null => {
  const { client, attempt, ask, say } = useDesk();
  const { sequence } = props;
  const [letter, setLetter] = useState<WholeLetter>();
  /** What is written in place of the payload; undefined while nobody edits it. */
  const [draft, setDraft] = useState<string>();
  const close = (): void => void (location.hash = formatAddress({ view: 'dead', query: props.query }));

  useEffect(() => {
    void attempt(async () => setLetter(await client.command<WholeLetter>('dead.show', { sequence })));
  }, [sequence]);

  const remove = async (): Promise<void> => {
    const text = `Removes dead letter ${sequence} for good: the message is lost.`;
    if (!(await ask({ title: 'Delete', text, yes: 'Delete', isDanger: true }))) return;
    await client.command('dead.purge', { sequence });
    say('1 dead letter deleted');
    close();
    await props.onChange();
  };

  const sendDraft = async (): Promise<void> => {
    const { failed } = await client.command<ReplayReport>('dead.edit', { sequence, payload: draft });
    const [failure] = failed;
    if (failure !== undefined) return say(`Not sent: ${failure.code}: ${failure.reason}`, true);
    say('Sent as a new message; the dead letter is removed.');
    close();
    await props.onChange();
    return undefined;
  };

  if (letter === undefined) return null;
  const isEditable = letter.payloadEncoding === 'utf8' && !letter.payloadIsCut;
  return (
    <Dialog title={`Dead letter ${letter.sequence}`} onClose={close}>
      <dl class="pairs">
        {pairsOf(letter).map(([name, value]) => (
          <Fragment key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </Fragment>
        ))}
      </dl>
      <h3>Headers</h3>
      <pre tabIndex={0} role="region" aria-label="Headers" dir="auto">
        {letter.headers.map(([name, value]) => `${name}: ${value}`).join('\n')}
      </pre>
      <h3>
        Payload <span class="quiet">{bytesText(letter)}</span>
      </h3>
      {draft === undefined ? (
        <pre tabIndex={0} role="region" aria-label="Payload" dir="auto">
          {prettyPayload(letter.payload)}
        </pre>
      ) : (
        <>
          <p class="quiet" id="edit-help">
            Sent as a new message with an identity of its own, which names this one. Rows that this one has stored
            already stay.
          </p>
          <textarea
            aria-label="Edited payload"
            aria-describedby="edit-help"
            dir="auto"
            spellcheck={false}
            rows={12}
            value={draft}
            onInput={({ currentTarget: { value } }) => setDraft(value)}
          />
        </>
      )}
      <LetterEdits edits={letter.edits} />
      <div class="buttons">
        <Neighbours {...props} />
        <span class="grow" />
        <button type="button" onClick={close}>
          Close
        </button>
        <ActionButton onAction={() => navigator.clipboard.writeText(letter.payload)}>Copy</ActionButton>
        <ActionButton kind="danger" onAction={remove}>
          Delete
        </ActionButton>
        {draft === undefined ? (
          <>
            <button type="button" disabled={!isEditable} onClick={() => setDraft(prettyPayload(letter.payload))}>
              Edit
            </button>
            <ActionButton
              kind="primary"
              onAction={async () => {
                if (await props.onReplay(letter.sequence)) close();
              }}
            >
              Replay
            </ActionButton>
          </>
        ) : (
          <>
            <button type="button" onClick={() => setDraft(undefined)}>
              Discard changes
            </button>
            <ActionButton kind="primary" onAction={sendDraft}>
              Send edited
            </ActionButton>
          </>
        )}
      </div>
    </Dialog>
  );
};

/** Links to the letters above and below it in the list. */
const Neighbours = ({ sequence, letters, query }: DeadLetterProps): JSX.Element => {
  const index = letters.findIndex((letter) => letter.sequence === sequence);
  const link = (text: string, neighbour: DeadLetterLine | undefined): JSX.Element | null =>
    neighbour === undefined ? null : (
      <a class="button" href={formatAddress({ view: 'dead', id: neighbour.sequence, query })}>
        {text}
      </a>
    );
  return (
    <>
      {link('Newer', index < 0 ? undefined : letters[index - 1])}
      {link('Older', index < 0 ? undefined : letters[index + 1])}
    </>
  );
};

const pairsOf = (letter: WholeLetter): readonly (readonly [name: string, value: ComponentChildren])[] => {
  const editedFrom = letter.headers.find(([name]) => name.toLowerCase() === 'ism-edited-from')?.[1];
  return [
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
      'History',
      <a href={formatAddress({ view: 'find', query: { letter: String(letter.sequence) } })}>
        what else is known of this message
      </a>,
    ],
    ...(editedFrom === undefined
      ? []
      : [
          [
            'Edited from',
            <a href={formatAddress({ view: 'find', query: { q: editedFrom } })}>
              <bdi>{editedFrom}</bdi>
            </a>,
          ] as const,
        ]),
    [
      'Attempts',
      `${numberText(letter.attempts)}${letter.deliveryCount === null ? '' : ` (${countText(letter.deliveryCount, 'delivery', 'deliveries')})`}`,
    ],
    ['Trace', <TraceLink letter={letter} />],
  ];
};

const bytesText = ({ bytes, payloadEncoding, payloadIsCut }: WholeLetter): string =>
  `${countText(bytes, 'byte')}${payloadEncoding === 'base64' ? ', shown as base64' : ''}${payloadIsCut ? ', cut' : ''}`;
