import { useEffect, useState } from 'preact/hooks';
import { parseAddress, type Address } from './address.ts';

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
