import type { JSX } from 'preact';
import type { ShownEdit } from '../../../../shared/operate/letter-history.ts';
import { formatAddress } from '../address.ts';
import { prettyPayload } from '../pretty-payload.ts';
import { TimeText } from './time-text.tsx';

/** What dead letters were before they were edited, and what was sent in their place. */
export const LetterEdits = ({ edits }: { readonly edits: readonly ShownEdit[] }): JSX.Element => (
  <>
    {edits.map(({ identity, editedFrom, sequence, time, actor, code, reason, before, after }) => (
      <div key={identity}>
        <h3>{`Dead letter ${sequence} was edited`}</h3>
        <p>
          <TimeText time={time} /> by <bdi>{actor}</bdi>; it was given up for <bdi>{`${code}: ${reason}`}</bdi>
        </p>
        <p>
          Before: <IdentityLink identity={editedFrom} />
        </p>
        <pre tabIndex={0} role="region" aria-label={`Content before the edit of dead letter ${sequence}`} dir="auto">
          {prettyPayload(before)}
        </pre>
        <p>
          After: <IdentityLink identity={identity} />
        </p>
        <pre tabIndex={0} role="region" aria-label={`Content after the edit of dead letter ${sequence}`} dir="auto">
          {prettyPayload(after)}
        </pre>
      </div>
    ))}
  </>
);

const IdentityLink = ({ identity }: { readonly identity: string }): JSX.Element => (
  <a href={formatAddress({ view: 'find', query: { q: identity } })}>
    <bdi>{identity}</bdi>
  </a>
);
