/**
 * Looks at a page from inside the browser: landmarks, captions and heads of tables, names of controls, labels of sections.
 * A text, because the project's types know no document; it evaluates to a list of what is wrong.
 */
export const structureFaults = `(() => {
  const found = [];
  for (const name of ['header', 'nav', 'main', 'h1']) {
    if (document.querySelectorAll(name).length !== 1) found.push('not one ' + name);
  }
  for (const table of document.querySelectorAll('table')) {
    if (!table.caption || !table.caption.textContent) found.push(table.id + ' has no caption');
    if ([...table.querySelectorAll('th')].some((head) => !head.scope)) found.push(table.id + ' has a head without scope');
  }
  for (const control of document.querySelectorAll('button, a, input')) {
    const label = control.labels && control.labels[0] ? control.labels[0].textContent : '';
    const name = control.getAttribute('aria-label') || control.textContent || label;
    if (name.trim() === '' && control.checkVisibility()) found.push(control.outerHTML.slice(0, 80) + ' has no name');
  }
  for (const section of document.querySelectorAll('section')) {
    if (!document.getElementById(section.getAttribute('aria-labelledby'))) found.push(section.id + ' has no label');
  }
  const ids = [...document.querySelectorAll('[id]')].map(({ id }) => id);
  if (new Set(ids).size !== ids.length) found.push('an id is there twice');
  if (document.documentElement.scrollWidth > document.documentElement.clientWidth) found.push('the page is wider than the window');
  return found;
})()`;
