"use strict";
(function () {
  const data = JSON.parse(document.getElementById("data").textContent);
  const rows = data.rows.map((cells) =>
    Object.fromEntries(data.columns.map((name, k) => [name, cells[k]])));
  const AT_ONCE = 100;
  const COLUMNS = [
    { key: "rank", label: "Rank", kind: "number" },
    { key: "drawing", label: "Drawing", kind: "drawing" },
    { key: "title", label: "Ligand", kind: "title" },
    { key: "protein", label: "Protein", kind: "text" },
    { key: "rmsd_end_angstrom", label: "RMSD at the end, Å", kind: "number", digits: 3 },
    { key: "contacts_kept_percent", label: "Contacts kept, %", kind: "meter" },
    { key: "rmsf_mean_angstrom", label: "RMSF, Å", kind: "number", digits: 3 },
    { key: "contact_min_angstrom", label: "Closest contact, Å", kind: "number", digits: 2 },
    { key: "heavy_atoms", label: "Heavy atoms", kind: "number" },
    { key: "flags", label: "Flags", kind: "flags" },
    { key: "links", label: "Open", kind: "links" },
  ];
  const by = (id) => document.getElementById(id);
  const proteins = [...new Set(rows.map((x) => x.protein))];
  const hasDrawings = rows.some((x) => x.drawing);
  const columns = COLUMNS.filter((c) =>
    (c.key !== "protein" || proteins.length > 1) && (c.key !== "drawing" || hasDrawings));
  const sortable = columns.filter((c) => !["drawing", "links"].includes(c.key));
  let order = { key: "rank", up: true };
  let shown = AT_ONCE;

  function make(tag, name, text) {
    const element = document.createElement(tag);
    if (name) element.className = name;
    if (text !== undefined) element.textContent = text;
    return element;
  }

  function format(value, digits) {
    if (value === null) return "–";
    return digits === undefined ? String(value) : value.toFixed(digits);
  }

  function link(path, text, label) {
    const a = make("a", "", text);
    a.href = path;
    a.setAttribute("aria-label", text + " of " + label);
    return a;
  }

  function cell(row, column) {
    const td = make("td", column.kind === "meter" ? "number" : column.kind);
    if (column.kind === "drawing") {
      if (row.drawing) {
        const img = make("img");
        img.src = "data:image/svg+xml;base64," + row.drawing;
        img.alt = "Structure of " + (row.title || row.id);
        img.loading = "lazy";
        td.append(img);
      }
      return td;
    }
    if (column.kind === "title") {
      td.className = "wide";
      td.append(make("div", "title", row.title || row.id), make("div", "id", row.id));
      return td;
    }
    if (column.kind === "flags") {
      td.className = "wide";
      for (const flag of row.flags) td.append(make("span", "flag", flag));
      return td;
    }
    if (column.kind === "links") {
      td.className = "wide links";
      for (const [text, path] of row.links) td.append(link(path, text, row.title || row.id));
      return td;
    }
    td.dataset.label = column.label;
    td.append(make("span", "measure", format(row[column.key],
      column.kind === "meter" ? 0 : column.digits)));
    if (column.kind === "text") td.className = "wide text";
    if (column.kind === "meter" && row[column.key] !== null) {
      const meter = make("meter");
      meter.max = 100;
      meter.value = row[column.key];
      meter.setAttribute("aria-hidden", "true");
      td.append(meter);
    }
    return td;
  }

  function chosen() {
    const text = by("find").value.trim().toLowerCase();
    const most = by("most").value === "" ? Infinity : Number(by("most").value);
    const protein = by("protein").value;
    const sound = by("sound").checked;
    const found = rows.filter((x) =>
      (!text || (x.title + "\n" + x.id + "\n" + x.smiles).toLowerCase().includes(text)) &&
      (protein === "" || x.protein === proteins[Number(protein)]) &&
      x.rmsd_end_angstrom <= most && !(sound && x.flags.length));
    const sign = order.up ? 1 : -1;
    const value = (x) => (order.key === "flags" ? x.flags.length : x[order.key]);
    return found.sort((a, b) => {
      const [x, y] = [value(a), value(b)];
      if (x === null || y === null) return (x === null) - (y === null);
      if (typeof x === "string") return sign * x.localeCompare(y, undefined, { numeric: true });
      return sign * (x - y) || a.rank - b.rank;
    });
  }

  function show() {
    const found = chosen();
    const body = make("tbody");
    body.id = "rows";
    for (const row of found.slice(0, shown)) {
      const tr = make("tr");
      tr.append(...columns.map((column) => cell(row, column)));
      body.append(tr);
    }
    by("rows").replaceWith(body);
    const seen = Math.min(shown, found.length);
    by("count").textContent = found.length === rows.length
      ? `${seen} of ${rows.length} ligands shown`
      : `${seen} of the ${found.length} that fit shown; ${rows.length} in all`;
    by("more").hidden = seen === found.length;
    for (const th of by("heads").children) {
      if (!th.dataset.key) continue;
      const own = th.dataset.key === order.key;
      th.setAttribute("aria-sort", own ? (order.up ? "ascending" : "descending") : "none");
    }
    by("sort").value = order.key + (order.up ? " up" : " down");
  }

  for (const column of columns) {
    const numeric = column.kind === "number" || column.kind === "meter";
    const th = make("th", numeric ? "number" : column.kind === "title" ? "wide" : "");
    th.scope = "col";
    if (sortable.includes(column)) {
      const button = make("button", "", column.label);
      button.type = "button";
      button.addEventListener("click", () => {
        order = { key: column.key, up: order.key === column.key ? !order.up : true };
        show();
      });
      th.dataset.key = column.key;
      th.append(button);
      for (const [way, text] of [["up", "rising"], ["down", "falling"]]) {
        const option = make("option", "", `${column.label}, ${text}`);
        option.value = `${column.key} ${way}`;
        by("sort").append(option);
      }
    } else {
      th.textContent = column.label;
    }
    by("heads").append(th);
  }
  proteins.forEach((name, k) => {
    const option = make("option", "", name);
    option.value = String(k);
    by("protein").append(option);
  });
  by("protein-label").hidden = proteins.length < 2;
  by("sort").addEventListener("change", () => {
    const [key, way] = by("sort").value.split(" ");
    order = { key, up: way === "up" };
    show();
  });
  by("controls").addEventListener("submit", (event) => event.preventDefault());
  by("controls").addEventListener("input", (event) => {
    if (event.target.id === "sort") return;
    shown = AT_ONCE;
    show();
  });
  by("more").addEventListener("click", () => {
    shown += AT_ONCE;
    show();
  });
  show();
})();
