import type { Dispatcher } from 'undici';

export interface AskManageOptions {
  /** A command of `manage` that takes no arguments. */
  readonly command: 'history.record' | 'pauses.renew';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly onError: (error: unknown) => void;
}

/** Short, because the end of a connector waits for it too. */
const timeoutMs = 5_000;

/** Asks `manage` to do something that no message waits for. Returns whether it did. Never throws. */
export const askManage = async (client: Dispatcher, options: AskManageOptions): Promise<boolean> => {
  const { command, path, headers, onError } = options;
  try {
    const { statusCode, body } = await client.request({
      path,
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ command }),
      signal: AbortSignal.timeout(timeoutMs),
    });
    await body.dump();
    if (statusCode !== 200) onError(new Error(`manage answered ${statusCode} to ${command}`));
    return statusCode === 200;
  } catch (error) {
    onError(error);
    return false;
  }
};
