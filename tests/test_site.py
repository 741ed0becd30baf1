"""`make docs` builds, strictly, what opens from the disk and asks nothing of a server."""

import html
import inspect
import re
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path

import pytest

from initlab.shipped import CONFIGS

pytestmark = pytest.mark.skipif(find_spec("mkdocs") is None, reason="the extra docs is not installed")
FETCHED = {"script": "src", "link": "href", "img": "src", "iframe": "src", "source": "src"}


class Fetched(HTMLParser):
    """Addresses that a browser asks for by itself."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in FETCHED and given.get("rel") not in ("canonical", "prev", "next"):
            self.found.append(given.get(FETCHED[tag]) or "")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from site_pages import build

    to = tmp_path_factory.mktemp("site")
    build(to, lambda file, _: file.write_text("<p>a report page</p>"))  # else ten seconds of training
    return to


@pytest.mark.slow
def test_every_page_is_there_and_nothing_is_fetched(site: Path) -> None:
    names = ["index", "docs/quick_start", "docs/why", "docs/reports", "docs/explorer", "docs/gallery", "docs/glossary"]
    names += [f"docs/{page.stem}" for page in (CONFIGS.parent / "docs").glob("*.md")]
    assert [name for name in names if not (site / f"{name}.html").is_file()] == []
    for name in ("explorer.html", "lessons.html"):
        assert (site / "docs" / name).read_bytes() == (CONFIGS.parent / "docs" / name).read_bytes()
    for page in site.rglob("*.html"):
        assert [address for address in Fetched(page).found if re.match(r"(https?:)?//", address)] == [], page
    for style in site.rglob("*.css"):
        assert not re.search(r"(@import|url\()\s*[\"']?(https?:)?//", style.read_text("utf-8")), style


@pytest.mark.slow
def test_public_names_have_their_docstrings(site: Path) -> None:
    import initlab

    text = plain(html.unescape(re.sub(r"<[^>]+>", "", (site / "docs" / "api.html").read_text("utf-8"))))
    for name in initlab.__all__:
        said = plain(inspect.getdoc(getattr(initlab, name)) or "")
        assert len(said) > 40, name
        assert said[:40] in text, name


def plain(text: str) -> str:
    """Without marks and breaks."""
    return " ".join(re.sub(r"[`*_]", "", text).split())
