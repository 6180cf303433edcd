"use strict";
// The charts: each is drawn once, and again when another trajectory is chosen.
(() => {
  const data = report.data;
  const many = report.names.length > 1;
  const BLUE = "#0b5a8f";
  const KINDS = {
    HBDonor: "#0072b2", HBAcceptor: "#56b4e9", Anionic: "#d55e00", Cationic: "#b35806",
    XBDonor: "#7b3294", PiStacking: "#009e73", PiCation: "#117733", CationPi: "#44aa99",
    Hydrophobic: "#999933",
  };
  // Titles and names come from files; plotly reads a little HTML in text.
  const plain = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  const narrow = () => window.matchMedia("(max-width: 860px)").matches;
  const axis = (title, more) => ({
    title: { text: plain(title), standoff: 8 }, gridcolor: "#e6ebef", zeroline: false,
    linecolor: "#9fb0bf", ticks: "outside", tickcolor: "#9fb0bf", automargin: true, ...more,
  });
  const layout = (more) => ({
    font: { family: "system-ui, -apple-system, Segoe UI, Roboto, Arial, sans-serif", size: 13, color: "#17212b" },
    margin: { l: 56, r: 14, t: 12, b: 44 }, paper_bgcolor: "#fff", plot_bgcolor: "#fff",
    hovermode: "closest", showlegend: false, height: 330,
    // A finger scrolls the page; a mouse zooms.
    dragmode: window.matchMedia("(pointer: coarse)").matches ? false : "zoom",
    ...more,
  });
  const config = {
    responsive: true, displaylogo: false, displayModeBar: "hover", doubleClickDelay: 400,
    modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
    toImageButtonOptions: { format: "svg" },
  };
  const draw = (key, traces, how) => Plotly.react(`chart-${key}`, traces, layout(how), config);

  // One line per trajectory: the one chosen stands out.
  const lines = (part, unit) => part.y.map((y, k) => ({
    x: part.x[k], y, type: "scatter", mode: y.length > 150 || k !== report.chosen ? "lines" : "lines+markers",
    name: plain(report.names[k]), customdata: y.map(() => k),
    line: { width: k === report.chosen ? 2.2 : 1, color: k === report.chosen ? BLUE : "#9fb6c8" },
    marker: { size: 3.5 }, opacity: k === report.chosen || !many ? 1 : 0.75,
    hovertemplate: `%{y:.2f} ${unit} at %{x:.4g}<extra>%{fullData.name}</extra>`,
  })).sort((a, b) => a.line.width - b.line.width);

  const level = (y, text) => ({
    shapes: [{ type: "line", xref: "paper", x0: 0, x1: 1, y0: y, y1: y, line: { color: "#8a4b00", width: 1, dash: "dash" } }],
    annotations: [{ xref: "paper", x: 1, y, yanchor: "bottom", xanchor: "right", text, showarrow: false, font: { size: 12, color: "#8a4b00" } }],
  });

  const charts = {
    rmsd(part) {
      const top = Math.max(0.5, ...part.y.flat().filter((v) => v !== null));
      const near = top > 0.6 * part.limit;
      draw("rmsd", lines(part, "Å"), {
        xaxis: axis(part.xlabel), yaxis: axis("RMSD to the start (Å)", { range: [0, (near ? Math.max(top, part.limit) : top) * 1.08] }),
        ...(near ? level(part.limit, `${part.limit} Å`) : {}),
      });
    },
    windows(part) {
      const top = Math.max(0.05, ...part.y.flat().filter((v) => v !== null));
      draw("windows", lines(part, "Å"), {
        xaxis: axis(part.xlabel), yaxis: axis("RMSF of the window (Å)", { range: [0, top * 1.08] }),
      });
    },
    atoms(part) {
      const bars = {
        type: "bar", x: part.names.map((_, k) => k), y: part.rmsf,
        marker: { color: part.colours, line: { color: "#8b7d63", width: 0.8 } },
        customdata: part.names.map((n, k) => `${plain(n)} (${part.elements[k]})`),
        hovertemplate: "%{customdata}: %{y:.3f} Å<extra></extra>",
      };
      if (part.several) {
        bars.error_y = {
          type: "data", symmetric: false, color: "#4a5866", thickness: 1, width: 2,
          array: part.high.map((v, k) => v - part.rmsf[k]), arrayminus: part.rmsf.map((v, k) => v - part.low[k]),
        };
      }
      draw("atoms", [bars], {
        height: 260, bargap: 0.25,
        xaxis: axis("", { tickvals: bars.x, ticktext: part.names.map(plain), tickangle: -90, tickfont: { size: narrow() ? 9 : 11 }, fixedrange: true }),
        yaxis: axis("RMSF (Å)", { rangemode: "tozero" }),
      });
    },
    torsions(part) {
      const n = part.names.length;
      const k = report.chosen;
      const bins = part.shares[0].length;
      const middles = [...Array(bins)].map((_, b) => -180 + (360 / bins) * (b + 0.5));
      const traces = [];
      const how = { height: 70 + 108 * n, shapes: [], annotations: [] };
      const gap = 0.26 / n;
      part.names.forEach((name, t) => {
        const id = t === 0 ? "" : t + 1;
        const low = 1 - (t + 1) / n + gap / 2;
        const high = 1 - t / n - gap / 2;
        traces.push({
          type: "scatter", mode: "markers", x: part.x[k], y: part.angles[k][t], marker: { size: 3.6, color: BLUE },
          xaxis: `x${id}`, yaxis: `y${id}`, hovertemplate: `%{y}° at %{x:.4g}<extra>${plain(name)}</extra>`,
        }, {
          type: "bar", orientation: "h", y: middles, x: part.shares[t], marker: { color: "#7f9fb8" },
          xaxis: `x${n + t + 1}`, yaxis: `y${id}`, hovertemplate: `%{x:.1f} % near %{y}°<extra>${plain(name)}</extra>`,
        });
        how[`yaxis${id}`] = axis("", { domain: [low, high], range: [-192, 192], tickvals: [-180, -90, 0, 90, 180], ticktext: ["−180", "", "0", "", "180"], tickfont: { size: 10.5 }, fixedrange: true });
        how[`xaxis${id}`] = axis(t === n - 1 ? part.xlabel : "", { domain: [0, 0.76], anchor: `y${id}`, matches: t ? "x" : undefined, showticklabels: t === n - 1 });
        how[`xaxis${n + t + 1}`] = axis(t === n - 1 ? "%" : "", { domain: [0.8, 1], anchor: `y${id}`, showticklabels: t === n - 1, fixedrange: true, rangemode: "tozero", nticks: 4 });
        how.shapes.push({ type: "line", xref: `x${id} domain`, yref: `y${id}`, x0: 0, x1: 1, y0: part.start[t], y1: part.start[t], line: { color: "#d55e00", width: 1.2 } });
        how.annotations.push({ xref: "paper", yref: "paper", x: 0, y: high, xanchor: "left", yanchor: "bottom", showarrow: false, text: `${plain(name)}, °`, font: { size: 12 } });
      });
      how.margin = { l: 44, r: 10, t: 22, b: 44 };
      draw("torsions", traces, how);
    },
    contacts(part) {
      const k = report.chosen;
      const n = part.rows.length;
      const edges = stretch(part.times[k]);
      const short = narrow();
      const name = (row) => (short ? part.residues[row] : part.rows[row]);
      const traces = [];
      [...new Set(part.kinds)].forEach((kind) => {
        const bar = { type: "bar", orientation: "h", base: [], x: [], y: [], width: 0.62, name: plain(part.words[kind]), marker: { color: KINDS[kind] || "#555" }, customdata: [], hovertemplate: "%{customdata}<extra></extra>", showlegend: true };
        const dots = { type: "scatter", mode: "markers", x: [], y: [], xaxis: "x2", marker: { color: KINDS[kind] || "#555", size: 7, opacity: many ? 0.55 : 1 }, customdata: [], hovertemplate: "%{customdata}<extra></extra>", showlegend: false };
        part.kinds.forEach((other, row) => {
          if (other !== kind) return;
          part.runs[k][row].forEach(([first, length]) => {
            bar.base.push(edges[first]);
            bar.x.push(edges[first + length] - edges[first]);
            bar.y.push(n - 1 - row);
            bar.customdata.push(`${plain(part.rows[row])}: ${length} snapshot${length > 1 ? "s" : ""}`);
          });
          part.shares[row].forEach((share, r) => {
            dots.x.push(share);
            dots.y.push(n - 1 - row);
            dots.customdata.push(`${plain(part.rows[row])}: ${share} % of ${plain(report.names[r])}`);
          });
        });
        // A kind that this trajectory lacks keeps its place in the legend.
        if (!bar.x.length) { bar.base.push(null); bar.x.push(null); bar.y.push(0); bar.customdata.push(""); }
        traces.push(bar, dots);
      });
      const began = part.start.map((had, row) => (had ? n - 1 - row : null)).filter((v) => v !== null);
      traces.push({ type: "scatter", mode: "markers", x: began.map(() => edges[0]), y: began, marker: { symbol: "circle-open", size: 8, color: "#17212b", line: { width: 1.6 } }, name: "at the start", hovertemplate: "there at the start<extra></extra>", showlegend: true, cliponaxis: false });
      const ticks = part.rows.map((_, row) => n - 1 - row);
      draw("contacts", traces, {
        height: Math.max(230, 130 + 23 * n), barmode: "overlay", showlegend: true,
        legend: { orientation: "h", x: 0, xanchor: "left", y: 1, yanchor: "bottom", font: { size: 12 }, itemsizing: "constant" },
        margin: { l: 10, r: 14, t: short ? 90 : 50, b: 44 },
        xaxis: axis(part.xlabel[k], { domain: [0, 0.72], range: [edges[0], edges[edges.length - 1]], showgrid: false }),
        xaxis2: axis(short ? "%" : "% of snapshots", { domain: [0.77, 1], range: [-4, 104], fixedrange: true, nticks: 5 }),
        yaxis: axis("", { tickvals: ticks, ticktext: ticks.map((v) => plain(name(n - 1 - v))), range: [-0.7, n - 0.3], tickfont: { size: short ? 10 : 11.5 }, gridcolor: "#eef2f5", fixedrange: true }),
      });
    },
    checks(part) {
      const k = report.chosen;
      const n = part.labels.length;
      const edges = stretch(part.times[k]);
      const all = { type: "bar", orientation: "h", base: Array(n).fill(edges[0]), x: Array(n).fill(edges[edges.length - 1] - edges[0]), y: part.labels.map((_, row) => n - 1 - row), width: 0.7, marker: { color: "#dce9f2" }, name: "ok", hoverinfo: "skip", showlegend: true };
      const words = [["odd", "#e69f00"], ["broken", "#6b1d00"]].map(([word, color], v) => {
        const bar = { type: "bar", orientation: "h", base: [], x: [], y: [], width: 0.7, marker: { color }, name: word, customdata: [], hovertemplate: "%{customdata}<extra></extra>", showlegend: true };
        part.runs[k].forEach((held, row) => held.forEach(([first, length, value]) => {
          if (value !== v + 1) return;
          bar.base.push(edges[first]); bar.x.push(edges[first + length] - edges[first]); bar.y.push(n - 1 - row);
          bar.customdata.push(`${plain(part.labels[row])}: ${word} in ${length} snapshot${length > 1 ? "s" : ""}`);
        }));
        if (!bar.x.length) { bar.base.push(null); bar.x.push(null); bar.y.push(0); bar.customdata.push(""); }
        return bar;
      });
      const ticks = part.labels.map((_, row) => n - 1 - row);
      draw("checks", [all, ...words], {
        height: 100 + 27 * n, barmode: "overlay", showlegend: true,
        legend: { orientation: "h", x: 0, xanchor: "left", y: 1, yanchor: "bottom" },
        margin: { l: 10, r: 14, t: narrow() ? 50 : 34, b: 44 },
        xaxis: axis(part.xlabel[k], { range: [edges[0], edges[edges.length - 1]], showgrid: false }),
        yaxis: axis("", { tickvals: ticks, ticktext: ticks.map((v) => plain(part.labels[n - 1 - v])), range: [-0.6, n - 0.4], showgrid: false, fixedrange: true }),
      });
    },
    reference(part) {
      const still = (y, name, dash, color) => ({ type: "scatter", mode: "lines", x: part.x[0], y, name, line: { dash, color, width: 1.6 }, showlegend: true, hovertemplate: `%{y:.2f} Å at %{x:.4g}<extra>${name}</extra>` });
      const own = lines(part, "Å");
      own[own.length - 1].showlegend = true;
      const at = part.atoms.map((_, k) => k);
      const bar = (y, name, color) => ({ type: "bar", x: at, y, name, xaxis: "x2", yaxis: "y2", marker: { color }, customdata: part.atoms.map(plain), hovertemplate: `%{customdata}: %{y:.3f} Å<extra>${name}</extra>`, showlegend: true });
      draw("reference", [...own, still(part.frozen, "frozen at the start", "dash", "#4a5866"), still(part.mean, "mean pose of the reference", "dot", "#8a4b00"), bar(part.predicted, "RMSF, predicted", "#3f8fc4"), bar(part.reference, "RMSF, reference", "#e69f00")], {
        height: 600, showlegend: true, bargap: 0.2, barmode: "group",
        legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", font: { size: 12 } }, margin: { l: 56, r: 14, t: narrow() ? 120 : 60, b: 44 },
        xaxis: axis(part.xlabel, { domain: [0, 1], anchor: "y" }), yaxis: axis("RMSD to the reference (Å)", { domain: [0.56, 1], rangemode: "tozero" }),
        xaxis2: axis("", { tickvals: at, ticktext: part.atoms.map(plain), tickangle: -90, tickfont: { size: narrow() ? 9 : 11 }, anchor: "y2", fixedrange: true }), yaxis2: axis("RMSF (Å)", { domain: [0, 0.38], rangemode: "tozero" }),
      });
    },
  };

  // Borders between snapshots, one more than there are snapshots.
  function stretch(places) {
    if (places.length === 1) return [places[0] - 0.5, places[0] + 0.5];
    const middles = places.slice(1).map((v, k) => (v + places[k]) / 2);
    return [2 * places[0] - middles[0], ...middles, 2 * places[places.length - 1] - middles[middles.length - 1]];
  }

  const here = Object.keys(charts).filter((key) => data[key] && document.getElementById(`chart-${key}`));
  const drawAll = (keys) => keys.forEach((key) => charts[key](data[key]));
  drawAll(here);
  if (many) report.onChoice(() => drawAll(here.filter((key) => key !== "atoms")));

  // A point of the RMSD is a snapshot of the view.
  const rmsd = document.getElementById("chart-rmsd");
  if (rmsd && data.scene && report.seek) {
    rmsd.on("plotly_click", (event) => {
      const point = event.points[0];
      const k = point.customdata;
      const film = data.scene.films[k];
      const number = point.pointIndex * data.rmsd.every[k];
      if (k !== report.chosen) report.choose(k);
      report.seek(Math.round(number / film.every));
    });
  }

  let wasNarrow = narrow();
  window.addEventListener("resize", () => {
    if (narrow() !== wasNarrow) { wasNarrow = narrow(); drawAll(here); }
  });
  window.addEventListener("beforeprint", () => here.forEach((key) => Plotly.relayout(`chart-${key}`, { width: 680 })));
  window.addEventListener("afterprint", () => drawAll(here));

  // All values drawn, as a table when it is opened and as a file.
  const MOST = 400;
  const rows = {
    rmsd: (part) => ["trajectory", part.xlabel, "rmsd_angstrom", part.y.flatMap((y, k) => y.map((v, i) => [report.names[k], part.x[k][i], v]))],
    windows: (part) => ["trajectory", part.xlabel, "rmsf_angstrom", part.y.flatMap((y, k) => y.map((v, i) => [report.names[k], part.x[k][i], v]))],
    torsions: (part) => ["trajectory", part.xlabel, ...part.names, part.x.flatMap((x, k) => x.map((v, i) => [report.names[k], v, ...part.angles[k].map((a) => a[i])]))],
    contacts: (part) => ["trajectory", "time", "interaction", part.runs.flatMap((held, k) => held.flatMap((found, row) => found.flatMap(([first, length]) => [...Array(length)].map((_, i) => [report.names[k], part.times[k][first + i], part.rows[row]]))))],
    reference: (part) => ["trajectory", part.xlabel, "rmsd_angstrom", part.y.flatMap((y, k) => y.map((v, i) => [report.names[k], part.x[k][i], v]))],
  };
  const values = (key) => {
    const all = rows[key](data[key]);
    return { header: all.slice(0, -1), body: all[all.length - 1] };
  };
  document.querySelectorAll("details[data-values]").forEach((box) => {
    box.addEventListener("toggle", () => {
      const where = box.querySelector(".scroll");
      if (!box.open || where.firstChild) return;
      const { header, body } = values(box.dataset.values);
      const table = document.createElement("table");
      const add = (parent, cells, tag) => {
        const row = parent.insertRow();
        cells.forEach((text) => { row.appendChild(document.createElement(tag)).textContent = text === null ? "" : text; });
      };
      add(table.createTHead(), header, "th");
      const inside = table.createTBody();
      body.slice(0, MOST).forEach((cells) => add(inside, cells, "td"));
      where.appendChild(table);
      if (body.length > MOST) box.querySelector(".many").textContent = `The first ${MOST} of ${body.length} rows; the file has all.`;
    });
  });
  document.querySelectorAll("button[data-csv]").forEach((button) => {
    button.addEventListener("click", () => {
      const { header, body } = values(button.dataset.csv);
      const quoted = (v) => (v === null ? "" : /[",\n]/.test(v) ? `"${String(v).replace(/"/g, '""')}"` : v);
      const text = [header, ...body].map((cells) => cells.map(quoted).join(",")).join("\n");
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
      link.download = `${button.dataset.csv}.csv`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    });
  });
})();
