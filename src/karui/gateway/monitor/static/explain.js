// Asks for the full thinking once the page is there, for it takes as long as full thinking takes.
(() => {
  "use strict";
  const told = JSON.parse(document.getElementById("explain-data").textContent);
  if (!told) return;
  const full = document.getElementById("full");
  const waiting = full.innerHTML;
  const ask = async () => {
    full.innerHTML = waiting;
    try {
      const reply = await fetch(told.address, { method: "POST" });
      const said = await reply.json();
      if (!reply.ok) throw new Error(said.error ? said.error.message : String(reply.status));
      full.innerHTML = said.shown.full; // escaped where it was made
      document.getElementById("verdict").innerHTML = said.shown.verdict;
    } catch (error) {
      const note = document.createElement("p");
      note.textContent = told.failed.replace("{reason}", error.message);
      const again = document.createElement("button");
      again.textContent = told.again;
      again.addEventListener("click", ask);
      full.replaceChildren(full.querySelector("h2"), note, again);
    }
  };
  ask();
})();
