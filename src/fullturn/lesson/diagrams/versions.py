"""The rule of versions: what is kept where, and how one id leads everywhere."""

from __future__ import annotations

from fullturn.lesson.diagrams.svg import AGAIN, DATA, DEPLOY, DIM, TRAIN, WATCH, Drawing

LANES = (
    ("Code", "Git", "commit", TRAIN),
    ("Data", "dataset version", "content digest", DATA),
    ("Prompt", "prompt version", "registry", WATCH),
    ("Environment", "lock with hashes", "digest", AGAIN),
)


def versions(commit: str, data: str, run: str, version: str) -> Drawing:
    """Four things with versions of their own meet in a run; it makes a model version."""
    drawing = Drawing(
        1152, 400, "What has a version, and where it is kept",
        "Code is kept in Git. Data, prompts and the environment have versions of their own, by "
        "digest. A run names all four. What passes the gate becomes a model version; the alias "
        "champion points at one of them.",
    )  # fmt: skip
    ids = {"Code": commit, "Data": data}
    for place, (name, kept, by, colour) in enumerate(LANES):
        y = 2 + place * 102
        drawing.box((0, y), (430, 84), [(name, "name"), (f"{kept} · {ids.get(name, by)}", "code")],
                    edge=colour)  # fmt: skip
        drawing.line([(430, y + 42), (536, 150 + place * 34)], stroke=DIM, arrow=True)
    drawing.box((540, 120), (190, 164), [("run", "name"), (run, "code")], edge=DEPLOY)
    drawing.line([(730, 202), (826, 202)], stroke=DIM, arrow=True)
    drawing.text((778, 186), "gate", size=24)
    drawing.box((830, 120), (322, 164), [("model version", "name"), (version, "say"),
                                         ("alias champion", "code")], edge=AGAIN)  # fmt: skip
    drawing.text((846, 356), "the alias moves; versions never change", size=24, fill=DIM)
    return drawing
