// What the tool tells the Canvas page around it, and what it never does.
import { test, expect } from './test.mjs';
import { approved, asked, collect, go } from './story.mjs';

// From here on, what the frame says to the page around it: a function that gives
// it, with all that was on its way.
async function listen(person) {
  await person.page.addInitScript(() => {
    if (window !== top) return;
    window.said = [];
    addEventListener('message', (e) => { if (e.data?.subject && !e.data.subject.endsWith('.response')) window.said.push(e.data.subject); });
  });
  let marks = 0;
  return async () => {
    const mark = `mark ${++marks}`;
    await (await person.frame()).evaluate((subject) => parent.postMessage({ subject }, '*'), mark);
    await person.page.waitForFunction((m) => window.said.includes(m), mark);
    return (await person.page.evaluate(() => window.said)).filter((s) => !s.startsWith('mark '));
  };
}

const count = (said, subject) => said.filter((s) => s === subject).length;

test('a page change scrolls Canvas up; nothing resizes the frame or holds a person back', async ({ cast, demo }) => {
  await asked(demo);
  const ana = await cast.person('ana');
  const said = await listen(ana);
  await ana.enter('bio201');
  await ana.h1('Sponsorships');
  expect(count(await said(), 'lti.scrollToTop'), 'on arrival').toBe(0);
  await go(ana, 'My API tokens');
  expect(count(await said(), 'lti.scrollToTop')).toBe(1);
  await go(ana, 'Sponsorships');
  expect(count(await said(), 'lti.scrollToTop')).toBe(2);
  for (const never of ['lti.frameResize', 'lti.setUnloadMessage', 'lti.showAlert']) expect(count(await said(), never), never).toBe(0);
});

test('Canvas asks before a person leaves their token, and only then', async ({ cast, demo }) => {
  const code = await approved(demo);
  const maya = await cast.person('maya');
  const said = await listen(maya);
  await maya.enter('bio201');
  await collect(maya, code);
  expect(count(await said(), 'lti.setUnloadMessage')).toBe(1);
  expect(count(await said(), 'lti.removeUnloadMessage'), 'while the token is shown').toBe(0);
  await maya.tool.locator('main a[href="/"]').first().click();
  await maya.h1('My API tokens');
  expect(count(await said(), 'lti.removeUnloadMessage')).toBeGreaterThan(0);
  expect(count(await said(), 'lti.setUnloadMessage'), 'after it').toBe(1);
  expect(count(await said(), 'lti.frameResize')).toBe(0);
});

test('an answer that came is not followed by "Working…"', async ({ cast, demo }) => {
  const code = await asked(demo);
  const maya = await cast.person('maya');
  await maya.page.clock.install();
  await maya.enter('bio201');
  await maya.turn(() => maya.tool.locator(`main a[href="/requests/${code}"]`).first().click());
  await maya.turn(() => maya.act('Withdraw').first().click());
  await maya.turn(() => maya.button('Withdraw').click());
  await maya.page.clock.runFor(2_000);
  await expect(maya.tool.locator('#say')).not.toHaveText('Working…');
});

test('in forced colours the selected tab alone carries the bar', async ({ cast, demo }) => {
  await asked(demo);
  const ana = await cast.enter('ana', 'bio201');
  await ana.h1('Sponsorships');
  await ana.page.emulateMedia({ forcedColors: 'active' });
  const look = await ana.tool.locator('.td-tabs a').evaluateAll((all) => all.map((a) => ({
    selected: a.hasAttribute('aria-current'),
    bar: getComputedStyle(a).borderBlockEndColor,
    page: getComputedStyle(document.body).backgroundColor,
  })));
  expect(look.length).toBeGreaterThan(1);
  for (const tab of look) expect(tab.bar !== tab.page, JSON.stringify(tab)).toBe(tab.selected);
});
