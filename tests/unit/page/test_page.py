"""The page of a gate's report: all of the report is on it, can be read, and does no harm."""

import copy
import math
import re
from functools import cache
from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import pytest
from gate_reports import HOSTILE, REPORTS, failed, passed
from html_tree import Element, read, value_of

from service.gates import Bound, Check, Report
from service.page import render
from service.page.report import show_slices
from service.page.words import bound_signs, metric_words, number


@cache
def page_of(name):
    return render(copy.deepcopy(REPORTS[name]()))


@cache
def tree_of(name):
    return read(page_of(name))


def rows_of(page):
    """The rows of the table of checks, as texts by column."""
    table = page.one("table", class_="checks")
    titles = [head.text for head in table.one("thead").all("th")]
    heads = list(table.one("thead").all("tr"))
    found = []
    for row in table.all("tr"):
        cells = [cell.text for cell in row.content if isinstance(cell, Element)]
        if len(cells) == len(titles) and row not in heads:
            found.append(dict(zip(titles, cells, strict=True)))
    return found


# What every page is


def test_the_page_is_well_formed(subtests):
    for name in REPORTS:
        with subtests.test(report=name):
            page = tree_of(name)
            assert [element.tag for element in page.content if isinstance(element, Element)] == ["html"]
            assert page.one("main").one("h1").text.startswith("Gate report")


def test_every_picture_is_xml_and_says_what_it_shows_or_hides_from_those_who_can_not_see_it(subtests):
    for name in REPORTS:
        with subtests.test(report=name):
            pictures = re.findall("<svg.*?</svg>", page_of(name), re.DOTALL)
            assert pictures
            for picture in pictures:
                svg = ElementTree.fromstring(picture)
                if svg.get("aria-hidden") != "true":
                    assert svg.get("role") == "img"
                    assert svg.findtext("title").strip()
                for element in svg.iter():
                    for attribute in ("x", "y", "cx", "cy", "r", "width", "height"):
                        assert math.isfinite(float(element.get(attribute, 0)))
                    assert "nan" not in element.get("d", "")


def test_the_page_loads_nothing_and_runs_nothing(subtests):
    for name in REPORTS:
        with subtests.test(report=name):
            page = tree_of(name)
            elements = list(page.all())
            loading = {"script", "img", "link", "iframe", "object", "embed", "base", "form"}
            assert not loading & {each.tag for each in elements}
            for element in elements:
                for attribute, value in element.attributes.items():
                    assert not attribute.startswith("on") and attribute not in ("src", "srcset", "action", "data")
                    assert attribute != "href" or value.startswith("#")
            assert set(re.findall(r"url\([^)]*\)|@import", page_of(name))) <= {"url(#hatch)"}
            policy = page.one("meta", **{"http-equiv": "Content-Security-Policy"}).attributes["content"]
            assert policy == "default-src 'none'; style-src 'unsafe-inline'"


def test_every_link_and_picture_part_has_its_target_and_no_id_is_there_twice(subtests):
    for name in REPORTS:
        with subtests.test(report=name):
            elements = list(tree_of(name).all())
            ids = [element.attributes["id"] for element in elements if "id" in element.attributes]
            assert len(set(ids)) == len(ids)
            assert {element.attributes["href"][1:] for element in elements if "href" in element.attributes} <= set(ids)


def test_the_same_report_gives_the_same_page_of_valid_utf_8_and_is_not_changed_by_it(subtests):
    for name in REPORTS:
        with subtests.test(report=name):
            report = copy.deepcopy(REPORTS[name]())
            assert render(report) == page_of(name)
            assert report == REPORTS[name]()
            assert page_of(name).encode().decode() == page_of(name)


def test_every_table_has_a_caption_and_every_head_a_scope(subtests):
    for name in REPORTS:
        with subtests.test(report=name):
            page = tree_of(name)
            for table in page.all("table"):
                assert table.one("caption").text
                assert all(head.attributes.get("scope") in ("col", "row", "rowgroup") for head in table.all("th"))


