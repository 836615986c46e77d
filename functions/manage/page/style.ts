/** Light and dark from one set of names; every pair of text and ground has a contrast of at least 4.5 : 1. */
export const pageStyle = /* CSS */ `
:root {
  color-scheme: light dark;
  --ground: light-dark(#f6f7f9, #12151a);
  --card: light-dark(#ffffff, #1a1e25);
  --text: light-dark(#1b2330, #e7eaf0);
  --quiet: light-dark(#566074, #a2acbd);
  --line: light-dark(#dde1e8, #2d3440);
  --accent: light-dark(#1d5fc4, #7db0ff);
  --on-accent: light-dark(#ffffff, #0d1420);
  --good: light-dark(#1a7340, #63d08f);
  --warn: light-dark(#8a5800, #f0b95a);
  --bad: light-dark(#b3261e, #ff8f86);
  --bad-ground: light-dark(#fdecea, #3a1d1b);
  --mono: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace;
}
* { box-sizing: border-box; }
body {
  margin: 0;
  background: var(--ground);
  color: var(--text);
  font: 14px/1.45 system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif;
}
.skip { position: absolute; left: -999px; }
.skip:focus { left: 12px; top: 8px; background: var(--card); padding: 6px 10px; z-index: 2; }
header {
  position: sticky; top: 0; z-index: 1;
  display: flex; flex-wrap: wrap; align-items: center; gap: 4px 20px;
  padding: 10px 24px;
  background: var(--card);
  border-bottom: 1px solid var(--line);
}
h1 { font-size: 16px; margin: 0; }
nav { display: flex; flex-wrap: wrap; gap: 2px 14px; }
nav a { color: var(--quiet); text-decoration: none; padding: 2px 0; }
nav a:hover, nav a:focus-visible { color: var(--accent); text-decoration: underline; }
#health { margin-left: auto; display: flex; align-items: center; gap: 8px; }
#health::before { content: ''; width: 10px; height: 10px; border-radius: 50%; background: var(--quiet); flex: none; }
#health[data-level='good']::before { background: var(--good); }
#health[data-level='warn']::before { background: var(--warn); }
#health[data-level='bad']::before { background: var(--bad); }
main { max-width: 1280px; margin: 0 auto; padding: 16px 24px 60px; }
#content { display: grid; grid-template-columns: minmax(0, 1fr); gap: 16px; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 14px 16px; scroll-margin-top: 60px; min-width: 0; }
h2 { font-size: 15px; margin: 0; }
h3 { font-size: 13px; margin: 14px 0 4px; }
.head { display: flex; flex-wrap: wrap; align-items: center; gap: 8px 12px; margin-bottom: 10px; }
.head .grow { flex: 1; }
.quiet { color: var(--quiet); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin: 0; }
.tiles div { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 10px 14px; }
.tiles dt { color: var(--quiet); font-size: 12px; }
.tiles dd { margin: 2px 0 0; font-size: 22px; font-weight: 600; font-variant-numeric: tabular-nums; }
.tiles dd[data-level='bad'] { color: var(--bad); }
.tiles dd[data-level='warn'] { color: var(--warn); }
.tiles dd[data-level='good'] { color: var(--good); }
.two { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(460px, 100%), 1fr)); gap: 16px; align-items: start; }
.scroll { overflow-x: auto; border-radius: 6px; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
caption { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
th { text-align: left; font-weight: 600; color: var(--quiet); font-size: 12px; white-space: nowrap; }
th, td { padding: 6px 10px 6px 0; border-bottom: 1px solid var(--line); vertical-align: middle; }
tbody th { color: var(--text); font-size: 14px; font-weight: 500; }
tbody tr:last-child > * { border-bottom: 0; }
time {
  white-space: nowrap;
}
.number { text-align: right; padding-right: 18px; white-space: nowrap; }
.mono { font-family: var(--mono); font-size: 12.5px; overflow-wrap: anywhere; }
.reason { min-width: 220px; overflow-wrap: anywhere; }
.code { font-family: var(--mono); font-size: 12.5px; white-space: nowrap; }
.bad { color: var(--bad); }
.warn { color: var(--warn); }
.good { color: var(--good); }
th.actions,
.actions { white-space: nowrap; text-align: right; padding-right: 0; }
.actions button + button { margin-left: 6px; }
svg.spark { width: 120px; height: 22px; display: block; }
svg.spark path {
  fill: none;
  stroke: var(--line);
  vector-effect: non-scaling-stroke;
}
svg.spark polyline { fill: none; stroke: var(--accent); stroke-width: 1.5; vector-effect: non-scaling-stroke; }
button, input, select {
  font: inherit; color: inherit; background: var(--card);
  border: 1px solid var(--line); border-radius: 6px; padding: 4px 10px; min-height: 30px;
}
button { cursor: pointer; }
button:hover { border-color: var(--accent); color: var(--accent); }
button[aria-busy] {
  opacity: 0.55;
  cursor: progress;
}
button:disabled { opacity: 0.55; cursor: default; }
button.primary { background: var(--accent); border-color: var(--accent); color: var(--on-accent); }
button.danger { border-color: var(--bad); color: var(--bad); }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
a { color: var(--accent); }
dialog {
  color: var(--text); background: var(--card); border: 1px solid var(--line); border-radius: 12px;
  padding: 18px 20px; width: min(760px, calc(100vw - 32px)); max-height: calc(100vh - 60px);
}
dialog::backdrop { background: rgb(0 0 0 / 45%); }
dialog .buttons { display: flex; flex-wrap: wrap; justify-content: flex-end; gap: 8px; margin-top: 16px; }
dl.pairs { display: grid; grid-template-columns: max-content 1fr; gap: 3px 16px; margin: 12px 0; }
dl.pairs dt { color: var(--quiet); }
dl.pairs dd { margin: 0; overflow-wrap: anywhere; }
pre {
  font: 12.5px/1.45 var(--mono); background: var(--ground); border: 1px solid var(--line); border-radius: 8px;
  padding: 10px 12px; margin: 8px 0; overflow: auto; max-height: 320px; white-space: pre-wrap; overflow-wrap: anywhere;
}
#message { position: fixed; right: 20px; bottom: 20px; max-width: min(520px, calc(100vw - 40px)); z-index: 3; }
#message p { margin: 8px 0 0; padding: 10px 14px; border-radius: 8px; background: var(--text); color: var(--card); }
#message p.failed { background: var(--bad-ground); color: var(--bad); border: 1px solid var(--bad); }
#gate { max-width: 420px; margin: 12vh auto 0; }
#gate form { display: flex; gap: 8px; margin-top: 10px; }
#gate input { flex: 1; min-width: 0; }
ul.findings { margin: 4px 0 0; padding-left: 18px; }
[hidden] { display: none !important; }
@media (max-width: 640px) { header, main { padding-left: 12px; padding-right: 12px; } #health { margin-left: 0; } }
@media (prefers-reduced-motion: no-preference) { html { scroll-behavior: smooth; } }
`;
