// What the tool tells the Canvas page around it, and what it never does.
import { test, expect } from './test.mjs';
import { approved, collect, go } from './story.mjs';

// From here on, what the frame says to the page around it.
async function listen(person) {
  await person.page.addInitScript(() => {
    if (window !== top) return;
    window.said = [];
    addEventListener('message', (e) => { if (e.data?.subject && !e.data.subject.endsWith('.response')) window.said.push(e.data.subject); });
  });
  return async (subject) => (await person.page.evaluate(() => window.said)).filter((s) => !subject || s === subject).length;
}

test('a page change scrolls Canvas up; nothing resizes the frame or holds a person back', async ({ cast }) => {
  const ana = await cast.person('ana');
  const said = await listen(ana);
  await ana.enter('bio201');
  await ana.h1('Sponsorships');
  expect(await said('lti.scrollToTop'), 'on arrival').toBe(0);
  await go(ana, 'My API tokens');
  await expect.poll(() => said('lti.scrollToTop')).toBe(1);
  await go(ana, 'Sponsorships');
  await expect.poll(() => said('lti.scrollToTop')).toBe(2);
  for (const never of ['lti.frameResize', 'lti.setUnloadMessage', 'lti.showAlert']) expect(await said(never), never).toBe(0);
});

test('Canvas asks before a person leaves their token, and only then', async ({ cast }) => {
  const code = await approved(cast);
  const maya = await cast.person('maya');
  const said = await listen(maya);
  await maya.enter('bio201');
  await collect(maya, code);
  await expect.poll(() => said('lti.setUnloadMessage')).toBe(1);
  expect(await said('lti.removeUnloadMessage'), 'while the token is shown').toBe(0);
  await maya.tool.locator('main a[href="/"]').first().click();
  await maya.h1('My API tokens');
  await expect.poll(() => said('lti.removeUnloadMessage')).toBeGreaterThan(0);
  expect(await said('lti.setUnloadMessage'), 'after it').toBe(1);
  expect(await said('lti.frameResize')).toBe(0);
});
