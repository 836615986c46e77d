import type { JSX } from 'preact';
import type { Pause, PauseKind } from '../../../../shared/message/pause.ts';
import { useDesk } from '../desk.ts';
import { countText } from '../words.ts';
import { ActionButton } from './action-button.tsx';

const choices = [15, 60, 24 * 60] as const;

/** Pauses or resumes one thing; how long is asked for. */
export const PauseControl = (props: {
  readonly kind: PauseKind;
  readonly id: string;
  /** What people call it. */
  readonly name: string;
  /** The pause that holds now; undefined if there is none, or if it is not known. */
  readonly paused: Pause | undefined;
  readonly onChange?: () => Promise<void>;
}): JSX.Element => {
  const { client, say, ask } = useDesk();
  const { kind, id, name, paused } = props;

  const resume = async (): Promise<void> => {
    await client.command('resume', { kind, id });
    say(`${kind} ${name} goes on`);
    await props.onChange?.();
  };
  const pause = async (minutes: number | undefined): Promise<void> => {
    const text = `What is for ${kind} ${name} waits ${minutes === undefined ? 'until it is resumed' : `for ${lengthText(minutes)}`}. Nothing is lost, and the order stays.`;
    if (!(await ask({ title: `Pause ${kind} ${name}`, text, yes: 'Pause' }))) return;
    await client.command('pause', { kind, id, ...(minutes === undefined ? {} : { minutes }) });
    say(`${kind} ${name} is paused`);
    await props.onChange?.();
  };

  if (paused !== undefined) {
    return (
      <ActionButton label={`Resume ${kind} ${name}`} onAction={resume}>
        Resume
      </ActionButton>
    );
  }
  return (
    <details class="menu">
      <summary aria-label={`Pause ${kind} ${name}`}>Pause</summary>
      <div class="buttons">
        {choices.map((minutes) => (
          <ActionButton
            key={minutes}
            label={`Pause ${kind} ${name} for ${lengthText(minutes)}`}
            onAction={() => pause(minutes)}
          >
            {lengthText(minutes)}
          </ActionButton>
        ))}
        <ActionButton label={`Pause ${kind} ${name} until it is resumed`} onAction={() => pause(undefined)}>
          until it is resumed
        </ActionButton>
      </div>
    </details>
  );
};

const lengthText = (minutes: number): string =>
  minutes < 120 ? countText(minutes, 'minute') : countText(minutes / 60, 'hour');
