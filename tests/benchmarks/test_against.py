"""What two builds' rounds are made into: pairs, ratios, waits, sightings, files and settings."""

import json
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest

from benchmarks.against_parts import builds, retail
from benchmarks.against_parts.builds import of_revision, of_working_tree
from benchmarks.against_parts.bulk import post
from benchmarks.against_parts.caller import Caller
from benchmarks.against_parts.dialect import OTHER, THIS
from benchmarks.against_parts.intake import rate
from benchmarks.against_parts.place_orders import Round, longest_waits
from benchmarks.against_parts.processes import rolled_up
from benchmarks.against_parts.result import row
from benchmarks.against_parts.rounds import Failed, Ratio, in_turn, most_of_each, spread
from benchmarks.against_parts.shop import messages, orders
from benchmarks.against_parts.sightings import delays
from consumers.files.file_lines import read_lines
from consumers.files.online_retail.rows import invoices

# -- rounds


def test_rounds_go_a_b_b_a() -> None:
    went: list[str] = []

    def a(number: int) -> str:
        went.append("a")
        return f"a{number}"

    def b(number: int) -> str:
        went.append("b")
        return f"b{number}"

    pairs = in_turn(3, a, b)
    assert "".join(went) == "abbaab"
    assert pairs == [("a0", "b0"), ("a1", "b1"), ("a2", "b2")]


def test_a_ratio_is_the_median_of_pairs_and_has_its_range() -> None:
    pairs = [(2.0, 1.0), (3.0, 2.0), (9.0, 3.0)]
    assert Ratio.of(pairs) == Ratio(2.0, 1.5, 3.0)
    assert row("orders/s", pairs) == ("orders/s", "3 and 2, ratio 2.000 (1.500 to 3.000)")


def test_a_spread_is_a_share_of_the_median() -> None:
    assert spread([8.0, 10.0, 13.0]) == 0.5


@pytest.mark.parametrize(
    ("values", "size", "most"),
    [
        ([1, 5, 2, 3], 2, [5, 3]),
        ([1, 5, 2, 3, 9], 2, [5, 9]),
        ([1, 5], 4, [5]),
    ],
)
def test_the_most_of_each_stretch(values: list[float], size: int, most: list[float]) -> None:
    assert most_of_each(values, size) == most


def test_longest_waits_are_those_among_a_hundred_thousand_orders() -> None:
    waits = [(0.1, 0.2), (0.3, 0.1), (0.1, 0.5), (0.2, 0.1)]
    pairs = [(Round(1, 1, this), Round(1, 1, other)) for this, other in waits]
    assert longest_waits(pairs, 50_000) == [(300, 200), (200, 500)]
    assert longest_waits(pairs, 1_000) == [(300, 500)]


# -- what was seen


def test_an_order_is_visible_at_the_first_read_that_names_its_position_or_a_later_one() -> None:
    answers = [(0.0, 1), (10.0, 2), (10.5, 3)]
    sightings = [(11.0, 1), (12.5, 3), (12.0, 2), (13.0, 2)]
    assert delays(answers, sightings, warm=5) == [2.0, 2.0]


def test_an_order_is_never_seen_before_its_answer() -> None:
    assert delays([(5.0, 1)], [(4.0, 2)], warm=0) == [0.0]


def test_the_first_sight_of_new_events_is_where_the_clock_of_an_intake_begins() -> None:
    seen = [(10.0, 200), (11.0, 600), (12.0, 1_100)]
    assert rate(seen, began=100, orders=200) == pytest.approx(200 * 0.9 / 2)


def test_a_line_of_smaps_rollup_is_in_bytes() -> None:
    text = "00-ff ---p [rollup]\nPss:       227 kB\nPss_Anon:  112 kB\n"
    assert rolled_up(text, "Pss_Anon") == 112 * 1024
    with pytest.raises(LookupError, match="Pss_Shmem"):
        rolled_up(text, "Pss_Shmem")


# -- what builds are given and asked


def test_both_ways_of_ordering_say_the_same() -> None:
    (posted,), (sent,) = orders(1, "x"), messages(1, "x")
    order, message = json.loads(posted), json.loads(sent)
    assert message.pop("shipping") == order.pop("contacts")["shipping"]
    assert message == order
    assert orders(3, "x") == orders(3, "x") != orders(3, "y")


