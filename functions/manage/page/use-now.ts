import { useEffect, useState } from 'preact/hooks';

/** The browser's time in milliseconds since 1970, renewed every second. */
export const useNowMs = (): number => {
  const [nowMs, setNowMs] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNowMs(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  return nowMs;
};
