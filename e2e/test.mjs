// test with a demo and a cast of its own. thirdPartyCookies is 'blocked', as in
// Debian's Chromium, unless a file says test.use({ thirdPartyCookies: 'allowed' }).
// school is 'empty', where nobody has asked for anything yet, 'samples', with the
// sample people's requests and tokens, or 'shared', one with samples for all those
// tests of a worker that change nothing in it.
import fs from 'node:fs/promises';
import { test as base, expect } from '@playwright/test';
import { Browsers } from './browser.mjs';
import { Cast } from './people.mjs';
import { Demo } from './demo.mjs';

export { expect };

export const test = base.extend({
  thirdPartyCookies: ['blocked', { option: true }],
  school: ['empty', { option: true }],
  browsers: [
    async ({}, use) => {
      const browsers = new Browsers();
      await use(browsers);
      await browsers.close();
    },
    { scope: 'worker' },
  ],
  shared: [
    async ({}, use) => {
      let demo;
      await use(() => (demo ??= Demo.start({ samples: true })));
      await (await demo)?.stop();
    },
    { scope: 'worker' },
  ],
  demo: async ({ school, shared }, use, info) => {
    const demo = school === 'shared' ? await shared() : await Demo.start({ samples: school === 'samples' });
    await use(demo);
    if (info.status !== info.expectedStatus) await info.attach('demo', { body: demo.output, contentType: 'text/plain' });
    if (school !== 'shared') await demo.stop();
  },
  cast: async ({ browsers, demo, thirdPartyCookies }, use, info) => {
    const cast = new Cast(demo, () => browsers.context(thirdPartyCookies));
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
