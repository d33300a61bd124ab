"""What a person sees goes where it belongs: results on standard output, the rest on standard error."""

import signal

import pytest

from service.audit import Change
from service.gates import Bound, Check, Report
from service.terminal import interrupts_held, print_changes, print_checks, print_report, print_versions, say, stage


def report(*, passed, rows=10, left_out=0, checks=()):
    value = (0.7 if passed else 0.5) if rows else None
    made = Report(
        version="f" * 32,
        name="clicks",
        baseline=None,
        first_release=True,
        contract={"name": "gate.toml", "sha256": "0" * 64},
        rows=rows,
        left_out=left_out,
        allow_overlap=False,
        events=[],
        checks=[Check(gate="value", metric="auc", bound=Bound(low=0.6), value=value), *checks],
        shown={},
    )
    assert made.passed is passed
    return made


def test_a_remark_goes_to_standard_error(capsys):
    say("hello")
    assert capsys.readouterr() == ("", "andon: hello\n")


@pytest.mark.parametrize("err", [False, True])
def test_a_report_goes_where_it_is_asked_to(capsys, err):
    print_report(report(passed=True), err=err)
    shown = capsys.readouterr()[err]
    assert "auc" in shown and ">= 0.6" in shown and "passed" in shown
    assert shown.endswith("\nblessed\n") and "the line stops" not in shown
    assert capsys.readouterr() == ("", "")


def test_a_report_that_failed_says_so(capsys):
    print_report(report(passed=False), err=False)
    shown = capsys.readouterr().out
    assert "FAILED" in shown
    assert shown.endswith("the line stops here: 1 of 1 checks failed: auc\n") and "blessed" not in shown


def test_a_report_that_waived_something_says_how_much(capsys):
    waived = Check(gate="baseline", metric="versions", bound=Bound(low=1), value=0, waived="first release")
    print_report(report(passed=True, checks=[waived]), err=False)
    assert capsys.readouterr().out.endswith("\nblessed; 1 of 2 checks were waived\n")


def test_of_many_checks_that_failed_the_first_five_are_named_where_they_are_counted(capsys):
    checks = [
        Check(gate="slice", metric="auc", slice=f"origin = {name}", bound=Bound(low=1), value=0.5) for name in "abcdef"
    ]
    print_report(report(passed=False, checks=checks), err=False)
    named = ", ".join(["auc", *(f"auc (origin = {name})" for name in "abcd")])
    assert capsys.readouterr().out.endswith(f"the line stops here: 7 of 7 checks failed: {named} and 2 more\n")


def test_a_report_on_no_rows_says_how_to_judge_those_that_were_left_out(capsys):
    print_report(report(passed=False, rows=0, left_out=5), err=False)
    out, err = capsys.readouterr()
    assert "not defined" in out
    assert "--allow-overlap" in err


def shown_checks(capsys, *checks):
    print_checks(checks, err=False)
    return capsys.readouterr().out.splitlines()


def test_checks_stand_in_columns_under_their_gate_and_the_reason_of_each_that_did_not_pass_below(capsys):
    nothing = "there is no baseline to compare with"
    few = {"note": "too few rows to judge the slice", "waived": "the contract allows few rows"}
    assert shown_checks(
        capsys,
        Check(gate="value", metric="positives", bound=Bound(low=10), value=12_345, note="not shown"),
        Check(gate="value", metric="auc", bound=Bound(low=0.6), value=0.5),
        Check(
            gate="change", metric="auc change", bound=Bound(low=-0.01), value=-0.005, interval=(-0.02, 0.01), note="why"
        ),
        Check(gate="change", metric="far off", bound=Bound(low=1.0), value=0.5, interval=(0.4, 0.6), note="not shown"),
        Check(gate="slice", metric="rows", slice="origin = EWR", bound=Bound(low=100), value=7, **few),
        Check(gate="slice", metric="auc", slice="机场 = é", bound=Bound(low=0.5, high=0.9), value=None, note=nothing),
        Check(gate="slice", metric="auc", slice="a", bound=Bound(low=0.5), value=None, note=nothing),
        Check(gate="behaviour", metric="field_order", bound=Bound(high=0), value=0.0),
        Check(gate="behaviour", metric="row_and_http", bound=Bound(high=0), value=None, note=nothing),
    ) == [
        "  metric        slice                                 value  bound              verdict",
        "value",
        "  positives                                          12,345  >= 10              passed",
        "  auc                                               0.50000  >= 0.6             FAILED",
        "change",
        "  auc change                  -0.00500 [-0.02000, +0.01000]  >= -0.01           FAILED",
        "    why",
        "  far off                     +0.50000 [+0.40000, +0.60000]  >= 1               FAILED",
        "slice",
        "  rows          origin = EWR                              7  >= 100             waived",
        "    the contract allows few rows: too few rows to judge the slice",
        "  auc           机场 = é                        not defined  >= 0.5 and <= 0.9  FAILED",
        "    there is no baseline to compare with",
        "  auc           a                               not defined  >= 0.5             FAILED",
        "behaviour",
        "  field_order                                             0  <= 0               passed",
        "  row_and_http                                  not defined  <= 0               FAILED",
        "    there is no baseline to compare with",
    ]


