// Tells Canvas, which shows the registration in a frame or a window of its own,
// that it is over (LTI dynamic registration 1.0, §3.6).
(() => {
  "use strict";
  const button = document.getElementById("close-registration");
  const canvas = window.opener || window.parent;
  const origins = (document.querySelector('meta[name="tool-parents"]')?.content || "").split(" ").filter(Boolean);
  if (canvas === window || origins.length === 0) {
    button.hidden = true; // opened by hand: there is nobody to tell
    return;
  }
  button.addEventListener("click", () => {
    for (const origin of origins) {
      try { canvas.postMessage({ subject: "org.imsglobal.lti.close" }, origin); } catch { /* not an origin */ }
    }
  });
})();
