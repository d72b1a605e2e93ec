"use strict";
// Colours: as the system, light or dark. Folded parts open for print, and for a link into them.
(() => {
  const root = document.documentElement;
  const button = document.getElementById("theme");
  const names = { auto: "as the system", light: "light", dark: "dark" };
  const order = ["auto", "light", "dark"];
  button.addEventListener("click", () => {
    root.dataset.theme = order[(order.indexOf(root.dataset.theme) + 1) % order.length];
    button.textContent = "Colours: " + names[root.dataset.theme];
  });

  const reveal = () => {
    const place = location.hash && document.getElementById(location.hash.slice(1));
    for (let at = place; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
    if (place) place.scrollIntoView();
  };
  addEventListener("hashchange", reveal);
  reveal();

  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details.part:not([open])")];
    opened.forEach((part) => { part.open = true; });
  });
  addEventListener("afterprint", () => opened.forEach((part) => { part.open = false; }));

  for (const code of document.querySelectorAll("pre.command")) {
    const copy = Object.assign(document.createElement("button"), { type: "button", textContent: "Copy" });
    copy.addEventListener("click", async () => {
      await navigator.clipboard.writeText(code.textContent);
      copy.textContent = "Copied";
    });
    if (navigator.clipboard) code.after(copy);
  }
})();
