// Gives an operator's key once; the gateway answers with a cookie that no script and no other site can use.
(() => {
  "use strict";
  const told = JSON.parse(document.getElementById("login-data").textContent);
  if (!told) return;
  const note = document.getElementById("note");
  document.getElementById("login").addEventListener("submit", async (event) => {
    event.preventDefault();
    note.textContent = "";
    try {
      const reply = await fetch("/api/login", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ key: document.getElementById("key").value }),
      });
      if (reply.ok) location.reload();
      else note.textContent = (await reply.json()).error.code === "client_key" ? told.client : told.wrong;
    } catch (error) {
      note.textContent = error.message;
    }
  });
})();
