// The accuracy-cost picture: a scatter of plans with its frontier, drawn by hand as SVG.
(() => {
  "use strict";
  const NS = "http://www.w3.org/2000/svg";
  const MINUS = "\u2212", DASH = "\u2013";
  const node = (name, attributes = {}, text = "") => {
    const made = document.createElementNS(NS, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text) made.textContent = text;
    return made;
  };
  const SHAPES = {
    baseline: (s) => ["rect", { x: -s, y: -s, width: 2 * s, height: 2 * s, transform: "rotate(45)" }],
    shorter: (s) => ["path", { d: `M0 ${-1.15 * s}L${1.1 * s} ${0.85 * s}H${-1.1 * s}Z` }],
    smaller: (s) => ["rect", { x: -0.9 * s, y: -0.9 * s, width: 1.8 * s, height: 1.8 * s }],
    faster: (s) => ["circle", { r: s }],
    combined: (s) => ["path", { d: `M0 ${-1.3 * s}L${1.3 * s} 0L0 ${1.3 * s}L${-1.3 * s} 0Z` }],
    control: (s) => ["path", { d: `M${-s} ${-s}L${s} ${s}M${s} ${-s}L${-s} ${s}` }],
  };
  const shape = (group, size) => {
    const [name, attributes] = SHAPES[group](size);
    return node(name, { ...attributes, class: `shape ${group}` });
  };
  const signed = (text) => (text.startsWith("-") ? (/[1-9]/.test(text) ? MINUS : "") + text.slice(1) : text);
  const fixed = (value, places) => signed(value.toLocaleString("en-US", { minimumFractionDigits: places, maximumFractionDigits: places }));
  const scaled = (value) => {
    const prefixes = ["", "k", "M", "G", "T", "P", "E"];
    let place = 0;
    while (Math.abs(value) >= 1000 && place < prefixes.length - 1) { value /= 1000; place += 1; }
    return `${Number(value.toPrecision(3))} ${prefixes[place]}`.trim();
  };
  const amount = (axis, value) => {
    if (axis === "flops") return scaled(value);
    if (axis === "tokens" || value >= 1000) return fixed(value, 0);
    return String(Number(value.toPrecision(3)));
  };

  const ticks = (low, high, log) => {
    const found = [];
    if (log) {
      for (let k = Math.floor(Math.log10(low)); k <= Math.log10(high); k += 1)
        for (const m of [1, 2, 5]) { const v = m * 10 ** k; if (v >= low && v <= high) found.push(v); }
      return found;
    }
    const rough = (high - low) / 6, unit = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((m) => m * unit).find((s) => s >= rough);
    for (let v = Math.ceil(low / step) * step; v <= high + 1e-9; v += step) found.push(Number(v.toPrecision(12)));
    return found;
  };

  const start = (root) => {
    const data = JSON.parse(document.getElementById(`data-${root.id}`).textContent);
    const { points, words } = data;
    const canvas = root.querySelector(".canvas"), detail = root.querySelector(".detail");
    const base = points[0];
    const marked = points.find((p) => p.role === "chosen" || p.role === "candidate");
    let axis = data.axes[0], selected = marked || base, hovered = null, placed = [], zoomed = false;
    const near = base.y[0] - Math.max(3 * data.margin, 0.04);
    const hidden = new Set();
    for (const mark of root.querySelectorAll(".mark")) {
      mark.classList.add(`g-${mark.dataset.shape}`);
      mark.append(shape(mark.dataset.shape, 5.5));
    }
    const shows = (p) => axis in p.x && !hidden.has(p.group) && !(zoomed && p.y[0] < near);
    const visible = () => points.filter((p) => (axis in p.x && (p === base || p === marked)) || shows(p));

    const draw = () => {
      const width = Math.max(300, canvas.clientWidth || 1000), narrow = width < 560;
      const height = Math.round(Math.min(600, Math.max(340, width * 0.56)));
      const [left, right, top, bottom] = [narrow ? 42 : 54, narrow ? 12 : 20, 26, 52];
      const shown = visible();
      const xs = shown.map((p) => p.x[axis]).filter((v) => v > 0);
      let [x0, x1] = [Math.min(...xs), Math.max(...xs)];
      const log = x1 / x0 > 8;
      [x0, x1] = log ? [x0 / 1.12, x1 * 1.12] : [Math.max(0, x0 - 0.06 * (x1 - x0 || x1)), x1 + 0.06 * (x1 - x0 || x1)];
      const ys = shown.map((p) => p.y[0]).concat([base, marked].filter(Boolean).flatMap((p) => p.y), base.y[0] - data.margin);
      let [y0, y1] = [Math.min(...ys.filter((v) => v !== null)), Math.max(...ys)];
      const pad = 0.05 * (y1 - y0 || 0.1);
      [y0, y1] = [Math.max(0, y0 - pad), Math.min(1.004, y1 + pad)];
      const scale = (v) => (log ? Math.log(Math.max(v, x0)) : v);
      const X = (v) => left + ((scale(v) - scale(x0)) / (scale(x1) - scale(x0))) * (width - left - right);
      const Y = (v) => top + ((y1 - Math.min(y1, Math.max(y0, v))) / (y1 - y0)) * (height - top - bottom);
      const svg = node("svg", { viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });

      const low = Y(base.y[0] - data.margin);
      svg.append(node("rect", { class: "budget", x: left, width: width - left - right, y: low, height: Math.max(0, height - bottom - low) }));
      for (const v of ticks(y0, y1, false)) {
        svg.append(node("line", { class: "grid", x1: left, x2: width - right, y1: Y(v), y2: Y(v) }));
        svg.append(node("text", { x: left - 8, y: Y(v) + 4, "text-anchor": "end" }, `${Number((100 * v).toFixed(1))}%`));
      }
      let last = -99;
      for (const v of ticks(x0, x1, log)) {
        svg.append(node("line", { class: "grid", x1: X(v), x2: X(v), y1: height - bottom, y2: height - bottom + 5 }));
        if (X(v) - last < 46) continue;
        last = X(v);
        svg.append(node("text", { x: X(v), y: height - bottom + 19, "text-anchor": "middle" }, amount(axis, v)));
      }
      svg.append(node("text", { class: "title", x: narrow ? 0 : left, y: 12 }, words.y));
      svg.append(node("text", { class: "title", x: width - right, y: height - 8, "text-anchor": "end" }, `${data.titles[axis]} →`));
      svg.append(node("line", { class: "limit", x1: left, x2: width - right, y1: low, y2: low }));
      svg.append(node("text", { x: width - right - 4, y: low + 15, "text-anchor": "end" }, words.limit));

      const front = [];
      for (const p of [...shown].sort((a, b) => a.x[axis] - b.x[axis] || b.y[0] - a.y[0]))
        if (!front.length || p.y[0] > front[front.length - 1].y[0]) front.push(p);
      const path = front.map((p, i) => (i ? `H${X(p.x[axis])}V${Y(p.y[0])}` : `M${X(p.x[axis])} ${Y(p.y[0])}`)).join("");
      svg.append(node("path", { class: "frontier", d: path + `H${width - right}` }));
      if (front.length > 1) {
        const at = front[front.length - 1];
        svg.append(node("text", { x: width - right - 4, y: Y(at.y[0]) - 7, "text-anchor": "end" }, words.frontier));
      }

      const ends = (p) => {
        const group = node("g", { class: `ends g-${p.group}`, stroke: "currentColor" });
        const x = X(p.x[axis]), y = Y(p.y[0]);
        if (p.y[1] !== null && p.y[2] !== null) group.append(node("line", { x1: x, x2: x, y1: Y(p.y[1]), y2: Y(p.y[2]) }));
        if (axis === "tokens" && p.tokens[0] !== null && p.tokens[1] !== null)
          group.append(node("line", { x1: X(Math.max(x0, p.tokens[0])), x2: X(Math.min(x1, p.tokens[1])), y1: y, y2: y }));
        svg.append(group);
      };
      for (const p of new Set([base, marked, selected, hovered])) if (p && shown.includes(p)) ends(p);
      const order = (p) => (p === base || p === marked ? 2 : p.group === "control" ? 0 : 1);
      placed = [...shown].sort((a, b) => order(a) - order(b)).map((p) => ({ p, x: X(p.x[axis]), y: Y(p.y[0]) }));
      for (const { p, x, y } of placed) {
        const group = node("g", { class: `point g-${p.group}`, transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})`, "data-plan": p.id, "data-group": p.group });
        const big = p === base || p === marked;
        group.append(shape(p.group, big ? 6.5 : narrow ? 3.8 : 4.6));
        if (p === marked) group.append(node("circle", { class: "halo chosen", r: 12 }));
        if (p === selected || p === hovered) group.append(node("circle", { class: "halo", r: p === marked ? 15.5 : 10 }));
        svg.append(group);
      }
      const label = (p, text, above) => {
        const at = placed.find((q) => q.p === p);
        if (!at) return;
        const side = at.x > width * 0.62 ? "end" : "start";
        const dx = side === "end" ? -16 : 16;
        svg.append(node("text", { class: "tag", x: at.x + dx, y: at.y + (above ? -12 : 22), "text-anchor": side }, text));
      };
      label(base, `${words.baseline} ${fixed(100 * base.y[0], 1)}%`, !(marked && marked.y[0] >= base.y[0]));
      if (marked) label(marked, `${words.chosen} ${fixed(100 * marked.y[0], 1)}%`, marked.y[0] >= base.y[0]);
      canvas.replaceChildren(svg);
    };

    const percent = (v) => (v === null || v === undefined ? DASH : `${fixed(100 * v, 1)}%`);
    const describe = (p) => {
      const line = document.createElement("p"), list = document.createElement("dl");
      const name = document.createElement("code"), family = document.createElement("span");
      line.className = "which";
      family.className = `family ${p.group}`;
      family.textContent = words[`family_${p.group}`];
      name.textContent = p === base ? words.baseline : p.label;
      line.append(family, name);
      const facts = [[words.y, p.y[1] === null ? percent(p.y[0]) : `${percent(p.y[0])} (${fixed(100 * p.y[1], 1)}${words.to}${fixed(100 * p.y[2], 1)}%)`]];
      if (p.loss) facts.push([words.loss, p.loss[1] === null ? fixed(100 * p.loss[0], 1) + words.points : `${fixed(100 * p.loss[0], 1)} (${fixed(100 * p.loss[1], 1)}${words.to}${fixed(100 * p.loss[2], 1)})${words.points}`]);
      for (const a of data.axes) if (a in p.x) facts.push([words[`axis_${a}`], amount(a, p.x[a]) + (data.units[a] || "")]);
      facts.push([words.truncated, percent(p.cut)], [words.looped, percent(p.loops)]);
      facts.push([words.confident_wrong, percent(p.sure)]);
      for (const [key, value] of facts) {
        const row = document.createElement("div"), dt = document.createElement("dt"), dd = document.createElement("dd");
        dt.textContent = key; dd.textContent = value; dd.className = "n";
        row.append(dt, dd); list.append(row);
      }
      detail.replaceChildren(line, list);
      detail.dataset.plan = p.id;
    };
    const refresh = () => { draw(); describe(hovered || selected); };
    const nearest = (event) => {
      const box = canvas.firstElementChild.getBoundingClientRect();
      const ratio = canvas.firstElementChild.viewBox.baseVal.width / box.width;
      const [x, y] = [(event.clientX - box.left) * ratio, (event.clientY - box.top) * ratio];
      let best = null, least = 22;
      for (const q of placed) { const d = Math.hypot(q.x - x, q.y - y); if (d <= least) { best = q.p; least = d; } }
      return best;
    };
    canvas.addEventListener("pointermove", (event) => { const p = nearest(event); if (p !== hovered) { hovered = p; refresh(); } });
    canvas.addEventListener("pointerleave", () => { if (hovered) { hovered = null; refresh(); } });
    canvas.addEventListener("click", (event) => { const p = nearest(event); if (p) { selected = p; refresh(); } });
    canvas.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      const order = [...placed].sort((a, b) => a.x - b.x || a.y - b.y).map((q) => q.p);
      selected = order[Math.min(order.length - 1, Math.max(0, order.indexOf(selected) + step))];
      hovered = null;
      refresh();
    });
    root.querySelector(".controls").addEventListener("input", (event) => { if (event.target.type === "radio") { axis = event.target.value; refresh(); } });
    for (const button of root.querySelectorAll(".legend button[data-group]"))
      button.addEventListener("click", () => {
        const group = button.dataset.group, on = hidden.has(group);
        if (on) hidden.delete(group); else hidden.add(group);
        button.setAttribute("aria-pressed", String(on));
        refresh();
      });
    const zoom = root.querySelector(".zoom");
    zoom.addEventListener("click", () => {
      zoomed = !zoomed;
      zoom.setAttribute("aria-pressed", String(zoomed));
      refresh();
    });
    let known = canvas.clientWidth;
    new ResizeObserver(() => { if (canvas.clientWidth !== known) { known = canvas.clientWidth; draw(); } }).observe(canvas);
    refresh();
  };
  for (const root of document.querySelectorAll(".picture")) start(root);
})();
