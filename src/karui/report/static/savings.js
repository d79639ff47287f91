// The calculation of savings: the arithmetic of karui.measure.cost, over the fields of the page.
(() => {
  "use strict";
  const block = document.getElementById("savings-data");
  if (!block) return;
  const { lang, usage, words } = JSON.parse(block.textContent);
  const panel = document.getElementById("savings");
  const inputs = Object.fromEntries([...panel.querySelectorAll(".field input")].map((i) => [i.name, i]));
  const first = Object.fromEntries(Object.entries(inputs).map(([name, i]) => [name, i.value]));
  const dash = "\u2013";
  const to = lang === "ja" ? "〜" : " to ";

  const amount = (value) => {
    const rounded = value === 0 ? 0 : Number(value.toPrecision(3));
    const places = Math.abs(rounded) >= 100 || rounded === 0 ? 0 : 2;
    const shown = Math.abs(rounded).toLocaleString("en-US", { minimumFractionDigits: places, maximumFractionDigits: places });
    return (rounded < 0 ? "\u2212" : "") + shown;
  };
  const money = ([low, high], currency) => {
    const a = amount(low), b = amount(high);
    const both = a === b ? a : a + to + b;
    if (lang === "ja") return both + (currency === "JPY" ? "円" : " " + currency);
    return currency + " " + both;
  };
  const months = ([soonest, latest]) => {
    const number = (m) => m.toLocaleString("en-US", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
    const never = lang === "ja" ? "回収できない" : "never";
    const unit = lang === "ja" ? "か月" : " months";
    if (soonest === 0 && latest === 0) return words.payback_at_once;
    if (!isFinite(soonest)) return never;
    if (!isFinite(latest)) return lang === "ja" ? `最短${number(soonest)}${unit}、場合により${never}` : number(soonest) + unit + to + never;
    return number(soonest) === number(latest) ? number(soonest) + unit : number(soonest) + to + number(latest) + unit;
  };

  const earnedBack = ([soonest, latest], volume) => {
    if (soonest === 0 && latest === 0) return words.payback_at_once;
    if (!isFinite(soonest)) return months([soonest, latest]);
    const ends = isFinite(latest) ? [soonest, latest] : [soonest];
    const unique = (texts) => [...new Set(texts)].join(to);
    const asked = unique(ends.map((m) => Math.ceil(Number((m * volume).toPrecision(3))).toLocaleString("en-US")));
    const days = unique(ends.map((m) => (m * 365 / 12).toLocaleString("en-US", { minimumFractionDigits: 1, maximumFractionDigits: 1 })));
    const least = ends.length === 1 ? (lang === "ja" ? "\u6700\u77ed" : "at least ") : "";
    return lang === "ja" ? `${least}${asked}\u554f\uff08${days}\u65e5\uff09` : `${least}${asked} questions (${days} days)`;
  };

  // null where the field is empty, NaN where it is no number of at least 0.
  const read = (name) => {
    const text = inputs[name].value.normalize("NFKC").replace(/[,\s_]/g, "");
    if (text === "") return null;
    const value = Number(text);
    return isFinite(value) && value >= 0 ? value : NaN;
  };
  const saving = (low, high, once) => {
    const back = (m) => (m > 0 ? once / m : Infinity);
    return { monthly: [low, high], payback: [back(high), back(low)], year: [12 * low - once, 12 * high - once] };
  };
  const oneOff = (a) => a.one_off + (a.making_hours || 0) * (a.machine_price_per_hour || 0);
  const perToken = (a) => {
    const thousand = (prompt, cached, generated) =>
      ((prompt - cached) * a.price_prompt + cached * a.price_cached + generated * a.price_output) / 1000;
    const r = usage.prompt_ratio;
    const before = thousand(usage.prompt, usage.cached, usage.generated);
    const after = usage.ratio.map((x) => thousand(usage.prompt * r, usage.cached * r, usage.generated * x));
    const volume = a.questions_per_month / 1000;
    return saving((before - after[1]) * volume, (before - after[0]) * volume, oneOff(a));
  };
  const perMachine = (a) => {
    const today = a.machine_tokens_per_second / usage.generated;
    const machines = (throughput) => Math.max(1, Math.ceil(a.peak_questions_per_second / throughput - 1e-9));
    const before = machines(today), [fewest, most] = usage.ratio.map((x) => machines(today / x));
    const month = a.machine_price_per_hour * a.hours;
    return { ...saving(month * (before - most), month * (before - fewest), oneOff(a)), machines: [before, fewest, most] };
  };

  const calculations = { token: perToken, machine: perMachine };
  const show = () => {
    const currency = inputs.currency.value.trim();
    const figures = Object.fromEntries(Object.keys(inputs).filter((n) => n !== "currency").map((n) => [n, read(n)]));
    for (const mode of ["token", "machine"]) {
      const box = panel.querySelector(`.result[data-mode="${mode}"]`);
      const out = (name, text) => { const at = box.querySelector(`[data-out="${name}"]`); if (at) at.textContent = text; };
      const needed = [...panel.querySelectorAll(`.field[data-modes~="${mode}"] input`)].map((i) => i.name).filter((n) => n !== "currency");
      const missing = needed.some((n) => figures[n] === null);
      const bad = needed.some((n) => Number.isNaN(figures[n])) || (mode === "machine" && figures.machine_tokens_per_second === 0);
      const hint = box.querySelector('[data-out="hint"]');
      hint.hidden = !(missing || bad);
      hint.textContent = bad ? words.impossible : words.enter_missing;
      if (missing || bad) { for (const name of ["monthly", "payback", "earned_back", "first_year", "machines"]) out(name, dash); delete box.dataset.monthly; continue; }
      const found = calculations[mode](figures);
      out("monthly", money(found.monthly, currency));
      out("payback", months(found.payback));
      out("earned_back", earnedBack(found.payback, figures.questions_per_month));
      out("first_year", money(found.year, currency));
      // Whole figures for whoever checks the page against the JSON report.
      box.dataset.monthly = JSON.stringify(found.monthly);
      box.dataset.year = JSON.stringify(found.year);
      if (!found.machines) continue;
      const [before, fewest, most] = found.machines;
      const after = fewest === most ? String(fewest) : `${fewest}${dash}${most}`;
      out("machines", words.machines_value.replace("{before}", before).replace("{after}", after));
    }
    for (const [name, input] of Object.entries(inputs)) {
      const origin = input.parentElement.querySelector(".origin");
      const now = input.value === first[name] ? origin.dataset.origin : "edited";
      origin.className = `origin ${now}`;
      origin.textContent = words[now];
      input.setAttribute("aria-invalid", String(name !== "currency" && Number.isNaN(figures[name])));
    }
    panel.querySelector(".reset").hidden = Object.entries(inputs).every(([name, i]) => i.value === first[name]);
  };
  panel.addEventListener("input", (event) => {
    if (event.target.name === "mode") {
      const mode = event.target.value;
      panel.querySelector(".fields").dataset.current = mode;
      for (const box of panel.querySelectorAll(".result")) box.hidden = box.dataset.mode !== mode;
    }
    show();
  });
  panel.querySelector(".reset").addEventListener("click", () => {
    for (const [name, input] of Object.entries(inputs)) input.value = first[name];
    show();
  });
  show();
})();
