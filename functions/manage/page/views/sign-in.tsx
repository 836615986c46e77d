import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

/** Asks for the shared token and says where it is found. */
export const SignIn = (props: {
  readonly fault: string | undefined;
  readonly onToken: (token: string) => void;
}): JSX.Element => {
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => input.current?.focus(), []);
  return (
    <section id="gate" aria-labelledby="gate-title">
      <h2 id="gate-title">Sign in</h2>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          props.onToken(input.current?.value.trim() ?? '');
        }}
      >
        <label for="token">Token</label>
        <input
          id="token"
          ref={input}
          type="password"
          autoComplete="off"
          spellcheck={false}
          required
          aria-describedby="gate-help"
        />
        <button type="submit" class="primary">
          Open
        </button>
      </form>
      {props.fault !== undefined && (
        <p class="bad" role="alert">
          {props.fault}
        </p>
      )}
      <div id="gate-help" class="quiet">
        <p>
          The token is the secret that all functions share. It stays in this tab and is forgotten with it. It is in:
        </p>
        <ul>
          <li>
            <code>.cache/run/function-token</code>, after <code>npm start</code>
          </li>
          <li>
            the secret <code>function-token</code>, on OpenFaaS and Knative:{' '}
            <code>kubectl get secret function-token -o yaml</code> shows it in base64
          </li>
        </ul>
      </div>
    </section>
  );
};
