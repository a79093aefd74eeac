"""How many packages an installation of this tree has, and how large they are.

    python scripts/install_size.py [EXTRA …]

uv makes two clean environments from the package index: one with fullturn's wheel (and extras), one
with MLflow alone, of the version range that fullturn asks for. Counted are distributions, fullturn
among them, and the bytes of all files in site-packages, without compiled ones (uv makes none), in
MB of 1,000,000 bytes. Our part are the distributions that the second environment does not have, and
the difference of the sizes.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
UV = str(Path(sys.executable).parent / "uv")


def main() -> None:
    extras = f"[{','.join(sys.argv[1:])}]" if sys.argv[1:] else ""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    mlflow = next(one for one in project["dependencies"] if one.startswith("mlflow"))
    with tempfile.TemporaryDirectory() as place:
        build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", place]
        subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
        [wheel] = Path(place).glob("*.whl")
        whole = _installed(Path(place) / "whole", f"{wheel}{extras}")
        alone = _installed(Path(place) / "alone", mlflow)
    ours = whole.keys() - alone.keys()
    print(f"fullturn{extras}: {len(whole)} packages, {sum(whole.values()) / 1e6:.0f} MB")
    print(f"  MLflow alone: {len(alone)} packages, {sum(alone.values()) / 1e6:.0f} MB")
    rest = sum(whole.values()) - sum(alone.values())
    print(f"  our part:     {len(ours)} packages, {rest / 1e6:.0f} MB, the largest:")
    for name in sorted(ours, key=lambda one: -whole[one])[:10]:
        print(f"    {name:<24}{whole[name] / 1e6:>8.1f} MB")


def _installed(folder: Path, requirement: str) -> dict[str, int]:
    """The bytes of each distribution in a new environment with a requirement."""
    subprocess.run([UV, "venv", "--quiet", str(folder)], check=True)
    words = [UV, "pip", "install", "--quiet", "--python", str(folder), requirement]
    subprocess.run(words, check=True)
    [packages] = folder.glob("lib/python*/site-packages")
    return {
        record.parent.name.partition("-")[0]: _size(packages, record)
        for record in packages.glob("*.dist-info/RECORD")
    }


def _size(packages: Path, record: Path) -> int:
    paths = (line.rpartition(",")[0].rpartition(",")[0] for line in record.open(encoding="utf-8"))
    files = (packages / path.strip('"') for path in paths)
    return sum(file.stat().st_size for file in files if file.is_file() and file.suffix != ".pyc")


if __name__ == "__main__":
    main()
