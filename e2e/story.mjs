// The steps of the main job, each as the person who takes it.
import { expect } from '@playwright/test';
import { answers, fill } from './form.mjs';
import { Wire } from './wire.mjs';

export async function ask(person, change) {
  await person.home();
  await person.act('Request a token').or(person.act('Continue your draft')).first().click();
  await person.h1('Request an API token');
  await fill(person.tool, answers(change));
  await person.button('Submit request').click();
  await person.h1(/^Request REQ-\d{4}$/);
  const h1 = await person.tool.getByRole('heading', { level: 1 }).innerText();
  return /REQ-\d{4}/.exec(h1)[0];
}

// Goes to a page by its navigation entry, and waits for it even if it is there already.
export async function go(person, entry) {
  await person.turn(() => person.tool.getByRole('navigation').getByRole('link', { name: new RegExp(`^${entry}`) }).click());
  await person.h1(entry);
}

// Opens a request from the list under the navigation entry of this name.
export async function openFrom(person, list, code) {
  await go(person, list);
  await person.tool.locator(`main a[href="/requests/${code}"]`).first().click();
  await person.h1(`Request ${code}`);
}

export async function endorse(person, code, note = '') {
  await openFrom(person, 'Sponsorships', code);
  if (note) await person.tool.getByRole('textbox', { name: /Reason or note/ }).fill(note);
  await person.button('Endorse').click();
  await expect(person.tool.getByText('Thank you.')).toBeVisible();
}

export async function approve(person, code) {
  await openFrom(person, 'Review queue', code);
  await claim(person);
  await person.button('Approve').click();
  await expect(person.tool.getByText(/^Approved until/).first()).toBeVisible();
}

export async function claim(person) {
  await person.button('Claim').click();
  await expect(person.button('Release', person.settled)).toBeVisible();
}

// Makes the token and returns its value, read from the page as its owner would.
export async function collect(person, code) {
  await person.home();
  const card = person.tool.locator('article, section, li').filter({ hasText: code }).last();
  await person.act('Collect token', card).click();
  await person.h1('Collect your token');
  await person.page.clock.install(); // for active, below
  await person.button('Create my token').click();
  const box = person.tool.getByRole('textbox').and(person.tool.locator('[readonly]'));
  await expect(box).toHaveValue(/\S{20,}/);
  return box.inputValue();
}

// Follows Activate in Canvas to the new tab and switches the token on there.
export async function activate(person) {
  const opened = person.context.waitForEvent('page');
  await person.act('Activate in Canvas').click();
  const settings = await opened;
  await settings.waitForLoadState();
  const row = settings.getByRole('row').filter({ has: settings.getByRole('link', { name: 'activate', exact: true }) });
  const token = await row.getAttribute('data-token');
  const answered = settings.waitForResponse((r) => r.url().endsWith('/activate'));
  await row.getByRole('link', { name: 'activate', exact: true }).click();
  expect((await answered).status()).toBe(200);
  await settings.reload(); // as in Canvas, the row does not change by itself
  await expect(settings.locator(`[data-token="${token}"]`).getByRole('cell', { name: 'active', exact: true })).toBeVisible();
  await settings.close();
}

// Waits until the page of the collected token says that it works: the watch has
// seen it, and the page has asked. Neither's time need pass.
export async function active(person) {
  const { demo, page, tool } = person;
  await expect(async () => {
    await demo.pass('1m');
    await page.clock.runFor(10_000);
    expect(await tool.getByText(/^Active since/).count()).toBeGreaterThan(0);
  }).toPass();
}

// What a test finds when it begins, without a page that another test looks at: a
// request that waits for its sponsor, one that waits for review, an approved one,
// and a token that its owner has collected and switched on.

export async function asked(demo, { asks = 'maya', at = 'bio201', change } = {}) {
  const { sponsor, accepted, ...rest } = answers(change);
  const page = await by(demo, asks, at, '/requests', {
    ...rest, do: 'submit', ...(accepted && { accepted: 'yes' }), ...(sponsor && { sponsor: demo.begun.users.find((u) => u.name === sponsor).id }),
  });
  const h1 = /<h1\b[^>]*>(.*?)<\/h1>/s.exec(page.text)?.[1];
  const code = /REQ-\d{4}/.exec(h1)?.[0];
  if (!code) throw new Error(`${asks} asked, and got: ${h1}`);
  return code;
}

// A request of Dana's own. She asked before she became an admin: who is one cannot.
export async function askedByAdmin(demo) {
  const root = { user: 'dana', account: 'root' };
  await demo.order('DELETE', '/admins', root);
  const code = await asked(demo, { asks: 'dana', at: 'own', change: { purpose: 'administration', maker: 'school', storage: 'school_server', data: ['people'], sponsor: undefined } });
  await demo.order('POST', '/admins', { ...root, role: 'account-admin' });
  return code;
}

export async function endorsed(demo, { sponsor = 'ana', at = 'bio201', ...more } = {}) {
  const code = await asked(demo, { at, ...more });
  await by(demo, sponsor, at, `/requests/${code}/endorse`);
  return code;
}

export async function approved(demo, more) {
  const code = await endorsed(demo, more);
  await by(demo, 'dana', 'root', `/requests/${code}/approve`);
  return code;
}

export async function working(demo, { asks = 'maya', at = 'bio201', ...more } = {}) {
  const code = await approved(demo, { asks, at, ...more });
  const page = await by(demo, asks, at, `/requests/${code}/collect`);
  const value = /<input\b[^>]*\bid="token-value"[^>]*\bvalue="([^"]+)"/.exec(page.text)[1];
  await switchOn(demo, asks);
  return { code, value };
}

// Switches somebody's last token on in Canvas.
export async function switchOn(demo, key) {
  await demo.order('POST', '/tokens/activate', { user: key, token: (await demo.tokensOf(key)).at(-1).id });
}

// Waits until the tool has seen that the token is on.
export async function seenActive(demo, code, key = 'maya', at = 'bio201') {
  const wire = await Wire.open(demo, key, at);
  await expect(async () => {
    await demo.pass('1m');
    expect((await wire.get(`/requests/${code}/collect/status`)).text).toContain('Active since');
  }).toPass();
  wire.close();
}

async function by(demo, key, place, route, fields) {
  const wire = await Wire.open(demo, key, place);
  try {
    return await wire.post(route, fields);
  } finally {
    wire.close();
  }
}
