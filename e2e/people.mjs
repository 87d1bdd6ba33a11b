// People of the stand-in Canvas, each in a browser profile of their own, and the
// places where they open the tool.
import { expect } from '@playwright/test';

export class Cast {
  // context makes a profile for one person.
  constructor(demo, context) {
    Object.assign(this, { demo, context, people: new Map() });
    // Every address that any of these browsers asked for, for searching.
    this.addresses = [];
  }

  async person(key) {
    if (!this.people.has(key)) {
      const context = await this.context();
      const traffic = [];
      const note = (what, r) => traffic.push(`${new Date().toISOString().slice(14, 23)} ${what} ${r.url()}`);
      context.on('request', (r) => {
        this.addresses.push(r.url());
        const from = r.headers().referer;
        if (from) this.addresses.push(from);
        note(`→ ${r.method()}${r.headers()['x-tool-session'] ? ' with handle' : ''}`, r);
      });
      context.on('response', (r) => note(`← ${r.status()}`, r));
      context.on('requestfailed', (r) => note(`✗ ${r.failure()?.errorText}`, r));
      context.on('console', (m) => traffic.push(`${new Date().toISOString().slice(14, 23)} console ${m.type()}: ${m.text()}`));
      context.on('weberror', (e) => traffic.push(`${new Date().toISOString().slice(14, 23)} error ${e.error().stack}`));
      const page = await context.newPage();
      this.people.set(key, new Person(this.demo, key, page, traffic));
    }
    return this.people.get(key);
  }

  // Opens the tool as somebody, at a place. placement is what somebody typed into
  // the address to choose another one than the place's own.
  async enter(key, place, placement) {
    const person = await this.person(key);
    await person.enter(place, placement);
    return person;
  }

  async close() {
    for (const p of this.people.values()) await p.context.close();
  }
}

export class Person {
  constructor(demo, key, page, traffic) {
    Object.assign(this, { demo, key, page, traffic, context: page.context() });
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
    await this.page.goto(this.address(place, placement));
    await this.opened();
  }

  address(place, placement) {
    return this.demo.actAs(this.key, this.demo.pathOf(this.key, place) + (placement ? `?placement=${placement}` : ''));
  }

  // The tool's page once its script has taken hold of it: of one that is still
  // arriving, links and buttons do not do yet what they will.
  get settled() {
    return this.tool.locator('#page:not(.htmx-added, .htmx-swapping, .htmx-settling) > .td-inner');
  }

  // Waits for the page of this heading.
  h1(name) {
    return expect(this.settled.getByRole('heading', { level: 1, name, exact: true })).toBeVisible();
  }

  // Does something that brings another page, and waits until that is there: what
  // is read then is not of the page that is just going, however like it looks.
  async turn(act) {
    await this.settled.evaluate((e) => { e.dataset.left = ''; });
    await act();
    await expect(this.settled.and(this.tool.locator(':not([data-left])'))).toBeAttached();
  }

  // Opens the tool's first page anew in the frame that is open, without a launch.
  async again() {
    await (await this.frame()).goto(new URL('/', this.demo.toolURL).href);
    await this.opened();
  }

  // The forms that the page has sent until now to paths that end so.
  async sent(ending) {
    await (await this.frame()).evaluate(() => fetch('/healthz')); // asked after them
    return this.traffic.filter((line) => line.includes('→ POST') && line.endsWith(ending));
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
    await expect(this.settled).toBeAttached();
    if (await entry.count()) await this.turn(() => entry.click());
    await this.h1('My API tokens');
  }

  // Waits until the launch is over and a page of the tool is there.
  async opened() {
    await expect(this.tool.locator('meta[name="tool-session"]')).toBeAttached();
    await (await this.frame()).waitForLoadState(); // its script has run
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