def test_headings_go_down_one_level_at_a_time(subtests):
    for name in REPORTS:
        with subtests.test(report=name):
            levels = [int(each.tag[1]) for each in tree_of(name).all() if re.fullmatch("h[1-6]", each.tag)]
            assert levels[0] == 1 and all(after - before <= 1 for before, after in pairwise(levels))


@cache
def short():
    """A report that passed, with a check of every gate and a few slices and bins."""
    whole = passed()
    checks = list({each["gate"]: each for each in whole["checks"]}.values())
    calibration = {side: bins[::5] for side, bins in whole["calibration"].items()}
    return {**whole, "checks": checks, "slices": whole["slices"][3:6], "calibration": calibration}


def test_what_a_report_lacks_is_not_missed(subtests):
    whole = short()
    for key in whole:
        with subtests.test(key=key):
            read(render({other: value for other, value in whole.items() if other != key}))
            if key not in ("first_release", "allow_overlap", "passed"):
                read(render({**whole, key: None if key != "events" else []}))
    assert "Nothing was checked" in read(render({})).text


def test_a_page_is_made_of_what_the_gate_writes():
    bound = Bound(low=0.655)
    checks = [
        Check(gate="value", metric="auc", bound=bound, value=0.6945, rows=65_454),
        Check(gate="change", metric="auc change", bound=Bound(low=-0.005), value=0.004, interval=(0.001, 0.007)),
    ]
    report = Report(
        version="3f" * 16,
        name="flights",
        baseline="9c" * 16,
        first_release=False,
        contract={"name": "gate.toml", "sha256": "5b" * 32},
        rows=65_454,
        left_out=0,
        allow_overlap=False,
        events=[{"sha256": "a7" * 32, "bytes": 3_211_264}],
        checks=checks,
        shown={"metrics": {"candidate": {"auc": 0.6945}, "baseline": {"auc": 0.6905}}, "calibration": {}, "slices": []},
    )
    page = read(render(report.to_document()))
    for text in ("3f" * 16, "9c" * 16, "5b" * 32, "a7" * 32, "65,454", "3.21 MB", "0.69450", "0.69050", "+0.00400"):
        assert text in page.text
    assert page.one(class_="verdict").text == "Blessed All 2 checks passed."


# The verdict


def counted(report):
    """How many checks of a report failed, were waived and passed."""
    failed = sum(not each["passed"] for each in report["checks"])
    waived = sum(bool(each["waived"]) for each in report["checks"])
    return failed, waived, len(report["checks"]) - failed - waived


def test_the_verdict_is_said_in_words_shape_and_colour(subtests):
    for name in REPORTS:
        with subtests.test(report=name):
            page = tree_of(name)
            failed, waived, passed = counted(REPORTS[name]())
            if failed:
                verdict = f"The line stops here {failed} of {failed + waived + passed} checks failed."
            else:
                counts = f"{passed} checks passed, {waived} waived." if waived else f"All {passed} checks passed."
                verdict = f"Blessed {counts}"
            badge = page.one("div", class_="verdict")
            blessed = not failed
            assert badge.text == verdict
            assert ("pass" in badge.attributes["class"]) is blessed
            assert badge.one("use").attributes["href"] == ("#pass" if blessed else "#fail")
            assert ("blessed" if blessed else "the line stops here") in next(page.all("title")).text


def verdict_of(report):
    return read(render(report)).one(class_="verdict").text


def test_only_a_report_that_says_passed_is_blessed():
    assert "Blessed" in verdict_of(short())
    for told in (False, None, 1, "yes"):
        assert "The line stops here" in verdict_of({**short(), "passed": told}), told


