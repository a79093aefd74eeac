"""MkDocs hook that adds pages from outside docs/ to the documentation site.

The home page is the README, the handbook comes from the example, and source files that a page links
to become pages. Nothing is copied into the repository, and the site loads nothing from other hosts.
"""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
HANDBOOK = Path("src/fullturn/demo/examples/assistant/handbook")
WHOLE = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
}
LANGUAGES = {".py": "python", ".sh": "bash", ".toml": "toml", ".yaml": "yaml"}
LINK = re.compile(r"(\]\()([^)#\s]+)((?:#[^)\s]*)?\))")
GITHUB_ALERT = re.compile(r"^((?:> ?)+)\[!([A-Z]+)\]$", re.MULTILINE)
HANDBOOK_HOME = """\
# Handbook

Seventeen chapters on MLOps, with sources. The example's assistant answers from them: `fullturn ask`
in the demo project quotes these pages, and the lineage of an answer ends at one of their sections.

"""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add the chapters to the navigation."""
    [handbook] = [part["Handbook"] for part in config.nav if "Handbook" in part]
    handbook += [
        {f"{chapter.stem[:2]} {title(chapter)}": f"handbook/{chapter.name}"}
        for chapter in chapters()
    ]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages from outside docs/."""
    places = dict(WHOLE)
    places |= {str(HANDBOOK / one.name): f"handbook/{one.name}" for one in chapters()}
    for source, place in places.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, place, content=moved(text, source, place)))
    links = [f"{n}. [{title(one)}]({one.name})\n" for n, one in enumerate(chapters(), 1)]
    home = HANDBOOK_HOME + "".join(links)
    files.append(File.generated(config, "handbook/index.md", content=home))
    for source in sorted(named(config)):
        files.append(File.generated(config, f"source/{source}.md", content=shown(source)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Rewrite links that leave docs/; hide the table of contents on pages without headings."""
    if "\n## " not in markdown:
        page.meta["hide"] = ["toc"]
    if page.file.generated_by:
        return markdown
    markdown = GITHUB_ALERT.sub(lambda found: f"{found[1]}**{found[2].title()}:**", markdown)
    return moved(markdown, f"docs/{page.file.src_uri}", page.file.src_uri)


def chapters() -> list[Path]:
    """The handbook's chapters, in order."""
    return sorted((ROOT / HANDBOOK).glob("*.md"))


def title(chapter: Path) -> str:
    """The title in a chapter's first line."""
    return chapter.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ")


def named(config: MkDocsConfig) -> set[str]:
    """Source files that a page in docs/ links to."""
    found = set()
    for page in Path(config.docs_dir).rglob("*.md"):
        where = PurePosixPath("docs", page.relative_to(config.docs_dir).parent.as_posix())
        for link in LINK.finditer(page.read_text(encoding="utf-8")):
            target = os.path.normpath(where / link[2])
            if (ROOT / target).is_file() and placed(target).startswith("source/"):
                found.add(target)
    return found


def moved(text: str, source: str, place: str) -> str:
    """A file's text with its relative links adapted to its place in the site."""

    def link(found: re.Match[str]) -> str:
        target = os.path.normpath(PurePosixPath(source).parent / found[2])
        if ":" in found[2] or not (ROOT / target).exists():
            return found[0]
        there = os.path.relpath(placed(target), PurePosixPath(place).parent)
        return f"{found[1]}{there}{found[3]}"

    return LINK.sub(link, text)


def placed(source: str) -> str:
    """The place of a repository file or folder in the site."""
    if source == str(HANDBOOK):
        return "handbook/index.md"
    if source.startswith(f"{HANDBOOK}/"):
        return f"handbook/{PurePosixPath(source).name}"
    if source.startswith("docs/"):
        return source.removeprefix("docs/")
    return WHOLE.get(source, f"source/{source}.md")


def shown(source: str) -> str:
    """A source file as a page."""
    language = LANGUAGES.get(PurePosixPath(source).suffix, "text")
    return f"# {source}\n\n```{language}\n{(ROOT / source).read_text('utf-8')}\n```\n"
