"""Tests of what the build finds in a kernel's headers: `make selftest`.

The headers have what is looked for and nothing else; the tests change them as vendors do.
"""

import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from pytests.host.vm import kernels, vendor_headers
from pytests.host.vm.cache import TOP
from pytests.host.vm.errors import HarnessError
from pytests.host.vm.release import Release

# As in Linux 6.1.
HEADERS = {
    "include/linux/ftrace.h": "typedef void (*ftrace_func_t)(struct ftrace_regs *fregs);\n"
                              "#define ftrace_instruction_pointer_set(fregs, ip)\n",
    "arch/x86/include/asm/ftrace.h": "#define ftrace_instruction_pointer_set(fregs, _ip)\n",
    "include/trace/stages/stage2_data_offsets.h":
        "#define __string(item, src) __dynamic_array(char, item, -1)\n",
    "include/trace/stages/stage5_get_offsets.h":
        "#define __string(item, src) __dynamic_array(char, item,\t\\\n\tstrlen(src) + 1)\n",
    "include/trace/stages/stage6_event_callback.h":
        "#define __assign_str(dst, src)\t\\\n\tstrcpy(__get_str(dst), (src));\n",
    "include/linux/memcontrol.h": """\
enum memcg_memory_event;
enum memcg_memory_event {
	MEMCG_LOW,
	MEMCG_HIGH,
	MEMCG_MAX,
	MEMCG_OOM,
	MEMCG_OOM_KILL,
	MEMCG_OOM_GROUP_KILL,
	MEMCG_SWAP_HIGH,
	MEMCG_SWAP_MAX,
	MEMCG_SWAP_FAIL,
	MEMCG_NR_MEMORY_EVENTS,
};
enum other { MEMCG_OTHER, };
""",
}

# What kbuild is, as far as Kbuild knows: KIND is build to compile, modpost to link.
KBUILD = """\
srctree := {root}
SRCARCH := x86
VERSION := {version}
PATCHLEVEL := 1
src := {src}
include $(src)/Kbuild
$(info flags: $(ccflags-y) $(CFLAGS_memory_events.o))
all: ;@:
"""


class HeadersTest(unittest.TestCase):
    """Headers in a folder for each test."""

    def setUp(self):
        self.version = 6
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        for name, text in HEADERS.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="ascii")

    def change(self, name, old, new):
        """Replace a text in a header that is there."""
        path = self.root / name
        text = path.read_text(encoding="ascii")
        self.assertIn(old, text)
        path.write_text(text.replace(old, new), encoding="ascii")

    def build(self, what="build"):
        """Have make read Kbuild; returns what it is to define, as a set, and what is said."""
        makefile = self.root / "scripts" / f"Makefile.{what}"
        makefile.parent.mkdir(exist_ok=True)
        makefile.write_text(KBUILD.format(
            root=self.root, src=TOP / "module", version=self.version), encoding="utf-8")
        # without what a make that runs the tests has in the environment
        done = subprocess.run(["make", "-f", makefile], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, encoding="utf-8", check=False,
                              env={"PATH": os.environ["PATH"]})
        said, _, flags = done.stdout.rpartition("flags: ")
        return set(re.findall(r"-D(HAVE_\w+)", flags)), said or done.stdout

    def said(self):
        """What is said where kbuild compiles, and is not said again where it links."""
        said = self.build()[1]
        self.assertNotIn("memevents_hook: ", self.build("modpost")[1])
        return said


