import { test, expect } from './test.mjs';
import { activate, active, approve, ask, collect, endorse } from './story.mjs';

for (const thirdPartyCookies of ['blocked', 'allowed']) {
  test.describe(`with third-party cookies ${thirdPartyCookies}`, () => {
    test.use({ school: 'samples', thirdPartyCookies });

    test('a student asks, the professor endorses, an admin approves, the token works until it is revoked', async ({ cast, demo }) => {
      const maya = await cast.enter('maya', 'bio201');
      const code = await ask(maya);
      await expect(maya.tool.getByText('Sent to Ana Ruiz.')).toBeVisible();

      const ana = await cast.enter('ana', 'bio201');
      await endorse(ana, code, 'She keeps her group together.');

      const dana = await cast.enter('dana', 'root');
      await approve(dana, code);

      await maya.again();
      const value = await collect(maya, code);
      expect((await demo.call(value)).status, 'before it is activated').toBe(401);

      await activate(maya);
      await active(maya);
      const used = await demo.call(value);
      expect(used.status, 'once it is active').toBe(200);
      expect(used.body.name).toBe('Maya Chen');

      await maya.enter('bio201');
      const card = maya.tool.locator('article, section, li').filter({ hasText: 'Attendance helper' }).filter({ hasText: 'Active' }).last();
      await maya.turn(() => maya.act('Revoke', card).click());
      await maya.button('Revoke').click();
      await expect(maya.tool.getByText('Confirmed in Canvas').first()).toBeVisible();
      expect((await demo.call(value)).status, 'after it was revoked').toBe(401);

      const handles = new Set(await Promise.all([maya, ana, dana].map((p) => p.handle())));
      for (const secret of [value, ...handles]) {
        expect(cast.addresses.filter((a) => a.includes(secret)), 'addresses with a secret in them').toEqual([]);
      }
      const written = await demo.written();
      expect(written.includes('She keeps her group together.'), 'the search finds what was written').toBe(true);
      for (const secret of [value, ...handles]) {
        expect(written.includes(secret), 'a secret in the database or the log').toBe(false);
      }
    });
  });
}
