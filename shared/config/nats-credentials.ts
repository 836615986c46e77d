/** How a connection says who it is. */
export type NatsCredentials =
  | { readonly kind: 'none' }
  | { readonly kind: 'token'; readonly token: string }
  | { readonly kind: 'user'; readonly user: string; readonly password: string }
  | { readonly kind: 'nkey'; readonly seed: string }
  | { readonly kind: 'jwt'; readonly jwt: string; readonly seed: string | undefined };

/** The settings that credentials are made of, each as text: a file's content if a file was named. */
export interface CredentialTexts {
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly token: string | undefined;
  readonly nkey: string | undefined;
  readonly creds: string | undefined;
  readonly jwt: string | undefined;
  readonly seed: string | undefined;
}

/**
 * The one way to authenticate that the settings name; `none` if they name none.
 * @returns every fault by the name of its setting, never by value
 */
export const readCredentials = (
  texts: CredentialTexts,
): NatsCredentials | { readonly kind: 'faulty'; readonly faults: readonly string[] } => {
  const given = ways.filter(({ names }) => names.some((name) => texts[name] !== undefined));
  if (given.length === 0) return { kind: 'none' };
  if (given.length > 1) {
    const list = given.map(({ label }) => label).join(', ');
    return { kind: 'faulty', faults: [`${list}: these are different ways to authenticate, keep one`] };
  }
  const read = given[0]!.read(texts);
  return typeof read === 'string' ? { kind: 'faulty', faults: [read] } : read;
};

/** The text between the first, or second, pair of lines of dashes of a credentials file. */
const blocks = /-{3,}[^\n]*-{3,}\s*\n\s*([^\n]+?)\s*\n\s*-{3,}[^\n]*-{3,}/g;

interface Way {
  readonly label: string;
  readonly names: readonly (keyof CredentialTexts)[];
  /** The credentials, or what is wrong. */
  readonly read: (texts: CredentialTexts) => NatsCredentials | string;
}

const ways: readonly Way[] = [
  {
    label: 'NATS_USER',
    names: ['user', 'password'],
    read: ({ user, password }) => {
      if (user === undefined) return 'NATS_PASSWORD needs NATS_USER';
      // As in the nats tool: a user alone is a token.
      return password === undefined ? { kind: 'token', token: user } : { kind: 'user', user, password };
    },
  },
  {
    label: 'NATS_TOKEN',
    names: ['token'],
    read: ({ token }) => ({ kind: 'token', token: token! }),
  },
  {
    label: 'NATS_NKEY',
    names: ['nkey'],
    read: ({ nkey }) =>
      isUserSeed(nkey!)
        ? { kind: 'nkey', seed: nkey! }
        : 'NATS_NKEY must be the seed of a user (SU...), or the path of a file that holds one',
  },
  {
    label: 'NATS_CREDS',
    names: ['creds'],
    read: ({ creds }) => {
      const [jwt = '', seed = ''] = [...creds!.matchAll(blocks)].map((match) => match[1]!);
      return isJwt(jwt) && isUserSeed(seed)
        ? { kind: 'jwt', jwt, seed }
        : 'NATS_CREDS must hold a user JWT and a seed, as nsc writes them, or be the path of such a file';
    },
  },
  {
    label: 'NATS_JWT',
    names: ['jwt', 'seed'],
    read: ({ jwt, seed }) => {
      if (jwt === undefined) return 'NATS_SEED needs NATS_JWT (an NKey without a JWT is NATS_NKEY)';
      if (!isJwt(jwt)) return 'NATS_JWT must be a user JWT, or the path of a file that holds one';
      if (seed !== undefined && !isUserSeed(seed)) return 'NATS_SEED must be the seed of a user (SU...), or its path';
      return { kind: 'jwt', jwt, seed };
    },
  },
];

/** Whether the text is an NKey seed of a user. */
const isUserSeed = (text: string): boolean => /^SU[A-Z2-7]{56}$/.test(text);

const isJwt = (text: string): boolean => /^[\w-]+\.[\w-]+\.[\w-]+$/.test(text);
