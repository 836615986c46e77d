import type { JSX } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';

const pauseMs = 250;

/** A field that tells its value when the typing pauses. */
export const SearchField = (props: {
  readonly label: string;
  readonly placeholder: string;
  readonly value: string;
  readonly suggestions?: readonly string[];
  readonly onValue: (value: string) => void;
}): JSX.Element => {
  const id = useId();
  const [text, setText] = useState(props.value);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => setText(props.value), [props.value]);
  useEffect(() => () => clearTimeout(timer.current), []);
  return (
    <>
      <label for={id}>{props.label}</label>
      <input
        id={id}
        size={20}
        autoComplete="off"
        placeholder={props.placeholder}
        value={text}
        list={props.suggestions === undefined ? undefined : `${id}-list`}
        onInput={({ currentTarget: { value } }) => {
          setText(value);
          clearTimeout(timer.current);
          timer.current = setTimeout(() => props.onValue(value.trim()), pauseMs);
        }}
      />
      {props.suggestions !== undefined && (
        <datalist id={`${id}-list`}>
          {props.suggestions.map((suggestion) => (
            <option key={suggestion} value={suggestion} />
          ))}
        </datalist>
      )}
    </>
  );
};
