"use strict";
// A table to sort, filter and page through. Cells are written as text, never as HTML.
(() => {
  const scale = { percent: [100, 1], points: [100, 1, true], nats: [1, 3], signed: [1, 3, true], ratio: [1, 2] };
  const make = (tag, properties = {}, children = []) => {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  };
  const number = (value, kind) => {
    if (value === null || value === undefined) return "—";
    if (kind === "number" || kind === "signed_number") {
      const text = value.toLocaleString("en-US", { maximumFractionDigits: 4, maximumSignificantDigits: 4 });
      return kind === "signed_number" && value > 0 ? "+" + text : text;
    }
    if (kind === "count") return Math.round(value).toLocaleString("en-US");
    const [factor, digits, signed] = scale[kind] || [1, 3];
    const text = (value * factor).toFixed(digits);
    if (Number(text) === 0) return text.replace("-", "");
    return signed && value > 0 ? "+" + text : text;
  };
  const shown = (cell, kind) => {
    if (Array.isArray(cell)) {
      const [mean, low, high] = cell.map((value) => number(value, kind));
      return cell[1] === null || cell[2] === null ? mean : `${mean} [${low}, ${high}]`;
    }
    return typeof cell === "string" ? cell : number(cell, kind);
  };
  const key = (cell) => (Array.isArray(cell) ? cell[0] : cell);
  const compare = (a, b, descending) => {
    const [x, y] = [key(a), key(b)];
    if (x === null || x === undefined) return y === null || y === undefined ? 0 : 1; // missing values last, either way
    if (y === null || y === undefined) return -1;
    const order = typeof x === "string" || typeof y === "string" ? String(x).localeCompare(String(y)) : x - y;
    return descending ? -order : order;
  };

  const build = (host) => {
    const data = JSON.parse(host.querySelector(".grid-data").textContent);
    const name = host.id;
    const labeled = (label, control) => make("label", {}, [make("span", { textContent: label }), control]);
    const controls = make("div", { className: "controls" });
    const rows = data.rows.map((row) => [...row]);
    const state = { sort: data.sort, descending: data.descending, page: 0, search: "", filters: new Map() };

    const fill = (variant) => {
      const values = data.variants[variant];
      data.variantColumns.forEach((column, place) => rows.forEach((row, i) => { row[column] = values[i][place]; }));
    };
    const chooser = (options, choose) => {
      const select = make("select", {}, options.map(([value, text]) => make("option", { value, textContent: text })));
      select.addEventListener("change", () => { state.page = 0; choose(select.value); render(); });
      return select;
    };
    const variants = Object.keys(data.variants);
    if (variants.length) {
      const select = chooser(variants.map((v) => [v, v]), fill);
      select.value = data.firstVariant || variants[0];
      fill(select.value);
      controls.append(labeled("loss", select));
    }
    if (data.orders.length) {
      const select = chooser(
        [["", "by column"], ...data.orders.map(([text], i) => [String(i), text])],
        (value) => { if (value !== "") [, state.sort, state.descending] = data.orders[Number(value)]; },
      );
      select.value = "0";
      select.className = "order";
      controls.append(labeled("order", select));
    }
    data.columns.forEach((column, j) => {
      if (!column.filter) return;
      const place = data.variantColumns.indexOf(j);
      const cells = place < 0 ? rows.map((row) => row[j]) : Object.values(data.variants).flat().map((row) => row[place]);
      const values = [...new Set(cells.map((cell) => String(cell ?? "—")))].sort();
      controls.append(labeled(column.name, chooser(
        [["", "all"], ...values.map((v, i) => [String(i), v])],
        (value) => { value === "" ? state.filters.delete(j) : state.filters.set(j, values[Number(value)]); },
      )));
    });
    const search = make("input", { type: "search", placeholder: "any text" });
    let waiting;
    search.addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => { state.page = 0; state.search = search.value.toLowerCase(); render(); }, 120);
    });
    controls.append(labeled("contains", search));

    const headers = data.columns.map((column, j) => {
      const button = make("button", { type: "button", textContent: column.name, title: column.note });
      const header = make("th", { scope: "col", className: column.kind }, [button]);
      button.addEventListener("click", () => {
        const numeric = column.kind !== "text";
        state.descending = state.sort === j ? !state.descending : numeric;
        state.sort = j;
        state.page = 0;
        const order = controls.querySelector("select.order");
        if (order) order.value = "";
        render();
      });
      return header;
    });
    const body = make("tbody");
    const table = make("table", { className: "plain" }, [make("thead", {}, [make("tr", {}, headers)]), body]);
    table.setAttribute("aria-labelledby", name + "-title");
    const scroll = make("div", { className: "scroll", tabIndex: 0 }, [table]);
    scroll.setAttribute("role", "region");
    scroll.setAttribute("aria-labelledby", name + "-title");
    const status = make("span", { className: "status" });
    status.setAttribute("role", "status");
    const back = make("button", { type: "button", textContent: "‹ previous" });
    const next = make("button", { type: "button", textContent: "next ›" });
    back.addEventListener("click", () => { state.page -= 1; render(); });
    next.addEventListener("click", () => { state.page += 1; render(); });

    const cellOf = (cell, kind) => {
      const element = make("td", { className: kind, dir: "auto" });
      const text = shown(cell, kind);
      if (kind !== "text" || text.length <= 200) element.textContent = text;
      else element.append(make("details", {}, [make("summary", { textContent: text.slice(0, 160) + " …" }), text]));
      return element;
    };
    const render = () => {
      const kept = rows.filter((row) =>
        [...state.filters].every(([j, value]) => String(row[j] ?? "—") === value) &&
        (!state.search || row.some((cell) => typeof cell === "string" && cell.toLowerCase().includes(state.search))));
      kept.sort((a, b) => compare(a[state.sort], b[state.sort], state.descending));
      const pages = Math.max(1, Math.ceil(kept.length / data.pageSize));
      state.page = Math.min(Math.max(state.page, 0), pages - 1);
      const first = state.page * data.pageSize;
      const page = kept.slice(first, first + data.pageSize);
      body.replaceChildren(...page.map((row) => make("tr", {}, row.map((cell, j) => cellOf(cell, data.columns[j].kind)))));
      headers.forEach((header, j) => {
        if (j === state.sort) header.setAttribute("aria-sort", state.descending ? "descending" : "ascending");
        else header.removeAttribute("aria-sort");
      });
      status.textContent = kept.length
        ? `${(first + 1).toLocaleString("en-US")}–${(first + page.length).toLocaleString("en-US")} of ` +
          `${kept.length.toLocaleString("en-US")} ${data.unit}`
        : `no ${data.unit} match`;
      back.disabled = state.page === 0;
      next.disabled = state.page >= pages - 1;
    };
    host.append(controls, scroll, make("div", { className: "pager" }, [back, status, next]));
    render();
  };
  document.querySelectorAll(".grid").forEach(build);
  document.documentElement.dataset.grids = "ready";
})();
