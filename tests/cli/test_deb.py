# SPDX-License-Identifier: BSD-2-Clause
"""The package that `make deb` makes, and the unit of systemd in it."""
import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.unprivileged
ROOT = Path(__file__).resolve().parent.parent.parent
UNIT = ROOT / "deploy/unfreed-monitor.service"
FILES = """
etc/default/unfreed-monitor
usr/bin/unfreed
usr/lib/systemd/system/unfreed-monitor.service
usr/share/bash-completion/completions/unfreed
usr/share/doc/unfreed/README.md
usr/share/doc/unfreed/SECURITY.md
usr/share/doc/unfreed/changelog.Debian.gz
usr/share/doc/unfreed/changelog.gz
usr/share/doc/unfreed/copyright
usr/share/doc/unfreed/estimators.md
usr/share/doc/unfreed/examples/recycle-gunicorn
usr/share/doc/unfreed/examples/unfreed-dashboard.json
usr/share/doc/unfreed/examples/unfreed.rules.yml
usr/share/doc/unfreed/formats.md
usr/share/doc/unfreed/how-it-works.md
usr/share/doc/unfreed/verdicts.md
usr/share/fish/vendor_completions.d/unfreed.fish
usr/share/man/man1/unfreed.1.gz
usr/share/zsh/vendor-completions/_unfreed
""".split()  # fmt: skip


def run(*command, **options):
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=180, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def needs(program):
    if not shutil.which(program):
        pytest.skip(f"{program} is not installed")


def make(*arguments):
    """As from a shell: a make that runs the tests would be told of by this one."""
    shell = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return run("make", *arguments, cwd=ROOT, env=shell)


def make_deb():
    line = make("deb").splitlines()[-1]
    assert re.fullmatch(r"build/unfreed_\S+\.deb", line)
    return ROOT / line


@pytest.fixture(scope="module")
def package():
    needs("dpkg-shlibdeps")
    if not (ROOT / "build/unfreed").exists():
        pytest.skip("build/unfreed is not built")
    return make_deb()


@pytest.fixture
def extracted(package, tmp_path):
    run("dpkg-deb", "-x", package, tmp_path)
    return tmp_path


def field(package, name):
    return run("dpkg-deb", "-f", package, name).strip()


def test_what_is_in_it(package):
    rows = [line.split(None, 5) for line in run("dpkg-deb", "-c", package).splitlines()]
    assert sorted(row[5].removeprefix("./") for row in rows if row[0][0] == "-") == FILES
    assert {row[1] for row in rows} == {"root/root"}
    assert {row[0] for row in rows} == {"drwxr-xr-x", "-rwxr-xr-x", "-rw-r--r--"}


def test_what_it_needs(package):
    """What is linked, and what is loaded where it is wanted, by the packages that have it here."""
    needed = {word.split()[0] for word in field(package, "Depends").split(",")}
    linked = re.findall(r"\(NEEDED\).*\[(\S+)\]", run("readelf", "-d", ROOT / "build/unfreed"))
    assert "libbpf.so.1" in linked
    for name in linked:
        owners = {line.split(":")[0] for line in run("dpkg-query", "-S", f"*/{name}").splitlines()}
        assert owners & needed or "/ld-linux" in name, name
    loaded = field(package, "Recommends").split(", ")
    assert [name.removesuffix("t64") for name in loaded] == ["libinih1", "libcurl4", "libmicrohttpd12", "libsqlite3-0"]
    assert not set(loaded) & needed


def test_its_version_is_the_programs(package, extracted):
    version = run(extracted / "usr/bin/unfreed", "--version").split()[-1]
    assert re.match(rf"{re.escape(version)}(~git\d{{14}}\.[0-9a-f]{{8}})?(\+changed)?-1~", field(package, "Version"))
    changes = run("zcat", extracted / "usr/share/doc/unfreed/changelog.Debian.gz")
    assert changes.startswith(f"unfreed ({field(package, 'Version')}) ")


def test_another_one_has_the_same_bytes(package):
    before = hashlib.sha256(package.read_bytes()).digest()
    package.unlink()
    assert make_deb() == package
    assert hashlib.sha256(package.read_bytes()).digest() == before


def test_it_can_be_unpacked(package, tmp_path):
    for name in ("info", "updates", "triggers"):
        (tmp_path / "var/lib/dpkg" / name).mkdir(parents=True)
    (tmp_path / "var/lib/dpkg/status").touch()
    dpkg = ["dpkg", f"--root={tmp_path}", "--force-not-root", "--force-depends", "--force-bad-path"]
    done = subprocess.run([*dpkg, "--unpack", package], capture_output=True, text=True, timeout=60)
    if "requested operation requires superuser privilege" in done.stderr:
        pytest.skip("needs root")
    assert done.returncode == 0, done.stderr
    # its sums are right, and what it has of /etc is a user's to change, put there when it is configured
    assert run(*dpkg, "--verify", "unfreed").split() == ["missing", "c", "/etc/default/unfreed-monitor"]


def test_lintian_says_nothing(package):
    needs("lintian")
    assert run("lintian", "--no-cfg", "--fail-on=none", package) == ""


def test_the_unit_is_one(extracted, tmp_path):
    needs("systemd-analyze")
    installed = extracted / "usr/lib/systemd/system" / UNIT.name
    assert installed.read_text() == UNIT.read_text()
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/usr/bin/unfreed", str(extracted / "usr/bin/unfreed")))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True,
                          timeout=60)
    complaints = [line for line in done.stderr.splitlines() if UNIT.stem in line]
    assert complaints == [] and done.returncode == 0


def test_the_unit_exposes_little():
    """Of 100; root's service without any of it has 96."""
    needs("systemd-analyze")
    done = subprocess.run(["systemd-analyze", "security", "--no-pager", "--offline=yes", "--threshold=25",
                           UNIT], capture_output=True, text=True, timeout=60)
    if "nrecognized option" in done.stderr:
        pytest.skip("systemd-analyze is older than 250")
    assert done.returncode == 0, done.stdout


def test_installed_elsewhere_the_unit_starts_what_is_there(tmp_path):
    place = [f"DESTDIR={tmp_path}", "PREFIX=/opt"]
    make("install", *place)
    text = (tmp_path / "opt/lib/systemd/system" / UNIT.name).read_text()
    assert re.findall(r"^ExecStart=(\S+)", text, re.M) == ["/opt/bin/unfreed"]
    make("uninstall", *place)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
