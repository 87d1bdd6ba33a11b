// The request form, filled by the words that docs/form.md publishes: if a word on
// the page and the word in the document differ, nothing can be filled.
import fs from 'node:fs';
import { expect } from '@playwright/test';

const published = fs.readFileSync(new URL('../docs/form.md', import.meta.url), 'utf8');

// words('Purpose') is key → label of the choices under that heading.
export function words(question) {
  const part = published.split(/^## /m).find((s) => s.split('\n', 1)[0].trim() === question);
  if (!part) throw new Error(`docs/form.md has no question ${question}`);
  return Object.fromEntries([...part.matchAll(/^\| `(\w+)` \| (.+?) \|/gm)].map((m) => [m[1], m[2]]));
}

export const questions = {
  purpose: 'Purpose',
  build: 'What will you build or use?',
  maker: 'Who made the software?',
  ai: 'Does it send data to an AI service?',
  data: 'Which data will it touch?',
  storage: 'Where will the token be stored?',
  end: 'End date',
  sponsor: 'Faculty sponsor',
  accepted: 'I have read and accept the token rules',
};

// An answer to every question; ends in 30 days.
export function answers(change = {}) {
  return {
    purpose: 'coursework',
    build: 'Attendance helper: reads who was in my study group and reminds us of the next meeting.',
    maker: 'self',
    ai: 'no',
    data: ['own'],
    storage: 'password_manager',
    end: inDays(30),
    sponsor: 'Ana Ruiz',
    accepted: true,
    ...change,
  };
}

export function inDays(n) {
  const d = new Date(Date.now() + n * 86_400_000);
  return d.toLocaleDateString('en-CA', { timeZone: 'America/New_York' });
}

// One question's choices: radios or boxes, named by the legend.
export const group = (tool, name) => choices(tool, questions[name]);

export function choices(tool, legend) {
  const by = { name: legend, exact: true };
  return tool.getByRole('radiogroup', by).or(tool.getByRole('group', by));
}

// Fills in what is given; undefined leaves a question as it is.
export async function fill(tool, a) {
  for (const name of ['purpose', 'maker', 'ai', 'storage']) {
    if (a[name] !== undefined) await group(tool, name).getByRole('radio', { name: words(questions[name])[a[name]], exact: true }).check();
  }
  for (const key of a.data ?? []) {
    await group(tool, 'data').getByRole('checkbox', { name: words(questions.data)[key], exact: true }).check();
  }
  if (a.build !== undefined) await tool.getByRole('textbox', { name: questions.build }).fill(a.build);
  if (a.end !== undefined) await tool.getByLabel(questions.end).fill(a.end);
  if (a.sponsor !== undefined) await group(tool, 'sponsor').getByRole('radio', { name: a.sponsor }).check();
  if (a.accepted) await tool.getByRole('checkbox', { name: questions.accepted }).check();
}

// The error summary, with a link to each field.
export async function problems(tool) {
  const box = tool.getByRole('alert').filter({ has: tool.getByRole('heading', { name: 'There is a problem' }) });
  await expect(box).toBeVisible();
  return (await box.getByRole('link').allInnerTexts()).map((s) => s.trim());
}
