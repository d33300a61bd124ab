"""What a person sees goes where it belongs: results on standard output, the rest on standard error."""

import signal

import pytest

from service.gates import Bound, Check, Report
from service.terminal import interrupts_held, print_report, print_versions, say, stage


def report(*, passed, rows=10, left_out=0):
    value = (0.7 if passed else 0.5) if rows else None
    checks = [Check(bound=Bound(metric="auc", low=0.6), value=value)]
    made = Report(version="f" * 32, rows=rows, left_out=left_out, allow_overlap=False, events=[], checks=checks)
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
    assert shown.endswith("blessed\n") and "not blessed" not in shown
    assert capsys.readouterr() == ("", "")


def test_a_report_that_failed_says_so(capsys):
    print_report(report(passed=False), err=False)
    shown = capsys.readouterr().out
    assert "FAILED" in shown and "not blessed" in shown


def test_a_report_on_no_rows_says_how_to_judge_those_that_were_left_out(capsys):
    print_report(report(passed=False, rows=0, left_out=5), err=False)
    out, err = capsys.readouterr()
    assert "not defined" in out
    assert "--allow-overlap" in err


def test_the_current_version_is_marked_and_an_unreadable_one_listed(capsys):
    sound = {"version": "a" * 32, "current": True, "name": "clicks", "rows": 12_345, "verdict": "blessed"}
    broken = {"version": "b" * 32, "current": False, "name": None, "rows": None, "verdict": "refused"}
    print_versions([sound, broken])
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("* a") and "12,345 rows" in first and first.endswith("blessed")
    assert second.startswith("  b") and second.endswith("refused")


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
