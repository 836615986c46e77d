import type { ComponentChildren, JSX } from 'preact';
import { useState } from 'preact/hooks';
import { useDesk } from '../desk.ts';

/** A button whose work takes time. It can't be pressed again meanwhile, and it says what failed. */
export const ActionButton = (props: {
  readonly onAction: () => Promise<unknown>;
  readonly label?: string | undefined;
  readonly kind?: 'primary' | 'danger' | undefined;
  readonly disabled?: boolean;
  readonly children: ComponentChildren;
}): JSX.Element => {
  const { attempt } = useDesk();
  const [isBusy, setBusy] = useState(false);
  const run = async (): Promise<void> => {
    if (isBusy) return;
    setBusy(true);
    await attempt(props.onAction);
    setBusy(false);
  };
  return (
    // Busy, not disabled: that would take the focus from who uses the keyboard.
    <button
      type="button"
      class={props.kind}
      aria-label={props.label}
      aria-busy={isBusy}
      disabled={props.disabled}
      onClick={() => void run()}
    >
      {props.children}
    </button>
  );
};
