// Looks at a page as everybody must be able to see it: one h1, no finding of axe,
// no sideways scroll at any width, and, with TOKENDESK_E2E_SHOTS=DIR, screenshots
// at 1280 and 400 px.
import path from 'node:path';
import { expect } from './test.mjs';
import { violations } from './axe.mjs';

export const shots = process.env.TOKENDESK_E2E_SHOTS;

export async function look(person, name) {
  await person.opened();
  await expect(person.tool.getByRole('heading', { level: 1 }), name).toHaveCount(1);
  const frame = await person.frame();
  expect(await violations(frame), name).toEqual([]);
  for (const width of [1280, 400, 320]) {
    await person.page.setViewportSize({ width, height: 900 });
    const sideways = await frame.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    expect(sideways, `${name} at ${width} px scrolls sideways`).toBeLessThanOrEqual(0);
    if (width === 400) expect(await violations(frame), `${name} at 400 px`).toEqual([]);
    if (shots && width !== 320) {
      // The frame scrolls itself: make the window as high as the page.
      const height = await frame.evaluate(() => document.documentElement.scrollHeight);
      await person.page.setViewportSize({ width, height: Math.min(4000, Math.max(900, height + 160)) });
      await person.page.screenshot({ path: path.join(shots, `${name}-${width}.png`) });
    }
  }
  await person.page.setViewportSize({ width: 1280, height: 900 });
}
