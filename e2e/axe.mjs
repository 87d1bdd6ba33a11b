// axe in every frame of a page, whatever their origins. The tool's own findings
// are those of its frame.
import fs from 'node:fs';
import { createRequire } from 'node:module';
import { expect } from '@playwright/test';

const source = fs.readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const rules = { resultTypes: ['violations'], runOnly: { type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] } };

// violations of one frame, one line each.
export async function violations(frame) {
  if (!(await frame.evaluate(() => 'axe' in globalThis))) await frame.evaluate(source);
  const found = await frame.evaluate((o) => globalThis.axe.run(document, o).then((r) => r.violations), rules);
  return found.flatMap((v) => v.nodes.map((n) => `${v.id}: ${n.target.join(' ')} — ${n.failureSummary.replace(/\s+/g, ' ')}`));
}

export async function expectNoViolations(frame, where) {
  expect(await violations(frame), where).toEqual([]);
}