VALUES = [
    (0.5349999, Bound(high=0.535), "0.53500"),
    (0.5350001, Bound(high=0.535), "0.53500010"),
    (0.535, Bound(high=0.535, strict=True), "0.53500"),
    (0.53499999999, Bound(high=0.535, strict=True), "0.53499999999"),
    (1e-17, Bound(high=0), "1e-17"),
    (5e-324, Bound(high=0), "4.94065645841247e-324"),
    (0.0, Bound(high=0), "0"),
    (1.0, Bound(low=0.9), "1.00000"),
    (16_000_001, Bound(high=16_000_000), "16,000,001"),
    (-0.25, Bound(low=0), "-0.25000"),
]


def test_a_value_has_as_many_digits_as_its_verdict_needs(capsys, subtests):
    for value, bound, text in VALUES:
        with subtests.test(value=value):
            line = shown_checks(capsys, Check(gate="value", metric="m", bound=bound, value=value))[2]
            assert line.split()[1] == text


def test_the_end_of_an_interval_that_is_just_beyond_the_bound_is_not_shown_as_on_it(capsys):
    check = Check(
        gate="change", metric="m", bound=Bound(high=0.015), value=0.01, interval=(-0.015, 0.0150001), note="why"
    )
    assert "+0.01000 [-0.01500, +0.01500010]  <= 0.015  FAILED" in shown_checks(capsys, check)[2]


def test_names_that_users_chose_neither_break_the_table_nor_reach_the_terminal_raw(capsys):
    check = Check(
        gate="slice", metric="auc", slice="x = \x1b[2J\n" + "y" * 500, bound=Bound(low=1), value=0.5, note="a\rb\x07"
    )
    lines = shown_checks(capsys, check)
    assert len(lines) == 4
    assert all(line.isprintable() and len(line) < 120 for line in lines)
    assert "x = \\x1b[2J\\nyyy" in lines[2] and "\N{HORIZONTAL ELLIPSIS}" in lines[2]
    print_report(report(passed=False, checks=[check]), err=False)
    assert "\x1b" not in capsys.readouterr().out


def row(letter, **given):
    sound = {"current": False, "name": "clicks", "rows": 12_345, "bytes": 16_800_000, "override": None}
    return {"version": letter * 32, "verdict": "blessed", **sound, **given}


def test_versions_stand_in_columns_the_current_one_marked_and_an_unreadable_one_listed(capsys):
    broken = row("b", name=None, rows=None, bytes=None, verdict="refused")
    overridden = row("c", current=True, rows=7, verdict="it failed its gate: auc", override="it burns")
    print_versions([row("a"), broken, overridden])
    assert capsys.readouterr().out.splitlines() == [
        f"   version{' ' * 25}  name      rows     size  verdict",
        f"   {'a' * 32}  clicks  12,345  16.8 MB  blessed",
        f"   {'b' * 32}  ?            ?        ?  refused",
        f"*  {'c' * 32}  clicks       7  16.8 MB  it failed its gate: auc; overridden: it burns",
    ]


def test_no_versions_and_no_changes_are_no_table(capsys):
    print_versions([])
    print_changes([])
    assert capsys.readouterr() == ("", "")


def test_changes_stand_in_columns_with_the_override_and_what_it_overrode(capsys):
    first = Change(
        sequence=9, time="t1", actor="me", action="promote", from_version=None, to_version="a" * 32, reason=""
    )
    second = Change(
        sequence=10,
        time="t2",
        actor="somebody",
        action="rollback",
        from_version="a" * 32,
        to_version="b" * 32,
        reason="two\nlines",
        override="it burns",
        overridden="it failed its gate: auc",
    )
    print_changes([first, second])
    assert capsys.readouterr().out.splitlines() == [
        " #  when  who       action    from          to            why",
        " 9  t1    me        promote   -             aaaaaaaaaaaa",
        "10  t2    somebody  rollback  aaaaaaaaaaaa  bbbbbbbbbbbb  two\\nlines; override: it burns"
        " (its gate: it failed its gate: auc)",
    ]


def test_a_stage_in_a_pipe_shows_its_time_and_no_bar(capsys):
    with stage("train") as progress:
        progress(0.5)
        progress(1.0)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("andon: train: ") and err.count("\n") == 1 and "\r" not in err and "\x1b" not in err


def test_a_stage_that_fails_shows_no_time(capsys):
    with pytest.raises(ValueError, match="no"), stage("train"):
        raise ValueError("no")
    assert capsys.readouterr() == ("", "")


@pytest.fixture
def heeded():
    """SIGINT as Python has it, whatever started the tests: a shell's background job begins with it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heeded")
def test_an_interrupt_is_held_until_the_end_of_the_block_and_then_comes():
    before = signal.getsignal(signal.SIGINT)
    reached = []

    def block():
        with interrupts_held():
            signal.raise_signal(signal.SIGINT)
            reached.append("the end")

    with pytest.raises(KeyboardInterrupt):
        block()
    assert reached == ["the end"]
    assert signal.getsignal(signal.SIGINT) is before


def test_without_an_interrupt_nothing_comes_and_an_error_passes():
    before = signal.getsignal(signal.SIGINT)
    with interrupts_held():
        pass
    with pytest.raises(ValueError, match="no"), interrupts_held():
        raise ValueError("no")
    assert signal.getsignal(signal.SIGINT) is before
