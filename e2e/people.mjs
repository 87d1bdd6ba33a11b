// People of the stand-in Canvas, each in a browser profile of their own, and the
// places where they open the tool.
import { expect } from '@playwright/test';
import { profile } from './browser.mjs';

export class Cast {
  constructor(browser, demo, thirdPartyCookies = 'blocked') {
    Object.assign(this, { browser, demo, thirdPartyCookies, people: new Map() });
    // Every address that any of these browsers asked for, for searching.
    this.addresses = [];
  }

  async person(key) {
    if (!this.people.has(key)) {
      const own = await profile(this.browser, this.thirdPartyCookies);
      const traffic = [];
      const note = (what, r) => traffic.push(`${new Date().toISOString().slice(14, 23)} ${what} ${r.url()}`);
      own.context.on('request', (r) => {
        this.addresses.push(r.url());
        const from = r.headers().referer;
        if (from) this.addresses.push(from);
        note(`→ ${r.method()}${r.headers()['x-tool-session'] ? ' with handle' : ''}`, r);
      });
      own.context.on('response', (r) => note(`← ${r.status()}`, r));
      own.context.on('requestfailed', (r) => note(`✗ ${r.failure()?.errorText}`, r));
      own.context.on('console', (m) => traffic.push(`${new Date().toISOString().slice(14, 23)} console ${m.type()}: ${m.text()}`));
      own.context.on('weberror', (e) => traffic.push(`${new Date().toISOString().slice(14, 23)} error ${e.error().stack}`));
      const page = own.context.pages()[0] ?? (await own.context.newPage());
      this.people.set(key, new Person(this.demo, key, own, page, traffic));
    }
    return this.people.get(key);
  }

  // Opens the tool as somebody, at a place: the key of a course, 'root' or another
  // account's key, or 'own' for the person's own settings. placement is what
  // somebody typed into the address to choose another one than the place's own.
  async enter(key, place, placement) {
    const person = await this.person(key);
    await person.enter(place, placement);
    return person;
  }

  async close() {
    for (const p of this.people.values()) await p.profile.close();
  }
}

export class Person {
  constructor(demo, key, own, page, traffic) {
    Object.assign(this, { demo, key, profile: own, page, traffic, context: own.context });
  }

  // The tool's page in its frame.
  get tool() {
    return this.page.frameLocator('iframe#tool_content');
  }

  // The frame itself, for evaluating in it.
  async frame() {
    const handle = await this.page.locator('iframe#tool_content').elementHandle();
    return handle.contentFrame();
  }

  // Signs in and opens the tool. Which page answers is for the caller to expect.
  async enter(place, placement) {
    await this.page.goto(await this.address(place, placement));
    await this.opened();
  }

  async address(place, placement) {
    const start = await (await fetch(this.demo.url)).text();
    const [, tool] = /external_tools%2F(\d+)/.exec(start);
    const state = await this.demo.order('GET', '/state');
    const path = pathOf(state, this.key, place, tool) + (placement ? `?placement=${placement}` : '');
    return `${this.demo.canvas}/standin/act-as/${this.key}?next=${encodeURIComponent(path)}`;
  }

  h1(name) {
    return expect(this.tool.getByRole('heading', { level: 1, name })).toBeVisible();
  }

  button(name, within = this.tool) {
    return within.getByRole('button', { name, exact: true });
  }

  link(name, within = this.tool) {
    return within.getByRole('link', { name, exact: true });
  }

  // Goes to My API tokens, wherever the launch has led. With one entry there is
  // no navigation, and the person is there already.
  async home() {
    const entry = this.tool.getByRole('navigation').getByRole('link', { name: 'My API tokens', exact: true });
    await this.opened();
    if (await entry.count()) await entry.click();
    await this.h1('My API tokens');
  }

  // Waits until the launch is over and a page of the tool is there.
  opened() {
    return expect(this.tool.locator('meta[name="tool-session"]')).toBeAttached();
  }

  // What the page's own script would send: a request with the session's handle.
  async send(method, route, fields) {
    return (await this.frame()).evaluate(
      async ([method, route, fields]) => {
        const handle = document.querySelector('meta[name="tool-session"]').content;
        const answer = await fetch(route, {
          method,
          headers: { 'X-Tool-Session': handle },
          body: method === 'GET' ? undefined : new URLSearchParams({ tool_session: handle, ...fields }),
        });
        return { status: answer.status, text: await answer.text() };
      },
      [method, route, fields],
    );
  }

  // The handle of the session that the page belongs to.
  async handle() {
    return this.tool.locator('meta[name="tool-session"]').getAttribute('content');
  }

  // A press on a button or a link, whichever carries the name.
  act(name, within = this.tool) {
    return this.button(name, within).or(this.link(name, within));
  }
}

function pathOf(state, key, place, tool) {
  const course = state.courses.find((c) => c.key === place);
  if (course) return `/courses/${course.id}/external_tools/${tool}`;
  const account = state.accounts.find((a) => a.key === place);
  if (account) return `/accounts/${account.id}/external_tools/${tool}`;
  if (place === 'own') return `/users/${state.users.find((u) => u.key === key).id}/external_tools/${tool}`;
  throw new Error(`no such place: ${place}`);
}
