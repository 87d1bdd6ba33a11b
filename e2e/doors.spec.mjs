import { test, expect } from './test.mjs';
import { asked, askedByAdmin, endorse, endorsed, go, ask, openFrom } from './story.mjs';
import { Wire, inputs } from './wire.mjs';

async function expectNobodyAsked(person) {
  const entry = person.tool.getByRole('navigation').getByRole('link', { name: /^Sponsorships/ });
  await expect(person.settled).toBeAttached();
  if (!(await entry.count())) return;
  await go(person, 'Sponsorships');
  await expect(person.tool.getByText('Nobody has asked you to sponsor a token.')).toBeVisible();
}

test('an admin meets a request of their own, and cannot decide it', async ({ cast, demo }) => {
  const code = await askedByAdmin(demo);
  const dana = await cast.enter('dana', 'root');
  await go(dana, 'Review queue');
  const row = dana.tool.getByRole('row').filter({ hasText: 'Dana Ortiz' }).filter({ hasText: code });
  await row.getByRole('link').first().click();
  await dana.h1(`Request ${code}`);
  for (const name of ['Approve', 'Deny', 'Claim']) await expect(dana.button(name)).toHaveCount(0);
  for (const [move, fields] of [['claim', {}], ['approve', {}], ['deny', { reason: 'x', alternative: 'other', alternative_text: 'y' }]]) {
    const forced = await dana.send('POST', `/requests/${code}/${move}`, fields);
    expect(forced.status, `a forced ${move}`).toBe(403);
  }
  const priya = await cast.enter('priya', 'root');
  await openFrom(priya, 'Review queue', code);
  await expect(priya.button('Claim')).toBeVisible();
});

test.describe('with everybody else\'s requests', () => {
  test.use({ school: 'shared' });

  for (const [who, key, place] of [
    ['a teacher who holds an admin role', 'victor', 'chem110'],
    ['a root admin', 'priya', 'root'],
    ['an admin of a sub-account', 'ingrid', 'own'],
    ['somebody without a course', 'sam', 'own'],
    ['an observer', 'omar', 'bio201'],
  ]) {
    test(`${who} cannot ask, and is told why`, async ({ cast }) => {
      const person = await cast.enter(key, place);
      await person.home();
      await expect(person.act('Request a token')).toHaveCount(0);
      const forced = await person.send('POST', '/requests', { do: 'submit', purpose: 'teaching', accepted: 'yes' });
      expect([403, 422]).toContain(forced.status);
      expect(forced.text).not.toMatch(/Request REQ-/);
    });
  }

  test('a student who opens the account-navigation launch by URL is stopped by Canvas', async ({ cast }) => {
    const maya = await cast.person('maya');
    await maya.page.goto(maya.address('root'));
    await expect(maya.page.getByRole('heading', { name: 'Unauthorized' })).toBeVisible();
    await expect(maya.page.locator('iframe#tool_content')).toHaveCount(0);
  });

  for (const [key, who] of [['maya', 'a student'], ['ana', 'a professor'], ['lena', 'a root admin whose role holds no right to tokens'], ['ingrid', 'an admin of a sub-account']]) {
    test(`${who} who gets past Canvas by typing another placement meets no admin page`, async ({ cast }) => {
      const person = await cast.enter(key, 'root', 'user_navigation');
      await expect(person.settled).toBeAttached();
      for (const name of [/^Review queue/, /^Tokens/]) await expect(person.tool.getByRole('link', { name })).toHaveCount(0);
      for (const route of ['/queue', '/tokens']) expect((await person.send('GET', route)).status, route).toBe(403);
      expect((await person.send('POST', '/requests/REQ-0002/approve')).status, 'a request that is not theirs').toBe(404);
    });
  }
});

test('a student who teaches a sandbox course is a student, needs a sponsor, and sponsors nobody', async ({ cast }) => {
  const noor = await cast.enter('noor', 'sandbox-noor');
  await expectNobodyAsked(noor);
  await noor.enter('bio201');
  const code = await ask(noor, { build: 'Microscope index: finds the pictures of one cell type in my own uploads.' });
  await expect(noor.tool.getByText('With sponsor').first()).toBeVisible();
  expect(code).toMatch(/^REQ-/);
});

test('a TA cannot sponsor, not even a request that is forced upon them', async ({ cast, demo }) => {
  const code = await asked(demo);
  const tom = await cast.enter('tom', 'bio201');
  await expectNobodyAsked(tom);
  expect((await tom.send('GET', `/requests/${code}`)).status, 'a request that is not theirs').toBe(404);
  expect((await tom.send('POST', `/requests/${code}/endorse`)).status).toBe(404);
});

// What the form of somebody's page of a request carries of what it shows: it is
// not for want of this that a press is refused.
async function shown(person, code) {
  const { terms } = inputs((await person.send('GET', `/requests/${code}`)).text);
  return { terms: terms ?? 'answers.none' };
}

test('an admin cannot decide from a course, a student cannot decide at all, a sponsor cannot approve', async ({ cast, demo }) => {
  const code = await asked(demo);
  const maya = await Wire.open(demo, 'maya', 'bio201');
  expect((await maya.ask('POST', `/requests/${code}/endorse`)).status).toBe(403);
  expect((await maya.ask('POST', `/requests/${code}/approve`)).status).not.toBe(200);
  const ana = await cast.enter('ana', 'bio201');
  await endorse(ana, code);
  expect((await ana.send('POST', `/requests/${code}/approve`, await shown(ana, code))).status).toBe(403);
  const luca = await Wire.open(demo, 'luca', 'bio201');
  expect((await luca.ask('GET', `/requests/${code}`)).status, 'somebody else\'s request').toBe(404);
  expect((await luca.ask('POST', `/requests/${code}/withdraw`)).status).toBe(404);
});

test('an admin who was demoted after the launch decides nothing', async ({ cast, demo }) => {
  const code = await endorsed(demo);
  const dana = await cast.enter('dana', 'root');
  await openFrom(dana, 'Review queue', code);
  const terms = await shown(dana, code);
  await demo.order('DELETE', '/admins', { user: 'dana', account: 'root' });
  expect((await dana.send('POST', `/requests/${code}/approve`, terms)).status).toBe(403);
});

test('somebody who acts as the student may look and change nothing', async ({ cast, demo }) => {
  const code = await asked(demo);
  const dana = await cast.person('dana');
  await dana.page.goto(demo.actAs('dana', `/users/${demo.user('maya').id}/masquerade`));
  await dana.page.getByRole('button', { name: /Proceed|Act as/ }).or(dana.page.getByRole('link', { name: /Proceed/ })).first().click();
  await expect(dana.page.getByText('You are currently acting as')).toBeVisible();
  await dana.page.goto(demo.canvas + demo.pathOf('maya', 'bio201'));
  await dana.h1('My API tokens');
  await expect(dana.tool.getByText('You are acting as Maya Chen.')).toBeVisible();
  expect((await dana.send('POST', `/requests/${code}/withdraw`)).status).toBe(403);
});