def test_an_invented_file_can_be_read_and_is_the_same_each_time(tmp_path: Path) -> None:
    file = tmp_path / "retail.csv"
    retail.write(file, 3_000, seed=1)
    assert file.read_text().splitlines()[1:] == list(islice(retail.rows(1), 3_000))
    with file.open("rb") as source:
        groups = list(invoices(read_lines(source, lambda *_: None)))
    assert sum(map(len, groups)) == 3_000
    assert [bad for group in groups for bad in group.bad] == []


def test_files_of_different_seeds_share_no_invoice() -> None:
    numbers = [
        {line.split(",")[0].removeprefix("C") for line in islice(retail.rows(seed), 40_000)}
        for seed in (0, 1, 2)
    ]
    assert not numbers[0] & numbers[1]
    assert not numbers[1] & numbers[2]


class Bulk(Caller):
    """A build's answer to a bulk, made up; and the body that it was asked with."""

    body: bytes | None = None

    def __init__(self, status: int, answer: bytes) -> None:
        super().__init__(0, "", THIS)
        self._answer = status, answer

    def ask(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> tuple[int, bytes]:
        self.body = body
        return self._answer


def test_a_bulk_counts_when_every_line_is_accepted() -> None:
    bulk = Bulk(200, b'{"status":201}\n{"status":201}\n')
    assert post(bulk, [b"1", b"2"]) >= 0
    assert bulk.body == b"1\n2\n"


@pytest.mark.parametrize(
    ("status", "answer", "why"),
    [
        (405, b"no", "has no POST /v1/orders/bulk"),
        (200, b'{"status":201}\n', "1 results for 2 lines"),
        (200, b'{"status":201}\n{"status":409}\n', "1 of 2 orders were refused"),
        (503, b"", "503"),
    ],
)
def test_a_bulk_that_is_not_taken_whole_is_no_figure(status: int, answer: bytes, why: str) -> None:
    with pytest.raises(Failed, match=why):
        post(Bulk(status, answer), [b"1", b"2"])


# -- builds

COMMIT = ("-c", "user.name=x", "-c", "user.email=x@example.org", "commit", "--quiet", "-m", "x")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one commit, whose environments are not made."""
    root = tmp_path / "project"
    root.mkdir()
    monkeypatch.setattr(builds, "ROOT", root)
    monkeypatch.setattr(builds, "CACHE", root / ".cache")
    monkeypatch.setattr(builds, "_environment", lambda lock: Path("/bin/true"))
    (root / ".gitignore").write_text(".cache\n*.log\n")
    (root / "main.py").write_text("first")
    git(root, "init", "--quiet")
    git(root, "add", "--all")
    git(root, *COMMIT)
    return root


def git(root: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=root, check=True)


def test_a_build_of_a_revision_has_what_was_committed(project: Path) -> None:
    (project / "main.py").write_text("second")
    build = of_revision("HEAD", OTHER)
    assert (build.folder / "main.py").read_text() == "first"
    assert of_revision("HEAD", OTHER).folder == build.folder


def test_this_build_has_what_was_not_committed_but_nothing_that_is_ignored(
    project: Path, tmp_path: Path
) -> None:
    (project / "main.py").write_text("second")
    (project / "new.py").write_text("new")
    (project / "old.log").write_text("old")
    build = of_working_tree(tmp_path, THIS)
    assert sorted(path.name for path in build.folder.iterdir()) == [
        ".gitignore",
        "main.py",
        "new.py",
    ]
    assert (build.folder / "main.py").read_text() == "second"
    staged = subprocess.run(
        ["git", "status", "--porcelain"], cwd=project, capture_output=True, check=True, text=True
    )
    assert staged.stdout.splitlines() == [" M main.py", "?? new.py"]


def test_a_build_knows_its_own_version(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builds, "_environment", lambda lock: Path(sys.executable))
    (project / "pyproject.toml").write_text('[project]\nname = "ordinal"\nversion = "7.7"\n')
    git(project, "add", "--all")
    git(project, *COMMIT)
    build = of_revision("HEAD", OTHER)
    asked = "from importlib.metadata import version; print(version('ordinal'))"
    told = subprocess.run(
        [build.python, "-c", asked], cwd=build.folder, capture_output=True, check=True, text=True
    )
    assert told.stdout == "7.7\n"


def test_a_revision_that_is_not_there_is_named(project: Path) -> None:
    with pytest.raises(Failed, match="no revision beef"):
        of_revision("beef", OTHER)
