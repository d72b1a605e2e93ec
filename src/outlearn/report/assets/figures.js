"use strict";
// What a mark says: at the mouse or a finger, and by the arrow keys in a panel that has the focus. Without this script
// the browser shows the same words by itself, later.
(() => {
  const tip = Object.assign(document.createElement("div"), { id: "tip", hidden: true });
  tip.setAttribute("role", "status");
  document.body.append(tip);
  let shown = null;

  const show = (spot) => {
    if (shown) shown.classList.remove("shown");
    shown = spot;
    tip.hidden = !spot;
    if (!spot) return;
    spot.classList.add("shown");
    tip.textContent = spot.dataset.words;
    const at = spot.getBoundingClientRect();
    const left = Math.min(Math.max(at.left + at.width / 2 - tip.offsetWidth / 2, 4), innerWidth - tip.offsetWidth - 4);
    const above = at.top - tip.offsetHeight - 6;
    tip.style.left = left + scrollX + "px";
    tip.style.top = (above > 0 ? above : at.bottom + 6) + scrollY + "px";
  };

  for (const panel of document.querySelectorAll(".panel .plot")) {
    const spots = [...panel.querySelectorAll(".spots > *")];
    for (const spot of spots) {
      const title = spot.firstElementChild;
      spot.dataset.words = title.textContent;
      title.remove();
    }
    if (!spots.length) continue;
    panel.tabIndex = 0;
    panel.addEventListener("pointerover", (event) => show(event.target.dataset.words ? event.target : null));
    panel.addEventListener("pointerleave", () => show(null));
    panel.addEventListener("blur", () => show(null));
    panel.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (event.key === "Escape") show(null);
      if (!step) return;
      event.preventDefault();
      const next = spots.indexOf(shown) + step;
      show(spots[(next + spots.length) % spots.length]);
    });
  }
  document.documentElement.dataset.figures = "drawn";
})();
