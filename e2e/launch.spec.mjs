import { test, expect } from './test.mjs';
import { ask, collect, endorse, approve } from './story.mjs';

// Every way in which a browser may keep what binds a launch to it.
for (const [thirdPartyCookies, cookie] of [['blocked', true], ['allowed', true], ['none', false]]) {
  test.describe(`the browser keeps of the framed tool: ${thirdPartyCookies}`, () => {
    test.use({ thirdPartyCookies });

    test('a launch opens the tool, its links and forms work, and two launches at once, in two tabs, both open', async ({ cast, demo }) => {
      const maya = await cast.enter('maya', 'bio201');
      await maya.h1('My API tokens');
      const address = maya.page.url();
      const own = (await maya.context.cookies()).filter((c) => c.name.startsWith('__Host-tool'));
      const frame = await maya.frame();
      expect(own.length > 0, 'a cookie of the tool is kept').toBe(cookie);
      if (cookie) {
        // The browser is the one that people have: third-party cookies are blocked, partitioned ones are not.
        const session = own.filter((c) => c.name === '__Host-tool_session');
        expect(session, 'the session cookie is partitioned').toHaveLength(1);
        expect(session[0].partitionKey, 'and belongs to the frame below Canvas').toBeTruthy();
        await frame.evaluate(() => { document.cookie = 'plain=1; Path=/; Secure; SameSite=None'; });
        expect((await frame.evaluate(() => document.cookie)).includes('plain=1'), 'a cookie without a partition is kept').toBe(thirdPartyCookies === 'allowed');
      } else {
        const store = await frame.evaluate(() => {
          try { sessionStorage.setItem('x', 'y'); return 'kept'; } catch { return 'refused'; }
        });
        expect(store, 'site data of the tool').toBe('refused');
      }
      const code = await ask(maya);
      expect(cast.addresses.filter((a) => /tool_session|X-Tool-Session/i.test(a))).toEqual([]);

      const second = await maya.context.newPage();
      await Promise.all([maya.page.goto(address), second.goto(address)]);
      for (const page of [maya.page, second]) {
        await expect(page.frameLocator('iframe#tool_content').getByRole('heading', { level: 1, name: 'My API tokens' })).toBeVisible();
      }
      await second.close();

      // With nothing kept, the whole job still works: everything travels in headers and forms.
      if (!cookie) {
        await endorse(await cast.enter('ana', 'bio201'), code);
        await approve(await cast.enter('dana', 'root'), code);
        await maya.enter('bio201');
        const value = await collect(maya, code);
        expect((await demo.call(value)).status).toBe(401);
        expect(cast.addresses.filter((a) => a.includes(value))).toEqual([]);
      }
    });
  });
}

test.describe('with nothing kept of the tool while Canvas is around it', () => {
  test.use({ thirdPartyCookies: 'unframed' });

  test('a Canvas that announces storage and never answers leads to a new tab, which works', async ({ cast, demo }) => {
    await demo.order('PATCH', '/switches', { StorageNeverAnswers: true });
    const maya = await cast.person('maya');
    await maya.page.goto(maya.address('bio201'));
    await maya.h1('Canvas could not open Tokendesk');
    const opened = maya.context.waitForEvent('page');
    await maya.act('Open in a new tab').click();
    const tab = await opened;
    // There the tool is on top, and keeps what a framed one could not.
    await expect(tab.getByRole('heading', { level: 1, name: 'My API tokens' })).toBeVisible();
  });
});

for (const [what, switches] of [
  ['a Canvas that announces storage and never answers', { StorageNeverAnswers: true }],
  ['an older Canvas, without storage', { NoStorageTarget: true }],
]) {
  test(`${what}: the cookie proves the browser`, async ({ cast, demo }) => {
    await demo.order('PATCH', '/switches', switches);
    const maya = await cast.enter('maya', 'bio201');
    await maya.h1('My API tokens');
  });
}

test("Canvas's mobile apps open the tool on its own, without storage", async ({ cast, demo }) => {
  await demo.order('PATCH', '/switches', { Mobile: true });
  const maya = await cast.person('maya');
  await maya.page.goto(maya.address('bio201'));
  await expect(maya.page.getByRole('heading', { level: 1, name: 'My API tokens' })).toBeVisible();
});
