import { test, expect } from './test.mjs';
import { collect, go, seenActive, switchOn, working } from './story.mjs';
import { look } from './look.mjs';

const question = (person, name) => person.tool.getByRole('textbox', { name });

test('an owner reports a leak and is walked through; a reviewer sees and clears it', async ({ cast, demo }) => {
  const { value } = await working(demo);
  const maya = await cast.enter('maya', 'bio201');
  await maya.act('Report a leak').first().click();
  await maya.h1('Report a leak');
  await expect(maya.tool.getByText('We delete the token')).toBeVisible();
  await look(maya, 'leak-ask');
  await maya.button('Report a leak').click();
  await expect(maya.tool.getByText(/^Deleted in Canvas by/)).toBeVisible();
  expect((await demo.call(value)).status, 'the leaked token').toBe(401);
  await look(maya, 'leak-reported');
  await question(maya, 'Where was it seen?').fill('In our class chat.');
  await maya.button('Send').click();
  await expect(maya.tool.getByText('Thank you.')).toBeVisible();

  const dana = await cast.enter('dana', 'root');
  await expect(dana.tool.getByText('1 leak is not cleared.')).toBeVisible();
  await go(dana, 'Leaks');
  await look(dana, 'leaks-open');
  await dana.act('Open the leak').first().click();
  await expect(dana.tool.getByText('In our class chat.')).toBeVisible();
  await look(dana, 'leak');
  await dana.button('Clear').click();
  await expect(dana.tool.getByRole('link', { name: 'Write what was found and done, in a sentence.' })).toBeVisible();
  await question(dana, /What was found and done/).fill('The chat was deleted.');
  await dana.button('Clear').click();
  await expect(dana.tool.getByText('can collect tokens again and is told.')).toBeVisible();
  await look(dana, 'leak-cleared');
});

test('a pasted token is recognised, ended, and shown nowhere', async ({ cast, demo }) => {
  const { value } = await working(demo);
  const dana = await cast.enter('dana', 'root');
  await go(dana, 'Leaks');
  const box = question(dana, 'Suspected token');
  await expect(box).toHaveAttribute('autocomplete', 'off');
  await box.fill('not a token');
  await dana.button('Check token').click();
  await expect(dana.tool.getByRole('heading', { name: 'There is a problem' })).toBeVisible();
  await look(dana, 'leaks-unreadable');
  await box.fill(`Bearer ${value}`);
  await dana.button('Check token').click();
  await expect(dana.tool.getByText('This is one of ours. Its leak is open.')).toBeVisible();
  expect((await demo.call(value)).status).toBe(401);
  const everything = await (await dana.frame()).evaluate(() => location.href + document.documentElement.outerHTML + [...document.querySelectorAll('input, textarea')].map((e) => e.value).join(' '));
  expect(everything).not.toContain(value.slice(-20));
  await go(dana, 'Leaks');
  await box.fill('Zy9xW8vU'.repeat(8));
  await dana.button('Check token').click();
  await expect(dana.tool.getByText('This is not one of ours.')).toBeVisible();
  await look(dana, 'leaks-not-ours');
});

test('an admin freezes a token, and two thaw it', async ({ cast, demo }) => {
  const { code, value } = await working(demo);
  await seenActive(demo, code);
  expect((await demo.call(value)).status).toBe(200);

  const dana = await cast.enter('dana', 'root');
  await go(dana, 'Tokens');
  await dana.tool.getByRole('row').filter({ hasText: code }).getByRole('link', { name: 'Freeze' }).click();
  await expect(dana.tool.getByText('Only two people together can thaw it.')).toBeVisible();
  await question(dana, /Reason/).fill('Odd traffic from abroad.');
  await look(dana, 'freeze-ask');
  await dana.button('Freeze').click();
  await expect(dana.tool.getByText('Frozen since')).toBeVisible();
  expect((await demo.call(value)).status, 'the frozen token').toBe(401);
  await look(dana, 'token-frozen');
  const maya = await cast.enter('maya', 'bio201');
  await expect(maya.tool.getByText('Your software gets errors now.').first()).toBeVisible();
  await look(maya, 'home-frozen');

  await dana.turn(() => dana.act('Thaw').first().click());
  await dana.button('Thaw').click();
  await expect(dana.tool.getByText('Your voice is recorded.')).toBeVisible();
  const priya = await cast.enter('priya', 'root');
  await go(priya, 'Tokens');
  await priya.turn(() => priya.tool.getByRole('row').filter({ hasText: code }).getByRole('link').first().click());
  await priya.h1(/^Token/);
  await priya.turn(() => priya.act('Thaw').first().click());
  await expect(priya.tool.getByText('yours is the second voice')).toBeVisible();
  await expect(priya.tool.getByText('Odd traffic from abroad.')).toBeVisible();
  await look(priya, 'thaw-second');
  await priya.button('Thaw').click();
  await expect(priya.tool.getByText('can make the new token.')).toBeVisible();
  await maya.again();
  const next = await collect(maya, code);
  expect(next).not.toBe(value);
  await switchOn(demo, 'maya');
  expect((await demo.call(next)).status).toBe(200);
});
