// Debian's Chromium, started so that a framed page sees what it sees at a real
// person's: storage is partitioned by site, third-party cookies are blocked
// unless the profile allows them.
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { chromium } from '@playwright/test';

// Playwright's own list of disabled features without ThirdPartyStoragePartitioning,
// and with the check that keeps a framed page from loopback addresses, and the one
// that lets a context of Playwright's go by no setting for third-party cookies. The
// last --disable-features on the command line is the one that counts.
//
// Frames of other sites stay in the page's process: a launch moves the frame
// between sites several times within a second, and Playwright now and then loses
// sight of a frame that changes its process. Cookies and storage go by site and
// not by process, so nothing that is tested depends on it.
const disabled = [
  'AimEnabled', 'AlwaysBlock3pcsIncognito', 'AvoidCorsURLLoaderRestartOnRedirect', 'AvoidUnnecessaryBeforeUnloadCheckSync',
  'DestroyProfileOnBrowserClose', 'HttpsFirstBalancedModeAutoEnable', 'HttpsUpgrades', 'IsolateOrigins', 'LensOverlay',
  'LocalNetworkAccessChecks', 'MediaRouter', 'NetworkTimeServiceQuerying', 'OptimizationHints', 'PaintHolding',
  'PreconnectToSearch', 'site-per-process',
  // The address bar's suggestions: two hidden pages for every window, and half of its cost.
  'WebUIOmniboxAimPopup', 'WebUIOmniboxFullPopup', 'WebUIOmniboxPopup', 'PreloadTopChromeWebUI',
];

export const launchOptions = {
  executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
  args: [
    '--disable-background-networking', '--disable-component-update', '--disable-gpu', '--disable-quic',
    '--disable-site-isolation-trials', '--disable-sync',
    '--no-first-run', `--disable-features=${disabled.join(',')}`,
  ],
};

export const view = { viewport: { width: 1280, height: 900 }, locale: 'en-US', timezoneId: 'America/New_York' };

// What a profile may keep for a tool that Canvas frames: partitioned cookies
// only (Debian's default), all cookies, nothing at all while Canvas is around it,
// or nothing at all of the tool's origin anywhere, neither cookies nor site data.
const preferences = {
  allowed: { cookie_controls_mode: 0, block_third_party_cookies: false },
  unframed: { content_settings: { exceptions: { cookies: { 'http://localhost:*,http://127.0.0.1:*': { setting: 2 } } } } },
  none: { content_settings: { exceptions: { cookies: { 'http://localhost:*,*': { setting: 2 } } } } },
};

// The browsers of one worker, one for each of these settings: it is one of the
// profile, and a person's context has it from there, with cookies and storage of
// its own.
export class Browsers {
  #started = new Map();

  async context(thirdPartyCookies) {
    if (!this.#started.has(thirdPartyCookies)) this.#started.set(thirdPartyCookies, start(preferences[thirdPartyCookies]));
    const { browser } = await this.#started.get(thirdPartyCookies);
    return browser.newContext(view);
  }

  async close() {
    for (const { browser, dir } of await Promise.all(this.#started.values())) {
      await browser.close();
      if (dir) await fs.rm(dir, { recursive: true, force: true, maxRetries: 5 });
    }
  }
}

async function start(preferences) {
  if (!preferences) return { browser: await chromium.launch(launchOptions) };
  const dir = await fs.mkdtemp(path.join(os.tmpdir(), 'tokendesk-profile-'));
  await fs.mkdir(path.join(dir, 'Default'));
  await fs.writeFile(path.join(dir, 'Default', 'Preferences'), JSON.stringify({ profile: preferences }));
  const first = await chromium.launchPersistentContext(dir, launchOptions);
  return { browser: first.browser(), dir };
}
