import { test, expect } from './test.mjs';
import { activate, approved, collect } from './story.mjs';

// The whole page as it stands, the fields' values included.
const everything = (person) => person.frame().then((f) => f.evaluate(() =>
  document.documentElement.outerHTML + [...document.querySelectorAll('input, textarea')].map((e) => e.value).join('\n')));

test('the value is shown once: not after a reload, not by going back, not in a second tab', async ({ cast, demo }) => {
  const code = await approved(cast);
  const maya = await cast.enter('maya', 'bio201');
  const value = await collect(maya, code);
  expect(await everything(maya)).toContain(value);

  await maya.act('Back to My API tokens').first().click();
  await maya.h1('My API tokens');
  expect(await everything(maya)).not.toContain(value);
  await (await maya.frame()).evaluate(() => history.back());
  await maya.page.waitForTimeout(500); // whatever page the frame's history brings, it settles
  expect(await everything(maya)).not.toContain(value);

  await maya.page.reload();
  await maya.h1('My API tokens');
  expect(await everything(maya)).not.toContain(value);

  await maya.enter('bio201');
  const again = await maya.send('POST', `/requests/${code}/collect`);
  expect(again.text).not.toContain(value);
  expect(again.text).toContain('cannot be shown again');
  const state = await demo.order('GET', '/state');
  expect(state.tokens.filter((t) => t.user === 'maya' && t.state !== 'deleted'), 'one token in Canvas').toHaveLength(1);
});

test('a double click on Create my token makes one token and shows it', async ({ cast, demo }) => {
  const code = await approved(cast);
  const maya = await cast.enter('maya', 'bio201');
  await maya.act('Collect token').first().click();
  await maya.h1('Collect your token');
  await maya.button('Create my token').dblclick();
  await expect(maya.tool.getByRole('textbox').and(maya.tool.locator('[readonly]'))).toHaveValue(/\S{20,}/);
  const state = await demo.order('GET', '/state');
  expect(state.tokens.filter((t) => t.user === 'maya' && t.state !== 'deleted')).toHaveLength(1);
  expect(code).toMatch(/^REQ-/);
});

test('Copy says what it did, with and without the right to the clipboard', async ({ cast }) => {
  const code = await approved(cast);
  const maya = await cast.enter('maya', 'bio201');
  await collect(maya, code);
  await maya.button('Copy').click();
  await expect(maya.tool.locator('#say, [role="status"]').filter({ hasText: /Copied|Press Ctrl\+C/ }).first()).toBeAttached();
});

test('a lost token is replaced once, and the lost one is dead', async ({ cast, demo }) => {
  const code = await approved(cast);
  const maya = await cast.enter('maya', 'bio201');
  const lost = await collect(maya, code);
  await activate(maya);
  expect((await demo.call(lost)).status).toBe(200);
  const page = await maya.send('POST', `/requests/${code}/replace`, { reason: 'My laptop was wiped.' });
  expect(page.status).toBe(200);
  await expect.poll(async () => (await demo.call(lost)).status).toBe(401);
  await maya.enter('bio201');
  await maya.act('Collect token').or(maya.act('Create my token')).first().click();
  await maya.h1('Collect your token');
  await maya.button('Create my token').click();
  const box = maya.tool.getByRole('textbox').and(maya.tool.locator('[readonly]'));
  await expect(box).toHaveValue(/\S{20,}/);
  const found = await box.inputValue();
  expect(found).not.toBe(lost);
  await activate(maya);
  expect((await demo.call(found)).status).toBe(200);
  expect((await maya.send('POST', `/requests/${code}/replace`, { reason: 'Again.' })).status, 'a second time').toBe(403);
});

for (const [fault, order] of [
  ['refuses', { status: 500 }],
  ['does the work and cuts the line', { drop_after: true }],
]) {
  test(`when Canvas ${fault}, the person can still finish, with one usable token`, async ({ cast, demo }) => {
    const code = await approved(cast);
    const maya = await cast.enter('maya', 'bio201');
    await demo.order('POST', '/faults', { method: 'POST', route: '/api/v1/users/{user_id}/tokens', times: 1, ...order });
    await maya.act('Collect token').first().click();
    await maya.h1('Collect your token');
    await maya.button('Create my token').click();
    await maya.h1('Collect your token');
    const box = maya.tool.getByRole('textbox').and(maya.tool.locator('[readonly]'));
    await expect(async () => {
      if (await box.count()) return;
      await demo.order('POST', '/clock/advance', { by: '2m' });
      await maya.enter('bio201');
      await maya.act('Collect token').or(maya.act('Check again')).or(maya.act('Continue')).first().click();
      const next = maya.button('Create my token').or(maya.button('Check again')).first();
      await next.click({ timeout: 3_000 });
      await expect(box).toHaveCount(1, { timeout: 3_000 });
    }).toPass({ timeout: 60_000 });
    const value = await box.inputValue();
    const state = await demo.order('GET', '/state');
    expect(state.tokens.filter((t) => t.user === 'maya' && t.state !== 'deleted'), 'no stray is left').toHaveLength(1);
    await activate(maya);
    expect((await demo.call(value)).status).toBe(200);
    expect(code).toBeTruthy();
  });
}
