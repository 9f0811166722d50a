"""What happens to the files of a home: damage of every kind, drawn with a seed, to each kind of file in turn."""

import json
import os
import struct

import numpy as np

TORN = (b"", b"\xff\xfe\x00", b"{", b"[" * 100_000, b'{"a":' * 5_000, b"null", b"[]", b"0", b'"text"', b"NaN", b"{}")
VALUES = (
    None, True, -1, 0, 10**9, 2**70, 1e300, -1.5, "", "text", "\u0000", "nan", [], {}, [[]], [None], {"": {}},
    ["text"] * 3, [10**9], [-1], float("nan"), float("inf"), "../../x", "9" * 5000,
)  # fmt: skip


def places(value, path=()):
    """Every place in a JSON value, as a path of keys and positions."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value[:3]) if isinstance(value, list) else ()
    for key, each in items:
        yield from places(each, (*path, key))


def changed(value, path, new):
    """A copy of a JSON value with another one at a place; Ellipsis removes what is there."""
    if not path:
        return {} if new is ... else new
    copied = dict(value) if isinstance(value, dict) else list(value)
    if len(path) == 1 and new is ...:
        del copied[path[0]]
    else:
        copied[path[0]] = changed(copied[path[0]], path[1:], new)
    return copied


def mutated(value, rng):
    """A JSON value in which one place has another value, or none; and what was done, in words."""
    found = list(places(value))
    path = found[rng.integers(len(found))]
    choice = rng.integers(len(VALUES) + 1)
    new = ... if choice == len(VALUES) else VALUES[choice]
    return changed(value, path, new), f"{'.'.join(map(str, path))} = {str(new)[:20]}"


def damage_json(path, rng):
    """Damage a JSON file; returns what was done."""
    if rng.random() < 0.25:
        content = TORN[rng.integers(len(TORN))]
        path.write_bytes(content)
        return f"{path.name}: {content[:12]!r}"
    value, words = mutated(json.loads(path.read_text(encoding="utf-8")), rng)
    path.write_text(json.dumps(value))
    return f"{path.name}: {words}"


def damage_lines(path, rng):
    """Damage one line of a file of JSON lines."""
    lines = path.read_text(encoding="utf-8").splitlines()
    number = int(rng.integers(len(lines)))
    value, words = mutated(json.loads(lines[number]), rng)
    lines[number] = json.dumps(value) if rng.random() < 0.8 else TORN[rng.integers(1, len(TORN))].decode("latin-1")
    path.write_text("".join(f"{line}\n" for line in lines), encoding="latin-1" if rng.random() < 0.2 else "utf-8")
    return f"{path.name} line {number}: {words}"


def damage_safetensors(path, rng):
    """Damage the header of a .safetensors file, its metadata or its length, or exchange its arrays."""
    raw = path.read_bytes()
    size = struct.unpack("<Q", raw[:8])[0]
    kind = rng.integers(4)
    if kind == 0:
        end = int(rng.integers(len(raw)))
        path.write_bytes(raw[:end])
        return f"{path.name}: the first {end} bytes"
    header = json.loads(raw[8 : 8 + size])
    if kind == 1 and "__metadata__" in header:
        tags, words = mutated(header["__metadata__"], rng)
        header["__metadata__"] = {key: str(tag) for key, tag in tags.items()} if isinstance(tags, dict) else tags
        words = f"metadata {words}"
    elif kind == 2:
        names = [name for name in header if name != "__metadata__"]
        first, other = names[rng.integers(len(names))], names[rng.integers(len(names))]
        header[first], header[other] = header[other], header[first]
        words = f"{first} and {other} are exchanged"
    else:
        header, words = mutated(header, rng)
    new = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(new)) + new + raw[8 + size :])
    return f"{path.name}: {words}"


def damage_kind(path, rng):
    """Put something that is no file in a file's place."""
    path.unlink()
    kind = ("pipe", "folder", "loop", "device", "nothing")[rng.integers(5)]
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "loop":
        path.symlink_to(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    return f"{path.name}: {kind}"


def damage_array(path, rng):
    """Other values, types, lengths or bytes in a .npy file."""
    array = np.load(path)
    kind = rng.integers(6)
    if kind == 0:
        path.write_bytes(path.read_bytes()[: int(rng.integers(path.stat().st_size))])
    elif kind == 1:
        raw = bytearray(path.read_bytes())
        for at in rng.integers(6, 128, 3):
            raw[at] = rng.integers(256)
        path.write_bytes(bytes(raw))
    elif kind == 2:
        np.save(path, array[: len(array) // 2])
    elif kind == 3:
        np.save(path, array.astype([bool, np.complex64, "U4", np.int64, np.uint8][rng.integers(5)]))
    elif kind == 4:
        np.save(path, array[None])
    else:
        changed = array.astype(np.float64)
        changed.flat[rng.integers(array.size)] = [np.nan, np.inf, -1, 1e18][rng.integers(4)]
        np.save(path, changed.astype(array.dtype))
    return f"{path.name}: way {kind}"


WAYS = {".json": damage_json, ".jsonl": damage_lines, ".safetensors": damage_safetensors, ".npy": damage_array}


def damage(path, rng):
    """Damage a file as befits its kind; returns what was done."""
    if rng.random() < 0.15 or path.suffix not in WAYS:
        return damage_kind(path, rng)
    return WAYS[path.suffix](path, rng)
