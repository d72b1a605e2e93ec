"use strict";
// Draw every figure from its JSON block, one after another, so that the page stays responsive while it fills.
// Figures are made in light colours; in dark mode each known colour is swapped for its partner.
(() => {
  const root = document.documentElement;
  const look = JSON.parse(document.getElementById("look").textContent);
  const system = matchMedia("(prefers-color-scheme: dark)");
  const config = { displayModeBar: false, responsive: true, displaylogo: false };
  let printing = false;

  const isDark = () => !printing && (root.dataset.theme === "dark" || (root.dataset.theme === "auto" && system.matches));
  const recoloured = (value, dark) => {
    if (typeof value === "string") return (dark && look.dark[value]) || value;
    if (Array.isArray(value)) return value.map((item) => recoloured(item, dark));
    if (value && typeof value === "object")
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, recoloured(item, dark)]));
    return value;
  };

  const blocks = [...document.querySelectorAll("script.plot-data")];
  const draw = (block) => {
    const place = document.getElementById(block.dataset.for);
    const figure = recoloured(JSON.parse(block.textContent), isDark());
    if (printing) figure.layout.width = 680;
    return Plotly.react(place, figure.data, figure.layout, config);
  };
  const step = (index) => {
    if (index >= blocks.length) {
      root.dataset.figures = "drawn";
      return;
    }
    draw(blocks[index]);
    setTimeout(step, 0, index + 1);
  };
  step(0);

  document.addEventListener("outlearn:theme", () => blocks.forEach(draw));
  addEventListener("beforeprint", () => {
    printing = true;
    blocks.forEach(draw);
  });
  addEventListener("afterprint", () => {
    printing = false;
    blocks.forEach(draw);
  });
})();
