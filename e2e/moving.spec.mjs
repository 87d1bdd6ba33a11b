// Moving about in the frame: where the keyboard goes, what is announced, and that
// the last press counts.
import { test, expect } from './test.mjs';
import { answers, fill } from './form.mjs';
import { ask, asked, endorsed, go, openFrom } from './story.mjs';
import { look } from './look.mjs';
import { Wire, inputs } from './wire.mjs';

const focused = (person) => person.frame().then((f) => f.evaluate(() => {
  const e = document.activeElement;
  return { tag: e.tagName, id: e.id, text: e.textContent.trim().slice(0, 60) };
}));

test('of two links pressed in quick succession, the last one counts', async ({ cast, demo }) => {
  const code = await endorsed(demo);
  const dana = await cast.enter('dana', 'root');
  // The second press comes before, while and after the first one's answer arrives.
  for (const pause of [0, 10, 20, 40, 80, 160, 320]) {
    await go(dana, 'Review queue');
    await (await dana.frame()).evaluate(async ([pause, code]) => {
      document.querySelector('nav a[href="/queue"]').click();
      await new Promise((done) => setTimeout(done, pause));
      document.querySelector(`main a[href="/requests/${code}"]`).click();
    }, [pause, code]);
    await expect(dana.tool.getByRole('heading', { level: 1, name: `Request ${code}` }), `after ${pause} ms`).toBeVisible();
  }
});

test('a page change puts the keyboard on the heading, an error on the summary, a result on the banner; the title names the page', async ({ cast }) => {
  const maya = await cast.enter('maya', 'bio201');
  const title = async () => (await maya.frame()).title();
  await maya.home();
  await expect.poll(title).toBe('My API tokens · Tokendesk');
  await maya.act('Request a token').first().click();
  await maya.h1('Request an API token');
  await expect.poll(async () => (await focused(maya)).tag).toBe('H1');
  await expect.poll(title).toBe('Request an API token · Tokendesk');

  // A double click still selects a word in a field.
  const field = maya.tool.getByRole('textbox', { name: /^What will you build or use/ });
  await field.fill('Attendance');
  await field.dblclick({ position: { x: 30, y: 15 } });
  expect(await field.evaluate((e) => e.value.slice(e.selectionStart, e.selectionEnd))).toBe('Attendance');

  await maya.button('Submit request').click();
  await expect(maya.tool.getByRole('heading', { name: 'There is a problem' })).toBeVisible();
  await expect.poll(async () => (await focused(maya)).text).toContain('There is a problem');
  await expect.poll(title).toMatch(/^Error: Request an API token/);
  await fill(maya.tool, answers());
  await maya.button('Submit request').click();
  await maya.h1(/^Request REQ-/);
  await expect.poll(async () => (await focused(maya)).text).toContain('Sent to Ana Ruiz.');
});

test('back and forward in the frame bring the pages back, never a form sent twice', async ({ cast }) => {
  const maya = await cast.enter('maya', 'bio201');
  const code = await ask(maya);
  await maya.turn(async () => (await maya.frame()).evaluate(() => history.back()));
  await maya.h1('Request an API token');
  await maya.turn(async () => (await maya.frame()).evaluate(() => history.forward()));
  await maya.h1(`Request ${code}`);
  await maya.again();
  await expect(maya.tool.locator('main a[href^="/requests/REQ-"]').filter({ hasText: 'Attendance helper' })).toHaveCount(1);
  expect(await maya.sent('/requests'), 'forms sent').toHaveLength(1);
});

test('the whole way by keyboard: a decision without a mouse', async ({ cast, demo }) => {
  const code = await asked(demo);
  const ana = await cast.enter('ana', 'bio201');
  await openFrom(ana, 'Sponsorships', code);
  const reached = () => ana.button('Endorse').evaluate((e) => e === document.activeElement);
  for (let steps = 0; !(await reached()); steps++) {
    expect(steps, 'steps to the button').toBeLessThan(60);
    await ana.page.keyboard.press('Tab');
  }
  const ring = await ana.button('Endorse').evaluate((e) => getComputedStyle(e).outlineStyle);
  expect(ring, 'the focus ring').not.toBe('none');
  await ana.page.keyboard.press('Enter');
  await expect(ana.tool.getByText('Thank you.')).toBeVisible();
});

test('a double click on a decision decides once, and says so once', async ({ cast, demo }) => {
  const code = await endorsed(demo);
  const dana = await cast.enter('dana', 'root');
  await openFrom(dana, 'Review queue', code);
  await dana.button('Approve').dblclick();
  await expect(dana.tool.getByText(/^Approved until/).first()).toBeVisible();
  expect(await dana.sent('/approve'), 'forms sent').toHaveLength(1);
  await expect(dana.tool.getByRole('region', { name: 'Story' }).getByRole('listitem').filter({ hasText: /Dana Ortiz\s+approved/ })).toHaveCount(1);
});

