/**
 * Looks at a page from inside the browser; texts, because the project's types know no document.
 * Each evaluates to a list of what is wrong.
 */

/** Landmarks, captions and heads of tables, names of controls, labels of sections. */
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

/** Texts whose contrast with their ground is below 4.5 : 1 (WCAG 2.2, 1.4.3). */
export const poorContrasts = `(() => {
  const context = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
  const parse = (text) => {
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = text;
    context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data];
  };
  const luminance = (color) => {
    const [red, green, blue] = color.slice(0, 3).map((value) => {
      const share = value / 255;
      return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const groundOf = (element) => {
    for (let at = element; at !== null; at = at.parentElement) {
      const color = parse(getComputedStyle(at).backgroundColor);
      if (color[3] > 0) return color;
    }
    return [255, 255, 255, 255];
  };
  const found = [];
  let looked = 0;
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim());
    if (!own || !element.checkVisibility() || element.matches('caption, .skip, :disabled, option, script')) continue;
    looked += 1;
    const text = luminance(parse(getComputedStyle(element).color));
    const ground = luminance(groundOf(element));
    const contrast = (Math.max(text, ground) + 0.05) / (Math.min(text, ground) + 0.05);
    if (contrast < 4.5) found.push(element.outerHTML.slice(0, 60) + ' ' + contrast.toFixed(2));
  }
  return looked < 50 ? ['only ' + looked + ' texts were looked at'] : found;
})()`;
