import { render } from 'preact';
import { App } from './app.tsx';
import { createClient } from './client.ts';
import { createSession } from './session.ts';

const place = document.getElementById('page');
if (place === null) throw new Error('index.html has no element "page"');
const session = createSession(sessionStorage, location, history);
// The page is served with and without a slash at the end.
const client = createClient(location.pathname.replace(/\/*$/, '/'), session.token);
render(<App session={session} client={client} />, place);
