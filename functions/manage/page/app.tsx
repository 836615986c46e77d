import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { formatAddress, type Address, type View } from './address.ts';
import type { Client } from './client.ts';
import { DeskContext } from './desk.ts';
import { HealthLine, type HealthShown } from './parts/health-line.tsx';
import { QuestionDialog } from './parts/question-dialog.tsx';
import type { Session } from './session.ts';
import { useAddress } from './use-address.ts';
import { useDeskState } from './use-desk-state.ts';
import { useLive, type Live } from './use-live.ts';
import { DeadLetters } from './views/dead-letters.tsx';
import { Audit } from './views/audit.tsx';
import { Find } from './views/find.tsx';
import { GraphView } from './views/graph.tsx';
import { HistoryView } from './views/history.tsx';
import { Overview } from './views/overview.tsx';
import { Replicas } from './views/replicas.tsx';
import { SignIn } from './views/sign-in.tsx';
import { StateView } from './views/state.tsx';
import { States } from './views/states.tsx';

const titles: Readonly<Record<View, string>> = {
  overview: 'Overview',
  graph: 'Graph',
  history: 'History',
  dead: 'Dead letters',
  states: 'States',
  find: 'Find',
  replicas: 'Replicas',
  audit: 'Audit',
};

/** The whole page: the sign-in, or the view that the address names. */
export const App = ({ session, client }: { readonly session: Session; readonly client: Client }): JSX.Element => {
  const address = useAddress();
  /** Undefined while signed in, or while nobody has said that we are not. */
  const [gate, setGate] = useState<{ readonly fault: string | undefined }>();
  const main = useRef<HTMLElement>(null);
  const signOut = (): void => {
    setGate({ fault: session.token() === '' ? undefined : 'This token is not accepted.' });
    session.forget();
  };
  const { desk, messages, question } = useDeskState(client, signOut);
  const isSignedIn = gate === undefined;
  const live = useLive(client, isSignedIn, signOut);

  const lastView = useRef(address.view);
  useEffect(() => {
    document.title = `${titles[address.view]} · State Sync Store`;
    // A reader who asked for another view starts at its beginning; at the first one the browser does that.
    if (lastView.current !== address.view) {
      main.current?.focus({ preventScroll: true });
      scrollTo(0, 0);
    }
    lastView.current = address.view;
  }, [address.view]);

  return (
    <DeskContext.Provider value={desk}>
      <a
        class="skip"
        href="#main"
        onClick={(event) => {
          // The fragment is the view's.
          event.preventDefault();
          main.current?.focus();
        }}
      >
        Skip to the content
      </a>
      <header>
        <h1>State Sync Store</h1>
        {isSignedIn && <Navigation view={address.view} />}
        <HealthLine
          health={healthShown(live, isSignedIn)}
          receivedMs={isSignedIn && live.status !== undefined ? live.receivedMs : undefined}
        />
      </header>
      <main id="main" tabIndex={-1} ref={main}>
        {gate === undefined ? (
          <ViewOf address={address} live={live} />
        ) : (
          <SignIn
            fault={gate.fault}
            onToken={(token) => {
              session.keep(token);
              setGate(undefined);
            }}
          />
        )}
      </main>
      <div id="message" role="status" aria-live="polite">
        {messages.map(({ id, text, isFailure }) => (
          <p key={id} class={isFailure ? 'failed' : undefined}>
            {text}
          </p>
        ))}
      </div>
      {question !== undefined && <QuestionDialog {...question} />}
    </DeskContext.Provider>
  );
};

const healthShown = (live: Live, isSignedIn: boolean): HealthShown => {
  if (!isSignedIn) return { level: 'unknown', headline: 'Signed out' };
  if (live.fault !== undefined) return { level: 'bad', headline: `Not connected: ${live.fault}` };
  return live.status === undefined ? { level: 'unknown', headline: 'Connecting …' } : live.status.health;
};

const ViewOf = ({ address, live }: { readonly address: Address; readonly live: Live }): JSX.Element => {
  const { status, samples, known } = live;
  if (status === undefined) return <p class="quiet">Connecting …</p>;
  const shown: Readonly<Record<View, () => JSX.Element>> = {
    overview: () => <Overview status={status} known={known} samples={samples} />,
    graph: () => <GraphView selected={address.id} pauses={status.pauses} />,
    history: () => <HistoryView hours={address.query['hours']} />,
    dead: () => <DeadLetters address={address} summary={status.deadLetters} />,
    states: () =>
      address.id === undefined ? (
        <States search={address.query['search'] ?? ''} />
      ) : (
        <StateView key={address.id} id={address.id} query={address.query} pauses={status.pauses} />
      ),
    find: () => <Find query={address.query} />,
    replicas: () => <Replicas status={status} />,
    audit: () => <Audit query={address.query} />,
  };
  return shown[address.view]();
};

const Navigation = ({ view }: { readonly view: View }): JSX.Element => (
  <nav aria-label="Views">
    {(Object.keys(titles) as View[]).map((name) => (
      <a key={name} href={formatAddress({ view: name })} aria-current={name === view ? 'page' : undefined}>
        {titles[name]}
      </a>
    ))}
  </nav>
);
