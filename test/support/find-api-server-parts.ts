import { findPart, type PlatformPart } from './platform-parts.ts';

/** What a real API server takes to run and to be spoken to. */
export interface ApiServerParts {
  readonly apiServer: PlatformPart;
  readonly etcd: PlatformPart;
  readonly crds: PlatformPart;
  readonly isThere: boolean;
  /** For a test's name: what is missing, and how to get it. */
  readonly note: string;
}

export const findApiServerParts = async (): Promise<ApiServerParts> => {
  const apiServer = await findPart('kube-apiserver');
  const etcd = await findPart('etcd', "Debian's etcd-server");
  const crds = await findPart('crds');
  const kubectl = await findPart('kubectl', 'a package of Kubernetes');
  const missing = [apiServer, etcd, crds, kubectl].find(({ path }) => path === undefined);
  return { apiServer, etcd, crds, isThere: missing === undefined, note: missing?.note ?? '' };
};
