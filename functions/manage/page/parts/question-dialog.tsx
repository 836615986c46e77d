import type { JSX } from 'preact';
import type { OpenQuestion } from '../use-desk-state.ts';
import { Dialog } from './dialog.tsx';

/** Asks before something is done. Cancel is the first button: it has the focus. */
export const QuestionDialog = ({ question, answer }: OpenQuestion): JSX.Element => (
  <Dialog title={question.title} role="alertdialog" describedBy="question-text" onClose={() => answer(false)}>
    <p id="question-text">{question.text}</p>
    <div class="buttons">
      <button type="button" onClick={() => answer(false)}>
        Cancel
      </button>
      <button type="button" class={question.isDanger === true ? 'danger' : 'primary'} onClick={() => answer(true)}>
        {question.yes}
      </button>
    </div>
  </Dialog>
);
