import { test, expect } from './test.mjs';
import { answers, fill, group, inDays, problems, questions } from './form.mjs';
import { approve, asked, openFrom } from './story.mjs';

async function openForm(cast, key = 'maya', place = 'bio201') {
  const person = await cast.enter(key, place);
  await person.home();
  await person.act('Request a token').first().click();
  await person.h1('Request an API token');
  return person;
}

test('an empty form says everything that is missing, and loses nothing', async ({ cast }) => {
  const maya = await openForm(cast);
  await maya.button('Submit request').click();
  const said = await problems(maya.tool);
  expect(said).toContain('Choose a purpose.');
  expect(said).toContain('Describe what you will build or use, in at least 30 characters.');
  expect(said).toContain('Tick the box to accept the token rules.');
  expect(said.length, 'one line for each question').toBe(9);
  await expect(maya.tool.getByRole('heading', { level: 1 })).toHaveText('Request an API token');
});

test('an error keeps what was typed, and its link leads to the field', async ({ cast }) => {
  const maya = await openForm(cast);
  const a = answers({ build: 'Too short.' });
  await fill(maya.tool, a);
  await maya.button('Submit request').click();
  expect(await problems(maya.tool)).toEqual(['Describe what you will build or use, in at least 30 characters.']);
  await maya.tool.getByRole('alert').getByRole('link').click();
  await expect(maya.tool.getByRole('textbox', { name: questions.build })).toBeFocused();
  await expect(maya.tool.getByRole('textbox', { name: questions.build })).toHaveValue('Too short.');
  await expect(maya.tool.getByLabel(questions.end)).toHaveValue(a.end);
});

test('an end date beyond the latest one is refused with the date that is allowed', async ({ cast }) => {
  const maya = await openForm(cast);
  const a = answers();
  await fill(maya.tool, { ...a, end: undefined });
  // The date field has a latest date; somebody who types around it is answered by the server.
  const end = maya.tool.getByLabel(questions.end);
  await end.evaluate((e) => { e.removeAttribute('max'); e.form.noValidate = true; });
  await end.fill(inDays(400));
  await maya.button('Submit request').click();
  const said = await problems(maya.tool);
  expect(said).toHaveLength(1);
  expect(said[0]).toMatch(/^Choose an end date on or before \d{1,2} \w+ \d{4}\.$/);
});

// Replaces the value of the chosen sponsor, as a forged form would.
const forge = (person, value) => person.tool.locator('input[name="sponsor"]:checked').evaluate((e, v) => { e.value = v; }, value);

test('a forged form cannot name as sponsor who does not teach the student', async ({ cast, demo }) => {
  const maya = await openForm(cast);
  await expect(maya.tool.getByRole('radio', { name: 'Helen Park' }), 'who does not teach her is not offered').toHaveCount(0);
  await expect(maya.tool.getByRole('radio', { name: 'Tom Becker' })).toHaveCount(0);
  await fill(maya.tool, answers());
  for (const [who, key, said] of [
    ['a teacher who does not teach the student', 'helen', 'Choose a sponsor who teaches you now.'],
    ['a TA of the course', 'tom', 'Choose a sponsor who teaches you now.'],
    ['a student of the course who teaches a sandbox course', 'noor', 'Choose a sponsor who teaches you now.'],
    ['the student themselves', 'maya', /yourself|another person|somebody else/i],
  ]) {
    await test.step(who, async () => {
      await fill(maya.tool, { sponsor: 'Ana Ruiz', accepted: true });
      await forge(maya, demo.user(key).id);
      await maya.turn(() => maya.button('Submit request').click());
      const lines = await problems(maya.tool);
      expect(lines).toHaveLength(1);
      expect(lines[0]).toMatch(said);
    });
  }
});

test('a place where a token leaks is refused with the reason', async ({ cast }) => {
  const maya = await openForm(cast);
  await fill(maya.tool, answers({ storage: 'repository' }));
  await maya.button('Submit request').click();
  const [said] = await problems(maya.tool);
  expect(said).toMatch(/^Choose a safer place\./);
});

test('a draft is kept, found again and submitted', async ({ cast }) => {
  const maya = await openForm(cast);
  await fill(maya.tool, { build: 'Attendance helper, to be described later on.', purpose: 'coursework' });
  await maya.button('Save draft').click();
  await expect(maya.tool.locator('#saved')).toHaveText(/^Draft saved \d/);
  await expect(maya.button('Save draft')).toBeFocused();
  await expect(maya.tool.locator('#saved'), 'the answer is where the person is').toBeInViewport();
  await maya.again();
  await maya.link('Continue').click();
  await maya.h1('Request an API token');
  await expect(maya.tool.getByRole('textbox', { name: questions.build })).toHaveValue('Attendance helper, to be described later on.');
  await fill(maya.tool, answers());
  await maya.button('Submit request').click();
  await maya.h1(/^Request REQ-/);
});

test('a double click on Submit makes one request', async ({ cast }) => {
  const maya = await openForm(cast);
  await fill(maya.tool, answers({ build: 'Pressed twice: a request that must exist only once, whatever the mouse does.' }));
  await maya.button('Submit request').dblclick();
  await maya.h1(/^Request REQ-/);
  await maya.again();
  await expect(maya.tool.getByRole('link', { name: /Pressed twice/ })).toHaveCount(1);
});

test('a professor asks without a sponsor, and an admin decides', async ({ cast }) => {
  const ana = await openForm(cast, 'ana', 'bio201');
  await expect(group(ana.tool, 'sponsor')).toHaveCount(0);
  await fill(ana.tool, answers({ sponsor: undefined, purpose: 'teaching' }));
  await ana.button('Submit request').click();
  await ana.h1(/^Request REQ-/);
  const code = /REQ-\d+/.exec(await ana.tool.getByRole('heading', { level: 1 }).innerText())[0];
  await approve(await cast.enter('dana', 'root'), code);
});

test('a sponsor may shorten the end, never lengthen it', async ({ cast, demo }) => {
  const code = await asked(demo);
  const ana = await cast.enter('ana', 'bio201');
  await openFrom(ana, 'Sponsorships', code);
  const end = ana.tool.getByLabel(/Shorten the end date|End date/);
  await end.evaluate((e) => { e.removeAttribute('max'); e.form.noValidate = true; });
  await end.fill(inDays(60));
  await ana.button('Endorse').click();
  await problems(ana.tool);
  await end.evaluate((e) => e.removeAttribute('max'));
  await end.fill(inDays(10));
  await ana.button('Endorse').click();
  await expect(ana.tool.getByText('Thank you.')).toBeVisible();
});
