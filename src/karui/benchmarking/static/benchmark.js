// Sorts, filters, and shows one question set at a time. Every figure is in the tables already.
(() => {
  "use strict";
  const texts = JSON.parse(document.getElementById("texts").textContent);
  const main = document.querySelector("main");
  const form = document.querySelector(".bar");
  const sets = [...document.querySelectorAll(".set")];
  const status = document.getElementById("status");
  const pick = (id) => document.getElementById(id);
  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const axis = () => main.dataset.axis;
  const shown = () => sets.find((set) => set.dataset.set === pick("set").value);
  form.hidden = false;

  // --- filters
  const fits = (row, wanted) =>
    wanted.families.has(row.dataset.family) &&
    (!wanted.model || row.dataset.model === wanted.model) &&
    (!wanted.text || row.querySelector("th").textContent.toLowerCase().includes(wanted.text));
  const apply = () => {
    const wanted = {
      families: new Set([...form.querySelectorAll("[name=family]:checked")].map((box) => box.value)),
      model: pick("model").value,
      text: pick("search").value.trim().toLowerCase(),
    };
    const only = [["front", pick("front").checked], ["better", pick("better").checked]]
      .filter(([, on]) => on).map(([name]) => `data-${name}-${axis()}`);
    const set = shown();
    for (const other of sets) other.hidden = other !== set;
    for (const row of set.querySelectorAll(".levels tbody tr")) row.hidden = !fits(row, wanted);
    const rows = [...set.querySelectorAll(".cells tbody tr")];
    const there = new Set();
    for (const row of rows) {
      row.hidden = !(fits(row, wanted) && only.every((name) => row.hasAttribute(name)));
      if (!row.hidden) there.add(row.id);
    }
    for (const dot of set.querySelectorAll(".dot")) dot.classList.toggle("out", !there.has(dot.dataset.row));
    status.textContent = fill(texts.shown, { n: there.size, total: rows.length });
  };

  // A set has only some of the models.
  const offer = () => {
    const there = new Set([...shown().querySelectorAll(".cells tbody tr")].map((row) => row.dataset.model));
    for (const option of pick("model").options) option.hidden = option.disabled = option.value !== "" && !there.has(option.value);
    if (pick("model").selectedOptions[0].disabled) pick("model").value = "";
  };

  // --- sorting
  const valueOf = (row, column, text) => {
    const cell = row.children[column];
    if (text) return cell.textContent.trim();
    const raw = cell.dataset.v ?? cell.dataset[`v${axis()[0].toUpperCase()}${axis().slice(1)}`];
    return raw === undefined || raw === "" ? null : Number(raw);
  };
  const sort = (head, descending) => {
    const table = head.closest("table");
    const column = [...head.parentNode.children].indexOf(head);
    const text = !head.classList.contains("num");
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row) => [valueOf(row, column, text), row]);
    rows.sort(([a], [b]) => {
      if (a === null || b === null) return (a === null) - (b === null); // what is missing comes last either way
      const order = text ? a.localeCompare(b, document.documentElement.lang) : a - b;
      return descending ? -order : order;
    });
    body.append(...rows.map(([, row]) => row));
    for (const other of head.parentNode.children) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", descending ? "descending" : "ascending");
    status.textContent = fill(texts.sort, {
      column: head.querySelector("button").textContent,
      order: descending ? texts.descending : texts.ascending,
    });
  };
  const again = () => {
    for (const head of document.querySelectorAll(".set:not([hidden]) [aria-sort], .tally [aria-sort]")) sort(head, head.getAttribute("aria-sort") === "descending");
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest("thead button");
    if (button) {
      const head = button.closest("th");
      const before = head.getAttribute("aria-sort");
      const numeric = head.classList.contains("num");
      sort(head, before ? before === "ascending" : numeric && head.dataset.column !== "tokens");
      return;
    }
    const dot = event.target.closest(".dot");
    if (dot) {
      const row = document.getElementById(dot.dataset.row);
      for (const lit of document.querySelectorAll("tr.lit")) lit.classList.remove("lit");
      row.classList.add("lit");
      row.scrollIntoView({ block: "center" });
    }
  });

  // --- the row that is pointed at lights up in the picture
  const light = (row, on) => {
    for (const dot of document.querySelectorAll(`.dot[data-row="${CSS.escape(row.id)}"]`)) dot.classList.toggle("lit", on);
  };
  for (const [name, on] of [["mouseover", true], ["mouseout", false]])
    document.addEventListener(name, (event) => {
      const row = event.target.closest?.(".cells tbody tr");
      if (row) light(row, on);
    });

  // --- what is chosen
  const choose = (name) => {
    if (sets.some((set) => set.dataset.set === name)) pick("set").value = name;
    offer();
    apply();
  };
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", (event) => {
    if (event.target.name === "axis") {
      main.dataset.axis = event.target.value;
      again();
    }
    if (event.target.id === "set") {
      history.replaceState(null, "", `#set-${event.target.value}`);
      choose(event.target.value);
      for (const link of document.querySelectorAll(".mast nav a"))
        link.setAttribute("href", `${link.getAttribute("href").split("#")[0]}#set-${event.target.value}`);
      return;
    }
    apply();
  });
  const fromAddress = () => choose(decodeURIComponent(location.hash).replace(/^#set-/, ""));
  addEventListener("hashchange", fromAddress);
  fromAddress();
})();
