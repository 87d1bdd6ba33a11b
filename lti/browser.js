// Keeps a value in the LTI platform's storage, and reads it back.
(() => {
  "use strict";
  const data = JSON.parse(document.getElementById("lti-data")?.textContent || "{}");
  const outer = parent !== window ? parent : opener;

  // Windows to ask in turn, with their origins.
  const targets = () => {
    const list = [];
    try {
      const named = data.frame === "_parent" ? outer : outer.frames[data.frame];
      if (named?.postMessage) list.push([named, [data.origin]]);
    } catch { /* no frame */ }
    if (outer && data.fallback[0]) list.push([outer, data.fallback]);
    return list;
  };

  const send = (to, origins, message) => origins.forEach((o) => to.postMessage(message, o));

  const ask = (to, origins, message) => new Promise((resolve) => {
    const hear = ({ origin, data: reply }) => {
      if (!origins.includes(origin)) return;
      try {
        if (typeof reply === "string") reply = JSON.parse(reply);
      } catch { return; }
      if (reply?.message_id !== message.message_id || reply.subject !== message.subject + ".response") return;
      done({ outcome: reply.error ? "error" : "ok", value: reply.value });
    };
    const timer = setTimeout(() => done({ outcome: "timeout" }), data.wait);
    const done = (answer) => {
      clearTimeout(timer);
      removeEventListener("message", hear);
      resolve(answer);
    };
    addEventListener("message", hear);
    send(to, origins, message);
  });

  // Asks until a window gives a value.
  const request = async (subject, value) => {
    let answer = { outcome: "no_frame" };
    for (const [i, [to, origins]] of targets().entries()) {
      answer = await ask(to, origins, { subject, message_id: data.id + i, key: data.key, value });
      if (answer.value) break;
    }
    return answer;
  };

  const forget = () => targets().forEach(([to, origins]) => send(to, origins,
    { subject: "lti.put_data", message_id: data.id + "x", key: data.key, value: null }));

  // Our own storage's value, "-" for none, "" if it cannot be used.
  const takeOwn = () => {
    try {
      sessionStorage.setItem("lti_probe", "1");
      sessionStorage.removeItem("lti_probe");
      const own = sessionStorage.getItem(data.key) || "-";
      sessionStorage.removeItem(data.key);
      return own;
    } catch { return ""; }
  };

  const store = async () => {
    try { sessionStorage.setItem(data.key, data.own); } catch { /* blocked */ }
    await request("lti.put_data", data.value);
    location.replace(data.next);
  };

  const proof = async () => {
    const own = takeOwn();
    const { outcome, value } = await request("lti.get_data");
    forget();
    const form = Object.assign(document.createElement("form"), { method: "post", action: data.post });
    for (const [name, text] of Object.entries({ held: data.held, value: value || "", own, outcome })) {
      form.append(Object.assign(document.createElement("input"), { type: "hidden", name, value: text }));
    }
    document.body.append(form);
    form.submit();
  };

  ({ store, proof, forget })[data.step]?.();
})();
