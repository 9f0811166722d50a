"""The app as a browser has it: pages opened, buttons pressed, and everything read back that was sent."""

import base64
import json
from itertools import count
from pathlib import Path
from time import monotonic, sleep

import numpy as np
import pytest
from streamlit.components.v2.component_manager import BidiComponentManager
from streamlit.runtime.scriptrunner.script_cache import ScriptCache
from streamlit.testing.v1 import AppTest, local_script_runner
from streamlit.testing.v1.element_tree import Block, Dataframe
from streamlit.util import calc_hash

from hume.engine.finished_seed import FinishedSeed
from hume.lesson.plan import STEPS
from hume.reporting.maps import Map, map_key, save_map
from pages._state import services
from pages._widgets import arrays
from tests.support.planted_runs import StoppedError, create, save_folder, stop_after_the_first_seed

MAIN = Path(__file__).parents[2] / "pages" / "_main.py"
LESSON = ("learn", *(f"learn-{step.key}" for step in STEPS[1:]))
PAGES = (
    "start", "data", "search", "runs", "compare", "objective", "aggregation", "differences", "explore", "answer",
    "reliable",
)  # fmt: skip
OF_A_RUN = ("objective", "aggregation", "differences", "explore", "answer", "reliable")
DEADLINE = 600  # seconds, for a machine that has other things to do
EXAMPLES = {"classes": 4, "size": 60, "noise": 0.5}  # seeds disagree on a third of the samples
NAMES = ["owl", "jay", "wren", "tit"]  # of the true classes
_clicks = count(1)  # a gallery numbers its clicks


# As in a server, a script is compiled once and not at every look. Besides, up to Python 3.11.7 compiling while another
# thread does, or reads the head of a .npy file, may fail (github.com/python/cpython/issues/106905).
class _Scripts(ScriptCache):
    def get_bytecode(self, script_path):
        try:
            return super().get_bytecode(script_path)
        except SystemError:  # the fault named above; the next try finds the other thread done
            return super().get_bytecode(script_path)


_compiled = _Scripts()
local_script_runner.ScriptCache = lambda: _compiled
for _script in (MAIN, *MAIN.parent.glob("[a-z]*.py")):  # now, while no thread is at work
    _compiled.get_bytecode(str(_script))


# --- what there is to look at --------------------------------------------------------------------


def finished(store, dataset, name, **options):
    """A run that was searched to its end."""
    run = create(store, dataset, name, **{"num_classes": 4, "seeds": (7, 2, 5, 0, 3), **options})
    run.execute()
    return run


def interrupted(store, dataset, name, **options):
    """A run that was stopped when its first seeds had ended."""
    run = create(store, dataset, name, **{"num_classes": 4, "seeds": range(6), **options})
    with pytest.raises(StoppedError):
        run.execute(on_step=stop_after_the_first_seed)
    assert 0 < len(run.finished_seeds) < 6
    return run


def endless(store, dataset, name):
    """A run that ends only when it is told to."""
    return create(store, dataset, name, num_classes=4, seeds=range(2), num_iterations=10**6, patience=None)


def given(store, dataset, name, labelings, num_classes=4):
    """A finished run whose seeds found these labelings (S, N)."""
    run = create(store, dataset, name, num_classes=num_classes, seeds=range(len(labelings)))
    prototypes = np.eye(num_classes, dataset.space("phi1").features.shape[1], dtype=np.float32)
    nothing = np.zeros(1, np.float32)
    for seed, labeling in enumerate(labelings):
        run.write_seed(FinishedSeed(seed, prototypes, nothing, nothing, True), labeling.astype(np.int32), 0.0)
    run.execute(search=False)
    return run


def quick(store, dataset, name):
    """A finished run that was not searched for long."""
    return given(store, dataset, name, [dataset.labels, dataset.labels])


def birds(store, name="birds", **options):
    """A dataset of the home folder with named classes, and its maps."""
    dataset = save_folder(store.home / "datasets" / name, **{"names": NAMES, **EXAMPLES, **options})
    save_maps(store, dataset)
    return dataset


