export interface ServerEvent {
  readonly name: string;
  readonly data: string;
}

/** A parser of server-sent events: takes the text in any pieces and returns the events that each piece completes. */
export const createParser = (): ((piece: string) => readonly ServerEvent[]) => {
  let text = '';
  return (piece) => {
    const events = (text + piece).split('\n\n');
    text = events.pop() ?? '';
    return events.map((event) => ({
      name: /^event: (.*)$/m.exec(event)?.[1] ?? 'message',
      data: /^data: (.*)$/m.exec(event)?.[1] ?? '',
    }));
  };
};
