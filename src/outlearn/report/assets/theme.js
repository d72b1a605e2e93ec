"use strict";
// Colours: as the system, light or dark. Figures listen to "outlearn:theme".
(() => {
  const root = document.documentElement;
  const button = document.getElementById("theme");
  const names = { auto: "as the system", light: "light", dark: "dark" };
  const order = ["auto", "light", "dark"];
  const show = () => {
    button.textContent = "Colours: " + names[root.dataset.theme];
    document.dispatchEvent(new Event("outlearn:theme"));
  };
  button.addEventListener("click", () => {
    root.dataset.theme = order[(order.indexOf(root.dataset.theme) + 1) % order.length];
    show();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
})();
