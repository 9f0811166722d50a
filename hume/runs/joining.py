"""Two people's answers about the same labeling, as one review."""

from dataclasses import dataclass, replace

from hume.runs import answers_csv, review
from hume.runs.answering import Answering
from hume.runs.history import History, Step
from hume.runs.review_state import NONE, Review, Split, fold


@dataclass(frozen=True)
class Joined:
    """What an import added, and what it left as it was."""

    added: int  # answers that were new
    known: int  # answers that the run had already
    contradictions: tuple[tuple[int, int, int], ...]  # row, the class here, the class in the file: this run's is kept
    cleared: int  # answers about a class that the file splits: which part they mean is not known
    review: Review


def join(answering: Answering, content: bytes, by: str) -> Joined:
    """Add the answers of a CSV file to those of a run; where both say something else of a sample, the run's stays.

    by: whose answers they are, kept with every step. Raises InputError for a file that is no such table, is about
    another labeling, or names samples or classes that the run does not have; then nothing is added.
    """
    base = answering.keep_base()
    theirs = answers_csv.read(content, answering.run, answering.found.dataset, base.fingerprint)
    result: list[Joined] = []

    def decide(ours: Review) -> list[Step]:
        joining = _Joining(ours, theirs, base.num_classes, by)
        result[:] = [joining.run()]
        return joining.steps

    after = review.append(answering.run, decide)
    return replace(result[0], review=after)


class _Joining:
    """The steps that add to a review what only another one has; the file's numbers of added classes may differ."""

    def __init__(self, ours: Review, theirs: Review, num_found: int, by: str):
        self.ours, self.theirs, self.num_found, self.by = ours, theirs, num_found, by
        self.now, self.steps = ours, list[Step]()
        self.numbers = {k: k for k in (*range(num_found), *ours.new)}  # of the file's classes: the number here

    def run(self) -> Joined:
        splits = list(self.ours.splits)
        for step in self.theirs.steps:
            if step["kind"] == "new":
                self._new(step["class"])
            elif step["kind"] == "split":
                self._split(step["class"], step["other"], splits)
            elif step["kind"] == "merge":
                number, other = self.numbers[step["class"]], self.numbers[step["other"]]
                if not {number, other} & set(self.now.merged):
                    self._add({"kind": "merge", "class": number, "other": other})
        cleared = sum(row not in self.now.answers for row in self.ours.answers)
        for number, name in self.theirs.names.items():
            if self._here(number) not in self.now.names:
                self._add({"kind": "name", "class": self._here(number), "name": name, "before": ""})
        if self.theirs.drawn and not self.now.drawn:
            drawn = [[row, self._here(k), weight] for row, k, weight in self.theirs.drawn]
            self._add({"kind": "draw", "drawn": drawn})
        rows = {row for row, _, _ in self.now.drawn}
        audited = {row: k for row, k in self.theirs.audited.items() if row in rows}
        answers = {row: k for row, k in self.theirs.answers.items() if row not in audited}
        added, known, contradictions = self._answers("answer", answers)
        more, too, others = self._answers("audit", audited)
        return Joined(added + more, known + too, (*contradictions, *others), cleared, self.now)

    def _add(self, step: Step) -> None:
        self.steps.append({**step, "by": self.by})
        self.now = fold(History((*self.now.steps, step), self.now.version))

    def _here(self, number: int) -> int:
        """The number that a class of the file has here now."""
        return NONE if number == NONE else self.now.merged_into(self.numbers[number])

    def _new(self, number: int) -> None:
        """A class that the file adds: one of the same name or, under the same number, with a common sample is here."""
        named = {self.ours.names[k]: k for k in self.ours.new if k in self.ours.names}
        name = self.theirs.names.get(number, "")
        common = any(self.ours.answers.get(row) == number for row, k in self.theirs.answers.items() if k == number)
        if not (number in self.ours.new and common):
            self.numbers[number] = named.get(name, self.num_found + len(self.now.new))
        if self.numbers[number] not in self.now.new:
            self._add({"kind": "new", "rows": [], "class": self.numbers[number]})

    def _split(self, number: int, new: int, splits: list[Split]) -> None:
        """A class that the file splits; each of the run's own splits can be the same one once."""
        same = next((split for split in splits if split.number == self.numbers[number]), None)
        if same is not None:
            splits.remove(same)
            self.numbers[new] = same.new
            return
        self.numbers[new] = self.num_found + len(self.now.new)
        self._add({"kind": "split", "class": self.numbers[number], "other": self.numbers[new]})

    def _answers(self, kind: str, said: dict[int, int]) -> tuple[int, int, list[tuple[int, int, int]]]:
        """Add answers that are new; returns how many, how many were known, and (row, here, there) of contradictions."""
        news: dict[int, list[int]] = {}
        known, contradictions = 0, []
        given = self.now.answers | self.now.audited
        for row, number in sorted(said.items()):
            k = self._here(number)
            if row not in given:
                news.setdefault(k, []).append(row)
            elif given[row] == k:
                known += 1
            else:
                contradictions.append((row, given[row], k))
        for k, rows in news.items():
            self._add({"kind": kind, "rows": rows, "class": k})
        return sum(map(len, news.values())), known, contradictions
