"""Quoted text stays text: no link, image, mention, tag, cell or block comes of it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from fullturn.core.wording import code, first_line, plain, prose

NASTY = {
    "link": "[a](http://example.org)",
    "reference": "[a]: http://example.org",
    "image": "![a](http://example.org/x.png)",
    "tag": "<script>alert(1)</script><img src=x onerror=y>",
    "comment": "<!-- fullturn-report -->",
    "entity": "&lt;b&gt; &amp;",
    "cell": "a | b \\| c \\\\| d",
    "fence": "``` \n```sh\nrm -rf\n```",
    "heading": "# Passed",
    "numbers": "1. one",
    "quote": "> [!NOTE]",
    "alert": "[!CAUTION] all is lost",
    "emphasis": "**bold** __bold__ ~~gone~~ _it_ *it*",
    "mathematics": "$x$ $$y$$",
    "code": "see `fullturn runs`, or `half",
    "rule": "---",
    "setext": "===",
}
ALIVE = {
    "mention": ("@ada and @org/team", r"@\w"),
    "issue": ("#12, org/name#7", r"#\d"),
    "old issue": ("GH-3", r"(?i)gh-\d"),
    "address": ("https://example.org and HTTP://example.org", r"://"),
    "www": ("www.example.org", r"www\."),
    "mail": ("ada@example.org", r"@\w"),
}


def rendered(source: str) -> str:
    return MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(source)


@pytest.mark.parametrize("mark", [prose, code])
@pytest.mark.parametrize("text", NASTY.values(), ids=NASTY)
@pytest.mark.parametrize(
    "where", ["{}", "- {}", "> {}", "said {}", "| a | b |\n|---|---|\n| {} | x |"]
)
def test_nasty_text_is_shown_as_it_is(text: str, where: str, mark) -> None:
    html = rendered(where.format(mark(text)))
    sound = rendered(where.format("word"))
    tags = [tag for tag in re.findall(r"<[a-z]+[0-9]?", html) if tag != "<code"]
    assert tags == re.findall(r"<[a-z]+[0-9]?", sound)
    said = re.sub(r"<[^>]+>", "", html)
    for symbol, entity in (("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("&", "&amp;")):
        said = said.replace(entity, symbol)
    assert "".join(plain(text).split()).replace("`", "") in "".join(
        said.replace("\u200b", "").split()
    ).replace("`", "")


@pytest.mark.parametrize(("text", "pattern"), ALIVE.values(), ids=ALIVE)
def test_what_github_would_make_a_link_is_broken_up(text: str, pattern: str) -> None:
    assert re.search(pattern, text) and not re.search(pattern, prose(text))


def test_invisible_and_turning_characters_are_dropped() -> None:
    assert plain("a\x00b\x1b[31m\u202ec\u2066d\u200be\ufeff\ue000\ud800") == "ab[31mcde"
    assert plain("one\ntwo\u2028three\r\n\tfour") == "one two three four"
    assert plain("ن\u200cن 👩\u200d🔬") == "ن\u200cن 👩\u200d🔬"


@given(text=st.text(max_size=400), most=st.integers(10, 120))
def test_whatever_comes_fits_and_is_one_paragraph_without_links(text: str, most: int) -> None:
    for mark in (prose, code):
        found = mark(text, most)
        assert len(found) <= most and "\n" not in found
        html = rendered(f"says {found}")
        assert html.count("<p>") == 1 and "<a " not in html and "<img" not in html


@given(text=st.text(alphabet="a|\\` [](){}<>*_~", max_size=30))
def test_no_text_ends_its_cell(text: str) -> None:
    for mark in (prose, code):
        row = f"| a | b | c |\n|---|---|---|\n| {mark(text)} | y | z |"
        cells = re.findall(r"<td>(.*?)</td>", rendered(row))
        assert cells[1:] == ["y", "z"], cells


def test_a_cut_is_marked() -> None:
    assert prose("word " * 100, 20) == "word word word word…"
    assert code("x" * 100, 10) == "`xxxxxxx…`"


@pytest.mark.parametrize(
    ("error", "line"),
    [(OSError("no file\nno hope"), "no file"), (ValueError(), "ValueError"), (OSError("a"), "a")],
)
def test_the_first_line_of_an_error_says_it(error: Exception, line: str) -> None:
    assert first_line(error) == line
