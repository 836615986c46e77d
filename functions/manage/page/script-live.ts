/** Second part: what every event shows. */
export const scriptLive = /* JavaScript */ String.raw`
/** By stream and consumer, the last samples [seconds, sequence]; two minutes of them. */
const samples = new Map();
const keepSeconds = 120;

/** Messages per second since the sample before, and the line of all of them. */
const sample = (key, seconds, value) => {
  const list = samples.get(key) || [];
  const last = list[list.length - 1];
  if (!last || seconds > last[0]) list.push([seconds, value]);
  while (list.length > 2 && seconds - list[0][0] > keepSeconds) list.shift();
  samples.set(key, list);
  const rates = list.slice(1).map(([at, count], index) => Math.max(0, (count - list[index][1]) / (at - list[index][0])));
  return { now: rates.length === 0 ? undefined : rates[rates.length - 1], rates };
};

const svgSpace = 'http://www.w3.org/2000/svg';

const spark = (rates, label) => {
  const svg = document.createElementNS(svgSpace, 'svg');
  svg.setAttribute('class', 'spark');
  svg.setAttribute('viewBox', '0 0 60 20');
  svg.setAttribute('preserveAspectRatio', 'none');
  svg.setAttribute('role', 'img');
  const most = Math.max(...rates, 0);
  svg.setAttribute('aria-label', label + ': at most ' + rate(most) + ' messages per second');
  const line = document.createElementNS(svgSpace, 'polyline');
  const shown = rates.slice(-60);
  const height = (value) => 19 - (value / Math.max(most, 1e-9)) * 18;
  const points = shown.length === 0 ? [0, 0] : shown.length === 1 ? [shown[0], shown[0]] : shown;
  line.setAttribute('points', points.map((value, index) => (60 - points.length + 1 + index * (points.length === 2 ? 59 : 1)) + ',' + height(value)).join(' '));
  const ground = document.createElementNS(svgSpace, 'path');
  ground.setAttribute('d', 'M0 19.5H60');
  svg.append(ground, line);
  return svg;
};

const consumerNote = (consumer) => {
  if (consumer.isPaused) return make('span', { class: 'bad' }, 'paused');
  if (consumer.isPush) return make('span', { class: 'bad' }, 'a push consumer: it cannot be read');
  if (consumer.waiting === 0 && consumer.pending + consumer.ackPending > 0) return make('span', { class: 'bad' }, 'nobody reads it');
  if (consumer.ackPending >= consumer.maxAckPending) return make('span', { class: 'warn' }, 'all that it may give out is in flight');
  return '';
};

const streamRows = (named, seconds) => {
  if (!named.ok || named.stream === null) {
    const note = named.ok ? make('span', { class: 'quiet' }, 'not there yet') : make('span', { class: 'bad' }, named.code + ': ' + named.reason);
    const cells = [rowHead(named.name)];
    for (let index = 0; index < 8; index += 1) cells.push(cell('–', index === 2 || index === 3 ? undefined : 'number'));
    return [make('tr', {}, ...cells, cell(note))];
  }
  const { stream } = named;
  const incoming = sample(named.name, seconds, stream.lastSequence);
  const first = (rows) => [
    make('th', { scope: 'row', rowspan: rows > 1 ? String(rows) : undefined, title: stream.subjects.join(', ') + ' (' + stream.retention + ')' }, named.name),
    make('td', { class: 'number', rowspan: rows > 1 ? String(rows) : undefined }, show(stream.messages)),
    make('td', { class: 'number', rowspan: rows > 1 ? String(rows) : undefined }, rate(incoming.now)),
    make('td', { rowspan: rows > 1 ? String(rows) : undefined }, spark(incoming.rates, 'Rate of ' + named.name)),
  ];
  if (stream.consumers.length === 0) {
    const note = make('span', { class: 'quiet' }, 'no consumer');
    return [make('tr', {}, ...first(1), cell('–'), ...[0, 1, 2, 3].map(() => cell('–', 'number')), cell(note))];
  }
  return stream.consumers.map((consumer, index) =>
    make(
      'tr',
      {},
      ...(index === 0 ? first(stream.consumers.length) : []),
      cell(consumer.name, 'mono'),
      cell(consumer.pending, 'number'),
      cell(consumer.ackPending, 'number'),
      cell(consumer.redelivered, 'number'),
      cell(rate(sample(named.name + ' ' + consumer.name, seconds, consumer.ackFloorSequence).now), 'number'),
      make('td', {}, consumerNote(consumer)),
    ),
  );
};

const outcomeLine = /^state_sync_outcomes_total\{function="([^"]*)",outcome="([^"]*)",code="([^"]*)"\} (\d+)$/;

const renderOutcomes = (metrics) => {
  const totals = new Map();
  for (const replica of metrics) {
    for (const line of String(replica.text || '').split('\n')) {
      const match = outcomeLine.exec(line);
      if (!match) continue;
      const key = match.slice(1, 4).join('\u0000');
      totals.set(key, (totals.get(key) || 0) + Number(match[4]));
    }
  }
  const levels = { ack: 'good', retry: 'warn', reject: 'bad' };
  const words = { ack: 'stored', retry: 'tried again', reject: 'refused' };
  const rows = [...totals].sort(([one], [other]) => (one < other ? -1 : 1)).map(([key, count]) => {
    const [name, outcome, code] = key.split('\u0000');
    return make('tr', {}, rowHead(name), make('td', { class: levels[outcome] || '' }, words[outcome] || outcome), cell(code || '–', 'code'), cell(count, 'number'));
  });
  fill('outcomes-table', rows, 'No replica is warm, or none has handled a message yet.');
};

const renderFunctions = (functions) => {
  const note = byId('functions-note');
  note.textContent = functions === null ? 'no GATEWAY_URL is set' : functions.ok ? '' : functions.code + ': ' + functions.reason;
  note.className = functions !== null && !functions.ok ? 'bad' : 'quiet';
  const list = functions !== null && functions.ok ? functions.list : [];
  const rows = list.map((item) =>
    make('tr', {}, rowHead(item.name), ...['replicas', 'availableReplicas', 'invocations', 'inFlight', 'coldStarts', 'restarts'].map((field) => cell(item[field], 'number'))),
  );
  fill('functions-table', rows, 'The gateway tells of no functions.');
};

const renderCaches = (replicas) => {
  const rows = replicas.flatMap((replica) =>
    Object.entries(replica.caches || {}).filter(([, cache]) => cache.entries + cache.hits + cache.misses > 0).map(([name, cache]) => {
      const asked = cache.hits + cache.misses;
      const share = asked === 0 ? '–' : Math.round((cache.hits / asked) * 100) + ' %';
      return make('tr', {}, rowHead(replica.function), cell(replica.replica || '', 'mono'), cell(name), cell(cache.entries, 'number'), cell(cache.hits, 'number'), cell(cache.misses, 'number'), cell(share, 'number'));
    }),
  );
  fill('cache-table', rows, 'No replica is warm: nothing is cached.');
};

const tile = (id, text, level) => {
  byId(id).textContent = text;
  byId(id).dataset.level = level || '';
};

const renderTiles = (status, seconds) => {
  const consumers = status.streams.flatMap((named) => (named.ok && named.stream ? named.stream.consumers : []));
  const sum = (field) => consumers.reduce((total, consumer) => total + consumer[field], 0);
  const received = status.streams.filter((named) => named.ok && named.stream && named.stream.consumers.length > 0);
  tile('tile-waiting', show(sum('pending')), sum('pending') > 0 && consumers.every((consumer) => consumer.waiting === 0) ? 'bad' : '');
  tile('tile-flight', show(sum('ackPending')));
  tile('tile-rate', rate(sample('all', seconds, received.reduce((total, named) => total + named.stream.lastSequence, 0)).now));
  const dead = status.deadLetters;
  tile('tile-dead', dead.ok ? show(dead.messages) : '?', dead.ok && dead.messages === 0 ? 'good' : 'bad');
  const { database } = status;
  tile('tile-database', database.ok ? show(database.latencyMs) + ' ms' : 'down', database.ok ? 'good' : 'bad');
  tile('tile-ledger', database.ok ? (database.isLedgerCounted ? '' : '~') + show(database.ledgerRows) : '–');
};

const renderHealth = (status) => {
  const faults = [];
  for (const [name, part] of [['NATS', status.nats], ['database', status.database], ['functions', status.functions]]) {
    if (part !== null && !part.ok) faults.push(name + ': ' + part.reason);
  }
  if (faults.length > 0) return health('bad', faults.join('; '));
  const unread = status.streams.filter((named) => named.ok && named.stream && named.stream.consumers.some((consumer) => consumerNote(consumer).className === 'bad'));
  if (unread.length > 0) return health('bad', 'messages wait that nobody reads: ' + unread.map(({ name }) => name).join(', '));
  const dead = status.deadLetters.ok ? status.deadLetters.messages : 0;
  if (dead > 0) return health('warn', 'all parts answer; messages were given up');
  return health('good', 'all parts answer');
};

let pictures = 0;

const renderStatus = (status) => {
  const seconds = Date.parse(status.time) / 1000;
  const { nats } = status;
  byId('nats-note').textContent = nats.ok ? 'nats-server ' + nats.version + ', ' + nats.latencyMs + ' ms' : '';
  fill('streams-table', status.streams.flatMap((named) => streamRows(named, seconds)), 'The routing file names no stream.');
  renderTiles(status, seconds);
  renderOutcomes(status.metrics);
  renderFunctions(status.functions);
  renderCaches(status.replicas);
  renderHealth(status);
  deadLettersChanged(status.deadLetters);
  pictures += 1;
  if (pictures % 5 === 0) refreshStates();
};
`;
