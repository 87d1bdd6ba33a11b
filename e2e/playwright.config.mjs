import { defineConfig } from '@playwright/test';

const report = process.env.TOKENDESK_E2E_REPORT;

export default defineConfig({
  testDir: '.',
  testMatch: '*.spec.mjs',
  outputDir: 'results',
  fullyParallel: true,
  forbidOnly: Boolean(process.env.CI),
  retries: 0,
  workers: 2,
  timeout: 90_000,
  expect: { timeout: 10_000 },
  use: { actionTimeout: 15_000 },
  reporter: report ? [['list'], ['json', { outputFile: report }]] : 'list',
});
