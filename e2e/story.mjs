// The steps of the main job, each as the person who takes it.
import { expect } from '@playwright/test';
import { answers, fill } from './form.mjs';

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
  const link = person.tool.getByRole('navigation').getByRole('link', { name: new RegExp(`^${entry}`) });
  const path = await link.getAttribute('href');
  const arrived = person.page.waitForResponse((r) => new URL(r.url()).pathname === path);
  await link.click();
  await (await arrived).finished();
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
  await person.button('Claim').click();
  await person.button('Approve').click();
  await expect(person.tool.getByText(/^Approved until/).first()).toBeVisible();
}

// Makes the token and returns its value, read from the page as its owner would.
export async function collect(person, code) {
  await person.home();
  const card = person.tool.locator('article, section, li').filter({ hasText: code }).last();
  await person.act('Collect token', card).click();
  await person.h1('Collect your token');
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

// From the question to an approved request.
export async function approved(cast, { asks = 'maya', at = 'bio201', sponsor = 'ana', change } = {}) {
  const code = await ask(await cast.enter(asks, at), change);
  await endorse(await cast.enter(sponsor, at), code);
  await approve(await cast.enter('dana', 'root'), code);
  return code;
}
