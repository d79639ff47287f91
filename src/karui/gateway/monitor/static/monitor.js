// Keeps the page's figures new: asks for them while the page is looked at, and says so when nobody answers.
(() => {
  "use strict";
  const { lang, state, seconds } = JSON.parse(document.getElementById("monitor-data").textContent);
  const contact = document.getElementById("contact");
  const template = contact.textContent;
  const title = document.title;
  const shown = {};
  let heard = new Date();
  let timer = 0;

  const clock = (at, day) => at.toLocaleString(lang === "ja" ? "ja-JP" : "en-GB", day
    ? { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" }
    : { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const localise = (part) => {
    for (const time of part.querySelectorAll("time")) time.textContent = clock(new Date(time.dateTime), time.dataset.day !== undefined);
  };
  const mark = () => {
    const signal = document.querySelector(".signal");
    const colour = signal && ["red", "yellow"].find((name) => signal.classList.contains(name));
    document.title = (colour === "red" ? "✕ " : colour === "yellow" ? "! " : "") + title;
  };
  const replace = (name, markup) => {
    const part = document.querySelector(`[data-live="${name}"]`);
    if (!part || shown[name] === markup) return;
    const open = [...part.querySelectorAll("details")].map((fold) => fold.open);
    const before = [...part.querySelectorAll("strong")].map((value) => value.textContent);
    const aside = part.querySelector(".scroll") ? part.querySelector(".scroll").scrollLeft : 0;
    shown[name] = markup;
    part.innerHTML = markup; // escaped where it was made, and no script in it would run
    part.querySelectorAll("details").forEach((fold, n) => { fold.open = Boolean(open[n]); });
    part.querySelectorAll("strong").forEach((value, n) => { if (before.length && value.textContent !== before[n]) value.classList.add("fresh"); });
    if (aside) part.querySelector(".scroll").scrollLeft = aside;
    localise(part);
  };
  const look = async () => {
    try {
      const reply = await fetch(state, { cache: "no-store", signal: AbortSignal.timeout(5000) });
      if (!reply.ok) throw new Error(String(reply.status));
      for (const [name, markup] of Object.entries((await reply.json()).shown)) replace(name, markup);
      heard = new Date();
      contact.hidden = true;
      document.body.classList.remove("old");
      mark();
    } catch {
      contact.textContent = template.replace("{time}", clock(heard, false));
      contact.hidden = false;
      document.body.classList.add("old");
    }
  };
  const again = async () => {
    clearTimeout(timer);
    if (!document.hidden) await look();
    timer = setTimeout(again, 1000 * seconds);
  };
  document.addEventListener("visibilitychange", () => { if (!document.hidden) again(); });
  localise(document);
  mark();
  timer = setTimeout(again, 1000 * seconds);
})();
