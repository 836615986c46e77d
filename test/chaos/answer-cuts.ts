import type { AnswerCut } from './tcp-proxy.ts';

/** ReadyForQuery is the last message of an answer; its one byte says whether a transaction is open. */
const readyBytes = 6;
const isReady = (answer: Buffer): boolean =>
  answer.length >= readyBytes &&
  answer.readUInt8(answer.length - 6) === 0x5a &&
  answer.readInt32BE(answer.length - 5) === 5;

/** The answer to an append, or to a commit, is lost after the commit: the function cannot know what became of it (F6). */
export const cutAfterCommit: AnswerCut = {
  // A planned statement is sent by its name after the first time.
  request: /insert into|commit|s_[0-9a-f]{32}/,
  judge: (answer) => (!isReady(answer) ? 'wait' : answer.at(-1) === 0x49 ? 'cut' : 'pass'),
  share: 0,
};

/** The function's outcomes are lost on their way to the connector, all or half of them (F7). */
export const cutOutcomes = (share: number): AnswerCut => ({
  request: /cloudevents-batch/,
  judge: (answer) => {
    const text = answer.toString('latin1');
    if (!text.startsWith('HTTP/1.1 200')) return 'pass';
    return text.includes('"results"') && text.trimEnd().endsWith('}') ? 'cut' : 'wait';
  },
  share,
});
