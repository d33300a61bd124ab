"""Pages may do what they do and nothing else."""

import re
from base64 import b64encode
from hashlib import sha256

import pytest


@pytest.fixture(params=["/", "/docs"])
def page(client, request):
    return client.get(request.param, headers={"Accept": "text/html"})


def test_every_page_has_the_headers_that_keep_it_to_itself(page):
    assert page.content_type == "text/html; charset=utf-8"
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["X-Frame-Options"] == "DENY"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Cache-Control"] == "no-cache"


def test_the_policy_allows_what_stands_in_the_page_and_nothing_else(page):
    policy = dict(part.split(" ", 1) for part in page.headers["Content-Security-Policy"].split("; "))
    found = {
        f"{kind}-src": f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
        for tag, kind in (("style", "style"), ("script", "script"))
        for text in re.findall(rf"<{tag}>(.*?)</{tag}>", page.text, re.DOTALL)
    }
    assert "style-src" in found
    assert {name: value for name, value in policy.items() if value != "'none'"} == {
        **found,
        **({"connect-src": "'self'"} if "script-src" in found else {}),
    }
    assert {"default-src", "base-uri", "form-action", "frame-ancestors"} <= set(policy)
    assert not re.search(r"\sstyle=|\son\w+=|javascript:", page.text)
