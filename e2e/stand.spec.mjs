// A token goes on: it is renewed and gives way to its successor, or finds another
// sponsor.
import { test, expect } from './test.mjs';
import { fill, inDays } from './form.mjs';
import { approve, collect, go, openFrom, seenActive, switchOn, working } from './story.mjs';
import { look } from './look.mjs';

// Maya's token, active, ending in 25 days.
async function ending(demo) {
  const made = await working(demo, { change: { end: inDays(25) } });
  await seenActive(demo, made.code);
  return made;
}

test('a token is renewed, and gives way to the new one once that is used', async ({ cast, demo }) => {
  const { value } = await ending(demo);
  const maya = await cast.enter('maya', 'bio201');
  await look(maya, 'renew-home');
  await maya.act('Renew').first().click();
  await maya.h1('Request an API token');
  await expect(maya.tool.getByText('A renewal with your last answers.')).toBeVisible();
  await expect(maya.tool.getByRole('radio', { name: 'Ana Ruiz' }), 'the sponsor is chosen already').toBeChecked();
  await look(maya, 'renew-form');
  await fill(maya.tool, { end: inDays(60), accepted: true });
  await maya.button('Submit request').click();
  await maya.h1(/^Request REQ-\d{4}$/);
  const code = /REQ-\d{4}/.exec(await maya.tool.getByRole('heading', { level: 1 }).innerText())[0];
  await maya.again();
  await expect(maya.tool.getByText('Keeps working while the renewal is in review.')).toBeVisible();
  await look(maya, 'renew-in-review');

  const ana = await cast.enter('ana', 'bio201');
  await openFrom(ana, 'Sponsorships', code);
  await expect(ana.tool.getByRole('heading', { name: 'The token so far' })).toBeVisible();
  await ana.button('Endorse').click();
  await expect(ana.tool.getByText('Thank you.')).toBeVisible();
  const dana = await cast.enter('dana', 'root');
  await openFrom(dana, 'Review queue', code);
  await expect(dana.tool.getByText('Still teaches the requester')).toBeVisible();
  await look(dana, 'renew-evidence');
  await approve(dana, code);

  await maya.again();
  const next = await collect(maya, code);
  expect(next).not.toBe(value);
  await switchOn(demo, 'maya');
  await seenActive(demo, code);
  await maya.again();
  await expect(maya.tool.getByText('Being replaced').first()).toBeVisible();
  await look(maya, 'renew-overlap');
  expect((await demo.call(value)).status, 'both work while the software moves').toBe(200);

  await demo.pass('11m'); // Canvas writes a use down every ten minutes
  expect((await demo.call(next)).status).toBe(200);
  await expect(async () => {
    await demo.pass('31m');
    expect((await demo.call(value)).status, 'the old one has stopped').toBe(401);
  }).toPass();
  expect((await demo.call(next)).status, 'the new one works').toBe(200);
});

test('a sponsorship ends, and another teacher takes over', async ({ cast, demo }) => {
  await demo.order('POST', '/enrollments', { user: 'helen', course: 'bio201', role: 'teacher' });
  const { code, value } = await ending(demo);
  const ana = await cast.enter('ana', 'bio201');
  await go(ana, 'Sponsorships');
  const row = ana.tool.getByRole('row').filter({ hasText: code });
  await ana.act('End sponsorship', row).click();
  await ana.h1(/^End your sponsorship of/);
  await look(ana, 'sponsor-end');
  await ana.button('End sponsorship').click();
  await expect(ana.tool.getByText('You no longer stand for it.')).toBeVisible();
  expect((await demo.call(value)).status, 'it works on').toBe(200);

  const maya = await cast.enter('maya', 'bio201');
  await expect(maya.tool.getByText('Sponsor needed').first()).toBeVisible();
  await look(maya, 'sponsor-needed');
  await maya.act('Choose a sponsor').first().click();
  await maya.h1('Choose a sponsor');
  await maya.button('Ask this sponsor').click();
  await expect(maya.tool.getByText('There is a problem')).toBeVisible();
  await maya.tool.getByRole('radio', { name: 'Helen Park' }).check();
  await look(maya, 'sponsor-choose');
  await maya.button('Ask this sponsor').click();
  await expect(maya.tool.getByText('is asked to take over').first()).toBeVisible();

  const helen = await cast.enter('helen', 'bio201');
  await go(helen, 'Sponsorships');
  await expect(helen.tool.getByRole('heading', { name: 'Waiting for you (1)' })).toBeVisible();
  await look(helen, 'sponsor-asked-list');
  await openFrom(helen, 'Sponsorships', code);
  await look(helen, 'sponsor-asked');
  await helen.button('Take over').click();
  await expect(helen.tool.getByText('You stand for this token now.')).toBeVisible();

  await maya.again();
  await maya.h1('My API tokens');
  await expect(maya.tool.getByText('Helen Park').first()).toBeVisible();
  await expect(maya.tool.getByText('Sponsor needed')).toHaveCount(0);
});
