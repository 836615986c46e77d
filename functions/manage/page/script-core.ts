/**
 * First part of the page's script: elements, the token, commands, the stream of events. What comes from outside is only
 * ever text of a node: the policy forbids markup from strings.
 */
export const scriptCore = /* JavaScript */ String.raw`
const byId = (id) => document.getElementById(id);
const base = location.pathname.replace(/\/*$/, '/');
const tokenKey = 'state-sync-token';
const readToken = () => sessionStorage.getItem(tokenKey) || '';
const numbers = new Intl.NumberFormat();
const show = (value) => (value === undefined || value === null ? '–' : typeof value === 'number' ? numbers.format(value) : String(value));
const rate = (value) => (value === undefined ? '–' : numbers.format(value >= 10 ? Math.round(value) : Math.round(value * 10) / 10));

const make = (name, attributes, ...children) => {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (key === 'onclick') element.addEventListener('click', value);
    else if (value !== undefined && value !== null && value !== false) element.setAttribute(key, value === true ? '' : value);
  }
  element.append(...children.filter((child) => child !== undefined && child !== null));
  return element;
};
const cell = (value, kind) => make('td', kind ? { class: kind } : {}, value instanceof Node ? value : show(value));
const rowHead = (value, kind) => make('th', { scope: 'row', class: kind }, show(value));

/** Replaces the rows of a table; the focus goes back to the same control of the same row. */
const fill = (tableId, rows, empty) => {
  const table = byId(tableId);
  const focused = document.activeElement && table.contains(document.activeElement) ? document.activeElement.getAttribute('data-key') : null;
  table.tBodies[0].replaceChildren(...rows);
  const region = table.closest('.scroll');
  region.hidden = rows.length === 0;
  const note = region.nextElementSibling;
  note.hidden = rows.length > 0;
  note.textContent = empty;
  if (focused !== null) {
    const again = [...table.querySelectorAll('[data-key]')].find((candidate) => candidate.getAttribute('data-key') === focused);
    (again || region).focus();
  }
};

const say = (text, isFailure) => {
  const line = make('p', { class: isFailure ? 'failed' : '' }, text);
  byId('message').append(line);
  setTimeout(() => line.remove(), isFailure ? 12000 : 5000);
};

class Unauthorized extends Error {}

const headers = () => {
  const token = readToken();
  return Object.assign({ 'content-type': 'application/json' }, token === '' ? {} : { authorization: 'Bearer ' + token });
};

/** Posts a command; its result, or an Error with code and reason. */
const command = async (name, fields) => {
  const answer = await fetch(base, { method: 'POST', headers: headers(), body: JSON.stringify(Object.assign({ command: name }, fields)) });
  if (answer.status === 401) throw new Unauthorized('the token is wrong');
  const body = await answer.json().catch(() => ({ error: { code: String(answer.status), reason: 'no sensible answer' } }));
  if (!answer.ok) throw new Error(body.error.code + ': ' + body.error.reason);
  return body.result;
};

/** Runs what a button does; it cannot be pressed again meanwhile, and a failure is told. */
const working = async (button, work) => {
  // Not disabled: that would take the focus from who uses the keyboard.
  if (button && button.getAttribute('aria-busy') === 'true') return undefined;
  if (button) button.setAttribute('aria-busy', 'true');
  try {
    return await work();
  } catch (error) {
    if (error instanceof Unauthorized) openGate('The token is not accepted any more.');
    else say(error.message, true);
    return undefined;
  } finally {
    if (button) button.removeAttribute('aria-busy');
  }
};

/** A question that must be answered; resolves to whether it was answered with yes. */
const ask = (title, text, yes, isDanger) =>
  new Promise((resolve) => {
    const dialog = byId('ask');
    byId('ask-title').textContent = title;
    byId('ask-text').textContent = text;
    byId('ask-yes').textContent = yes;
    byId('ask-yes').className = isDanger ? 'danger' : 'primary';
    const answer = (value) => {
      dialog.close();
      resolve(value);
    };
    byId('ask-yes').onclick = () => answer(true);
    byId('ask-no').onclick = () => answer(false);
    dialog.oncancel = () => resolve(false);
    dialog.showModal();
    byId('ask-no').focus();
  });

let following;

/** Reads server-sent events with fetch: an EventSource could not send the token. */
const readEvents = async (signal) => {
  const answer = await fetch(base + 'events', { headers: headers(), signal });
  if (answer.status === 401) throw new Unauthorized('the token is missing');
  if (!answer.ok || !answer.body) throw new Error('the server answers ' + answer.status);
  closeGate();
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    const events = text.split('\n\n');
    text = events.pop();
    for (const event of events) {
      const name = /^event: (.*)$/m.exec(event);
      const data = /^data: (.*)$/m.exec(event);
      if (name && data && name[1] === 'status') renderStatus(JSON.parse(data[1]));
    }
  }
};

const follow = async () => {
  if (following) following.abort();
  const own = new AbortController();
  following = own;
  let delayMs = 500;
  while (!own.signal.aborted) {
    try {
      await readEvents(own.signal);
      delayMs = 500;
    } catch (error) {
      if (own.signal.aborted) return;
      if (error instanceof Unauthorized) return openGate(readToken() === '' ? '' : 'This token is not accepted.');
      health('bad', 'not connected: ' + error.message);
      delayMs = Math.min(delayMs * 2, 10000);
    }
    await new Promise((resolve) => setTimeout(resolve, delayMs));
  }
};

const health = (level, text) => {
  const place = byId('health');
  place.dataset.level = level;
  // Told only when it changes: a reader must not hear it every two seconds.
  if (place.textContent !== text) place.textContent = text;
};

const openGate = (fault) => {
  if (following) following.abort();
  sessionStorage.removeItem(tokenKey);
  byId('content').hidden = true;
  document.querySelector('nav').hidden = true;
  byId('gate').hidden = false;
  byId('gate-fault').hidden = !fault;
  byId('gate-fault').textContent = fault || '';
  health('warn', 'locked');
  byId('token').focus();
};

const closeGate = () => {
  if (!byId('content').hidden) return;
  byId('gate').hidden = true;
  byId('content').hidden = false;
  document.querySelector('nav').hidden = false;
  loadStates();
};
`;
