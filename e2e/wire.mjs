// People without a window: they open the tool and send its forms as its pages
// would, for what has to be there before a test begins to look.
import http from 'node:http';

const unescape = (s) => s.replace(/&(?:#(\d+)|#x([0-9a-f]+)|(amp|lt|gt|quot));/gi, (_, n, x, name) =>
  name ? { amp: '&', lt: '<', gt: '>', quot: '"' }[name.toLowerCase()] : String.fromCodePoint(n ? Number(n) : Number.parseInt(x, 16)));

const attributes = (tag) => Object.fromEntries([...tag.matchAll(/([\w-]+)="([^"]*)"/g)].map(([, name, value]) => [name, unescape(value)]));

// What the forms in a piece of a page carry.
export const inputs = (part) => Object.fromEntries([...part.matchAll(/<input\b[^>]*>/gi)].map(([tag]) => attributes(tag)).filter((a) => a.name).map((a) => [a.name, a.value ?? '']));

export class Wire {
  // Signs somebody in and opens the tool at a place.
  static async open(demo, key, place) {
    const wire = new Wire();
    Object.assign(wire, { key, agent: new http.Agent({ keepAlive: true }), cookies: new Map() });
    let page = await wire.send('GET', demo.actAs(key, demo.pathOf(key, place)));
    for (let steps = 0; steps < 12; steps++) {
      wire.handle = /<meta name="tool-session" content="([^"]+)"/.exec(page.text)?.[1];
      if (wire.handle) {
        wire.tool = page.url.origin;
        return wire;
      }
      page = await wire.#onwards(page);
    }
    throw new Error(`${key} at ${place} does not come to a page of the tool`);
  }

  // What the page would do by itself: the tool's pages keep something and go on,
  // a launch posts a form. This browser keeps cookies, which do as well.
  #onwards(page) {
    const data = /<script type="application\/json" id="lti-data">(.*?)<\/script>/s.exec(page.text);
    const next = data && JSON.parse(data[1]).next;
    if (next) return this.send('GET', new URL(next, page.url));
    for (const [, tag, inner] of page.text.matchAll(/<form\b([^>]*)>(.*?)<\/form>/gis)) {
      const fields = inputs(inner);
      if ('login_hint' in fields || 'id_token' in fields) return this.send('POST', new URL(attributes(tag).action, page.url), fields, page.url.origin);
    }
    throw new Error(`${page.url.origin}${page.url.pathname} answered ${page.status} and leads nowhere: ${page.text}`);
  }

  // A page of the tool, and a form of one sent. It is an error if the tool refuses.
  get(route) {
    return this.#granted('GET', route);
  }

  post(route, fields) {
    return this.#granted('POST', route, fields);
  }

  async #granted(method, route, fields) {
    // A form that decides carries what its page shows: the page is opened for it.
    const about = method === 'POST' && /^(\/requests\/[^/]+)\/(?:endorse|decline|approve|deny)$|^(\/tokens\/[^/]+\/thaw)$|^(\/leaks\/[^/]+)\/clear$|^(\/revocations\/[^/]+)$/.exec(route);
    if (about) {
      const { terms } = inputs((await this.ask('GET', about.slice(1).find(Boolean))).text);
      fields = { terms, ...fields };
    }
    const page = await this.ask(method, route, fields);
    if (page.status !== 200) throw new Error(`${this.key}: ${method} ${route} answered ${page.status}\n${page.text}`);
    return page;
  }

  // The same, whatever the answer.
  ask(method, route, fields) {
    return this.send(method, new URL(route, this.tool), { tool_session: this.handle, ...fields }, this.tool);
  }

  close() { this.agent.destroy(); }

  async send(method, address, fields, origin) {
    for (let url = new URL(address), steps = 0; steps < 12; steps++) {
      const { response, text } = await this.#once(method, url, fields, origin);
      for (const line of response.headers['set-cookie'] ?? []) {
        const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
        this.cookies.set(`${url.origin} ${name}`, /;\s*max-age=(0|-)/i.test(line) ? undefined : value);
      }
      if (response.statusCode < 300 || response.statusCode > 399) return { url, status: response.statusCode, text };
      [method, fields, url] = ['GET', undefined, new URL(response.headers.location, url)];
    }
    throw new Error(`too many redirects at ${address}`);
  }

  #once(method, url, fields, origin) {
    const cookie = [...this.cookies].filter(([place, value]) => place.startsWith(`${url.origin} `) && value !== undefined)
      .map(([place, value]) => `${place.split(' ')[1]}=${value}`).join('; ');
    const form = new URLSearchParams();
    for (const [name, values] of Object.entries(fields ?? {})) for (const value of [values].flat()) form.append(name, value);
    const headers = {
      Host: url.host, 'User-Agent': 'tokendesk-e2e',
      ...(cookie && { Cookie: cookie }),
      ...(method === 'POST' && { 'Content-Type': 'application/x-www-form-urlencoded', Origin: origin }),
    };
    return new Promise((resolve, reject) => {
      // As in browsers, every *.localhost is this machine.
      const asked = http.request(url, { method, headers, agent: this.agent, hostname: '127.0.0.1' }, (response) => {
        const parts = [];
        response.on('data', (part) => parts.push(part));
        response.on('end', () => resolve({ response, text: Buffer.concat(parts).toString() }));
        response.on('error', reject);
      });
      asked.on('error', reject);
      asked.end(method === 'POST' ? form.toString() : undefined);
    });
  }
}
