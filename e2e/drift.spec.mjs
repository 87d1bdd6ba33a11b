// What somebody changes of a token in Canvas itself, as its owner sees it.
import { test, expect } from './test.mjs';
import { working } from './story.mjs';
import { look } from './look.mjs';

test('a change in Canvas is shown to its owner', async ({ cast, demo }) => {
  const { value } = await working(demo);
  const [token] = await demo.tokensOf('maya');
  const told = async (who, words) => {
    const { messages } = await demo.order('GET', '/state');
    return messages.filter((m) => m.to.includes(who) && m.subject.includes(words)).length;
  };

  // Somebody makes it live longer: it is set back, and the owner is told.
  await demo.order('PATCH', '/tokens', { token: String(token.id), expires_in: '4800h' });
  await expect(async () => {
    await demo.pass('1m');
    expect((await demo.tokensOf('maya'))[0].expires_at).toBe(token.expires_at);
    expect(await told('maya', 'was changed in Canvas')).toBe(1);
    expect(await told('dana', 'was changed in Canvas')).toBe(1);
  }).toPass();
  const maya = await cast.enter('maya', 'bio201');
  await expect(maya.tool.getByText('Changed outside').first()).toBeVisible();
  await expect(maya.tool.getByText('We set it back.').first()).toBeVisible();
  await look(maya, 'drift-home');
  await maya.tool.locator('main a[href^="/tokens/"]').first().click();
  await maya.h1(/^Token/);
  await expect(maya.tool.getByText('We set it back.').first()).toBeVisible();
  await look(maya, 'drift-token');
  expect((await demo.call(value)).status, 'it works on').toBe(200);

  // Somebody gives it a new value: it is not the one that was approved any more.
  await demo.order('PATCH', '/tokens', { token: String(token.id), regenerate: true });
  await expect(async () => {
    await demo.pass('1m');
    expect(await demo.tokensOf('maya')).toEqual([]);
    expect(await told('maya', 'changed in Canvas and deleted')).toBe(1);
    expect(await told('ana', 'changed and deleted')).toBe(1);
  }).toPass();
  await maya.again();
  await maya.tool.getByText('Ended').first().click();
  await expect(maya.tool.getByText('It was changed in Canvas, so it was deleted.').first()).toBeVisible();
  await look(maya, 'drift-ended');
});
