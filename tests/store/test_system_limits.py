"""Two users, a mount that is read-only, too few descriptors, three runs in one folder, Ctrl-C, SIGTERM, `| head`.

Each is skipped only where the system cannot: changing the user and mounting take root.
"""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.programs import OUTLEARN
from tests.small_runs import SMALL, make_task_file
from tests.store.executors.runs import hashes, timeless

pytestmark = pytest.mark.slow

GROUP, USERS = 54320, (54321, 54322)
TINY = (*SMALL, "teacher.models=2", "student.seeds=1", "student.learner.epochs=1", "student.checkpoints=[]")


@pytest.fixture
def folder() -> Iterator[Path]:
    """Make a folder that other users may enter; pytest's own are for one user."""
    made = Path(tempfile.mkdtemp())
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


def arguments(place: Path, out: str) -> list[str]:
    task = place / "task.npz"
    sets = [part for item in (f"data.path={task}", *TINY) for part in ("--set", item)]
    return ["run", "--store", str(place / "store"), "--out", str(place / out), *sets]


def outlearn(*given: str, code: str = OUTLEARN, before: tuple[str, ...] = (), **how: Any) -> Any:
    command = [*before, sys.executable, "-c", code, *given]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **how}
    return subprocess.run(command, env=env, text=True, timeout=300, check=False, **streams)


def one_line(text: str) -> bool:
    return text.count("\n") == 1 and text.startswith("outlearn: ")


def test_two_users_of_one_group_share_a_store(folder):
    if os.geteuid() != 0:
        pytest.skip("only root may act as other users")
    make_task_file(folder / "task.npz", n_points=160)
    (folder / "task.npz").chmod(0o644)
    shared = folder / "store"
    shared.mkdir()
    os.chown(shared, 0, GROUP)
    shared.chmod(0o2775)  # setgid: what is made inside belongs to the group
    for number, user in enumerate(USERS):
        own = folder / str(user)
        own.mkdir()
        os.chown(own, user, GROUP)
        who: dict[str, Any] = {"user": user, "group": GROUP, "extra_groups": [], "umask": 0o002, "cwd": own}
        if number == 0 and outlearn(code="import outlearn.cli.run", **who).returncode:
            pytest.skip("other users cannot read this installation")
        how = {"HOME": str(own), "TMPDIR": str(own)}
        done = outlearn(*arguments(folder, f"{user}/run"), before=("env", *(f"{k}={v}" for k, v in how.items())), **who)
        assert done.returncode == 0, done.stderr
        assert "damaged" not in done.stderr
        for command in ("verify", "gc", "ls"):
            assert outlearn("store", command, "--store", str(shared), **who).returncode == 0
    first, second = (folder / str(user) / "run" for user in USERS)
    assert timeless(first) == timeless(second)
    assert not (shared / "damaged").exists()
    made = [path for path in shared.rglob("*") if path.is_file()]
    assert {path.stat().st_uid for path in made} == {USERS[0]}  # the second user computed nothing again
    assert {(path.stat().st_gid, stat.S_IMODE(path.stat().st_mode)) for path in made} == {(GROUP, 0o664)}


def read_only(path: Path) -> tuple[str, ...]:
    """Begin a command that sees this folder read-only, in a mount namespace of its own."""
    script = f'mount --bind "{path}" "{path}" && mount -o remount,bind,ro "{path}" && exec "$@"'
    return ("unshare", "--mount", "sh", "-c", script, "sh")


def test_a_complete_store_on_a_read_only_mount_is_enough_for_a_run(folder):
    store = folder / "store"
    store.mkdir()
    if shutil.which("unshare") is None or outlearn(code="", before=read_only(store)).returncode:
        pytest.skip("this system mounts nothing")
    make_task_file(folder / "task.npz", n_points=160)
    assert outlearn(*arguments(folder, "first")).returncode == 0
    before = hashes(store)
    again = outlearn(*arguments(folder, "second"), before=read_only(store))
    assert again.returncode == 0, again.stderr
    assert timeless(folder / "second") == timeless(folder / "first")
    more = outlearn(*arguments(folder, "third"), "--set", "seed=5", before=read_only(store))
    assert (more.returncode, one_line(more.stderr)) == (2, True)
    assert "Read-only file system" in more.stderr
    assert not (folder / "third").exists()
    out = outlearn(*arguments(folder, "run/fourth"), before=read_only(folder))
    assert (out.returncode, one_line(out.stderr)) == (2, True)
    assert hashes(store) == before


LIMITED = """
import os, resource, sys
import outlearn.cli.run, outlearn.experiment.pipeline, outlearn.learners.heads
spare = int(sys.argv.pop(1))
used = max(map(int, os.listdir("/proc/self/fd")))
resource.setrlimit(resource.RLIMIT_NOFILE, (used + 1 + spare, used + 1 + spare))
from outlearn.cli import main
main()
"""


