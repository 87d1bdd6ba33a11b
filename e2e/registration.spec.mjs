// LTI Dynamic Registration, as an admin does it in Canvas's pages.
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { expectNoViolations } from './axe.mjs';
import { test, expect } from './test.mjs';

const run = promisify(execFile);

async function operator(demo, ...args) {
  const { stdout } = await run(path.join(process.env.TOKENDESK_E2E_BIN, 'tokendesk'), args, {
    env: {
      PATH: process.env.PATH, HOME: demo.data,
      TOKENDESK_DATABASE_URL: `sqlite:${path.join(demo.data, 'tokendesk.db')}`, TOKENDESK_PUBLIC_URL: demo.toolURL,
    },
  });
  return stdout;
}

test('an admin registers the app with a one-time link, and Canvas goes on when they say so', async ({ cast, demo }) => {
  // The same Canvas by another address, as it would be another environment.
  const second = new URL(demo.canvas);
  second.hostname = 'second.localhost';
  const said = await operator(demo, 'invite', '-name', 'Second Canvas', '-canvas-url', second.origin, '-canvas-url', demo.canvas, '-reason', 'a second school');
  const link = said.split('\n')[0];
  const dana = await cast.person('dana');
  const { page } = dana;
  const root = demo.begun.accounts.find((a) => a.name === 'Northfield University');
  const keys = `/accounts/${root.id}/developer_keys`;
  const register = async (url) => {
    await page.goto(demo.actAs('dana', keys));
    await page.getByLabel('Registration URL').fill(url);
    await page.getByRole('button', { name: 'Continue' }).click();
    return page.frameLocator('iframe[data-registration]');
  };

  const frame = await register(link);
  await expect(frame.getByRole('heading', { level: 1, name: 'Tokendesk is registered' })).toBeVisible();
  for (const words of ['required_permissions', 'menu of the root account', 'platform credential -platform "Second Canvas"']) {
    await expect(frame.getByText(words)).toBeVisible();
  }
  const framed = await (await page.locator('iframe[data-registration]').elementHandle()).contentFrame();
  await expectNoViolations(framed, 'the registration page');
  await frame.getByRole('button', { name: 'Continue in Canvas' }).click();

  // Canvas has heard it, and shows its review.
  await expect(page.getByRole('heading', { level: 1, name: 'Review Tokendesk' })).toBeVisible();
  for (const placement of ['course_navigation', 'account_navigation', 'user_navigation']) {
    await expect(page.getByRole('checkbox', { name: new RegExp(placement) })).toBeChecked();
  }
  const deployment = await page.locator('dt:has-text("Deployment Id") + dd').innerText();
  await page.getByRole('button', { name: 'Enable' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Developer Keys' })).toBeVisible();

  // The same link a second time: the page says so, inside Canvas.
  const again = await register(link);
  await expect(again.getByRole('heading', { level: 1, name: 'Tokendesk was not registered' })).toBeVisible();
  await expect(again.getByText('used already')).toBeVisible();

  // The first launch finds no credential, and says what is missing.
  const tool = deployment.split(':')[0];
  await page.goto(`${demo.canvas}/accounts/${root.id}/external_tools/${tool}`);
  await expect(dana.tool.getByRole('heading', { level: 1, name: 'Tokendesk is not ready yet' })).toBeVisible();
  const list = await operator(demo, 'doctor', '-platform', 'Second Canvas').catch((e) => e.stdout);
  expect(list).toContain(`ok    Second Canvas: root deployment: ${deployment}`);
  expect(list).toContain('FAIL  Second Canvas: Canvas credential');
  expect((await demo.written()).includes(new URL(link).searchParams.get('invite'))).toBe(false);
});

test('a Canvas that is registered already is not registered again, and the page says what joins it', async ({ cast, demo }) => {
  const said = await operator(demo, 'invite', '-name', 'Second Canvas', '-canvas-url', demo.canvas, '-reason', 'a second school');
  const dana = await cast.person('dana');
  const root = demo.begun.accounts.find((a) => a.name === 'Northfield University');
  await dana.page.goto(demo.actAs('dana', `/accounts/${root.id}/developer_keys`));
  await dana.page.getByLabel('Registration URL').fill(said.split('\n')[0]);
  await dana.page.getByRole('button', { name: 'Continue' }).click();
  const frame = dana.page.frameLocator('iframe[data-registration]');
  await expect(frame.getByRole('heading', { level: 1, name: 'Tokendesk was not registered' })).toBeVisible();
  await expect(frame.getByText('This Canvas is registered with Tokendesk already.')).toBeVisible();
  await expect(frame.getByText('tokendesk platform add -name NAME')).toBeVisible();
  const framed = await (await dana.page.locator('iframe[data-registration]').elementHandle()).contentFrame();
  await expectNoViolations(framed, 'the page of a Canvas that is known');
});

test('a link that was never made says so inside the Canvas that opened it', async ({ cast, demo }) => {
  const made = await operator(demo, 'invite', '-name', 'Second Canvas', '-canvas-url', demo.canvas, '-reason', 'a second school');
  const link = new URL(made.split('\n')[0]);
  link.searchParams.set('invite', 'A'.repeat(26));
  const dana = await cast.person('dana');
  const root = demo.begun.accounts.find((a) => a.name === 'Northfield University');
  await dana.page.goto(demo.actAs('dana', `/accounts/${root.id}/developer_keys`));
  await dana.page.getByLabel('Registration URL').fill(link.href);
  await dana.page.getByRole('button', { name: 'Continue' }).click();
  const frame = dana.page.frameLocator('iframe[data-registration]');
  await expect(frame.getByText('incomplete, or it was never made here')).toBeVisible();
  await frame.getByRole('button', { name: 'Continue in Canvas' }).click();
  await expect(dana.page.getByText('The app has not registered yet.')).toBeVisible();
});