def save_maps(store, dataset):
    """The maps of both spaces and of the two together, where the app looks for them; UMAP would take its time."""
    phi1, phi2 = dataset.spaces.values()
    rows = np.arange(dataset.num_samples)
    made = Map(rows=rows, positions=np.array(phi1.features[:, :2], np.float32), num_samples=len(rows))
    for key in (map_key(phi1), map_key(phi2), map_key(phi1, phi2)):
        save_map(store.home / "maps" / f"{key}.safetensors", made)


# --- a reader's tab --------------------------------------------------------------------------------


def look(page="start", **query):
    """Open a page by its link in a new tab."""
    at = AppTest.from_file(MAIN, default_timeout=DEADLINE)
    at._bidi_component_manager = BidiComponentManager()  # else every tab looks through all installed packages
    at.query_params.update(query)
    return go(at, page)


def go(at, page):
    """Turn to a page by the navigation."""
    if page.startswith("learn"):  # steps of the lesson are functions, which AppTest cannot name
        at._page_hash = calc_hash(page)
        return rerun(at)
    return rerun(at.switch_page(f"{page}.py"))


def rerun(at):
    """Draw the page again, with what was typed and pressed; nothing may go wrong."""
    return whole(at.run())


def whole(at):
    assert [str(error.message) for error in at.exception] == []
    return at


def press(at, key):
    return rerun(at.button(key=key).click())


def mark(at, key, points):
    """Select points of a plot by their sample or seed numbers, as a click or a lasso does."""
    return _send(at, _element(at, "plotly_chart", key).proto.id, {"points": [{"customdata": p} for p in points]})


def circle(at, key, rows):
    """Select samples on a map by a lasso."""
    return _trigger(at, key, "done", {"select": {"rows": rows}})


def pick(at, key, row):
    """Click on a sample of a map."""
    return _trigger(at, key, "done", {"open": row})


def tick(at, key, rows):
    """Select rows of a table."""
    table = next(table for table in at.dataframe if _name(table) == key)
    return _send(at, table.proto.id, {"rows": rows, "columns": [], "cells": []})


def _send(at, element, selection):
    states = at._tree.get_widget_states()
    state = states.widgets.add()
    state.id, state.string_value = element, json.dumps({"selection": selection})
    return whole(at._run(states))


def click(at, key, row):
    """Click on a sample of a gallery."""
    return _trigger(at, key, "clicked", {"row": row})


def type_on(at, key, row, pressed):
    """Press a key on a sample of a gallery."""
    return _trigger(at, key, "clicked", {"row": row, "key": pressed})


def key(at, component, row, pressed):
    """Press a key on a sample of a gallery, or with no row, anywhere on the page."""
    if row is None:
        return _trigger(at, component, "pressed", {"key": pressed})
    return _trigger(at, component, "clicked", {"row": row, "key": pressed})


def sort_into(at, row, group):
    """Put a picture of the lesson's first step into a group, or with −1 back."""
    return _trigger(at, "lesson bins", "moved", {"row": row, "bin": group})


def _trigger(at, key, event, value):
    """Send what a component's script sends; AppTest runs no script itself."""
    states = at._tree.get_widget_states()
    trigger = states.widgets.add()
    trigger.id = f"$$STREAMLIT_INTERNAL_KEY_{_element(at, 'bidi_component', key).proto.id}__events"
    trigger.json_trigger_value = json.dumps([{"event": event, "value": {**value, "n": next(_clicks)}}])
    return whole(at._run(states))


def _element(at, kind, key):
    return next(each for each in at.get(kind) if each.key == key)


def until(condition):
    """Wait for something that another thread does."""
    end = monotonic() + DEADLINE
    while not condition():
        assert monotonic() < end, "it did not happen"
        sleep(0.01)


def ended(name):
    """Wait until the queue is done with a run; returns how it ended."""
    jobs = services.services().jobs
    until(lambda: not jobs.status(name).under_way)
    return jobs.status(name).state


# --- what a page holds ---------------------------------------------------------------------------


def says(text, *parts):
    """Whether a sentence has all these numbers and words, whatever it is set in."""
    for fancy, simple in (("\u00a0", ""), (" %", "%"), ("−", "-"), ("*", "")):
        text = text.replace(fancy, simple)
    missing = [part for part in parts if part not in text]
    assert missing == [], text
    return True


