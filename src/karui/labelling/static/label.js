// Shows one thing after another, and sends what is said of it. Texts are set as text; of replies there is also markup,
// which is escaped where it is made (reply.py), and no script in it would run.
(() => {
  "use strict";
  const texts = JSON.parse(document.getElementById("texts").textContent);
  const at = (id) => document.getElementById(id);
  const work = at("work");
  const buttons = [...document.querySelectorAll("#choices button")];
  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (all, name) => values[name] ?? all);
  let now = null;
  let busy = false;
  let written = false;

  const put = (id, text) => {
    const box = at(id);
    if (!box) return;
    box.textContent = text || texts.none;
    box.classList.toggle("none", !text);
    box.scrollTop = 0;
  };

  const reply = (id, said) => {
    const rich = Boolean(said && said.markup && !written);
    put(id, said && said.text);
    if (!at(id)) return;
    at(id).classList.toggle("rich", rich);
    if (rich) at(id).innerHTML = said.markup;
  };
  const replies = () => {
    reply("left", now.task.left);
    reply("right", now.task.right);
    at("written").setAttribute("aria-pressed", String(written));
  };

  const show = (told) => {
    now = told;
    const { task, done, total } = told;
    at("bar").style.width = `${total ? (100 * done) / total : 100}%`;
    at("progress").textContent = fill(texts.progress, { done, total });
    work.hidden = !task;
    at("finished").hidden = Boolean(task);
    at("choices").style.visibility = task ? "" : "hidden";
    for (const button of buttons) {
      button.disabled = !task;
      button.setAttribute("aria-pressed", String(Boolean(task) && told.said === Number(button.dataset.value)));
    }
    at("back").disabled = told.at <= 0;
    at("next").disabled = !task || told.said === null;
    if (!task) return;
    put("question", task.question);
    at("criteria-box").hidden = !task.criteria;
    if (task.criteria) put("criteria", task.criteria);
    replies();
    scrollTo(0, 0);
  };

  const ask = async (path, body) => {
    if (busy) return;
    busy = true;
    at("note").textContent = "";
    try {
      const options = body && {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      };
      const reply = await fetch(path, options || {});
      const told = await reply.json();
      if (!reply.ok) throw new Error(told.error?.message || reply.status);
      show(told);
    } catch (error) {
      at("note").textContent = fill(texts.offline, { why: error.message });
    } finally {
      busy = false;
    }
  };

  const say = (value) => now?.task && ask("/api/label", { id: now.task.id, at: now.at, value });
  const back = () => now && now.at > 0 && ask(`/api/task?at=${now.at - 1}`);
  const next = () => now?.task && now.said !== null && ask(`/api/task?at=${now.at + 1}`);

  for (const button of buttons) button.addEventListener("click", () => say(Number(button.dataset.value)));
  at("back").addEventListener("click", back);
  at("written").addEventListener("click", () => {
    written = !written;
    if (now?.task) replies();
  });
  at("next").addEventListener("click", next);
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.isComposing) return;
    if (["1", "2", "3"].includes(event.key)) say(Number(event.key));
    else if (event.key === "ArrowLeft" || event.key === "Backspace") back();
    else if (event.key === "ArrowRight") next();
    else return;
    event.preventDefault();
  });
  ask("/api/task");
})();
