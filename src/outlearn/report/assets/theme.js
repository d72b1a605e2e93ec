"use strict";
// Colours: as the system, light or dark. Figures listen to "outlearn:theme".
(() => {
  const root = document.documentElement;
  const button = document.getElementById("theme");
  const names = { auto: ["◐ auto", "as the system"], light: ["☀ light", "light"], dark: ["☾ dark", "dark"] };
  const order = ["auto", "light", "dark"];
  const show = () => {
    const [text, spoken] = names[root.dataset.theme];
    button.textContent = text;
    button.setAttribute("aria-label", "Colours: " + spoken);
    document.dispatchEvent(new Event("outlearn:theme"));
  };
  button.addEventListener("click", () => {
    root.dataset.theme = order[(order.indexOf(root.dataset.theme) + 1) % order.length];
    show();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
})();
