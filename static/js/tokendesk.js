// The session in htmx's requests, the keyboard where pages change.
(() => {
  "use strict";
  const doc = document;
  const on = (event, f, capture) => doc.addEventListener(event, f, capture);
  const byId = (id) => doc.getElementById(id);
  const meta = (name) => doc.querySelector(`meta[name="${name}"]`)?.content || "";
  const handle = meta("tool-session");
  const words = doc.body.dataset;
  const halt = (e) => { e.preventDefault(); e.stopImmediatePropagation(); };

  // The handle travels in a header only.
  on("htmx:configRequest", (e) => { if (handle) e.detail.headers["X-Tool-Session"] = handle; });
  on("htmx:historyCacheMiss", (e) => { if (handle) e.detail.xhr.setRequestHeader("X-Tool-Session", handle); });
  on("htmx:historyCacheMissLoadError", () => location.reload());

  // To Canvas alone.
  const tell = (subject, more) => {
    if (parent === window) return;
    for (const origin of meta("tool-parents").split(" ")) {
      try { parent.postMessage({ subject, ...more }, origin); } catch {}
    }
  };

  const say = (text, id = "say") => {
    byId(id).textContent = "";
    setTimeout(() => { byId(id).textContent = text; }, 100);
  };

  // A page or a part of it is here: address, focus, words.
  const arrive = (root, first, request) => {
    const isPage = root.id === "page";
    const { path, focus, leave } = root.dataset;
    if (path && path !== location.pathname + location.search) {
      history[first || request.verb === "get" ? "replaceState" : "pushState"]({ htmx: true }, "", path);
    }
    root.querySelectorAll("[data-set]").forEach((b) => { b.hidden = false; });
    const top = isPage && focus !== "save-draft";
    if (top && !first) {
      scrollTo(0, 0);
      tell("lti.scrollToTop");
    }
    if (leave) tell("lti.setUnloadMessage", { message: leave });
    const lost = !doc.activeElement || doc.activeElement === doc.body;
    const pressed = request?.triggeringEvent?.type === "click";
    let goal = byId(focus);
    if (!goal && first) goal = byId("copy-it");
    else if (focus === "h1") goal = root.querySelector("h1");
    else if (!goal && lost && (focus || pressed)) goal = root.querySelector("h2") || root;
    if (goal === root) root.tabIndex = -1;
    goal?.focus({ preventScroll: top });
    if (!first) say(root.dataset.say || "");
  };
  on("htmx:afterSettle", (e) => {
    const request = e.detail.requestConfig; // none when history brought the page
    if (request && ["page", "results", "waiting"].includes(e.target.id)) arrive(e.target, false, request);
  });
  on("htmx:historyRestore", () => byId("page").querySelector("h1")?.focus({ preventScroll: true }));

  // A double click is one press: its second would land on the page that comes.
  on("click", (e) => { if (e.detail > 1 && e.target.closest("a,button")) halt(e); }, true);

  // A form is sent once.
  const note = (form, text, look) => {
    const row = form.closest(".td-actions") || [...form.querySelectorAll(".td-actions")].pop() || form;
    row.append(Object.assign(doc.createElement("span"), { className: "td-noted " + look, textContent: text }));
  };
  const release = (form) => {
    clearTimeout(form.tdTimer);
    delete form.dataset.busy;
    form.querySelectorAll("[aria-busy]").forEach((b) => b.removeAttribute("aria-busy"));
    (form.closest(".td-actions") || form).querySelectorAll(".td-noted").forEach((n) => n.remove());
  };
  on("submit", (e) => {
    const form = e.target;
    if (form.dataset.busy) halt(e);
    else if (form.method === "post" && !form.dataset.file) {
      release(form);
      form.dataset.busy = "1";
      e.submitter?.setAttribute("aria-busy", "true");
      form.tdTimer = setTimeout(() => {
        note(form, words.working, "td-working");
        say(words.working);
      }, 400);
    }
  }, true);
  // Enter in a field decides nothing.
  on("keydown", (e) => { if (e.key === "Enter" && e.target.matches("form[method=post] input")) e.preventDefault(); });
  // Heard at body where the form has gone.
  on("htmx:afterRequest", ({ detail: { requestConfig: { elt } } }) => { if (elt.method) release(elt); });
  on("htmx:sendError", ({ detail: { elt } }) => {
    if (elt.method) setTimeout(() => note(elt, words.unsent, "td-error"));
    say(words.unsent, "say-now");
  });
  addEventListener("pageshow", () => doc.querySelectorAll("form[data-busy]").forEach(release));

  // The end date, said in words.
  on("input", ({ target }) => {
    const line = target.type === "date" && byId(target.id + "-after");
    if (!line || !line.dataset.echo) return;
    const day = new Date(target.value + "T12:00:00");
    const lang = doc.documentElement.lang.replace(/^en$/, "en-GB");
    line.textContent = isNaN(day) ? "" : line.dataset.echo.replace("{date}", day.toLocaleDateString(lang, { dateStyle: "full" }));
  });

  const copy = async (button) => {
    const input = byId(button.dataset.copy);
    input.select();
    let done = true;
    try {
      await navigator.clipboard.writeText(input.value);
    } catch {
      // Frames are often refused it.
      done = doc.execCommand("copy");
    }
    const text = done ? button.dataset.done : button.dataset.hand;
    byId("copied").textContent = text;
    say(text);
    if (done) tell("lti.removeUnloadMessage");
    else input.focus();
  };
  on("click", ({ target }) => {
    const set = target.closest("[data-set]");
    if (set) {
      const input = byId(set.dataset.set);
      input.value = set.dataset.value;
      input.dispatchEvent(new Event("input", { bubbles: true }));
    }
    const button = target.closest("[data-copy]");
    if (button) copy(button);
  });

  // The token leaves the page with its owner.
  const secret = () => byId("token-value");
  on("focusin", ({ target }) => { if (target === secret()) target.select(); });
  const forget = () => {
    if (!secret()) return;
    secret().value = "";
    secret().removeAttribute("value");
    tell("lti.removeUnloadMessage");
  };
  addEventListener("pagehide", forget);
  on("htmx:beforeSwap", (e) => { if (e.detail.target?.id === "page") forget(); });

  arrive(byId("page"), true);
})();