test('the second press of a slow double click falls on nothing of the page that the first brought', async ({ cast, demo }) => {
  const code = await endorsed(demo);
  const dana = await cast.enter('dana', 'root');
  await openFrom(dana, 'Review queue', code);
  await dana.button('Approve').scrollIntoViewIfNeeded();
  const box = await dana.button('Approve').boundingBox();
  await dana.page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  const press = async (clickCount) => {
    await dana.page.mouse.down({ clickCount });
    await dana.page.mouse.up({ clickCount });
  };
  await press(1);
  await expect(dana.tool.getByText(/^Approved until/).first()).toBeVisible();
  // Wherever the pointer is then; so it is put on the worst place.
  const back = await dana.act('Take back approval').boundingBox();
  await dana.page.mouse.move(back.x + back.width / 2, back.y + back.height / 2);
  await press(2);
  expect(await dana.sent('/rescind')).toEqual([]);
  await dana.act('Take back approval').click();
  await dana.h1(`Take back the approval of ${code}?`);
});

test('two reviewers at once: the slower one learns what happened, and keeps the text', async ({ cast, demo }) => {
  const code = await endorsed(demo);
  const dana = await cast.enter('dana', 'root');
  const priya = await cast.enter('priya', 'root');
  await openFrom(dana, 'Review queue', code);
  await openFrom(priya, 'Review queue', code);
  await priya.tool.getByRole('textbox', { name: /^Reason/ }).fill('I think that this is fine.');
  await dana.button('Approve').click();
  await expect(dana.tool.getByText(/^Approved until/).first()).toBeVisible();
  await priya.button('Approve').click();
  await expect(priya.tool.getByText(/Dana Ortiz approved this/).first()).toBeVisible();
  await expect(priya.tool.getByText('I think that this is fine.').first()).toBeVisible();
});

test('a page that was left open decides nothing when the sponsor has changed, and says so', async ({ cast, demo }) => {
  const code = await endorsed(demo);
  const dana = await cast.enter('dana', 'root');
  await openFrom(dana, 'Review queue', code);
  await dana.tool.getByRole('textbox', { name: /^Conditions/ }).fill('Only until the exam.');
  // Ana leaves the course, which the next decision notices; Maya names Helen.
  await demo.order('PATCH', '/enrollments', { user: 'ana', course: 'bio201', state: 'completed' });
  await demo.order('POST', '/enrollments', { user: 'helen', course: 'bio201', role: 'teacher' });
  const priya = await Wire.open(demo, 'priya', 'root');
  const { terms } = inputs((await priya.get(`/requests/${code}`)).text);
  expect((await priya.ask('POST', `/requests/${code}/approve`, { terms })).status, 'an approval without its sponsor').toBe(403);
  priya.close();
  const maya = await Wire.open(demo, 'maya', 'bio201');
  await maya.post(`/requests/${code}/sponsor`, { sponsor: demo.user('helen').id });
  maya.close();
  const helen = await Wire.open(demo, 'helen', 'bio201');
  await helen.post(`/requests/${code}/endorse`, { reason: 'I do not know this student.' });
  helen.close();

  await dana.button('Approve').click();
  await expect(dana.tool.getByText('This changed after you opened it, so nothing was decided.')).toBeVisible();
  await expect(dana.tool.getByText('The sponsor, or what they said')).toBeVisible();
  await expect(dana.tool.getByText('I do not know this student.').first()).toBeVisible();
  await expect(dana.tool.getByRole('textbox', { name: /^Conditions/ })).toHaveValue('Only until the exam.');
  await look(dana, 'review-changed');
  await dana.button('Approve').click();
  await expect(dana.tool.getByText(/^Approved until/).first()).toBeVisible();
});

test('a message in the inbox leads to the request in Canvas', async ({ cast, demo }) => {
  const code = await asked(demo);
  const told = async () => (await demo.order('GET', '/state')).messages.filter((m) => m.to.includes('ana') && m.subject.includes(code));
  await expect.poll(async () => (await told()).length).toBe(1);
  const [message] = await told();
  expect(message.subject).toMatch(/asks you to sponsor/);
  const link = /https?:\/\/\S+external_tools\S+/.exec(message.body)?.[0];
  expect(link, `a link in: ${message.body}`).toBeTruthy();
  const ana = await cast.person('ana');
  await ana.page.goto(demo.actAs('ana', '/conversations')); // as one who reads the inbox
  await ana.page.goto(link);
  await ana.h1(`Request ${code}`);
});
