import { test, expect } from './test.mjs';
import { approve, asked, claim, endorsed, go, openFrom, working } from './story.mjs';
import { choices, problems } from './form.mjs';

test('a sponsor declines with a reason, and the student may ask another teacher', async ({ cast, demo }) => {
  const code = await asked(demo);
  const ana = await cast.enter('ana', 'bio201');
  await openFrom(ana, 'Sponsorships', code);
  await ana.button('Decline').click();
  expect(await problems(ana.tool), 'a reason is needed').toHaveLength(1);
  await ana.tool.getByRole('textbox', { name: /Reason or note/ }).fill('Use the course calendar for this.');
  await ana.button('Decline').click();
  await expect(ana.tool.getByText('Not sponsored').first()).toBeVisible();

  const maya = await cast.enter('maya', 'bio201');
  await maya.tool.getByText('Ended').first().click();
  await maya.tool.getByRole('link', { name: /Attendance helper/ }).first().click();
  await expect(maya.tool.getByText('Use the course calendar for this.').first()).toBeVisible();
});

test('an admin denies with a reason and another way', async ({ cast, demo }) => {
  const code = await endorsed(demo);
  const dana = await cast.enter('dana', 'root');
  await openFrom(dana, 'Review queue', code);
  await claim(dana);
  await dana.button('Deny').click();
  expect((await problems(dana.tool)).length, 'reason and alternative are needed').toBe(2);
  await dana.tool.getByRole('textbox', { name: /^Reason/ }).fill('The export gives you the same.');
  await choices(dana.tool, 'What can they do instead?').getByRole('radio').first().check();
  await dana.button('Deny').click();
  await expect(dana.tool.getByText('told why and what to do instead.').first()).toBeVisible();

  const maya = await cast.enter('maya', 'bio201');
  await maya.tool.getByText('Ended').first().click();
  await maya.tool.getByRole('link', { name: new RegExp(`${code}|Attendance helper`) }).first().click();
  await expect(maya.tool.getByText('The export gives you the same.').first()).toBeVisible();
  await expect(maya.tool.getByText('Denied').first()).toBeVisible();
});

test('a student withdraws, after one question', async ({ cast, demo }) => {
  const code = await asked(demo);
  const maya = await cast.enter('maya', 'bio201');
  await maya.tool.locator(`main a[href="/requests/${code}"]`).first().click();
  await maya.h1(`Request ${code}`);
  await maya.turn(() => maya.act('Withdraw').first().click());
  await maya.button('Withdraw').click();
  await expect(maya.tool.getByText('Withdrawn').first()).toBeVisible();
  const ana = await cast.enter('ana', 'bio201');
  await go(ana, 'Sponsorships');
  await expect(ana.tool.getByRole('region', { name: /Waiting/ }).getByText(code)).toHaveCount(0);
});

test('an approval is taken back before it is collected', async ({ cast, demo }) => {
  const code = await endorsed(demo);
  const dana = await cast.enter('dana', 'root');
  await approve(dana, code);
  await dana.turn(() => dana.act('Take back approval').or(dana.act('Rescind')).first().click());
  await dana.tool.getByRole('textbox', { name: /Reason/ }).fill('The project was moved to next term.');
  await dana.button('Take back approval').or(dana.button('Rescind')).first().click();
  await expect(dana.tool.getByText('Approval ended').first()).toBeVisible();
  const maya = await cast.enter('maya', 'bio201');
  await maya.h1('My API tokens');
  await expect(maya.act('Collect token')).toHaveCount(0);
  await maya.send('POST', `/requests/${code}/collect`);
  const state = await demo.order('GET', '/state');
  expect(state.tokens.filter((t) => t.user === 'maya'), 'nothing is made by force').toEqual([]);
});

test.describe('a token that works is ended by', () => {
  test('its owner', async ({ cast, demo }) => {
    const { value } = await working(demo);
    expect((await demo.call(value)).status).toBe(200);
    const maya = await cast.enter('maya', 'bio201');
    await maya.turn(() => maya.act('Revoke').first().click());
    await maya.button('Revoke').click();
    await expect(maya.tool.getByText('Revoked').first()).toBeVisible();
    expect((await demo.call(value)).status).toBe(401);
  });

  for (const [who, key, place, list] of [['its sponsor', 'ana', 'bio201', 'Sponsorships'], ['an admin', 'priya', 'root', 'Tokens']]) {
    test(`${who}, who says why`, async ({ cast, demo }) => {
      const { value } = await working(demo);
      expect((await demo.call(value)).status).toBe(200);
      const person = await cast.enter(key, place);
      await go(person, list);
      const row = person.tool.getByRole('row').filter({ hasText: 'Attendance helper' });
      await person.turn(() => person.act('Revoke', row).click());
      await person.button('Revoke').click();
      expect(await problems(person.tool), 'a reason is needed').toHaveLength(1);
      await person.tool.getByRole('textbox', { name: /^Reason/ }).fill('The project is over.');
      await person.button('Revoke').click();
      await expect(person.tool.getByText('Confirmed in Canvas').first()).toBeVisible();
      expect((await demo.call(value)).status).toBe(401);

      const maya = await cast.enter('maya', 'bio201');
      await maya.tool.getByText('Ended').first().click();
      await expect(maya.tool.getByText('Revoked', { exact: true }).first()).toBeVisible();
    });
  }
});

test('while Canvas does not delete, the page says that the token may still work, and later that it is gone', async ({ cast, demo }) => {
  const { value } = await working(demo);
  await demo.order('POST', '/faults', { method: 'DELETE', route: '/api/v1/users/{user_id}/tokens/{id}', status: 503, times: -1 });
  const maya = await cast.enter('maya', 'bio201');
  await maya.turn(() => maya.act('Revoke').first().click());
  await maya.button('Revoke').click();
  await expect(maya.tool.getByText('may still work').first()).toBeVisible();
  await expect(maya.tool.getByText('Confirmed in Canvas')).toHaveCount(0);
  expect((await demo.call(value)).status, 'and so it does').toBe(200);
  await demo.order('DELETE', '/faults');
  await expect(async () => {
    await demo.pass('2m');
    expect((await demo.call(value)).status).toBe(401);
  }).toPass();
  await maya.again();
  await maya.tool.getByText('Ended').first().click();
  await expect(maya.tool.getByText('Confirmed in Canvas').first()).toBeVisible();
});

test('an approval needs a launch of the last 15 minutes, and the text survives the wait', async ({ cast, demo }) => {
  const code = await endorsed(demo);
  const dana = await cast.enter('dana', 'root');
  await openFrom(dana, 'Review queue', code);
  await claim(dana);
  await demo.pass('16m');
  await dana.tool.getByRole('textbox', { name: /^Reason/ }).fill('Only her own data.');
  await dana.button('Approve').click();
  await expect(dana.tool.getByText('To decide, open Tokendesk again from the Canvas menu.').first()).toBeVisible();
  await expect(dana.tool.getByRole('textbox', { name: /^Reason/ })).toHaveValue('Only her own data.');
  await dana.enter('root');
  await openFrom(dana, 'Review queue', code);
  await dana.button('Approve').click();
  await expect(dana.tool.getByText(/^Approved until/).first()).toBeVisible();
});