def test_a_failed_check_is_not_talked_away_by_a_report_that_says_passed():
    *checks, last = short()["checks"]
    report = {**short(), "checks": [*checks, {**last, "passed": False}]}
    assert verdict_of(report).startswith("The line stops here 1 of ")


def test_what_failed_comes_first_and_of_that_what_is_wrong_with_all_rows():
    report, page = failed(), tree_of("failed")
    assert [head.text for head in page.all("h2")][:2] == ["What failed", "What was waived"]
    found = [item for findings in page.all("ul", class_="findings") for item in findings.all("li", class_="fail")]
    wrong = [each for each in report["checks"] if not each["passed"]]
    ordered = [each for each in wrong if not each["slice"]] + [each for each in wrong if each["slice"]]
    assert len(found) == len(ordered) == counted(report)[0] > 5
    for item, each in zip(found, ordered, strict=True):
        assert metric_words(each["metric"]) in item.text and each["slice"] in item.text
        assert number(each["value"]) in item.text and bound_signs(each["bound"]) in item.text
        assert each["gate"] in item.text and each["note"] in item.text


def test_a_gate_that_stopped_the_line_says_how_often():
    gates = [item.text for item in tree_of("failed").one("ul", class_="gates").all("li")]
    assert "value 2 of 7 failed" in gates and "behaviour 3" in gates and "reproducibility 1 of 1 waived" in gates


def test_a_waiver_is_shown_once_with_its_reason_and_all_that_it_let_go():
    (few, deleted) = tree_of("failed").all("li", class_="waive")
    n_few = counted(failed())[1] - 1
    assert few.text.startswith(f"the contract allows few rows {n_few} checks")
    assert few.text.endswith(f"and {n_few - 12} more")
    assert deleted.text == "the events of March were deleted on request 1 check same digest"


def test_rows_that_may_have_been_learned_are_warned_of():
    assert "--allow-overlap" in tree_of("failed").one(class_="remark").text
    assert not list(tree_of("passed").all(class_="remark"))
    assert "261,892 left out" in tree_of("passed").text


def test_a_first_release_says_so_and_compares_nothing():
    page = tree_of("first_release")
    assert "first release" in next(page.all("dl")).text
    assert "baseline" not in page.one("table", class_="compared").one("thead").text
    assert all("baseline" not in table.one("thead").text for table in page.all("table", class_="slices"))
    assert [group.attributes["class"] for group in page.one("svg", class_="plot").all("g")] == ["candidate"]


# The numbers


def test_the_numbers_of_every_check_are_in_its_row(subtests):
    for name in REPORTS:
        with subtests.test(report=name):
            checks = REPORTS[name]()["checks"]
            gates = list(dict.fromkeys(each["gate"] for each in checks))
            expected = sorted(checks, key=lambda each: (gates.index(each["gate"]), each["passed"], not each["waived"]))
            shown = rows_of(tree_of(name))
            assert len(shown) == len(expected)
            for row, each in zip(shown, expected, strict=True):
                assert row["verdict"] == ("waived" if each["waived"] else "passed" if each["passed"] else "FAILED")
                if each["value"] is None:
                    assert row["value"] == "not defined"
                else:
                    assert value_of(row["value"]) == pytest.approx(each["value"], rel=5e-3, abs=5e-6)
                ends = [end for end in (each["bound"]["low"], each["bound"]["high"]) if end is not None]
                assert [value_of(end.split("\N{NO-BREAK SPACE}")[1]) for end in row["bound"].split(", ")] == ends
                assert row["rows"] == ("" if each["rows"] is None else f"{each['rows']:,}")
                if each["interval"]:
                    low, high = re.search(r"(\S+) to (\S+)$", row["interval"]).groups()
                    assert [value_of(low), value_of(high)] == pytest.approx(each["interval"], rel=5e-3, abs=5e-6)