class EventsTest(HeadersTest):
    """The memory events of the kernel, and those that the replacement does not print."""

    MEMCONTROL = "include/linux/memcontrol.h"

    def add(self, text):
        """Add to the enumeration."""
        self.change(self.MEMCONTROL, "\tMEMCG_NR_MEMORY_EVENTS", text + "\tMEMCG_NR_MEMORY_EVENTS")

    def test_each_is_told(self):
        self.assertIn("HAVE_MEMCG_OOM_GROUP_KILL", self.build()[0])
        self.assertNotIn("HAVE_MEMCG_SOCK_THROTTLED", self.build()[0])
        self.assertNotIn("HAVE_MEMCG_OTHER", self.build()[0])
        self.add("\tMEMCG_SOCK_THROTTLED,\n")
        self.assertIn("HAVE_MEMCG_SOCK_THROTTLED", self.build()[0])

    def test_all_are_known(self):
        self.add("\t/* MEMCG_A, */\n\tMEMCG_SOCK_THROTTLED, // MEMCG_B,\n\t/* MEMCG_C,\n"
                 "\t * MEMCG_D, **/\n")
        self.assertNotIn("memevents_hook: ", self.said())

    def test_a_vendors_own(self):
        for text, name in (
                ("\tMEMCG_VENDOR,\n", "MEMCG_VENDOR"),
                ("\tVENDOR_EVENT,\n", "VENDOR_EVENT"),
                ("\tMEMCG_LOW_2 = 12, /* a comment */\n", "MEMCG_LOW_2"),
                ("#ifdef CONFIG_VENDOR\n\tMEMCG_IF,\n#endif\n", "MEMCG_IF"),
                ("\t/* a\n\t * comment */ MEMCG_BEHIND, MEMCG_SOCK_THROTTLED,\n", "MEMCG_BEHIND")):
            with self.subTest(text):
                self.setUp()
                self.add(text)
                self.assertRegex(self.said(), rf"^memevents_hook: this kernel counts {name}, which"
                                 r' .* make check TESTS="-k test_lines"\n$')

    def test_the_brace_on_a_line_of_its_own(self):
        self.change(self.MEMCONTROL, "event {", "event\n{")
        self.add("\tMEMCG_VENDOR,\n")
        self.assertIn("this kernel counts MEMCG_VENDOR, which", self.said())

    def test_the_command_has_the_test_that_compares(self):
        self.assertTrue((TOP / "pytests" / "tests" / "test_lines.py").exists())

    def test_none(self):
        self.change(self.MEMCONTROL, "MEMCG_LOW", "MEMCG_NOT")
        self.assertIn("does not define the memory events", self.build()[1])
        (self.root / self.MEMCONTROL).unlink()
        self.assertIn("does not define the memory events", self.build()[1])


class InterfacesTest(HeadersTest):
    """What compat.h is told: whatever the version is, the headers decide."""

    def test_as_in_its_version(self):
        found = self.build()[0]
        self.assertLessEqual({"HAVE_FTRACE_REGS", "HAVE_ASSIGN_STR_OF_TWO"}, found)
        self.assertNotIn("HAVE_FTRACE_REGS_SET_IP", found)

    def test_a_later_name(self):
        for name in ("include/linux/ftrace.h", "arch/x86/include/asm/ftrace.h"):
            self.change(name, "ftrace_instruction_pointer_set",
                        "ftrace_regs_set_instruction_pointer")
        found = self.build()[0]
        self.assertIn("HAVE_FTRACE_REGS_SET_IP", found)

    def test_a_later_macro(self):
        self.change("include/trace/stages/stage6_event_callback.h", "(dst, src)", "(dst)")
        self.assertNotIn("HAVE_ASSIGN_STR_OF_TWO", self.build()[0])

    def test_not_the_headers_of_a_kernel(self):
        (self.root / "include/linux/ftrace.h").write_text("")
        self.assertIn("does not declare ftrace_func_t", self.build()[1])

    def test_newer_than_tested(self):
        self.assertNotIn("newer than", self.build()[1])
        self.version = 8
        self.assertRegex(self.said(), r"^memevents_hook: Linux 8\.1 is newer than [0-9.]+, the"
                         r" newest that was tested\n$")


class VendorTest(HeadersTest):
    """The changes that vendor_headers.py makes to Debian's headers."""

    def setUp(self):
        super().setUp()
        self.of_debian = self.root / "usr/src/linux-headers-6.1-common"
        self.of_debian.mkdir(parents=True)
        for name in ("include", "arch"):
            (self.root / name).rename(self.of_debian / name)
        self.kernel = kernels.pick("6.1-vendor")[0]

    def layers(self):
        """Where the changed headers are."""
        release = mock.Mock(Release, root=self.root)
        return vendor_headers.layers(self.kernel, release, self.root / "changed")

    def test_what_is_found_in_them(self):
        layer, = self.layers()
        self.root = layer / self.of_debian.relative_to(self.root)
        found, said = self.build()
        self.assertIn("HAVE_FTRACE_REGS_SET_IP", found)
        self.assertNotIn("HAVE_ASSIGN_STR_OF_TWO", found)
        self.assertIn("counts MEMCG_VENDOR, which", said)

    def test_not_the_header_that_it_is_for(self):
        path = self.of_debian / "include/linux/memcontrol.h"
        path.write_text("enum memcg_memory_event { MEMCG_LOW };\n", encoding="ascii")
        with self.assertRaisesRegex(HarnessError, "memcontrol.h: nothing in it looks like"):
            self.layers()
        path.unlink()
        with self.assertRaisesRegex(HarnessError, "memcontrol.h: expected it once"):
            self.layers()

    def test_others_have_their_own(self):
        self.kernel = kernels.pick("6.1")[0]
        self.assertEqual((self.layers(), vendor_headers.inputs(self.kernel)), ((), ()))
