"use strict";
// Canvas's page: navigation, access tokens, and the messages that tools send.
(() => {
  const csrf = () => decodeURIComponent(
    (document.cookie.match(/(?:^|; )_csrf_token=([^;]*)/) || [, ""])[1].replace(/\+/g, "%20"));

  const send = (method, path, body) => fetch(path, {
    method,
    credentials: "same-origin",
    headers: { "X-CSRF-Token": csrf(), "X-Requested-With": "XMLHttpRequest", Accept: "application/json+canvas-string-ids, application/json", ...(body && { "Content-Type": "application/json" }) },
    body: body && JSON.stringify(body),
  });

  // Navigation.

  const closeTrays = () => {
    for (const tray of document.querySelectorAll(".tray")) tray.hidden = true;
    for (const link of document.querySelectorAll("[data-tray]")) link.setAttribute("aria-expanded", "false");
  };

  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-tray]");
    if (opener) {
      event.preventDefault();
      const tray = document.getElementById(opener.dataset.tray);
      const open = tray.hidden;
      closeTrays();
      tray.hidden = !open;
      opener.setAttribute("aria-expanded", String(open));
      if (open) tray.querySelector("a, button")?.focus();
      return;
    }
    if (!event.target.closest(".tray")) closeTrays();

    const toggle = event.target.closest("[data-toggle]");
    if (toggle) {
      const open = document.body.classList.toggle("show-" + toggle.dataset.toggle);
      toggle.setAttribute("aria-expanded", String(open));
    }
    if (event.target.closest(".menu-toggle")) {
      const hidden = document.body.classList.toggle("menu-hidden");
      event.target.closest(".menu-toggle").setAttribute("aria-expanded", String(!hidden));
    }
    const collapse = event.target.closest(".nav-collapse");
    if (collapse) {
      const small = document.body.classList.toggle("nav-small");
      collapse.setAttribute("aria-pressed", String(small));
    }
  });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") closeTrays(); });

  // Access tokens.

  const fail = (text) => {
    const box = document.querySelector(".token-error");
    if (!box) return;
    box.textContent = text;
    box.hidden = false;
  };

  document.addEventListener("click", async (event) => {
    const activate = event.target.closest("[data-activate-token]");
    if (activate) {
      event.preventDefault();
      const cell = activate.closest(".state");
      cell.textContent = "activating...";
      try {
        const answer = await send("POST", `/profile/tokens/${activate.dataset.activateToken}/activate`);
        // As in Canvas, the row does not learn of its new state until the page
        // is loaded again.
        if (!answer.ok) cell.textContent = "Activating Token Failed";
      } catch {
        cell.textContent = "Activating Token Failed";
      }
      return;
    }
    const remove = event.target.closest("[data-delete-token]");
    if (remove) {
      if (!window.confirm("Are you sure you want to delete this access token?")) return;
      const owner = remove.closest("[data-user]").dataset.user;
      const answer = await send("DELETE", `/api/v1/users/${owner}/tokens/${remove.dataset.deleteToken}`).catch(() => null);
      if (answer?.ok) remove.closest("tr").remove();
      else fail("Deleting the token failed.");
    }
  });

  document.querySelector("[data-new-token]")?.addEventListener("submit", async (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    const answer = await send("POST", "/api/v1/users/self/tokens", {
      token: { purpose: form.get("purpose"), expires_at: form.get("expires_at") },
    }).catch(() => null);
    if (!answer?.ok) {
      fail("Canvas refused to make this token.");
      return;
    }
    const made = await answer.json();
    const box = document.querySelector(".new-secret");
    box.querySelector("input").value = made.visible_token;
    box.hidden = false;
    document.querySelector(".new-token").remove();
  });

  // A launch begins by posting the login form into the frame.

  document.querySelector("form[data-auto-submit]")?.submit();

  // Dynamic registration: the tool's page says when it is done.

  const registering = document.querySelector("iframe[data-registration]");
  if (registering) {
    window.addEventListener("message", (event) => {
      const subject = event.data?.subject;
      if (event.source === registering.contentWindow && subject === "org.imsglobal.lti.close") {
        window.location.assign(registering.dataset.next);
      }
    });
  }

  // Messages of a tool.

  const frame = document.getElementById("tool_content");
  if (!frame) return;
  const mute = frame.dataset.storage === "mute";
  const forwarder = document.querySelector("iframe.forwarder");
  const maxKeys = 500;
  const maxCharacters = 4096;
  const buckets = new Map(); // origin -> what this page has written for it

  class MessageError extends Error {
    constructor(code, text) { super(text ?? code); this.code = code; this.text = text; }
  }

  const bucketOf = (origin) => {
    if (!buckets.has(origin)) buckets.set(origin, { keys: 0, characters: 0 });
    return buckets.get(origin);
  };
  const place = (origin, key) => `lti|platform_storage|${origin}|${key}`;

  const requireId = (message, ...names) => {
    for (const name of names) {
      if (message[name] === undefined || message[name] === null || message[name] === "") {
        throw new MessageError("bad_request", `Missing required '${name}' field`);
      }
    }
  };

  const putData = (message, origin) => {
    requireId(message, "key", "message_id");
    const { key, value } = message;
    const bucket = bucketOf(origin);
    const name = place(origin, key);
    if (value === undefined || value === null || value === "") {
      const old = localStorage.getItem(name);
      if (old !== null) {
        bucket.keys -= 1;
        bucket.characters -= key.length + old.length;
        localStorage.removeItem(name);
      }
      return { key };
    }
    const text = String(value);
    // Writing a key again counts again, as in Canvas.
    if (bucket.keys + 1 > maxKeys) throw new MessageError("storage_exhaustion", "Reached key limit for tool");
    if (bucket.characters + key.length + text.length > maxCharacters) {
      throw new MessageError("storage_exhaustion", "Reached byte limit for tool");
    }
    localStorage.setItem(name, text);
    bucket.keys += 1;
    bucket.characters += key.length + text.length;
    return { key, value: text };
  };

  const getData = (message, origin) => {
    requireId(message, "key", "message_id");
    return { key: message.key, value: localStorage.getItem(place(origin, message.key)) };
  };

  const capabilities = () => {
    const storage = frame.dataset.storage && forwarder ? { frame: forwarder.name } : {};
    return {
      supported_messages: Object.keys(handlers).sort().map((subject) => (
        subject === "lti.put_data" || subject === "lti.get_data" ? { subject, ...storage } : { subject })),
    };
  };

  let unloadMessage = "";
  window.addEventListener("beforeunload", (event) => {
    if (!unloadMessage) return;
    event.preventDefault();
    event.returnValue = unloadMessage;
  });

  const fullWindow = (message) => {
    const ask = typeof message.data === "string" ? { url: message.data } : message.data;
    if (!ask?.url) throw new MessageError("bad_request", "message must contain a 'data' property");
    const to = new URL(frame.dataset.launchBase, window.location.href);
    to.searchParams.set("display", "borderless");
    to.searchParams.set("launch_url", ask.url);
    to.searchParams.set("placement", ask.placement || frame.dataset.placement);
    if (ask.resource_link_id) to.searchParams.set("resource_link_lookup_uuid", ask.resource_link_id);
    const kind = ask.launchType || "same_window";
    if (kind === "same_window") {
      unloadMessage = "";
      window.location.assign(to);
    } else if (kind === "new_window") {
      window.open(to, "_blank");
    } else if (kind === "popup") {
      const { width = 800, height = 600 } = ask.launchOptions || {};
      window.open(to, frame.title, `toolbar=no,menubar=no,width=${Number(width)},height=${Number(height)}`);
    } else {
      throw new MessageError("bad_request", "unknown launchType, must be 'popup', 'new_window', 'same_window'");
    }
    return {};
  };

  const announce = (text) => {
    let live = document.getElementById("live");
    if (!live) {
      live = document.createElement("div");
      live.id = "live";
      live.className = "sr";
      live.setAttribute("role", "status");
      document.body.append(live);
    }
    live.textContent = String(text ?? "");
    return {};
  };

  const handlers = {
    "lti.capabilities": capabilities,
    "lti.put_data": putData,
    "lti.get_data": getData,
    "lti.scrollToTop": () => { window.scrollTo(0, 0); return {}; },
    "lti.setUnloadMessage": (message) => { unloadMessage = String(message.message ?? "Changes you made may not be saved."); return {}; },
    "lti.removeUnloadMessage": () => { unloadMessage = ""; return {}; },
    "lti.frameResize": (message) => {
      const height = Math.max(1, Math.floor(Number(message.height)));
      if (!Number.isFinite(height)) throw new MessageError("bad_request", "height must be a number");
      frame.style.flex = "none";
      frame.style.height = height + "px";
      return {};
    },
    "lti.fetchWindowSize": () => ({
      height: window.innerHeight, width: window.innerWidth, footer: 0,
      offset: { top: frame.getBoundingClientRect().top, left: frame.getBoundingClientRect().left }, scrollY: window.scrollY,
    }),
    "lti.getPageSettings": () => ({
      pageSettings: {
        locale: frame.dataset.locale, time_zone: frame.dataset.zone,
        use_high_contrast: document.documentElement.dataset.contrast === "high",
        active_brand_config_json_url: frame.dataset.brand, window_width: window.innerWidth,
      },
    }),
    "lti.screenReaderAlert": (message) => announce(message.body),
    "requestFullWindowLaunch": fullWindow,
    "toggleCourseNavigationMenu": () => { document.querySelector(".menu-toggle")?.click(); return {}; },
  };

  // A message counts if it comes from the tool's frame, from one below it, or
  // through the forwarder, which notes whose it is.
  const within = (source) => {
    for (let w = source, depth = 0; w && depth < 8; w = w.parent, depth += 1) {
      if (w === frame.contentWindow) return true;
      if (w === w.parent) return false;
    }
    return false;
  };

  const storageSubjects = new Set(["lti.capabilities", "lti.put_data", "lti.get_data"]);

  window.addEventListener("message", (event) => {
    const forwarded = forwarder && event.source === forwarder.contentWindow;
    if (!forwarded && !within(event.source)) return;
    let message = event.data;
    if (typeof message === "string") {
      try { message = JSON.parse(message); } catch { return; }
    }
    const subject = message?.subject;
    if (typeof subject !== "string" || subject.endsWith(".response")) return;
    if (mute && (forwarded || storageSubjects.has(subject))) return;
    const answer = { subject: subject + ".response" };
    if (message.message_id !== undefined) answer.message_id = message.message_id;
    if (message.sourceToolInfo) answer.sourceToolInfo = message.sourceToolInfo;
    try {
      const handler = Object.hasOwn(handlers, subject) ? handlers[subject] : null;
      if (!handler) throw new MessageError("unsupported_subject", subject);
      // The origin of a forwarded message is the forwarder's, so that all tools
      // share one bucket.
      Object.assign(answer, handler(message, event.origin));
    } catch (error) {
      answer.error = { code: error.code || "error", ...(error.text && { message: error.text }) };
    }
    event.source.postMessage(answer, event.origin);
  });
})();
