import axe, { type AxeResults } from 'axe-core';
import type { Page } from 'playwright-core';

/** What axe-core finds wrong with a page as it is now. */
export const axeFaults = async (page: Page): Promise<readonly string[]> => {
  await page.evaluate(axe.source);
  const { violations, incomplete, passes } = await page.evaluate<AxeResults>('axe.run()');
  const unsure = incomplete.filter(({ id }) => id !== 'color-contrast').map(({ id }) => `${id}: axe-core cannot tell`);
  // That it has looked.
  if (!passes.some(({ id }) => id === 'color-contrast')) return ['axe-core has looked at no colour'];
  return [...unsure, ...violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 200)}`))];
};
