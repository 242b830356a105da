# SPDX-License-Identifier: BSD-2-Clause
"""Programs that Debian builds without frame pointers and that do the same work whenever they are
told to."""
import os
import subprocess

from conftest import Lines, needs

SQL = """create table t (id integer primary key, word text, number real);
create index words on t (word);
insert into t (word, number) with recursive n (i) as (select 1 union all select i + 1 from n where
i < 50) select 'word ' || i % 7, i / 3.0 from n;
select word, count(*), avg(number), group_concat(id) from t group by word order by 2 desc, 1;
select json_object('a', json_array(1, 2)), upper(word), printf('%.3f', number) from t limit 3;
update t set word = replace(word, 'word', 'other') where id in (select max(id) from t group by word);
select * from nowhere;
drop table t;"""

PERL = r"""my %h; $h{$_ % 17} .= "value $_ " for 1 .. 100; my @s = sort { $h{$a} cmp $h{$b} } 0 .. 16;
my $t = join ",", map { s/(\d+)/<$1>/gr } sort values %h; eval { die { code => 7 } }; eval "1 +";"""

PYTHON = """class Point:
    def __init__(self, x): self.x, self.name = x, f'point {x}' * 40
points = sorted((Point(i) for i in range(40)), key=lambda point: point.name)
text = json.dumps([vars(point) for point in points]); json.loads(text)
re.sub(r'(p)oint (\\d+)', lambda found: found[2] * 300, text); zlib.compress(text.encode() * 20)
try: [bytearray(2000) for i in range(20)][20]
except IndexError: pass
"""


GIT = "HEAD\nHEAD^{tree}\nHEAD:file\nHEAD~1\nHEAD^{/first}\n:file\nnothing"

# name: how it is asked to say done, the work, and the command (with {} for a git repository)
INTERPRETERS = {
    "sqlite3": (".print done", SQL, "stdbuf", "-oL", "sqlite3", ":memory:"),
    "perl": ("print qq(done\\n)", PERL.replace("\n", " "), "perl", "-ne", "BEGIN { $| = 1 } eval $_;"),
    "python3": ("'print(\"done\")'", repr(PYTHON), "/usr/bin/python3", "-uc",
                "import json, re, sys, zlib\nfor line in sys.stdin: exec(eval(line))"),
    "git": ("done", GIT, "git", "-C", "{}", "cat-file", "--batch"),
}


def make_repository(directory):
    git = [needs("git"), "-C", directory, "-c", "user.name=n", "-c", "user.email=e@example.org"]
    subprocess.run([*git, "init", "-q"], check=True)
    for word in ("first", "second"):
        (directory / "file").write_text(word * 1000)
        subprocess.run([*git, "add", "file"], check=True)
        subprocess.run([*git, "commit", "-qm", word], check=True)


class Interpreter:
    """A program that does what it is told by lines, and answers a line that holds `done`."""

    def __init__(self, name, directory):
        self.ask, self.lines_of_work, program, *arguments = INTERPRETERS[name]
        if not (directory / ".git").exists():
            make_repository(directory)
        command = [needs(program), *(word.replace("{}", str(directory)) for word in arguments)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, errors="replace",
                                        env={**os.environ, "PYTHONHASHSEED": "0", "PERL_HASH_SEED": "0"})
        self.pid = self.process.pid
        self.lines = Lines(self.process.stdout)

    def tell(self, text):
        self.process.stdin.write(f"{text}\n{self.ask}\n" if text else f"{self.ask}\n")
        self.process.stdin.flush()
        self.lines.until("done")

    def work(self):
        """To where it has turned to the next line: what it allocates for that comes after `done`."""
        self.tell(self.lines_of_work)
        self.tell("")

    def __enter__(self):
        self.tell("")
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()
