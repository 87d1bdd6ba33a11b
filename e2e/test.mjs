// test with a demo and a cast of its own. thirdPartyCookies is 'blocked', as in
// Debian's Chromium, unless a file says test.use({ thirdPartyCookies: 'allowed' }).
import fs from 'node:fs/promises';
import { test as base, expect, chromium } from '@playwright/test';
import { launchOptions } from './browser.mjs';
import { Cast } from './people.mjs';
import { Demo } from './demo.mjs';

export { expect };

export const test = base.extend({
  thirdPartyCookies: ['blocked', { option: true }],
  chromiumBrowser: [
    async ({}, use) => {
      const browser = await chromium.launch(launchOptions);
      await use(browser);
      await browser.close();
    },
    { scope: 'worker' },
  ],
  demo: async ({}, use, info) => {
    const demo = await Demo.start();
    await use(demo);
    if (info.status !== info.expectedStatus) await info.attach('demo', { body: demo.output, contentType: 'text/plain' });
    await demo.stop();
  },
  cast: async ({ chromiumBrowser, demo, thirdPartyCookies }, use, info) => {
    const cast = new Cast(chromiumBrowser, demo, thirdPartyCookies);
    await use(cast);
    if (info.status !== info.expectedStatus) {
      for (const [key, p] of cast.people) {
        const file = info.outputPath(`${key}.png`);
        await p.page.screenshot({ path: file, fullPage: true, timeout: 5_000 }).catch(() => {});
        await info.attach(`${key}.png`, { path: file, contentType: 'image/png' }).catch(() => {});
        const body = await p.tool.locator('body').ariaSnapshot({ timeout: 2_000 }).catch((e) => String(e));
        await fs.writeFile(info.outputPath(`${key}.txt`), `${body}\n\n${p.traffic.join('\n')}\n`);
      }
    }
    await cast.close();
  },
});
