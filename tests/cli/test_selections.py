"""`selections` keeps and writes them; `export --selection` takes their samples alone."""

import csv

from hume import Store
from hume.runs import selections
from tests.cli.test_answers import call, home  # noqa: F401


def test_a_selection_is_listed_written_read_again_and_exported(home, tmp_path):  # noqa: F811
    run = Store(home).open("run")
    selections.keep(run, "odd ones", [5, 3, 9], num_samples=240)
    assert ["odd", "ones", "3"] in [line.split() for line in call(home, "selections", "run")[1].splitlines()]
    code, _, err = call(home, "selections", "run", "--export", "odd ones", "--csv", tmp_path / "again.csv")
    assert (code, err) == (0, "")
    assert call(home, "selections", "run", "--import", tmp_path / "again.csv")[0] == 0
    assert selections.read(run).rows("again").tolist() == [3, 5, 9]

    code, out, err = call(home, "export", "run", tmp_path / "out", "--to", "usb", "--selection", "odd ones")
    assert code == 0, err
    assert out.startswith("3 samples, 0 set aside")
    code, out, err = call(home, "export", "run", tmp_path / "usb", "--to", "anndata", "--selection", "none")
    assert (code, out) == (2, "")
    assert "no selection 'none': choose one of the run's, 'odd ones', 'again'" in err

    assert call(home, "selections", "run", "--delete", "again")[0] == 0
    assert list(selections.read(run).by_name) == ["odd ones"]
    assert call(home, "selections", "run", "--undo")[0] == 0
    assert list(selections.read(run).by_name) == ["odd ones", "again"]
    with (tmp_path / "again.csv").open(encoding="utf-8-sig") as file:
        assert [line["file"] for line in csv.DictReader(file)] == ["3.png", "5.png", "9.png"]
