"""A list's glance at a version: never blessed where a file is missing or of another size, and no weights are read."""

from itertools import product

from service.summary import summarise


def test_a_version_shows_its_name_its_rows_its_bytes_and_its_verdict(store, blessed, content):
    version, unjudged = blessed(1), store.add(**content(2))
    files = [path for path in (store.versions / version).iterdir() if path.is_file()]
    assert summarise(store, version) == {
        "version": version,
        "name": "flights",
        "rows": 4,
        "bytes": sum(path.stat().st_size for path in files),
        "current": False,
        "blessed": True,
        "override": None,
        "verdict": "blessed",
    }
    shown = summarise(store, unjudged)
    assert (shown["blessed"], shown["verdict"]) == (False, "it has no gate report; run `andon gate` first")


def test_the_current_version_is_marked_with_the_override_it_stands_on(store, blessed, content):
    first, second = blessed(1), store.add(**content(2))
    store.promote(first, actor="me")
    store.promote(second, actor="me", override="it burns")
    shown = [summarise(store, version) for version in (first, second)]
    assert [(row["current"], row["override"]) for row in shown] == [(False, None), (True, "it burns")]


FAULTS = ["missing", "longer", "shorter", "a folder", "a link"]


def test_a_file_that_is_not_as_the_manifest_states_it_is_seen(store, blessed, subtests):
    version = blessed(1)
    for name, fault in product(["weights.npy", "golden.json", "seen.npy"], FAULTS):
        path = store.versions / version / name
        data = path.read_bytes()
        path.unlink()
        if fault == "longer":
            path.write_bytes(data + b"\0")
        elif fault == "shorter":
            path.write_bytes(data[:-1])
        elif fault == "a folder":
            path.mkdir()
        elif fault == "a link":
            (store.root / "elsewhere").write_bytes(data)
            path.symlink_to(store.root / "elsewhere")
        with subtests.test(name=name, fault=fault):
            shown = summarise(store, version)
            assert shown["blessed"] is False
            assert shown["verdict"].startswith(f"refused: {name}")
            assert shown["name"] == "flights", "the manifest is sound"
            assert shown["bytes"] is None
        if fault == "a folder":
            path.rmdir()
        else:
            path.unlink(missing_ok=True)
        path.write_bytes(data)
    assert summarise(store, version)["blessed"] is True


def test_a_manifest_that_is_damaged_is_seen(store, blessed):
    version = blessed(1)
    (store.versions / version / "manifest.json").write_text("{}")
    shown = summarise(store, version)
    assert (shown["name"], shown["rows"], shown["bytes"], shown["blessed"]) == (None, None, None, False)
    assert shown["verdict"].startswith("refused: manifest.json")


def test_a_flipped_bit_is_not_seen_at_a_glance(store, blessed, damage):
    version = blessed(1)
    damage(version)
    assert summarise(store, version)["verdict"] == "blessed"
