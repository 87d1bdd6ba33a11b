"use strict";
// The frame that tools find as post_message_forwarding. It keeps nothing: it
// hands a tool's message to the institution's page, which frames it, with a
// note of where it came from, and hands the answer back to that window alone.
(() => {
  const parentOrigin = document.documentElement.dataset.parent;
  const windows = new Map();
  let next = 1;

  const read = (data) => {
    if (typeof data !== "string") return data;
    try { return JSON.parse(data); } catch { return null; }
  };

  const fromTool = (event) => {
    const message = read(event.data);
    if (!message || typeof message !== "object" || !event.source) return;
    let id = [...windows].find(([, w]) => w === event.source)?.[0];
    if (!id) {
      id = String(next++);
      windows.set(id, event.source);
    }
    window.parent.postMessage({ ...message, sourceToolInfo: { origin: event.origin, windowId: id } }, parentOrigin);
  };

  const fromCanvas = (event) => {
    const message = read(event.data);
    const tool = message?.sourceToolInfo;
    if (!tool) return;
    const { sourceToolInfo, ...rest } = message;
    windows.get(tool.windowId)?.postMessage(rest, tool.origin);
  };

  window.addEventListener("message", (event) => {
    if (event.source === window.parent) {
      if (event.origin === parentOrigin) fromCanvas(event);
      return;
    }
    fromTool(event);
  });
})();
