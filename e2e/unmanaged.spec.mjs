import { test, expect } from './test.mjs';
import { answers, fill } from './form.mjs';
import { approve, endorse, go } from './story.mjs';
import { look } from './look.mjs';

test.use({ school: 'samples' });

// A token that somebody makes in Canvas by themselves.
async function made(demo, user, purpose) {
  await demo.order('POST', '/tokens', { user, purpose, expires_in: '720h' });
}

// The token of a person whose purpose begins so, as Canvas has it.
async function inCanvas(demo, user, purpose) {
  const state = await demo.order('GET', '/state');
  return state.tokens.find((t) => t.user === user && t.purpose.startsWith(purpose));
}

// Check now, and time enough for the report that has a token of this purpose.
async function checked(dana, demo, purpose) {
  await go(dana, 'Unmanaged tokens');
  await dana.button('Check now').click();
  await expect(dana.tool.getByText('A full check has begun.')).toBeVisible();
  await expect(async () => {
    await demo.pass('1m');
    await go(dana, 'Unmanaged tokens');
    expect(await dana.tool.getByText('A full check runs').count()).toBe(0);
    expect(await dana.tool.getByRole('checkbox', { name: new RegExp(`Select “${purpose}”`) }).count()).toBe(1);
  }).toPass();
  await expect(dana.tool.getByText('Last full check')).toBeVisible();
}

async function choose(dana, purpose, what) {
  await dana.tool.getByRole('checkbox', { name: new RegExp(`Select “${purpose}”`) }).check();
  await dana.button(what).click();
  await dana.h1(what);
}

test('from the inventory to adoption', async ({ cast, demo }) => {
  await made(demo, 'maya', 'seminar plots');
  const before = await inCanvas(demo, 'maya', 'seminar plots');
  const dana = await cast.enter('dana', 'root');
  await checked(dana, demo, 'seminar plots');
  await look(dana, 'unmanaged');

  await dana.enter('root');
  await go(dana, 'Unmanaged tokens');
  await dana.button('Notify owners').click();
  await expect(dana.tool.getByText('Tick at least one token first.')).toBeVisible();
  await choose(dana, 'seminar plots', 'Notify owners');
  await expect(dana.tool.getByText('1 person gets a message about 1 token')).toBeVisible();
  await look(dana, 'unmanaged-notify');
  await dana.button('Notify owners').click();
  await expect(dana.tool.getByText('The owner of 1 token is told.')).toBeVisible();

  const maya = await cast.enter('maya', 'bio201');
  await maya.home();
  const card = maya.tool.getByRole('listitem').filter({ hasText: 'seminar plots' });
  await expect(card.getByText('Answer by')).toBeVisible();
  await look(maya, 'unmanaged-told');
  await maya.button('Ask to keep it', card).click();
  await maya.h1('Request an API token');
  await expect(maya.tool.getByRole('heading', { name: 'Keeps a token that exists' })).toBeVisible();
  await fill(maya.tool, answers());
  await maya.button('Submit request').click();
  await maya.h1(/^Request REQ-\d{4}$/);
  const code = /REQ-\d{4}/.exec(await maya.tool.getByRole('heading', { level: 1 }).innerText())[0];

  await endorse(await cast.enter('ana', 'bio201'), code);
  await dana.enter('root');
  await approve(dana, code);
  await expect(dana.tool.getByText('Nothing is to be collected.').first()).toBeVisible();

  await expect(async () => {
    await demo.pass('1m');
    await maya.again();
    const mine = maya.tool.getByRole('region', { name: 'Tokens' });
    expect(await mine.getByText('Active', { exact: true }).count()).toBeGreaterThan(0);
  }).toPass();
  const state = await demo.order('GET', '/state');
  const now = state.tokens.find((t) => t.id === before.id);
  expect(now.state, 'the very token works on').toBe('active');
  expect(now.purpose).toMatch(/\[grt_[A-Z2-7]{26}\/1\]$/);
  await go(dana, 'Unmanaged tokens');
  await expect(dana.tool.getByRole('checkbox', { name: /seminar plots/ })).toHaveCount(0);
});

test('an owner removes a token, and two admins allow another', async ({ cast, demo }) => {
  await made(demo, 'maya', 'old export');
  await made(demo, 'sam', 'library sync');
  const dana = await cast.enter('dana', 'root');
  await checked(dana, demo, 'library sync');
  await dana.enter('root');
  await go(dana, 'Unmanaged tokens');
  await choose(dana, 'library sync', 'Allow-list');
  await look(dana, 'unmanaged-allow');
  await dana.tool.getByRole('textbox', { name: /^Reason/ }).fill('Service account of the library.');
  await dana.tool.getByLabel(/^Review date/).fill(new Date(Date.now() + 90 * 86_400_000).toISOString().slice(0, 10));
  await dana.button('Allow-list').click();
  await expect(dana.tool.getByText('Proposed. A second person must agree')).toBeVisible();

  const priya = await cast.enter('priya', 'root');
  await go(priya, 'Unmanaged tokens');
  await choose(priya, 'library sync', 'Allow-list');
  await expect(priya.tool.getByText('Service account of the library.')).toBeVisible();
  await priya.button('Allow-list').click();
  await expect(priya.tool.getByText('On the allow-list until the review date.')).toBeVisible();

  await choose(priya, 'old export', 'Notify owners');
  await priya.button('Notify owners').click();
  await expect(priya.tool.getByText('The owner of 1 token is told.')).toBeVisible();

  const maya = await cast.enter('maya', 'bio201');
  await maya.home();
  await maya.link('Remove it', maya.tool.getByRole('listitem').filter({ hasText: 'old export' })).click();
  await maya.h1('Remove “old export”?');
  await maya.button('Remove it').click();
  await expect(maya.tool.getByText(/^Success, Removed\. Confirmed in Canvas|Removed\. Confirmed in Canvas/).first()).toBeVisible();
  await look(maya, 'unmanaged-removed');
  expect((await inCanvas(demo, 'maya', 'old export')).state).toBe('deleted');
});
