"""One rule, many cases: a test that tries them all and reports every one that breaks the rule."""

import functools
import inspect

import pytest


def cases(names, values):
    """As `pytest.mark.parametrize`, but one test for all values.

    Each case has a `tmp_path` and a `monkeypatch` of its own; other fixtures are shared. Every failure is reported with
    its case. Not for slow cases, which should run beside each other, nor where failures mean different things.
    """
    keys = [name.strip() for name in names.split(",")] if isinstance(names, str) else list(names)
    values = list(values)

    def decorate(test):
        parameters = inspect.signature(test).parameters

        @functools.wraps(test)
        def rule(**fixtures):
            failures = []
            for i, value in enumerate(values):
                case = {keys[0]: value} if len(keys) == 1 else dict(zip(keys, value, strict=True))
                with pytest.MonkeyPatch.context() as own:
                    try:
                        test(**case, **_of_its_own(fixtures, i, own))
                    except (Exception, pytest.fail.Exception) as error:
                        error.add_note(f"case {i}: {case}")
                        failures.append(error)
            if failures:
                raise BaseExceptionGroup(f"{len(failures)} of {len(values)} cases", failures)

        rule.__signature__ = inspect.Signature([each for name, each in parameters.items() if name not in keys])
        return rule

    return decorate


def _of_its_own(fixtures, i, monkeypatch):
    """What a case is given: fixtures that it may change are its own."""
    own = dict(fixtures)
    if "tmp_path" in own:
        own["tmp_path"] = own["tmp_path"] / str(i)
        own["tmp_path"].mkdir()
    if "monkeypatch" in own:
        own["monkeypatch"] = monkeypatch
    return own
