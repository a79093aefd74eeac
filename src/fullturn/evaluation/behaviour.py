"""Does the predictor still do right when a question is typed otherwise?"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

from fullturn.core.entities import Example

_NEIGHBOURS = {
    "a": "qs", "b": "vn", "c": "xv", "d": "sf", "e": "wr", "f": "dg", "g": "fh", "h": "gj",
    "i": "uo", "j": "hk", "k": "jl", "l": "k", "m": "n", "n": "bm", "o": "ip", "p": "o",
    "q": "wa", "r": "et", "s": "ad", "t": "ry", "u": "yi", "v": "cb", "w": "qe", "x": "zc",
    "y": "tu", "z": "x",
}  # fmt: skip
_FRAMES = (
    "Hi, a quick question: {}",
    "{} Thanks in advance!",
    "Could you tell me: {}",
    "Please help me with this. {}",
)


def typos(text: str, source: random.Random) -> str:
    """One typing error in every forty characters or part of it, inside words."""
    letters = list(text)
    places = [i for i in range(1, len(letters) - 1) if letters[i - 1 : i + 2] == _word(letters, i)]
    for place in sorted(source.sample(places, min(len(places), 1 + len(text) // 40)), reverse=True):
        letters[place : place + 1] = _mistake(letters[place], source)
    return "".join(letters)


def case(text: str, source: random.Random) -> str:
    """All capitals, or no capitals."""
    return text.upper() if source.random() < 0.5 else text.lower()


def paraphrase(text: str, source: random.Random) -> str:
    """The same question inside a polite frame."""
    return source.choice(_FRAMES).format(text)


PERTURBATIONS: dict[str, Callable[[str, random.Random], str]] = {
    "typos": typos,
    "case": case,
    "paraphrase": paraphrase,
}


def perturbed(examples: Sequence[Example], column: str, kind: str, seed: int) -> list[Example]:
    """The same examples with one input column rewritten; expected answers stay."""
    change = PERTURBATIONS[kind]
    return [
        replace(
            example,
            input={
                **example.input,
                column: change(str(example.input[column]), random.Random(f"{seed}:{example.id}")),
            },
        )
        for example in examples
    ]


def _word(letters: list[str], place: int) -> list[str] | None:
    around = letters[place - 1 : place + 2]
    return around if all(letter.isalpha() for letter in around) else None


def _mistake(letter: str, source: random.Random) -> list[str]:
    slip = source.choice(_NEIGHBOURS.get(letter.lower(), letter))
    return source.choice([[], [letter, letter], [slip], [slip, letter]])
