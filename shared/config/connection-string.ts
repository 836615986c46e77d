import { connectionParameter } from './connection-parameters.ts';
import type { Setting } from './settings.ts';

/** Parameters by their names, each given once. */
export type ConnectionParameters = ReadonlyMap<string, string>;

/** What a connection string says, or what is wrong with it; a fault never repeats the string, which holds a password. */
export type ParsedConnectionString =
  { readonly parameters: ConnectionParameters } | { readonly faults: readonly string[] };

/** A fault of the text itself, thrown inside this file only. */
class Malformed extends Error {}

/**
 * Reads a connection string as libpq does (PostgreSQL's documentation, 32.1.1): a URI, or keywords with values. It only reads:
 * neither the environment nor a file decides anything here.
 */
export const parseConnectionString = (text: string): ParsedConnectionString => {
  let parameters: Map<string, string>;
  try {
    if (/^postgres(ql)?:\/\//.test(text)) parameters = parseUri(text);
    else if (/^\s*\w+\s*=/.test(text)) parameters = parseKeywords(text);
    else return { faults: ['must begin with postgresql://, or be keywords with values (host=... dbname=...)'] };
  } catch (error) {
    if (error instanceof Malformed) return { faults: [error.message] };
    throw error;
  }
  const faults = parameterFaults(parameters);
  return faults.length > 0 ? { faults } : { parameters };
};

/** What is wrong with names and values; of a value only what cannot be secret is repeated. */
export const parameterFaults = (parameters: ConnectionParameters): readonly string[] => {
  const faults: string[] = [];
  for (const [name, value] of parameters) {
    const parameter = connectionParameter(name);
    if (parameter === undefined) {
      faults.push(
        `has a parameter that PostgreSQL does not know: ${/^\w{1,63}$/.test(name) ? name : 'a name with other characters'}`,
      );
      continue;
    }
    const fault = value === '' ? undefined : parameter.fault(value);
    // A misplaced "/" or "@" makes a part of the password one of these.
    const isRepeated = /^[\w.,!-]{1,40}$/.test(value) && !privateNames.has(name);
    if (fault !== undefined) faults.push(`has ${isRepeated ? `${name}=${value}` : `a ${name}`}, which ${fault}`);
  }
  const hosts = listLength(parameters, 'host') ?? listLength(parameters, 'hostaddr') ?? 1;
  for (const name of ['hostaddr', 'port']) {
    const length = listLength(parameters, name);
    if (length !== undefined && length !== hosts && !(name === 'port' && length === 1)) {
      faults.push(`has ${hosts} host${hosts === 1 ? '' : 's'} and ${length} values of ${name}`);
    }
  }
  return faults;
};

/** A connection string of PostgreSQL; what is wrong is said by the parameter's name. */
export const connectionString = (name: string, fallback: string): Setting<string> => ({
  name,
  fallback,
  parse: (value) => {
    const parsed = parseConnectionString(value);
    return 'faults' in parsed ? { fault: parsed.faults.join('; ') } : { value };
  },
});

const privateNames: ReadonlySet<string> = new Set(
  'host hostaddr port user dbname options password sslpassword oauth_client_secret scram_client_key scram_server_key'.split(
    ' ',
  ),
);

const parseUri = (text: string): Map<string, string> => {
  const rest = text.replace(/^postgres(ql)?:\/\//, '');
  const parameters = new Map<string, string>();
  const put = (name: string, value: string): void => {
    if (value !== '') parameters.set(name, value);
  };
  // Credentials end at the last "@" before the path: a host has none, and a password may have any character but "/".
  const beforePath = /^[^/]*@/.exec(rest)?.[0] ?? '';
  if (beforePath !== '') {
    const credentials = beforePath.slice(0, -1);
    const colon = credentials.indexOf(':');
    put('user', decode(colon < 0 ? credentials : credentials.slice(0, colon), 'user'));
    if (colon >= 0) put('password', decode(credentials.slice(colon + 1), 'password'));
  }
  const address = rest.slice(beforePath.length);
  if (beforePath === '' && (/^[^?]*@/.test(rest) || /^[^/?@]*:[^/?@,]*[^\d/?@,\]][^/?]*\/.*@/.test(rest))) {
    throw new Malformed('has a "/" before its "@": write %2F in a user or a password');
  }
  const [, hosts = '', path, query] = /^([^/?]*)(?:\/([^?]*))?(?:\?([\s\S]*))?$/.exec(address) ?? [];
  const names: string[] = [];
  const ports: string[] = [];
  for (const part of hosts.split(',')) {
    const [, bracketed, plain = '', port = ''] = /^(?:\[([^\]]*)\]|([^:]*))(?::(.*))?$/.exec(part) ?? [];
    if (bracketed === undefined && plain === '' && part !== '' && !part.startsWith(':')) {
      throw new Malformed('has an IPv6 address that is not in brackets');
    }
    if (plain.includes('[') || plain.includes(']')) throw new Malformed('has an IPv6 address without its bracket');
    if (port.includes(':')) throw new Malformed('has an IPv6 address that is not in brackets');
    names.push(decode(bracketed ?? plain, 'host'));
    ports.push(decode(port, 'port'));
  }
  if (names.some((name) => name !== '')) parameters.set('host', names.join(','));
  if (ports.some((port) => port !== ''))
    parameters.set('port', new Set(ports).size === 1 ? ports[0]! : ports.join(','));
  put('dbname', decode(path ?? '', 'database'));
  for (const pair of query === undefined || query === '' ? [] : query.split('&')) {
    const equals = pair.indexOf('=');
    if (equals < 0) throw new Malformed('has a parameter without "="');
    const name = decode(pair.slice(0, equals), 'parameters');
    const value = decode(pair.slice(equals + 1), `parameter ${/^\w+$/.test(name) ? name : ''}`.trim());
    // As JDBC writes it; libpq takes it too.
    if (name === 'ssl' && value === 'true') parameters.set('sslmode', 'require');
    else parameters.set(name, value);
  }
  return parameters;
};

const decode = (text: string, what: string): string => {
  if (/%(?![0-9a-fA-F]{2})/.test(text)) {
    throw new Malformed(`has a "%" in its ${what} that is not followed by two hexadecimal digits: write %25`);
  }
  let decoded: string;
  try {
    decoded = decodeURIComponent(text);
  } catch {
    throw new Malformed(`has bytes in its ${what} that are no UTF-8`);
  }
  if (decoded.includes('\0')) throw new Malformed(`has a zero byte in its ${what}`);
  return decoded;
};

/** `key = value`, a value with spaces in single quotes, `\` before a quote or a backslash. */
const parseKeywords = (text: string): Map<string, string> => {
  const parameters = new Map<string, string>();
  const pair = /\s*(\w+)\s*=\s*(?:'((?:[^'\\]|\\[\s\S])*)'|((?:[^\s'\\]|\\[\s\S])(?:[^\s\\]|\\[\s\S])*)?)(?=\s|$)/y;
  const end = text.trimEnd().length;
  while (pair.lastIndex < end) {
    const found = pair.exec(text);
    if (found === null) throw new Malformed('is not a list of key=value (a value with spaces stands in single quotes)');
    parameters.set(found[1]!, (found[2] ?? found[3] ?? '').replaceAll(/\\([\s\S])/g, '$1'));
  }
  return parameters;
};

const listLength = (parameters: ConnectionParameters, name: string): number | undefined => {
  const value = parameters.get(name);
  return value === undefined || value === '' ? undefined : value.split(',').length;
};
