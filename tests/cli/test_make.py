# SPDX-License-Identifier: BSD-2-Clause
"""What make and its scripts say to whoever comes here first."""
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
NOBODY = 65534


# as from a shell: a make that runs the tests would be told of by those that they run
SHELL = {name: value for name, value in os.environ.items()
         if not name.startswith(("MAKE", "MFLAGS"))}


def run(*command, env=SHELL, **options):
    return subprocess.run([*map(str, command)], cwd=ROOT, capture_output=True, text=True,
                          timeout=180, env=env, **options)


@pytest.mark.unprivileged
def test_help_names_targets_that_are_there():
    told = run("make", "help").stdout
    targets = re.findall(r"^(?:sudo )?make ([a-z-]+)", told, re.M)
    assert {"demo", "check", "install"} <= set(targets)
    rules = run("make", "-npq", "help").stdout
    for target in targets:
        assert re.search(rf"^{target}:(?!=)", rules, re.M), target


@pytest.mark.unprivileged
def test_what_builds_by_itself_waits_for_the_other_goals():
    """Two makes beside each other would link the same test twice, each into the other's file."""
    makefiles = "".join(path.read_text() for path in [ROOT / "Makefile", *ROOT.glob("scripts/*.mk"),
                                                      *ROOT.glob("tests/*/*.mk")])
    building = re.findall(r"^([a-z-]+):(?!=)[^\n]*\n(?:\t.*\n)*?\t\+.*\$\(MAKE\)(?!.* -C )", makefiles, re.M)
    assert {"check-build", "install", "bench"} <= set(building)
    rules = run("make", "-npq", "help", "dist").stdout
    for target in building:
        assert re.search(rf"^{target}:(?!=).*\| .*\bhelp dist\b", rules, re.M), target
    for goals, alone in ((["help", "demo"], False), (["demo", "bench"], True)):
        rules = run("make", "-npq", *goals).stdout
        assert (".NOTPARALLEL" in rules) == alone, goals


@pytest.mark.unprivileged
@pytest.mark.parametrize("arguments, said", [
    (["demo", "pid=12"], "PID=1234"), (["demo", "PID="], "PID= is empty"),
    (["demo-django", "duration=3"], "DURATION=30")])
def test_a_misspelt_variable_is_an_error(arguments, said):
    result = run("make", "-n", *arguments)
    assert result.returncode == 2 and said in result.stderr


@pytest.mark.parametrize("target", ["demo", "demo-django"])
def test_a_demo_without_root_is_refused_before_anything_else(target):
    if os.geteuid():
        result = run("make", target)
    else:
        result = run("make", target, user=NOBODY, group=NOBODY, extra_groups=[])
    if "Permission denied" in result.stderr:
        pytest.skip("nobody may not read this tree")
    assert result.returncode == 2, result.stderr  # make's own, of any recipe that failed
    assert result.stderr.startswith(f"{target}: looking into another process needs root: ")
    assert not result.stdout.strip()


@pytest.fixture
def elsewhere(tmp_path):
    """Runs scripts/setup where there is neither dpkg nor what was named."""
    def ask(release, *absent):
        programs = tmp_path / "bin"
        programs.mkdir()
        for directory in ("/usr/sbin", "/usr/bin"):
            for path in Path(directory).iterdir():
                if path.name not in ("dpkg-query", *absent) and not (programs / path.name).exists():
                    (programs / path.name).symlink_to(path)
        (tmp_path / "os-release").write_text(release)
        environment = {"PATH": str(programs), "OS_RELEASE": str(tmp_path / "os-release")}
        return run("scripts/setup", "demo", env=environment)
    return ask


@pytest.mark.unprivileged
def test_elsewhere_nothing_is_missing_where_all_is_there(elsewhere):
    result = elsewhere("ID=fedora\n")
    assert not shutil.which("protoc-c") or (result.returncode, result.stderr) == (0, "")


@pytest.mark.unprivileged
@pytest.mark.parametrize("release, said", [
    ("ID=fedora\n", "run 'sudo dnf install protobuf-c-compiler'"),
    ("ID=endeavouros\nID_LIKE=\"arch\"\n", "run 'sudo pacman -S --needed protobuf-c'"),
    ("ID=gentoo\n", "Fedora has it in these packages: protobuf-c-compiler")])
def test_elsewhere_what_is_missing_is_named_by_package(elsewhere, release, said):
    result = elsewhere(release, "protoc-c")
    assert result.returncode == 1 and said in result.stderr and "protoc-c" in result.stderr


@pytest.mark.long
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_sudo_leaves_nothing_of_roots_in_the_tree(tmp_path):
    """In a fresh clone that belongs to somebody else."""
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents[:2]:
        parent.chmod(0o755)
    tree = tmp_path / "tree"
    subprocess.run(["git", "clone", "-q", "--no-hardlinks", ROOT, tree], check=True)
    for path in [tree, *tree.rglob("*")]:
        os.lchown(path, NOBODY, NOBODY)
    environment = {**os.environ, "SUDO_UID": str(NOBODY), "SUDO_GID": str(NOBODY)}
    for command in (["install", f"DESTDIR={tmp_path}/there"], ["deb"], ["release"], ["demo", "DURATION=5"],
                    ["demo-django", "DURATION=5"]):
        subprocess.run(["make", *command], cwd=tree, check=True, timeout=1200, env=environment,
                       stdout=subprocess.DEVNULL)
    assert (tmp_path / "there/usr/local/bin/unfreed").exists()
    assert not [path for path in tree.rglob("*") if path.lstat().st_uid != NOBODY]
