"""A real browser shows an operator another site's page, which tries everything to command the gateway."""

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from karui.gateway.rollout.guard_status import Phase
from tests.helpers.fake_server import serving
from tests.helpers.gateways import opened

EVIL = """<!doctype html><title>a nice page</title><body><script>
const url = "GATEWAY", trip = '{"what": "trip", "who": "evil", "why": "x"}', told = {};
const kinds = ["application/json", "text/plain", "text/plain; a=json", "multipart/form-data; boundary=json"];
const attempt = async (name, work) => {
  try { const reply = await work(); told[name] = reply.type === "opaque" ? "opaque" : await reply.text(); }
  catch { told[name] = "refused"; }
};
window.done = (async () => {
  for (const mode of ["cors", "no-cors"]) for (const kind of kinds)
    for (const path of ["/api/command", "/api/login"])
      await attempt(`${mode} ${kind} ${path}`, () => fetch(url + path,
        { method: "POST", mode, credentials: "include", headers: { "content-type": kind }, body: trip }));
  for (const path of ["/api/state", "/metrics", "/v1/models", "/explain/x", "/api/audit"])
    await attempt(`read ${path}`, () => fetch(url + path, { credentials: "include" }));
  navigator.sendBeacon(url + "/api/command", new Blob([trip], { type: "text/plain; a=json" }));
  const asked = { model: "karui/plan", messages: [{ role: "user", content: "hi" }] };
  for (const kind of kinds) await attempt(`chat ${kind}`, () => fetch(url + "/v1/chat/completions",
    { method: "POST", mode: "no-cors", headers: { "content-type": kind }, body: JSON.stringify(asked) }));
  const shown = document.createElement("iframe");
  const loaded = new Promise((done) => { shown.onload = done; });
  shown.src = url + "/";
  document.body.append(shown);
  await loaded;
  try { told.frame = shown.contentDocument ? shown.contentDocument.body.innerHTML : "refused"; }
  catch { told.frame = "refused"; }
  return told;
})();
</script><form id="f" method="post" enctype="text/plain" action="GATEWAY/api/command">
<input name='{"what": "trip", "who": "evil", "why": "x", "a": "' value='"}'></form></body>"""


@contextmanager
def site(page):
    """Serves one page, at every path."""

    class Server(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("keyed", [False, True], ids=["trusting its machine", "logged in"])
@pytest.mark.parametrize("elsewhere", ["evil.example", "localhost"], ids=["another site", "another port"])
def test_another_sites_page_commands_nothing_and_reads_nothing(chromium, monkeypatch, keyed, elsewhere):
    sync_api = pytest.importorskip("playwright.sync_api")
    if keyed:
        monkeypatch.setenv("KARUI_OPERATOR_KEY", "sk-operator")
    with serving() as fake, opened(fake) as house, sync_api.sync_playwright() as playwright:
        switches = ["--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP evil.example 127.0.0.1"]
        browser = playwright.chromium.launch(executable_path=str(chromium), args=switches)
        context = browser.new_context()
        tab = context.new_page()
        gateway = house.url.replace("127.0.0.1", "localhost")
        if keyed:  # the operator has the monitor open, and a cookie
            tab.goto(gateway)
            tab.fill("#key", "sk-operator")
            tab.press("#key", "Enter")
            tab.wait_for_selector("#live-light")
        with site(EVIL.replace("GATEWAY", gateway)) as port:
            page = context.new_page()
            page.goto(f"http://{elsewhere}:{port}/")
            told = page.evaluate("() => window.done")
            assert len(told) == 2 * 4 * 2 + 5 + 4 + 1
            assert {
                answer for name, answer in told.items() if "no-cors" not in name and "chat" not in name
            } == {"refused"}
            page.evaluate("() => document.getElementById('f').submit()")
            page.wait_for_url(f"{gateway}/api/command")
        assert house.gateway.rollout.guard.phase is Phase.WATCHING
        assert (
            house.gateway.stores.requests.events()[0].kind == "stage_set"
        )  # of the start: nothing came since
        assert not [r for r in house.records if r.status < 400]
        tab.goto(gateway)  # the operator's own page goes on
        tab.wait_for_selector("#live-light")
        browser.close()
