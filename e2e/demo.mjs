// One running cmd/demo: the tool, the stand-in Canvas and a database of their own.
import { spawn } from 'node:child_process';
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

const bin = process.env.TOKENDESK_E2E_BIN;

export class Demo {
  static async start() {
    if (!bin) throw new Error('TOKENDESK_E2E_BIN names no folder: run ./test, or build with go build -o DIR ./cmd/... and set it to DIR');
    const demo = new Demo();
    demo.data = await fs.mkdtemp(path.join(os.tmpdir(), 'tokendesk-e2e-'));
    demo.output = '';
    demo.process = spawn(
      path.join(bin, 'demo'),
      ['-listen', '127.0.0.1:0', '-canvas-listen', '127.0.0.1:0', '-manage-listen', '127.0.0.1:0', '-data', demo.data],
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
    const late = new Promise((_, reject) => setTimeout(() => reject(new Error(`the demo is not up after 20 s:\n${demo.output}`)), 20_000).unref());
    try {
      [demo.url, demo.manage] = await Promise.race([ready, late]);
    } catch (e) {
      await demo.stop();
      throw e;
    }
    demo.canvas = new URL(demo.url).origin;
    return demo;
  }

  async stop() {
    if (this.process.exitCode === null && this.process.signalCode === null) {
      this.process.kill('SIGTERM');
      const hard = setTimeout(() => this.process.kill('SIGKILL'), 10_000);
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
