/** The shared token of this tab. It is kept as long as the tab and never leaves it but as the header of a request. */
export interface Session {
  /** The token, or an empty text. */
  readonly token: () => string;
  readonly keep: (token: string) => void;
  readonly forget: () => void;
}

const tokenKey = 'state-sync-token';
const tokenFragment = /^#token=(.+)$/;

/**
 * A link may carry the token as its fragment (`#token=...`), which a browser sends to no server. It is taken out of the
 * address at once, so that it is in no bookmark and in no history.
 */
export const createSession = (storage: Storage, location: Location, history: History): Session => {
  const given = tokenFragment.exec(location.hash)?.[1];
  if (given !== undefined) {
    storage.setItem(tokenKey, decodeURIComponent(given));
    history.replaceState(null, '', '#/');
  }
  return {
    token: () => storage.getItem(tokenKey) ?? '',
    keep: (token) => storage.setItem(tokenKey, token),
    forget: () => storage.removeItem(tokenKey),
  };
};
