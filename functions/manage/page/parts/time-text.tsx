import type { JSX } from 'preact';

/** A time of the server in the reader's own zone; a text that is no time as it is. */
export const TimeText = ({ time }: { readonly time: string }): JSX.Element => {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return <bdi>{time}</bdi>;
  return (
    <time dateTime={time} title={time}>
      {date.toLocaleString(undefined, { dateStyle: 'short', timeStyle: 'medium' })}
    </time>
  );
};
