/** Third part: dead letters. */
export const scriptDead = /* JavaScript */ String.raw`
const dead = { letters: [], next: null, mark: undefined };

const timeOf = (text) => {
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? text : make('time', { datetime: text, title: text }, date.toLocaleString(undefined, { dateStyle: 'short', timeStyle: 'medium' }));
};

const traceLink = (letter) =>
  letter.traceUrl === null
    ? make('span', { class: 'quiet', title: letter.traceId || '' }, letter.traceId === null ? '–' : letter.traceId.slice(0, 8))
    : make('a', { href: letter.traceUrl, target: '_blank', rel: 'noopener noreferrer', 'aria-label': 'Trace of dead letter ' + letter.sequence }, 'trace');

const deadRow = (letter) => {
  const name = 'dead letter ' + letter.sequence;
  return make(
    'tr',
    {},
    rowHead(letter.sequence, 'number'),
    make('td', {}, timeOf(letter.time)),
    cell(letter.code, 'code bad'),
    cell(letter.reason, 'reason'),
    cell(letter.stateId || letter.routeId || '–', 'mono'),
    cell(letter.stream, 'code'),
    make('td', {}, traceLink(letter)),
    make(
      'td',
      { class: 'actions' },
      make('button', { 'aria-label': 'Inspect ' + name, 'data-key': 'inspect ' + letter.sequence, onclick: (event) => inspect(letter.sequence, event.currentTarget) }, 'Inspect'),
      make('button', { 'aria-label': 'Replay ' + name, 'data-key': 'replay ' + letter.sequence, onclick: (event) => replayOne(letter.sequence, event.currentTarget) }, 'Replay'),
    ),
  );
};

const deadFilter = () => {
  const code = byId('dead-code').value.trim();
  return code === '' ? {} : { code };
};

const renderDead = (total) => {
  fill('dead-table', dead.letters.map(deadRow), 'Nothing was given up.');
  byId('dead-note').textContent = total === 0 ? '' : dead.letters.length + ' of ' + show(total) + ' shown';
  byId('dead-more').hidden = dead.next === null;
  byId('dead-replay').disabled = byId('dead-purge').disabled = total === 0;
  const known = new Set([...dead.letters.map(({ code }) => code)]);
  byId('dead-codes').replaceChildren(...[...known].sort().map((code) => make('option', { value: code })));
  const code = byId('dead-code').value.trim();
  byId('dead-replay').textContent = code === '' ? 'Replay all' : 'Replay all ' + code;
  byId('dead-purge').textContent = code === '' ? 'Purge all' : 'Purge all ' + code;
};

const loadDead = async (isMore) => {
  const page = await command('dead.list', Object.assign({ limit: isMore ? 50 : Math.max(25, Math.min(500, dead.letters.length)) }, deadFilter(), isMore ? { before: dead.next } : {}));
  dead.letters = isMore ? dead.letters.concat(page.letters) : page.letters;
  dead.next = page.next;
  renderDead(page.total);
};

/** Every event says how many there are: they are read again only when that has changed. */
const deadLettersChanged = (summary) => {
  if (!summary.ok) return;
  const mark = summary.firstSequence + ' ' + summary.lastSequence + ' ' + summary.messages;
  if (dead.mark === mark) return;
  dead.mark = mark;
  working(null, () => loadDead(false));
};

const inspect = (sequence, button) =>
  working(button, async () => {
    const letter = await command('dead.show', { sequence });
    byId('letter-title').textContent = 'Dead letter ' + sequence;
    const pairs = [
      ['Code', letter.code],
      ['Reason', letter.reason],
      ['Time', timeOf(letter.time)],
      ['From', letter.stream + (letter.streamSequence === null ? '' : ', sequence ' + letter.streamSequence)],
      ['Subject', letter.subject],
      ['Identity', letter.identity || '–'],
      ['Attempts', show(letter.attempts) + ' (' + show(letter.deliveryCount) + ' deliveries)'],
      ['Trace', traceLink(letter)],
    ];
    document.querySelector('#letter dl').replaceChildren(...pairs.flatMap(([name, value]) => [make('dt', {}, name), make('dd', {}, value)]));
    byId('letter-headers').textContent = letter.headers.map(([name, value]) => name + ': ' + value).join('\n');
    byId('letter-bytes').textContent = show(letter.bytes) + ' bytes' + (letter.payloadEncoding === 'base64' ? ', shown as base64' : '') + (letter.payloadIsCut ? ', cut' : '');
    byId('letter-payload').textContent = letter.payload;
    byId('letter-replay').onclick = (event) => replayOne(sequence, event.currentTarget).then((done) => done && byId('letter').close());
    byId('letter').showModal();
  });

const tellReplay = (replayed, failures, failed) => {
  if (failures === 0) say(replayed === 1 ? 'replayed: it is on its way again' : replayed + ' replayed: they are on their way again');
  else say(replayed + ' replayed, ' + failures + ' failed and kept' + (failed.length > 0 ? ': ' + failed[0].sequence + ' ' + failed[0].code + ': ' + failed[0].reason : ''), true);
};

const replayOne = (sequence, button) =>
  working(button, async () => {
    const result = await command('dead.replay', { sequence });
    tellReplay(result.replayed, result.failures, result.failed);
    await loadDead(false);
    return result.failures === 0;
  });

/** Goes on until all that were there at the beginning are done. */
const inSteps = async (name, take) => {
  const filter = deadFilter();
  const isAll = Object.keys(filter).length === 0;
  const size = isAll && name === 'dead.purge' ? {} : { limit: 500 };
  let step = { next: 0, until: undefined };
  do {
    const more = step.until ? { after: step.next, until: step.until } : {};
    step = await command(name, Object.assign({}, size, isAll ? { all: true } : filter, more));
    take(step);
  } while (step.next !== null);
};

const replayAll = async (button) => {
  const { code } = deadFilter();
  const what = code === undefined ? 'every dead letter' : 'every dead letter with the code ' + code;
  if (!(await ask('Replay', 'Sends ' + what + ' back to where it came from. What is refused again becomes a dead letter again.', 'Replay'))) return;
  await working(button, async () => {
    let replayed = 0;
    let failures = 0;
    let failed = [];
    await inSteps('dead.replay', (step) => {
      replayed += step.replayed;
      failures += step.failures;
      failed = failed.concat(step.failed);
      byId('dead-note').textContent = replayed + ' replayed ...';
    });
    tellReplay(replayed, failures, failed);
    await loadDead(false);
  });
};

const purgeAll = async (button) => {
  const { code } = deadFilter();
  const what = code === undefined ? 'Every dead letter' : 'Every dead letter with the code ' + code;
  if (!(await ask('Purge', what + ' is removed for good: the messages are lost.', 'Purge', true))) return;
  await working(button, async () => {
    let purged = 0;
    await inSteps('dead.purge', (step) => {
      purged += step.purged;
    });
    say(purged + ' purged');
    await loadDead(false);
  });
};
`;
