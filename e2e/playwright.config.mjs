import { defineConfig } from '@playwright/test';

const report = process.env.TOKENDESK_E2E_REPORT;

export default defineConfig({
  testDir: '.',
  testMatch: '*.spec.mjs',
  outputDir: 'results',
  fullyParallel: true,
  forbidOnly: Boolean(process.env.CI),
  retries: 1, // the report names a test that passed only then
  workers: 2,
  // These end what hangs, on a machine that does much else besides. They assert nothing.
  timeout: 600_000,
  expect: { timeout: 45_000, toPass: { timeout: 120_000 } },
  use: { actionTimeout: 60_000 },
  reporter: report ? [['list'], ['json', { outputFile: report }]] : 'list',
});