def test_without_descriptors_a_run_says_so_and_the_same_command_ends_as_an_unbroken_one(programs, tmp_path):
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("this system does not list descriptors")
    make_task_file(tmp_path / "task.npz", n_points=160)
    programs.run(OUTLEARN, *arguments(tmp_path, "unbroken"))
    shutil.rmtree(tmp_path / "store")
    said = []
    for spare in (0, 1, 2, 3, 4, 6, 9):
        program = programs.start(LIMITED, spare, *arguments(tmp_path, f"run{spare}"))
        _, err = program.communicate()
        assert program.returncode in (0, 2)
        assert (program.returncode == 0) or one_line(err), err
        said.append(program.returncode)
    assert said[0] == 2
    assert not (tmp_path / "store" / "damaged").exists()
    programs.run(OUTLEARN, *arguments(tmp_path, "run0"))
    assert timeless(tmp_path / "run0") == timeless(tmp_path / "unbroken")


def test_three_runs_with_one_folder_leave_one_whole_result(programs, tmp_path):
    make_task_file(tmp_path / "task.npz", n_points=160)
    programs.run(OUTLEARN, *arguments(tmp_path, "alone"))
    for _ in range(3):
        shutil.rmtree(tmp_path / "store")
        started = [programs.start(OUTLEARN, *arguments(tmp_path, "one")) for _ in range(3)]
        ended = [(program.communicate()[1], program.returncode) for program in started]
        assert 0 in [code for _, code in ended]
        assert all(code == 0 or (code == 2 and one_line(text)) for text, code in ended), ended
        assert timeless(tmp_path / "one") == timeless(tmp_path / "alone")
        assert [path for path in (tmp_path / "one").rglob("*") if ".outlearn-half" in path.name] == []
        shutil.rmtree(tmp_path / "one")


INTERRUPTED = """
import signal, sys
signal.signal(signal.SIGALRM, signal.default_int_handler)
from outlearn.cli import main
signal.setitimer(signal.ITIMER_REAL, float(sys.argv.pop(1)))
main()
"""


@pytest.mark.parametrize("after", [0.001, 0.1, 0.4, 0.8])
def test_ctrl_c_in_the_first_second_is_one_line(tmp_path, after):
    make_task_file(tmp_path / "task.npz", n_points=160)
    long = [*arguments(tmp_path, "run"), "--set", "student.learner.epochs=100000"]
    done = outlearn(str(after), *long, code=INTERRUPTED)
    assert (done.returncode, one_line(done.stderr)) == (130, True), done.stderr
    assert "the same command goes on" in done.stderr


def test_a_program_that_is_terminated_says_so_and_leaves_nothing_half_written(programs, tmp_path):
    make_task_file(tmp_path / "task.npz", n_points=160)
    running = programs.start(OUTLEARN, *arguments(tmp_path, "run"), "--set", "student.learner.epochs=100000")
    while running.poll() is None and not (tmp_path / "run" / "config.yaml").exists():
        pass
    running.send_signal(signal.SIGTERM)
    _, err = running.communicate(timeout=60)
    assert (running.returncode, one_line(err)) == (143, True), err
    assert "ended by SIGTERM" in err
    assert [path for path in tmp_path.rglob("*") if ".outlearn-half" in path.name or path.parent.name == "tmp"] == []


def test_every_command_whose_reader_has_gone_ends_in_silence(tmp_path):
    make_task_file(tmp_path / "task.npz", n_points=160)
    assert outlearn(*arguments(tmp_path, "run")).returncode == 0
    table = tmp_path / "votes.csv"
    table.write_text("id,text,a,b,gold\n" + "".join(f"p{i},text {i},{i % 2},{i % 3 % 2},{i % 2}\n" for i in range(90)))
    (tmp_path / "sweep.yaml").write_text(
        f"name: two\nbase: {{data: {{path: {tmp_path}/task.npz}}}}\ngrid: {{seed: [0, 1]}}"
    )
    for command in (
        ["--help"], ["--version"], ["doctor", str(table)], ["preflight", str(table)], ["init", "--out", "-"],
        ["report", str(tmp_path / "run")], arguments(tmp_path, "run"),
        ["store", "ls", "--store", str(tmp_path / "store")],
        ["sweep", str(tmp_path / "sweep.yaml"), "--dry-run", "--store", str(tmp_path / "store")],
    ):  # fmt: skip
        reader, writer = os.pipe()
        os.close(reader)
        done = outlearn(*command, stdout=writer)
        os.close(writer)
        assert (done.returncode, done.stderr) == (141, ""), command


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_an_output_that_is_full_is_one_line():
    with Path("/dev/full").open("w") as full:
        done = outlearn("--version", stdout=full)
    assert (done.returncode, one_line(done.stderr)) == (2, True), done.stderr
