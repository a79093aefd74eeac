"""Check a built site without a network.

usage: links.py FOLDER

Every internal link and anchor must resolve, every image and file must exist, and no page or style
sheet may load a script, style, font or picture from another host. Links to other hosts are counted
but not followed.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

LOADED = {
    ("audio", "src"), ("embed", "src"), ("iframe", "src"), ("image", "href"), ("img", "src"),
    ("object", "data"), ("script", "src"), ("source", "src"), ("use", "href"), ("video", "src"),
}  # fmt: skip
"""Attributes whose targets a browser fetches automatically."""
FETCHING = {"stylesheet", "icon", "preload", "preconnect", "prefetch", "dns-prefetch", "manifest"}
"""Kinds of <link> that a browser fetches as well."""
IN_STYLE = re.compile(r"""(?:url\(\s*|@import\s+)["']?([^"')\s]+)""")
SCHEMES = ("data", "mailto", "javascript", "blob")


@dataclass
class Page(HTMLParser):
    """What a page names, links to and loads."""

    text: str
    names: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.names |= {found[name] for name in ("id", "name") if name in found}
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        if tag == "link" and FETCHING & set(found.get("rel", "").split()):
            self.loads.append(found["href"])
        self.loads += [found[name] for of, name in LOADED if of == tag and name in found]
        self.loads += [
            part.split()[0] for part in found.get("srcset", "").split(",") if part.strip()
        ]
        self.loads += IN_STYLE.findall(found.get("style", ""))


@dataclass
class Site:
    """A built site in a folder."""

    folder: Path
    others: Counter[str] = field(default_factory=Counter)

    @cached_property
    def pages(self) -> dict[Path, Page]:
        """Every page, by its file."""
        files = self.folder.rglob("*.html")
        return {file.resolve(): Page(file.read_text(encoding="utf-8")) for file in files}

    def faults(self) -> Iterator[str]:
        """What is wrong, a sentence each."""
        for file, page in sorted(self.pages.items()):
            for link in page.links:
                yield from self._link(file, link)
            for load in page.loads:
                yield from self._load(file, load)
        for style in sorted(self.folder.resolve().rglob("*.css")):
            for load in IN_STYLE.findall(style.read_text(encoding="utf-8")):
                yield from self._load(style, load)

    def _link(self, file: Path, link: str) -> Iterator[str]:
        parts = urlsplit(link)
        if parts.netloc:
            self.others[parts.netloc] += 1
        elif parts.scheme not in SCHEMES:
            yield from self._inside(file, link)

    def _load(self, file: Path, load: str) -> Iterator[str]:
        parts = urlsplit(load)
        if parts.netloc:
            yield f"{self._short(file)} loads {load}"
        elif parts.scheme not in SCHEMES and not load.startswith("#"):
            yield from self._inside(file, load)

    def _inside(self, file: Path, link: str) -> Iterator[str]:
        path, anchor = urldefrag(link)
        target = self._target(file, unquote(urlsplit(path).path))
        if not target.is_file() or not target.is_relative_to(self.folder.resolve()):
            yield f"{self._short(file)} names {link}, which is not there"
        elif anchor and target in self.pages and unquote(anchor) not in self.pages[target].names:
            yield f"{self._short(file)} names {link}, which has no such anchor"

    def _target(self, file: Path, path: str) -> Path:
        if not path:
            return file
        base = self.folder.resolve() if path.startswith("/") else file.parent
        target = (base / path.lstrip("/")).resolve()
        return target / "index.html" if target.is_dir() else target

    def _short(self, file: Path) -> Path:
        return file.relative_to(self.folder.resolve())


def main() -> int:
    site = Site(Path(sys.argv[1]))
    faults = list(site.faults())
    for fault in faults:
        print(fault)
    counts = ", ".join(f"{host} {count}" for host, count in site.others.most_common())
    links = sum(len(page.links) for page in site.pages.values())
    print(f"{len(site.pages)} pages, {links} links, {len(faults)} faults; other hosts: {counts}")
    return int(bool(faults) or not site.pages)


if __name__ == "__main__":
    sys.exit(main())
