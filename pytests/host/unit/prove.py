"""Tests of how litmus tests are read, compared with their twins, and judged: `make selftest`."""

import tempfile
import unittest
from pathlib import Path

from pytests.host.prove import herd
from pytests.host.prove.litmus import Litmus, mentions, pairs

BASE = """\
C flag

(*
 * Result: Never
 *
 * Code: module/flag.c: flag_set(): smp_store_release(&flag, true)
 * Code: module/flag.c: flag_read(): return smp_load_acquire(&flag)
 *
 * A message (with its flag).
 *)

{}

P0(int *x, int *y) // flag_set()
{
	WRITE_ONCE(*x, 1);
	smp_store_release(y, 1);
}

P1(int *x, int *y) // flag_read()
{
	int r0;
	int r1;

	r0 = smp_load_acquire(y);
	r1 = READ_ONCE(*x);
}

exists (1:r0=1 /\\ 1:r1=0) (* Bad. *)
"""

CODE = """\
void flag_set(void)
{
	/* See litmus/flag. */
	smp_store_release(&flag,
			  true);
}

int flag_read(int unused,
	      int too)
{
	return smp_load_acquire(&flag);
}
"""

HEADER = "C flag+{}\n\n(*\n * Result: Sometimes\n *\n * Twin of flag.\n *)\n"


def twin(name, old=None, new=""):
    """The text of a twin, in which old is replaced."""
    body = BASE.partition("*)\n")[2]
    return HEADER.format(name) + (body.replace(old, new) if old else body)


class LitmusTest(unittest.TestCase):
    """What a file has to have, and how it may differ from its twin."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.top = Path(folder.name)
        (self.top / "module").mkdir()
        (self.top / "module" / "flag.c").write_text(CODE, encoding="ascii")

    def read(self, name, text):
        """The Litmus that a file of that name and text is."""
        path = self.top / f"{name}.litmus"
        path.write_text(text, encoding="ascii")
        return Litmus(path)

    def differs(self, *change):
        """What is wrong with a twin that differs from BASE by a change."""
        return self.read("flag+one", twin("one", *change)).differs(self.read("flag", BASE))

    def test_good_form(self):
        self.assertEqual(self.read("flag", BASE).form(self.top), [])
        self.assertEqual(self.read("flag+one", twin("one")).form(self.top), [])

    def test_bad_form(self):
        for old, new, wrong in (
                ("C flag\n", "C flog\n", "the first line is not 'C flag'"),
                ("Never", "Sometimes", "the comment has no line 'Result: Never'"),
                (" * Code", " * Cod",
                 "the comment has no line 'Code: FILE: FUNCTION(): STATEMENT'"),
                ("flag.c", "flog.c", "there is no module/flog.c"),
                (" flag_set", " set", "module/flag.c has no set()"),
                ("flag, true", "flag, 1",
                 "flag_set() of module/flag.c does not say smp_store_release(&flag, 1)")):
            with self.subTest(wrong):
                self.assertIn(wrong, self.read("flag", BASE.replace(old, new)).form(self.top))

    def test_code_that_does_not_name_it(self):
        path = self.top / "module" / "flag.c"
        path.write_text(CODE.replace("litmus/flag", "litmus/flagged"), encoding="ascii")
        self.assertEqual(self.read("flag", BASE).form(self.top),
                         ["no comment of the code it is about says litmus/flag"])

    def test_twins(self):
        self.assertEqual(self.differs("smp_store_release(y, 1)", "WRITE_ONCE(*y, 1)"), [])
        self.assertEqual(self.differs("\tsmp_store_release(y, 1);\n"), [])
        first, second = "\tWRITE_ONCE(*x, 1);\n", "\tsmp_store_release(y, 1);\n"
        self.assertEqual(self.differs(first + second, second + first), [])
        self.assertEqual(self.differs(second, second + first), [])
        self.assertEqual(self.differs("r1 = READ_ONCE(*x);", "r1 = *x;\n\tREAD_ONCE(*x);"), [])

    def test_no_twins(self):
        self.assertEqual(self.differs(), ["it does the same as flag"])
        self.assertEqual(self.differs("// flag_set()", "// set()"), ["it does the same as flag"])
        more = ["it differs from flag by more than one statement"]
        self.assertEqual(self.differs("WRITE_ONCE(*x, 1);\n\tsmp_store_release(y, 1);"), more)
        self.assertEqual(self.differs("READ_ONCE(*x);", "READ_ONCE(*x);\na;\nb;\nc;\n"), more)
        self.assertEqual(self.differs("READ_ONCE(*x);", "READ_ONCE(*x);\na;\nb;\n"), more)

    def test_the_same_lines_elsewhere(self):
        more = ["it differs from flag by more than one statement"]
        first, second = "\tWRITE_ONCE(*x, 1);\n", "\tsmp_store_release(y, 1);\n"
        for old, new in (
                # of one process in another order
                ("\tint r0;\n\tint r1;\n\n\tr0 = smp_load_acquire(y);\n\tr1 = READ_ONCE(*x);\n",
                 "\tr1 = READ_ONCE(*x);\n\tr0 = smp_load_acquire(y);\n\tint r1;\n\tint r0;\n"),
                # moved from one process to the other
                (second + "}\n\nP1(int *x, int *y) // flag_read()\n{\n",
                 "}\n\nP1(int *x, int *y) // flag_read()\n{\n" + second),
                # the processes exchanged
                (first + second, "\tr0 = smp_load_acquire(y);\n\tr1 = READ_ONCE(*x);\n")):
            with self.subTest(new):
                self.assertEqual(self.differs(old, new), more)

    def test_what_is_no_statement(self):
        more = ["it differs from flag by more than one statement"]
        for old, new in (("{}", "{ y=1; }"), ("P0(int *x, int *y)", "P0(int *y, int *x)"),
                         ("1:r1=0", "1:r1=1"),
                         ("smp_store_release(y, 1)", "WRITE_ONCE(*x, 1)")):
            with self.subTest(new):
                self.assertEqual(self.differs(old, new), more)

    def test_pairs(self):
        tests = {"flag": self.read("flag", BASE), "flog+one": self.read("flog+one", twin("one"))}
        self.assertEqual(pairs(tests), {
            "flag": ["it has no twin"],
            "flog+one": ["there is no flog that it could be a twin of"]})

    def test_mentions(self):
        self.assertEqual(mentions("See litmus/a-b, litmus/c. litmus/README"), {"a-b", "c"})


class HerdTest(unittest.TestCase):
    """What herd7 says, and of which test."""

    OUTPUT = """\
Warning: File "/mnt/bad.litmus", line 3, characters 1-2: syntax error (in prog)
Test flag Allowed
States 1
Flag data-race
Observation flag Sometimes 1 2
Hash=1

Test flag+one Allowed
Observation flag+one Never 0 3
"""

    def test_answers(self):
        said = herd.split(self.OUTPUT)
        self.assertEqual({name: herd.verdict(text) for name, text in said.items()},
                         {"flag": "Sometimes", "flag+one": "Never", "bad": None})
        self.assertEqual(herd.flags(said["flag"]), ["data-race"])
        self.assertIn("syntax error", said["bad"])
