// What a page loads beside its HTML, in a real browser.
import { test, expect } from './test.mjs';

test('a first visit loads at most 60 KB, and letters of other languages only where there are some', async ({ cast, demo }) => {
  const maya = await cast.person('maya');
  const loaded = new Map();
  maya.context.on('response', (r) => {
    const url = new URL(r.url());
    if (url.origin === new URL(demo.toolURL).origin && url.pathname.startsWith('/static/')) loaded.set(url.pathname, r.headers());
  });
  const fonts = () => [...loaded.keys()].filter((p) => p.endsWith('.woff2')).map((p) => /\/tokendesk-sans-(\w+-\d+)-/.exec(p)?.[1] ?? p).sort();
  await maya.enter('bio201');
  await maya.home();
  await (await maya.frame()).evaluate(async () => { await document.fonts.ready; });
  expect(fonts()).toEqual(['base-400', 'base-700']);
  let sum = 0;
  for (const [path, headers] of loaded) {
    if (!path.endsWith('.woff2')) expect(headers['content-encoding'], path).toBe('br');
    sum += Number(headers['content-length']);
  }
  expect(loaded.size, [...loaded.keys()].join(' ')).toBeGreaterThanOrEqual(6);
  expect(sum).toBeLessThanOrEqual(60_000);

  await maya.act('Request a token').first().click();
  await maya.h1('Request an API token');
  const build = maya.tool.getByRole('textbox', { name: /What will you build or use/ });
  await build.fill('A script.');
  await (await maya.frame()).evaluate(async () => { await document.fonts.ready; });
  expect(fonts()).toEqual(['base-400', 'base-700']);
  await build.fill('A script for Zoë and Łukasz.');
  await expect.poll(fonts).toEqual(['base-400', 'base-700', 'extended-400']);
  expect(await (await maya.frame()).evaluate(async () => {
    await document.fonts.ready;
    return [...document.fonts].filter((f) => f.status === 'error').length;
  })).toBe(0);
});
