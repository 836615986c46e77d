import type { TcpProxy } from './tcp-proxy.ts';

/** Every way between two parts, as one: a fault hits all of them. */
export type Link = Omit<TcpProxy, 'port' | 'target' | 'close'>;

/** The proxies of the list, which may grow, as one link. */
export const joinLinks = (proxies: readonly TcpProxy[]): Link => {
  const sum = (of: (proxy: TcpProxy) => number): number => proxies.reduce((total, proxy) => total + of(proxy), 0);
  return {
    get connections() {
      return sum(({ connections }) => connections);
    },
    get cuts() {
      return sum(({ cuts }) => cuts);
    },
    get met() {
      return sum(({ met }) => met);
    },
    setMode: (mode) => {
      for (const proxy of proxies) proxy.setMode(mode);
    },
    cutAll: () => sum((proxy) => proxy.cutAll()),
    cutAnswers: (cut, count) => {
      for (const proxy of proxies) proxy.cutAnswers(cut, count);
    },
  };
};
