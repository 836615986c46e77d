import { useEffect, useState } from 'preact/hooks';
import { formatAddress, parseAddress, type Address } from './address.ts';

/** The address that is shown; the browser's back and forward buttons change it too. */
export const useAddress = (): Address => {
  const [address, setAddress] = useState(() => parseAddress(location.hash));
  useEffect(() => {
    const read = (): void => setAddress(parseAddress(location.hash));
    addEventListener('hashchange', read);
    return () => removeEventListener('hashchange', read);
  }, []);
  return address;
};

/** Changes the address in place: what is typed letter by letter is no step of the back button. */
export const replaceAddress = (fragment: string): void => location.replace(fragment);

/**
 * Changes one part of the address's query in place. The rest is read from the address itself: another field may have
 * changed it a moment ago, and what was drawn does not know it yet.
 */
export const replaceQuery = (change: Readonly<Record<string, string>>): void => {
  const { view, query } = parseAddress(location.hash);
  replaceAddress(formatAddress({ view, query: { ...query, ...change } }));
};