def component(at, key):
    """What one of the project's components is sent."""
    return json.loads(_element(at, "bidi_component", key).proto.json)


def tiles(at, key):
    """The samples of a gallery: row, caption and mark of each."""
    return component(at, key)["tiles"]


def drawn(at, key, panel=0):
    """The samples of a map with what each is coloured by: the name of a class, else a number."""
    data = component(at, key)
    rows, colour = data["panels"][panel]["rows"], data["colours"][min(panel, len(data["colours"]) - 1)]
    rows = range(data["samples"]) if rows is None else arrays.offered(rows["key"]).tolist()
    if colour["kind"] == "values":
        values = arrays.offered(colour["values"]["key"])
        return {row: float(values[row]) for row in rows}
    codes = arrays.offered(colour["codes"]["key"])
    return {row: dict(enumerate(colour["names"])).get(int(codes[row])) for row in rows}


def galleries(at):
    """The keys of all galleries of the page."""
    return [each.key for each in at.get("bidi_component") if "tiles" in component(at, each.key)]


def tables(at):
    """Every table of the page as a data frame."""
    return {_name(table): table.value for table in at.dataframe}


def _name(table):
    """The key of a table without the part that changes with what it lists."""
    return (table.key or "").split(" #")[0]


def figures(at):
    """The plots of the page by their keys, as Plotly's JSON with arrays as lists."""
    return {each.key: _decoded(json.loads(each.proto.spec)) for each in at.get("plotly_chart")}


def _decoded(value):
    """Plotly sends arrays of numbers as base64."""
    if isinstance(value, dict):
        if set(value) >= {"dtype", "bdata"}:
            return np.frombuffer(base64.b64decode(value["bdata"]), value["dtype"]).tolist()
        return {key: _decoded(item) for key, item in value.items()}
    return [_decoded(item) for item in value] if isinstance(value, list) else value


def words(at):
    """Every text that the browser gets, wherever on the page it stands."""
    return [text for node in _nodes(at._tree) if getattr(node, "proto", None) is not None for text in _texts(node)]


def _texts(node):
    if node.type == "bidi_component":
        return [node.proto.json]  # the script beside it is the same everywhere
    if node.type == "plotly_chart":
        return [node.proto.alt, *(leaf for leaf in _leaves(json.loads(node.proto.spec)) if isinstance(leaf, str))]
    if isinstance(node, Dataframe):
        return [*map(str, node.value.columns), *map(str, node.value.to_numpy().ravel())]
    return list(_strings(node.proto))


def markdown(at):
    """The texts of the page in which a browser looks for Markdown: all but what plots, tables and fields hold."""
    plain = ("plotly_chart", "bidi_component", "dataframe", "text_input", "selectbox", "multiselect", "button_group")
    nodes = [node for node in _nodes(at._tree) if getattr(node, "proto", None) is not None]
    texts = [text for node in nodes if node.type not in plain for text in _strings(node.proto)]
    return [text for text in texts if not text.startswith("$$ID-")]


def numbers(at):
    """Every number that the plots, maps and tables of the page hold."""
    found = [leaf for figure in figures(at).values() for leaf in _leaves(figure) if isinstance(leaf, float)]
    for each in at.get("bidi_component"):
        for colour in component(at, each.key).get("colours", []):
            found += arrays.offered(colour["values"]["key"]).tolist() if "values" in colour else []
    for frame in tables(at).values():
        found += [value for value in frame.to_numpy().ravel() if isinstance(value, float)]
    return np.unique(np.array(found, float))


def _nodes(node):
    yield node
    if isinstance(node, Block):
        for child in node.children.values():
            yield from _nodes(child)


def _strings(message):
    for descriptor, value in message.ListFields():
        many = descriptor.is_repeated if hasattr(descriptor, "is_repeated") else descriptor.label == 3
        for item in value if many else [value]:
            if isinstance(item, str) and descriptor.name != "query_param_key":  # it is part of the address
                yield item
            elif hasattr(item, "ListFields"):
                yield from _strings(item)


def _leaves(value):
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _leaves(item)
    else:
        yield value
