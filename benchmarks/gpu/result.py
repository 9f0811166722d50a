"""What a part says: figures with their units, and whether they are as promised."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from hume.common.errors import InputError
from hume.common.files import write_atomically


@dataclass(frozen=True)
class Setup:
    """Where and at what size the parts run."""

    device: str
    small: bool = False  # digits and few seeds in place of the size of CIFAR-10


@dataclass(frozen=True)
class Result:
    """The figures of one part; right: whether they are as promised, None where nothing is."""

    figures: dict[str, str] = field(default_factory=dict)
    right: bool | None = None
    promise: str = ""


@dataclass(frozen=True)
class Report:
    """All results on one machine, kept in a JSON file."""

    path: Path
    machine: str
    setup: Setup
    results: dict[str, dict[str, Any]]  # a Result and its seconds, by the name of its part

    @classmethod
    def open(cls, path: Path, machine: str, setup: Setup) -> "Report":
        """The report in a file, or an empty one; raises InputError for that of another machine or size."""
        if not path.exists():
            return cls(path, machine, setup, {})
        kept = json.loads(path.read_text(encoding="utf-8"))
        if (kept["machine"], kept["setup"]) != (machine, asdict(setup)):
            raise InputError(f"{path} is of another machine or size: move it away, or give another --out")
        return cls(path, machine, setup, kept["parts"])

    def add(self, name: str, result: Result, seconds: float) -> None:
        """Keep a result, in the JSON file and in the table beside it."""
        self.results[name] = asdict(result) | {"seconds": round(seconds, 1)}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        kept = {"machine": self.machine, "setup": asdict(self.setup), "parts": self.results}
        write_atomically(self.path, json.dumps(kept, indent=2).encode())
        write_atomically(self.path.with_suffix(".md"), self.table().encode())

    def table(self) -> str:
        """The results as a table in Markdown."""
        lines = [self.machine, "", "| part | figure | | as promised |", "|---|---|---|---|"]
        for name, result in self.results.items():
            said = {True: "yes", False: "NO", None: ""}[result["right"]]
            promise = f"{said}: {result['promise']}" if said else ""
            for i, (figure, value) in enumerate(result["figures"].items()):
                lines.append(f"| {name if not i else ''} | {figure} | {value} | {promise if not i else ''} |")
        return "\n".join(lines) + "\n"
