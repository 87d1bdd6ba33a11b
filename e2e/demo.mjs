// One running cmd/demo: the tool, the stand-in Canvas and a database of their own.
import { spawn } from 'node:child_process';
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

const bin = process.env.TOKENDESK_E2E_BIN;

export class Demo {
  // With the sample people's requests and tokens, as a person starts it, or without.
  static async start({ samples = false } = {}) {
    if (!bin) throw new Error('TOKENDESK_E2E_BIN names no folder: run ./test, or build with go build -o DIR ./cmd/... and set it to DIR');
    const demo = new Demo();
    demo.data = await fs.mkdtemp(path.join(os.tmpdir(), 'tokendesk-e2e-'));
    demo.output = '';
    demo.process = spawn(
      path.join(bin, 'demo'),
      ['-listen', '127.0.0.1:0', '-canvas-listen', '127.0.0.1:0', '-manage-listen', '127.0.0.1:0', '-data', demo.data, ...(samples ? [] : ['-empty'])],
      { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env.PATH, HOME: demo.data } },
    );
    demo.ended = new Promise((resolve) => demo.process.once('exit', (code, signal) => resolve({ code, signal })));
    const ready = new Promise((resolve, reject) => {
      const hear = (chunk) => {
        demo.output += chunk;
        const start = /Open (http:\/\/\S+)/.exec(demo.output);
        const manage = /Management port: (http:\/\/\S+)/.exec(demo.output);
        if (start && manage) resolve([start[1], manage[1]]);
      };
      demo.process.stdout.on('data', hear);
      demo.process.stderr.on('data', hear);
      demo.process.once('error', reject);
      demo.ended.then(() => reject(new Error(`the demo ended before it was up:\n${demo.output}`)));
    });
    const late = new Promise((_, reject) => setTimeout(() => reject(new Error(`the demo is not up after two minutes:\n${demo.output}`)), 120_000).unref());
    try {
      [demo.url, demo.manage] = await Promise.race([ready, late]);
    } catch (e) {
      await demo.stop();
      throw e;
    }
    demo.canvas = new URL(demo.url).origin;
    const start = await (await fetch(demo.url)).text();
    [, demo.tool] = /external_tools%2F(\d+)/.exec(start);
    [, demo.toolURL] = /The tool, framed by it<\/dt><dd><bdi[^>]*>([^<]+)</.exec(start);
    // People and places are the same from the beginning to the end.
    demo.begun = await demo.order('GET', '/state');
    return demo;
  }

  user(key) {
    return this.begun.users.find((u) => u.key === key);
  }

  // The path in Canvas at which somebody opens the tool: the key of a course,
  // 'root' or another account's key, or 'own' for the person's own settings.
  pathOf(key, place) {
    const course = this.begun.courses.find((c) => c.key === place);
    if (course) return `/courses/${course.id}/external_tools/${this.tool}`;
    const account = this.begun.accounts.find((a) => a.key === place);
    if (account) return `/accounts/${account.id}/external_tools/${this.tool}`;
    if (place === 'own') return `/users/${this.user(key).id}/external_tools/${this.tool}`;
    throw new Error(`no such place: ${place}`);
  }

  // The address that signs somebody in and goes on to a path in Canvas.
  actAs(key, path) {
    return `${this.canvas}/standin/act-as/${key}?next=${encodeURIComponent(path)}`;
  }

  async stop() {
    if (this.process.exitCode === null && this.process.signalCode === null) {
      this.process.kill('SIGTERM');
      const hard = setTimeout(() => this.process.kill('SIGKILL'), 60_000);
      await this.ended;
      clearTimeout(hard);
    }
    await fs.rm(this.data, { recursive: true, force: true, maxRetries: 5 });
  }

  // The stand-in's management port: PUT, POST, PATCH and DELETE orders.
  async order(method, route, body) {
    const answer = await fetch(new URL(route, this.manage), {
      method,
      body: body && JSON.stringify(body),
      headers: body && { 'Content-Type': 'application/json' },
    });
    if (!answer.ok) throw new Error(`${method} ${route}: ${answer.status} ${await answer.text()}`);
    return answer.status === 204 ? undefined : answer.json();
  }

  // Lets time pass in Canvas and in the tool: '16m'.
  pass(by) {
    return this.order('POST', '/clock/advance', { by });
  }

  // Somebody's tokens in Canvas, those that were deleted left out.
  async tokensOf(key) {
    return (await this.order('GET', '/state')).tokens.filter((t) => t.user === key && t.state !== 'deleted');
  }

  // A call to the stand-in's REST API with a token, as somebody's software makes it.
  async call(token, route = '/api/v1/users/self') {
    const answer = await fetch(this.canvas + route, {
      headers: { Authorization: `Bearer ${token}`, 'User-Agent': 'attendance-helper/1.0' },
    });
    return { status: answer.status, body: await answer.json() };
  }

  // Everything the demo has written to its database and said, as one buffer.
  async written() {
    const parts = [Buffer.from(this.output)];
    for (const name of await fs.readdir(this.data, { recursive: true })) {
      const file = path.join(this.data, name);
      if ((await fs.stat(file)).isFile()) parts.push(await fs.readFile(file));
    }
    return Buffer.concat(parts);
  }
}
