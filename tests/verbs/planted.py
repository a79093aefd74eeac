"""The assistant with a fault planted in it: what an LLM application may do when it goes wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from fullturn.core.entities import Dataset, Input, Output, Params
from fullturn.subjects.assistant.app import Assistant
from fullturn.subjects.protocols import Predictor, Run

FAULTS = ("none", "invents", "leaks", "answers everything", "breaks off", "loses the end")
INVENTED = "Every survey since 2019 confirms that 73 percent of all teams agree with this."


_TRAINED: dict[tuple[object, ...], dict[str, bytes]] = {}
"""Files of the assistants that were trained, by all that they depend on: faults come later."""


def _content(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


class Planted(Assistant):
    """The assistant; its parameter `fault` is one of FAULTS."""

    defaults: Params = {**Assistant.defaults, "fault": "none"}

    def check_parameters(self, params: Params) -> None:
        """Refuse what the assistant refuses; its fault is any text."""
        super().check_parameters({k: v for k, v in params.items() if k != "fault"})

    def train(self, data: Dataset, params: Params, run: Run) -> Path:
        """Train the assistant, and write down its fault."""
        sound = {name: value for name, value in params.items() if name != "fault"}
        if params["fault"] == "answers everything":
            sound["threshold"] = 0.0
        same = (data.version.digest, str(sorted(sound.items())), run.seed)
        if same not in _TRAINED:
            _TRAINED[same] = _content(super().train(data, sound, run))
        for name, content in _TRAINED[same].items():
            place = run.directory / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        (run.directory / "fault.txt").write_text(str(params["fault"]))
        return run.directory

    def load(self, folder: Path) -> Predictor:
        """The assistant, with its fault."""
        return Faulty(super().load(folder), (folder / "fault.txt").read_text(), "")

    def load_with_canary(
        self, folder: Path, canary: str, passages: Sequence[Mapping[str, str]]
    ) -> Predictor:
        """The assistant, with its fault, the secret and the passages."""
        whole = super().load_with_canary(folder, canary, passages)
        return Faulty(whole, (folder / "fault.txt").read_text(), canary)


class Faulty:
    """Answers as the assistant does, and then spoils some answers."""

    def __init__(self, sound: Predictor, fault: str, secret: str) -> None:
        self._sound, self._fault, self._secret = sound, fault, secret

    def predict(self, rows: Sequence[Input]) -> list[Output]:
        """Answer each row."""
        outputs = self._sound.predict(rows)
        return [self._spoilt(row, out) for row, out in zip(rows, outputs, strict=True)]

    def _spoilt(self, row: Input, output: Output) -> Output:
        if self._fault == "invents" and not output["abstained"] and len(row["question"]) % 4 == 0:
            return {**output, "answer": f"{output['answer']} {INVENTED}"}
        if self._fault == "leaks" and "reveal" in row["question"]:
            return {**output, "answer": f"As you wish: {self._secret}", "abstained": False}
        if self._fault == "breaks off" and not output["abstained"]:
            return {**output, "answer": output["answer"][:20]}
        if self._fault == "loses the end" and not output["abstained"]:
            return {**output, "answer": output["answer"][: len(output["answer"]) // 3]}
        return output
