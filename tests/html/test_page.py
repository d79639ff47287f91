"""The shell of a page: what may run in it, what may be reached from it, and what is escaped."""

import re
from base64 import b64decode
from hashlib import sha256
from html import unescape

import pytest
from jinja2 import UndefinedError
from markupsafe import Markup

from karui.html.embedded_data import data
from karui.html.page import document, templates

EVIL = "</title></script><script>alert(1)</script>"


def policy(page: str) -> str:
    return unescape(re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1])


def test_only_the_pages_own_script_may_run():
    page = document("A title", "en", Markup("<p>x</p>"), style="p { }", script="let a = '<';")
    digest = re.search(r"script-src 'sha256-([^']*)'", policy(page))[1]
    assert b64decode(digest) == sha256(b"let a = '<';").digest()
    assert "<script>let a = '<';</script>" in page
    assert "connect-src" not in policy(page)
    assert "default-src 'none'" in policy(page)


def test_a_page_may_talk_to_whom_it_names():
    page = document("A title", "ja", Markup(""), style="", script="", connect="'self'")
    assert "connect-src 'self'" in policy(page)
    assert '<html lang="ja">' in page


def test_text_is_escaped_and_data_cannot_end_its_block():
    page = document(EVIL, "en", data("figures", {"name": EVIL}), style="", script="")
    assert page.count("<script>") == 1
    assert page.count("</title>") == 1
    assert "alert(1)" in page


def test_a_name_that_a_template_does_not_get_is_an_error():
    with pytest.raises(UndefinedError, match="title"):
        templates("karui.html").get_template("shell.html").render(language="en", policy="", version="")
