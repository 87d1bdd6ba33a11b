// Many tokens revoked together: filter, plan, a wrong number, the right one, progress, report, export.
import fs from 'node:fs';
import path from 'node:path';
import { test, expect } from './test.mjs';
import { go, working } from './story.mjs';
import { look } from './look.mjs';

test.use({ school: 'samples' });

test('an admin revokes all tokens that match a filter, and follows it to the report', async ({ cast, demo }) => {
  await working(demo);
  const dana = await cast.enter('dana', 'root');
  await go(dana, 'Tokens');
  const { tool } = dana;
  await tool.getByLabel('Role').selectOption({ label: 'Student' });
  await tool.getByLabel('Unused for ≥ days').fill('400');
  await dana.button('Apply').click();
  await expect(tool.getByText('Nothing matches.')).toBeVisible();
  await tool.getByRole('link', { name: /Remove filter: Unused for 400 days/ }).click();
  const count = tool.getByRole('heading', { level: 2, name: /^[1-9]\d* tokens?$/ }); // no more the 0 of nothing
  await expect(count).toBeVisible();
  const n = Number.parseInt(await count.innerText(), 10);

  const exported = dana.page.waitForEvent('download');
  await dana.button('Export').click();
  const rows = fs.readFileSync(await (await exported).path(), 'utf8').trim().split('\r\n');
  expect(rows).toHaveLength(n + 1);

  // Chosen one by one: the bar appears with the first.
  await expect(tool.getByText('With the chosen tokens:')).toBeHidden();
  await tool.getByRole('checkbox', { name: /^Select Attendance helper, Maya Chen/ }).check();
  await expect(tool.getByText('With the chosen tokens:')).toBeVisible();
  await look(dana, 'tokens-chosen');
  await tool.getByRole('checkbox', { name: /^Select Attendance helper, Maya Chen/ }).uncheck();

  await dana.button('Revoke all matching').click();
  await dana.h1(new RegExp(`^Revoke ${n} tokens?\\?$`));
  await look(dana, 'mass-plan');
  await tool.getByLabel(`Type ${n} to confirm`).fill(String(n + 1));
  await tool.getByRole('textbox', { name: /^Reason/ }).fill('The company reported a breach.');
  await dana.button('Revoke tokens').click();
  await expect(tool.getByRole('heading', { name: 'There is a problem' })).toBeVisible();
  await expect(tool.getByRole('textbox', { name: /^Reason/ })).toHaveValue('The company reported a breach.');
  await look(dana, 'mass-wrong');
  await tool.getByLabel(`Type ${n} to confirm`).fill(String(n));
  await dana.button('Revoke tokens').click();
  await dana.h1('Mass revocation');
  await expect(tool.getByText(/of \d+ confirmed gone\.|Canvas confirmed each one\./).first()).toBeVisible();

  // It goes on when its page is left, and has an address of its own.
  await go(dana, 'Tokens');
  await tool.getByRole('link', { name: 'Mass revocations' }).click();
  await dana.h1('Mass revocations');
  await look(dana, 'masses');
  await tool.locator('main table a').first().click();
  await dana.h1('Mass revocation');
  await expect(tool.getByText('Canvas confirmed each one.').first()).toBeVisible();
  const report = tool.getByRole('link', { name: 'Show the report' });
  if (await report.count()) await dana.turn(() => report.click());
  await expect(tool.getByText('Confirmed gone', { exact: true })).toBeVisible();
  await look(dana, 'mass-done');
  const proof = dana.page.waitForEvent('download');
  await dana.button('Export').click();
  expect(fs.readFileSync(await (await proof).path(), 'utf8')).toContain('Canvas');

  await go(dana, 'Tokens');
  await tool.getByLabel('Status').selectOption({ label: 'Revoked' });
  await dana.button('Apply').click();
  await expect(tool.getByRole('row').filter({ hasText: 'Attendance helper' }).filter({ hasText: 'Maya Chen' }).filter({ hasText: 'Revoked' }).first()).toBeVisible();
});
