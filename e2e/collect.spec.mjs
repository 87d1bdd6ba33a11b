import { test, expect } from './test.mjs';
import { activate, approved, collect, switchOn, working } from './story.mjs';

// The whole page as it stands, the fields' values included.
const everything = (person) => person.frame().then((f) => f.evaluate(() =>
  document.documentElement.outerHTML + [...document.querySelectorAll('input, textarea')].map((e) => e.value).join('\n')));

test('the value is shown once: not after a reload, not by going back, not in a second tab', async ({ cast, demo }) => {
  const code = await approved(demo);
  const maya = await cast.enter('maya', 'bio201');
  const value = await collect(maya, code);
  expect(await everything(maya)).toContain(value);

  await maya.act('Back to My API tokens').first().click();
  await maya.h1('My API tokens');
  expect(await everything(maya)).not.toContain(value);
  await maya.turn(async () => (await maya.frame()).evaluate(() => history.back()));
  await maya.h1('Collect your token');
  expect(await everything(maya)).not.toContain(value);

  await maya.page.reload();
  await maya.h1('My API tokens');
  expect(await everything(maya)).not.toContain(value);

  const again = await maya.send('POST', `/requests/${code}/collect`);
  expect(again.text).not.toContain(value);
  expect(again.text).toContain('cannot be shown again');
  expect(await demo.tokensOf('maya'), 'one token in Canvas').toHaveLength(1);
});

test('a double click on Create my token makes one token and shows it, and Copy says what it did', async ({ cast, demo }) => {
  const code = await approved(demo);
  const maya = await cast.enter('maya', 'bio201');
  await maya.act('Collect token').first().click();
  await maya.h1('Collect your token');
  await maya.button('Create my token').dblclick();
  await expect(maya.tool.getByRole('textbox').and(maya.tool.locator('[readonly]'))).toHaveValue(/\S{20,}/);
  expect(await maya.sent(`/requests/${code}/collect`), 'forms sent').toHaveLength(1);
  expect(await demo.tokensOf('maya')).toHaveLength(1);

  // With and without the right to the clipboard.
  await maya.button('Copy').click();
  await expect(maya.tool.locator('#say, [role="status"]').filter({ hasText: /Copied|Press Ctrl\+C/ }).first()).toBeAttached();
});

test('a lost token is replaced once, and the lost one is dead', async ({ cast, demo }) => {
  const { code, value: lost } = await working(demo);
  expect((await demo.call(lost)).status).toBe(200);
  const maya = await cast.enter('maya', 'bio201');
  const page = await maya.send('POST', `/requests/${code}/replace`, { reason: 'My laptop was wiped.' });
  expect(page.status).toBe(200);
  await expect.poll(async () => (await demo.call(lost)).status).toBe(401);
  await maya.again();
  await maya.act('Collect token').or(maya.act('Create my token')).first().click();
  await maya.h1('Collect your token');
  await maya.button('Create my token').click();
  const box = maya.tool.getByRole('textbox').and(maya.tool.locator('[readonly]'));
  await expect(box).toHaveValue(/\S{20,}/);
  const found = await box.inputValue();
  expect(found).not.toBe(lost);
  await switchOn(demo, 'maya');
  expect((await demo.call(found)).status).toBe(200);
  expect((await maya.send('POST', `/requests/${code}/replace`, { reason: 'Again.' })).status, 'a second time').toBe(403);
});

for (const [fault, order] of [
  ['refuses', { status: 500 }],
  ['does the work and cuts the line', { drop_after: true }],
]) {
  test(`when Canvas ${fault}, the person can still finish, with one usable token`, async ({ cast, demo }) => {
    const code = await approved(demo);
    const maya = await cast.enter('maya', 'bio201');
    await demo.order('POST', '/faults', { method: 'POST', route: '/api/v1/users/{user_id}/tokens', times: 1, ...order });
    await maya.act('Collect token').first().click();
    await maya.h1('Collect your token');
    await maya.turn(() => maya.button('Create my token').click());
    await maya.h1('Collect your token');
    const box = maya.tool.getByRole('textbox').and(maya.tool.locator('[readonly]'));
    await expect(async () => {
      if (await box.count()) return;
      await demo.pass('2m');
      await maya.again();
      await maya.turn(() => maya.act('Collect token').or(maya.act('Check again')).or(maya.act('Continue')).first().click());
      const next = maya.button('Create my token').or(maya.button('Check again')).first();
      expect(await next.count()).toBe(1);
      await maya.turn(() => next.click());
      expect(await box.count()).toBe(1);
    }).toPass();
    const value = await box.inputValue();
    expect(await demo.tokensOf('maya'), 'no stray is left').toHaveLength(1);
    await activate(maya);
    expect((await demo.call(value)).status).toBe(200);
    expect(code).toBeTruthy();
  });
}
