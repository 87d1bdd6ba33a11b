// Every page in every state that people can bring it to: axe, one h1, no sideways
// scroll, and, with TOKENDESK_E2E_SHOTS=DIR, screenshots at 1280 and 400 px.
import path from 'node:path';
import { test, expect } from './test.mjs';
import { violations } from './axe.mjs';
import { activate, active, approved, ask, asked, askedByAdmin, claim, collect, go, openFrom } from './story.mjs';
import { answers, fill } from './form.mjs';
import { look, shots } from './look.mjs';

test.describe('where nothing changes', () => {
  test.use({ school: 'shared' });

  test('the start page', async ({ cast, demo }) => {
    const anybody = await cast.person('maya');
    await anybody.page.goto(demo.url);
    expect(await violations(anybody.page.mainFrame())).toEqual([]);
    await expect(anybody.page.getByRole('heading', { level: 1 })).toHaveCount(1);
    for (const width of [1280, 400]) {
      await anybody.page.setViewportSize({ width, height: 900 });
      expect(await anybody.page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
      if (shots) await anybody.page.screenshot({ path: path.join(shots, `start-${width}.png`), fullPage: true });
    }
    await anybody.page.setViewportSize({ width: 1280, height: 900 });
    await anybody.page.getByRole('link', { name: 'Go on as Maya Chen' }).first().click();
    await anybody.h1('My API tokens');
  });

  test('people for whom there is little here', async ({ cast }) => {
    for (const [key, place, name] of [['sam', 'own', 'home-no-rights'], ['tom', 'bio201', 'home-ta'], ['victor', 'chem110', 'home-account-role'], ['luca', 'bio201', 'home-full']]) {
      const person = await cast.enter(key, place);
      await look(person, name);
    }
    const luca = await cast.person('luca');
    await luca.turn(() => luca.tool.locator('main').getByRole('link').first().click());
    const lost = await luca.send('GET', '/requests/REQ-9999');
    expect(lost.status).toBe(404);
    expect(lost.text).toContain('We cannot find that');
  });

  test('home and form with high contrast, forced colours and less motion', async ({ cast }) => {
    const luca = await cast.enter('luca', 'bio201');
    const looks = async (page) => {
      for (const [name, preferences] of [['high-contrast', { contrast: 'more' }], ['forced-colours', { forcedColors: 'active' }], ['less-motion', { reducedMotion: 'reduce' }]]) {
        await luca.page.emulateMedia({ contrast: null, forcedColors: null, reducedMotion: null, ...preferences });
        await look(luca, `${page}-${name}`);
      }
    };
    await looks('home');
    await luca.act('Request a token').first().click();
    await luca.h1('Request an API token');
    await looks('form');
  });
});

test.use({ school: 'samples' });

test('a request\'s way, from an empty home to its approval', async ({ cast }) => {
  const maya = await cast.enter('maya', 'bio201');
  await look(maya, 'home-empty');
  await maya.act('Request a token').first().click();
  await maya.h1('Request an API token');
  await look(maya, 'form');
  await maya.button('Submit request').click();
  await expect(maya.tool.getByRole('heading', { name: 'There is a problem' })).toBeVisible();
  await look(maya, 'form-errors');
  await fill(maya.tool, answers({ maker: 'company', ai: 'yes', purpose: 'own_data' }));
  await look(maya, 'form-filled');
  await maya.again();
  const code = await ask(maya);
  await look(maya, 'request-sent');
  await maya.again();
  await look(maya, 'home-with-sponsor');

  const ana = await cast.enter('ana', 'bio201');
  await go(ana, 'Sponsorships');
  await look(ana, 'sponsorships');
  await openFrom(ana, 'Sponsorships', code);
  await look(ana, 'request-for-sponsor');
  await ana.button('Endorse').click();
  await expect(ana.tool.getByText('Thank you.')).toBeVisible();
  await look(ana, 'request-endorsed');

  const dana = await cast.enter('dana', 'root');
  await look(dana, 'admin-home');
  await go(dana, 'Review queue');
  await look(dana, 'queue');
  await openFrom(dana, 'Review queue', code);
  await look(dana, 'request-for-reviewer');
  await claim(dana);
  await look(dana, 'request-claimed');
  await dana.button('Approve').click();
  await expect(dana.tool.getByText(/^Approved until/).first()).toBeVisible();
  await look(dana, 'request-approved-for-reviewer');
});

test('a token\'s way, from the approval to its end', async ({ cast, demo }) => {
  const code = await approved(demo);
  const maya = await cast.enter('maya', 'bio201');
  await look(maya, 'home-ready-to-collect');
  await maya.act('Collect token').first().click();
  await maya.h1('Collect your token');
  await look(maya, 'collect-before');
  await maya.again();
  await collect(maya, code);
  await look(maya, 'collect-secret');
  await maya.again();
  await look(maya, 'home-not-activated');
  await openCollect(maya, code);
  await look(maya, 'collect-shown');
  await activate(maya);
  await active(maya);
  await look(maya, 'collect-active');
  await maya.again();
  await look(maya, 'home-active');
  await maya.tool.getByRole('link', { name: /Attendance helper/ }).first().click();
  await expect(maya.tool.getByRole('heading', { level: 1 })).not.toHaveText('My API tokens');
  await look(maya, 'request-issued');
  await maya.again();
  await maya.turn(() => maya.act('Revoke').first().click());
  await look(maya, 'revoke-asked');
  await maya.button('Revoke').click();
  await expect(maya.tool.getByText('Confirmed in Canvas').first()).toBeVisible();
  await look(maya, 'revoked');
  await maya.again();
  await maya.tool.getByText(/^Ended \(/).click();
  await look(maya, 'home-ended');

  const dana = await cast.enter('dana', 'root');
  await go(dana, 'Tokens');
  await look(dana, 'tokens');
  await dana.tool.locator('main a[href^="/tokens/"]').first().click();
  await expect(dana.tool.getByRole('heading', { level: 1 })).not.toHaveText('Tokens');
  await look(dana, 'token');
});

async function openCollect(person, code) {
  await person.act('Activate token').or(person.act('Collect token')).or(person.tool.locator(`a[href="/requests/${code}/collect"]`)).first().click();
  await person.h1('Collect your token');
}

test('questions before something that cannot be undone, and what ends badly', async ({ cast, demo }) => {
  const first = await asked(demo);
  const maya = await cast.enter('maya', 'bio201');
  await maya.tool.locator(`a[href="/requests/${first}"]`).first().click();
  await maya.h1(`Request ${first}`);
  await maya.act('Withdraw').first().click();
  await expect(maya.tool.getByRole('link', { name: /^Keep/ })).toBeVisible();
  await look(maya, 'withdraw-asked');
  await maya.button('Withdraw').click();
  await expect(maya.tool.getByText('Withdrawn').first()).toBeVisible();
  await look(maya, 'request-withdrawn');

  const second = await asked(demo, { change: { build: 'Second try: a reminder for the meetings of my study group.' } });
  const ana = await cast.enter('ana', 'bio201');
  await openFrom(ana, 'Sponsorships', second);
  await ana.button('Decline').click();
  await expect(ana.tool.getByRole('heading', { name: 'There is a problem' })).toBeVisible();
  await look(ana, 'decline-errors');
  await ana.tool.getByRole('textbox', { name: /Reason or note/ }).fill('Use the calendar.');
  await ana.turn(() => ana.button('Decline').click());
  await look(ana, 'request-declined-for-sponsor');
  await maya.again();
  await maya.tool.locator(`a[href="/requests/${second}"]`).first().click();
  await maya.h1(`Request ${second}`);
  await look(maya, 'request-declined');
  await maya.tool.getByRole('button', { name: /again|another teacher/i }).first().click();
  await maya.h1('Request an API token');
  await look(maya, 'form-refiled');

  const own = await askedByAdmin(demo);
  const dana = await cast.enter('dana', 'root');
  await openFrom(dana, 'Review queue', own);
  await look(dana, 'own-request-as-admin');
  await openFrom(dana, 'Review queue', 'REQ-0006');
  await dana.button('Deny').click();
  await expect(dana.tool.getByRole('heading', { name: 'There is a problem' })).toBeVisible();
  await look(dana, 'deny-errors');

  await demo.pass('16m');
  await dana.button('Approve').click();
  await expect(dana.tool.getByText('To decide, open Tokendesk again').first()).toBeVisible();
  await look(dana, 'launch-too-old');
  await demo.pass('31m');
  await dana.button('Approve').click();
  await dana.h1('Open Tokendesk again');
  await expect(dana.tool.getByRole('heading', { level: 1 })).toHaveCount(1);
  expect(await violations(await dana.frame()), 'session-ended').toEqual([]);
  expect(first).not.toBe(second);
});

test('while Canvas does not answer, pages say so and stay usable', async ({ cast, demo }) => {
  const luca = await cast.enter('luca', 'bio201');
  await demo.order('POST', '/faults', { route: '/api/v1/*', status: 503, times: -1 });
  await demo.pass('6m'); // nothing is taken from a cache
  await luca.act('Request a token').first().click();
  await luca.h1('Request an API token');
  await look(luca, 'form-canvas-down');
  await luca.again();
  await luca.h1('My API tokens');
  await demo.order('DELETE', '/faults');
});