def test_the_change_against_the_baseline_stands_beside_what_was_asked_of_it():
    metrics = failed()["metrics"]
    rows = {}
    for row in tree_of("failed").one("table", class_="compared").one("tbody").all("tr"):
        head, *cells = (cell for cell in row.content if isinstance(cell, Element))
        rows[head.text] = cells
    assert list(rows) == ["log loss", "normalised entropy", "AUC", "calibration ratio", "rows", "positives"]
    candidate, baseline, change, sense, asked = rows["log loss"]
    assert value_of(candidate.text) == pytest.approx(metrics["candidate"]["log_loss"], abs=5e-6)
    assert value_of(baseline.text) == pytest.approx(metrics["baseline"]["log_loss"], abs=5e-6)
    difference = metrics["candidate"]["log_loss"] - metrics["baseline"]["log_loss"]
    assert value_of(change.text) == pytest.approx(difference, abs=5e-6)
    assert sense.text == "better"
    assert len(list(asked.all("svg", class_="interval"))) == 2
    assert "relative" in asked.text and "52,118 rows" in asked.text
    assert "passed" in asked.text and "FAILED" in asked.text
    assert rows["rows"][2].text == ""


SENSES = [
    ("log_loss", 0.5, 0.4, "better"),
    ("auc", 0.7, 0.6, "worse"),
    ("calibration_ratio", 0.9, 1.05, "better"),
    ("calibration_ratio", 1.0, 0.9, "worse"),
    ("normalized_entropy", 0.9, 0.9, "same"),
    ("base_log_loss", 0.5, 0.4, ""),
]


def test_a_change_says_whether_it_is_for_the_better(subtests):
    for metric, old, new, sense in SENSES:
        with subtests.test(metric=metric, old=old, new=new, sense=sense):
            page = read(render({"metrics": {"candidate": {metric: new}, "baseline": {metric: old}}}))
            assert page.one("td", class_="sense").text == sense


def test_intervals_of_one_metric_on_slices_share_a_scale():
    rows = [row for row in tree_of("passed").one("table", class_="checks").all("tr") if "carrier =" in row.text]
    bounds = {row.one("path", class_="bound").attributes["d"] for row in rows}
    assert len(rows) == 5 and len(bounds) == 1


# The slices


def test_slices_are_grouped_by_field_with_the_largest_first():
    groups = show_slices(failed()["slices"], [])["groups"]
    assert list(groups) == ["site", "user"]
    assert [len(rows) for rows in groups.values()] == [90, 3]
    for rows in groups.values():
        assert [row["rows"] for row in rows] == sorted((row["rows"] for row in rows), reverse=True)
    names = ["carrier = a: b", "carrier: missing", "tailnum: x = y", "all", "carrier = "]
    groups = show_slices([{"slice": slice, "rows": 5} for slice in names], [])["groups"]
    assert {group: [row["name"] for row in rows] for group, rows in groups.items()} == {
        "carrier": ["a: b", "missing", ""],
        "tailnum": ["x = y"],
        "": ["all"],
    }


def test_forty_slices_are_in_sight_and_the_others_are_unfolded():
    page = tree_of("failed")
    first, others, users = page.all("table", class_="slices")
    assert [len(list(table.one("tbody").all("tr"))) for table in (first, others, users)] == [40, 50, 3]
    (folded,) = [each for each in page.all("details") if list(each.all("table", class_="slices"))]
    n_failed = len([row for row in others.all("tr") if row.attributes.get("class") == "fail"])
    assert n_failed > 0
    assert folded.one("summary").text == f"and 50 more, {n_failed} of them failed"


def test_a_slice_that_failed_is_marked_with_the_metric():
    failing = [each["slice"] for each in failed()["checks"] if each["slice"] and not each["passed"]]
    tables = tree_of("failed").all("table", class_="slices")
    rows = [row for table in tables for row in table.one("tbody").all("tr")]
    marked = [row.one("th").text for row in rows if row.attributes.get("class") == "fail"]
    assert sorted(marked) == sorted(f"{slice.split(' = ')[1]} FAILED: log loss change" for slice in failing)


