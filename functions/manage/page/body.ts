const tableOf = (id: string, caption: string, columns: readonly string[]): string => `
<div class="scroll" role="region" aria-label="${caption}" tabindex="0">
<table id="${id}">
<caption>${caption}</caption>
<thead><tr>${columns
  .map((column) =>
    column.startsWith('#')
      ? `<th scope="col" class="number">${column.slice(1)}</th>`
      : `<th scope="col"${column === 'Actions' ? ' class="actions"' : ''}>${column}</th>`,
  )
  .join('')}</tr></thead>
<tbody></tbody>
</table>
</div>
<p class="quiet empty" hidden></p>`;

/** The frame of the page: landmarks, headings and table heads; the script fills it. */
export const pageBody = `
<a class="skip" href="#main">Skip to the content</a>
<header>
<h1>State Sync Store</h1>
<nav aria-label="Sections" hidden>
<a href="#streams">Streams</a>
<a href="#outcomes">Outcomes</a>
<a href="#functions">Functions</a>
<a href="#dead">Dead letters</a>
<a href="#states">States</a>
<a href="#cache">Cache</a>
</nav>
<div id="health" role="status" aria-live="polite">not connected</div>
</header>
<main id="main" tabindex="-1">
<section id="gate" aria-labelledby="gate-title" hidden>
<h2 id="gate-title">The shared token</h2>
<p class="quiet" id="gate-help">It is the secret <code>function-token</code>. It stays in this tab and is forgotten with it.</p>
<form>
<label for="token" hidden>Token</label>
<input id="token" type="password" autocomplete="off" spellcheck="false" required aria-describedby="gate-help" aria-label="Token">
<button class="primary" type="submit">Open</button>
</form>
<p class="bad" id="gate-fault" role="alert" hidden></p>
</section>
<div id="content" hidden>
<dl class="tiles" aria-label="Overview">
<div><dt>Waiting messages</dt><dd id="tile-waiting">–</dd></div>
<div><dt>In flight</dt><dd id="tile-flight">–</dd></div>
<div><dt>Received per second</dt><dd id="tile-rate">–</dd></div>
<div><dt>Dead letters</dt><dd id="tile-dead">–</dd></div>
<div><dt>Database</dt><dd id="tile-database">–</dd></div>
<div><dt>Ledger rows</dt><dd id="tile-ledger">–</dd></div>
</dl>
<section id="streams" aria-labelledby="streams-title">
<div class="head"><h2 id="streams-title">Streams</h2><span class="quiet" id="nats-note"></span></div>
${tableOf('streams-table', 'Backlog and rate of every stream', ['Stream', '#Messages', '#In /s', 'Last 2 minutes', 'Consumer', '#Waiting', '#In flight', '#Redelivered', '#Done /s', 'Note'])}
</section>
<div class="two">
<section id="outcomes" aria-labelledby="outcomes-title">
<div class="head"><h2 id="outcomes-title">Outcomes</h2><span class="quiet">of the replicas that are warm, since they started</span></div>
${tableOf('outcomes-table', 'Outcomes by function and code', ['Function', 'Outcome', 'Code', '#Messages'])}
</section>
<section id="functions" aria-labelledby="functions-title">
<div class="head"><h2 id="functions-title">Functions</h2><span class="quiet" id="functions-note"></span></div>
${tableOf('functions-table', 'Functions and their replicas', ['Function', '#Replicas', '#Ready', '#Calls', '#In flight', '#Cold starts', '#Restarts'])}
</section>
</div>
<section id="dead" aria-labelledby="dead-title">
<div class="head"><h2 id="dead-title">Dead letters</h2><span class="quiet" id="dead-note"></span><span class="grow"></span>
<label for="dead-code">Code</label><input id="dead-code" size="18" autocomplete="off" placeholder="all" list="dead-codes"><datalist id="dead-codes"></datalist>
<button id="dead-refresh">Refresh</button>
<button id="dead-replay">Replay all</button>
<button id="dead-purge" class="danger">Purge all</button>
</div>
${tableOf('dead-table', 'Dead letters, newest first', ['#Sequence', 'Time', 'Code', 'Reason', 'State or route', 'From', 'Trace', 'Actions'])}
<p><button id="dead-more" hidden>Older ones</button></p>
</section>
<section id="states" aria-labelledby="states-title">
<div class="head"><h2 id="states-title">States</h2><span class="grow"></span>
<label for="state-search">Search</label><input id="state-search" size="22" autocomplete="off" placeholder="id or name">
<button id="state-drift">Find drifted</button>
</div>
${tableOf('states-table', 'States', ['State', 'Name', '#Rows', '#Columns', 'Findings', 'Actions'])}
<p><button id="state-more" hidden>More</button></p>
</section>
<section id="cache" aria-labelledby="cache-title">
<div class="head"><h2 id="cache-title">Cache</h2><span class="quiet">metadata that warm replicas keep</span><span class="grow"></span>
<button id="cache-clear">Forget everything</button>
</div>
${tableOf('cache-table', 'Caches of the warm replicas', ['Function', 'Replica', 'Cache', '#Entries', '#Hits', '#Misses', '#Hit rate'])}
</section>
</div>
</main>
<div id="message" role="status" aria-live="polite"></div>
<dialog id="letter" aria-labelledby="letter-title">
<h2 id="letter-title">Dead letter</h2>
<dl class="pairs"></dl>
<h3>Headers</h3>
<pre id="letter-headers" tabindex="0" aria-label="Headers"></pre>
<h3>Payload <span class="quiet" id="letter-bytes"></span></h3>
<pre id="letter-payload" tabindex="0" aria-label="Payload"></pre>
<div class="buttons"><button id="letter-close">Close</button><button id="letter-replay" class="primary">Replay</button></div>
</dialog>
<dialog id="ask" aria-labelledby="ask-title" role="alertdialog" aria-describedby="ask-text">
<h2 id="ask-title"></h2>
<p id="ask-text"></p>
<div class="buttons"><button id="ask-no">Cancel</button><button id="ask-yes" class="primary"></button></div>
</dialog>
`;
