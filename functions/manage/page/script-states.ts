/** Last part: states and their repair, the cache, and what the controls do. */
export const scriptStates = /* JavaScript */ String.raw`
const states = { list: [], next: null, findings: new Map(), isDriftView: false };

const rangeText = ({ from, to }) => (from === to ? String(from) : from + '–' + to);

const findingsOf = (report) => {
  const findings = [];
  if (report.count !== report.nextPosition) findings.push('count is ' + show(report.count) + ', the next free position is ' + show(report.nextPosition));
  if (report.positionsBeyondCount > 0) findings.push(show(report.positionsBeyondCount) + ' positions have cells beyond count');
  if (report.gapPositions > 0) findings.push(show(report.gapPositions) + ' positions have no cell: ' + report.gaps.slice(0, 5).map(rangeText).join(', '));
  if (report.missingMappings > 0) findings.push(show(report.missingMappings) + ' rows have no mapping of their key');
  if (report.strayMappings > 0) findings.push(show(report.strayMappings) + ' mappings belong to no row (reported only)');
  return findings;
};

const findingsCell = (stateId) => {
  const findings = states.findings.get(stateId);
  if (findings === undefined) return cell('not checked', 'quiet');
  if (findings.length === 0) return cell('right', 'good');
  return make('td', { class: 'warn' }, make('ul', { class: 'findings' }, ...findings.map((finding) => make('li', {}, finding))));
};

const stateRow = (state) =>
  make(
    'tr',
    {},
    rowHead(state.id, 'mono'),
    cell(state.name || '–'),
    cell(state.rows, 'number'),
    cell(state.columns, 'number'),
    findingsCell(state.id),
    make(
      'td',
      { class: 'actions' },
      make('button', { 'aria-label': 'Check state ' + state.id, 'data-key': 'check ' + state.id, onclick: (event) => check(state.id, event.currentTarget) }, 'Check'),
      (states.findings.get(state.id) || []).length > 0
        ? make('button', { 'aria-label': 'Mend state ' + state.id, 'data-key': 'mend ' + state.id, onclick: (event) => mend(state.id, event.currentTarget) }, 'Mend')
        : undefined,
    ),
  );

const renderStates = () => {
  fill('states-table', states.list.map(stateRow), 'No state is found.');
  byId('state-more').hidden = states.next === null;
};

const loadStates = (isMore) =>
  working(null, async () => {
    const search = byId('state-search').value.trim();
    const page = await command('state.list', Object.assign({ limit: 25 }, search === '' ? {} : { search }, isMore ? { after: states.next } : {}));
    states.list = isMore ? states.list.concat(page.states) : page.states;
    states.next = page.next;
    states.isDriftView = false;
    renderStates();
  });

/** The rows of the states that are shown, now and then; one look that fails is made up for by the next. */
const refreshStates = () => {
  if (states.isDriftView || states.list.length === 0) return;
  const search = byId('state-search').value.trim();
  const fields = Object.assign({ limit: Math.min(500, Math.max(25, states.list.length)) }, search === '' ? {} : { search });
  command('state.list', fields).then(
    (page) => {
      if (states.isDriftView || search !== byId('state-search').value.trim()) return;
      states.list = page.states;
      states.next = page.next;
      renderStates();
    },
    () => undefined,
  );
};

const check = (stateId, button) =>
  working(button, async () => {
    const { report } = await command('repair.find', { state_id: stateId });
    states.findings.set(stateId, findingsOf(report));
    renderStates();
  });

const actionText = (action) => {
  if (action.action === 'close_gaps') return 'close ' + show(action.positions) + ' gaps (rows above move down)';
  if (action.action === 'insert_mappings') return 'insert ' + show(action.rows) + ' mappings';
  return 'set count from ' + show(action.from) + ' to ' + show(action.to);
};

/** A dry run first: what would be done is what is asked about. */
const mend = async (stateId, button) => {
  const dry = await working(button, () => command('repair.mend', { state_id: stateId }));
  if (!dry) return;
  if (dry.actions.length === 0) return say('nothing to mend');
  if (!(await ask('Mend state ' + stateId, 'In one transaction: ' + dry.actions.map(actionText).join('; ') + '.', 'Mend'))) return;
  await working(button, async () => {
    const done = await command('repair.mend', { state_id: stateId, apply: true });
    say('mended: ' + done.actions.map(actionText).join('; '));
    await check(stateId, null);
    await loadStates(false);
  });
};

const findDrifted = (button) =>
  working(button, async () => {
    const { drifted, next } = await command('repair.find', { limit: 100 });
    for (const { stateId, count, nextPosition } of drifted) {
      states.findings.set(stateId, ['count is ' + show(count) + ', the next free position is ' + show(nextPosition)]);
    }
    const found = await Promise.all(drifted.slice(0, 25).map(({ stateId }) => command('state.list', { search: stateId, limit: 1 })));
    say(drifted.length === 0 ? 'the count of every state is right' : drifted.length + (next === null ? '' : ' or more') + ' states have drifted', drifted.length > 0);
    if (drifted.length === 0) return;
    states.list = found.flatMap((page) => page.states);
    states.next = null;
    states.isDriftView = true;
    renderStates();
  });

const clearCache = (button) =>
  working(button, async () => {
    const { answered } = await command('cache.invalidate', { all: true });
    say(answered === 0 ? 'no replica is warm: nothing was cached' : answered + ' replicas have forgotten everything');
  });

const soon = (work) => {
  let timer;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(work, 250);
  };
};

byId('gate').querySelector('form').addEventListener('submit', (event) => {
  event.preventDefault();
  sessionStorage.setItem(tokenKey, byId('token').value.trim());
  byId('token').value = '';
  follow();
});
byId('letter-close').addEventListener('click', () => byId('letter').close());
byId('dead-refresh').addEventListener('click', (event) => working(event.currentTarget, () => loadDead(false)));
byId('dead-more').addEventListener('click', (event) => working(event.currentTarget, () => loadDead(true)));
byId('dead-replay').addEventListener('click', (event) => replayAll(event.currentTarget));
byId('dead-purge').addEventListener('click', (event) => purgeAll(event.currentTarget));
byId('dead-code').addEventListener('input', soon(() => working(null, () => loadDead(false))));
byId('state-search').addEventListener('input', soon(() => loadStates(false)));
byId('state-more').addEventListener('click', () => loadStates(true));
byId('state-drift').addEventListener('click', (event) => findDrifted(event.currentTarget));
byId('cache-clear').addEventListener('click', (event) => clearCache(event.currentTarget));
document.addEventListener('visibilitychange', () => {
  // A page that nobody sees costs the function nothing.
  if (document.hidden) following && following.abort();
  else if (byId('gate').hidden) follow();
});
follow();
`;