def test_bars_are_as_long_as_their_values_on_one_scale():
    sides = [(0.5, 0.4), (0.8, 0.2)]
    slices = [
        {"slice": f"a = {k}", "rows": 9 - k, "candidate": {"log_loss": new}, "baseline": {"log_loss": old}}
        for k, (new, old) in enumerate(sides)
    ]
    page = read(render({"slices": slices}))
    bars = [[float(bar.attributes["width"]) for bar in svg.all("rect")] for svg in page.all("svg", class_="sticks")]
    assert np.array(bars) / bars[0][0] == pytest.approx(np.array(sides) / 0.5, rel=1e-2)
    assert max(map(max, bars)) <= 100


def test_one_odd_slice_is_cut_off_and_flattens_no_other():
    values = [0.9, 0.95, 1.0, 50.0]
    slices = [{"slice": f"a = {k}", "rows": 5, "candidate": {"normalized_entropy": v}} for k, v in enumerate(values)]
    page = read(render({"slices": slices}))
    *others, odd = page.all("svg", class_="sticks")
    assert float(others[0].one("rect").attributes["width"]) > 40
    assert float(odd.one("rect").attributes["width"]) == 100 and odd.one("path", class_="cut")
    assert not any(list(svg.all("path", class_="cut")) for svg in others)


def test_a_slice_without_a_value_says_so():
    sides = {"candidate": {"rows": 3}, "baseline": None}
    other = {"slice": "a = 2", "rows": 9, "candidate": {"normalized_entropy": 0.9}}
    page = read(render({"slices": [{"slice": "a = 1", "rows": 3, **sides}, other]}))
    known, unknown = page.one("table", class_="slices").one("tbody").all("tr")
    assert "0.90000" in known.text and "not defined" in unknown.text


# Harm


def test_hostile_text_is_text():
    page = tree_of("hostile")
    assert page.one("h1").one("bdi").text == HOSTILE
    assert HOSTILE in page.one("table", class_="slices").text
    tags = {element.tag for element in page.all()}
    assert tags <= {each.tag for shown in ("passed", "failed") for each in tree_of(shown).all()}
    names = {name for element in page.all() for name in element.attributes}
    usual = {name for shown in ("passed", "failed") for each in tree_of(shown).all() for name in each.attributes}
    assert names <= usual | {"title"}


def test_what_is_long_folds_and_what_turns_the_letters_around_or_is_no_text_is_replaced():
    page = tree_of("hostile")
    long = [name for name in page.all("bdi") if "x" * 500 in name.text]
    assert long and all("long" in name.attributes["class"] for name in long)
    assert not re.search("[\x00\x1b\x7f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", page_of("hostile"))
    assert "مرحبا بالعالم" in page.one("table", class_="slices").text


# Contrast (WCAG 2.2: 4.5 for text, 3 for what must be told apart in a picture)


def luminance(colour):
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    light, dark = sorted([luminance(one), luminance(other)], reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_enough_to_read(subtests):
    for scheme in ["light", "dark"]:
        with subtests.test(scheme=scheme):
            style = tree_of("minimal").one("style").text
            blocks = re.findall(":root {(.*?)}", style)
            light, dark = (dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", block)) for block in blocks)
            colours = light if scheme == "light" else {**light, **dark}
            for text in ("ink", "muted", "pass", "fail", "waive", "candidate", "baseline"):
                assert contrast(colours[text], colours["ground"]) >= 4.5, text
            for ground in ("fail-soft", "waive-soft"):
                for text in ("ink", "muted", "candidate", "baseline", ground.split("-")[0]):
                    assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
            for banner in ("pass-banner", "fail-banner"):
                assert contrast(colours["on-banner"], colours[banner]) >= 4.5
            assert contrast("#000000", "#ffffff") == pytest.approx(21)
