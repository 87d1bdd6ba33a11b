"use strict";
// A launch moves on by posting a form of its own accord.
document.querySelector("form[data-auto-submit]").submit();
