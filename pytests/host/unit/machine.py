"""Tests of how the harness copes with the machine that it is on: what setup asks for, memory, the
architecture, mirrors and proxies, sudo."""

import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from unittest import mock

from pytests.host.suite import suite
from pytests.host.unit import played
from pytests.host.vm import archive, kernels, machine, process, roots
from pytests.host.vm.cache import TOP
from pytests.host.vm.errors import HarnessError

SETUP = "pytests/host/vm/setup.sh"
KEYRING = "usr/share/keyrings/debian-archive-keyring.gpg"
CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"
PROXY = "http://proxy.example:3128"

#: sudo for a user whom it asks for no password, as it is where it matters here: the environment is
#: dropped, and the kernel forgets whose death a set-user-ID program is to follow.
SUDO = """\
[ "$1" != -n ] || shift
exec env -i PATH="$PATH" MEMEVENTS_ROOT="${MEMEVENTS_ROOT:-}" \\
    setpriv --pdeathsig clear "$@"
"""


def of_arch(name):
    """A patch: this machine is of that architecture, as Debian calls it."""
    return mock.patch.object(machine, "arch", lambda: name)


class SetupTest(played.MachineTest):
    """`make setup`."""

    def ready(self, arch="amd64", origin="Debian"):
        """A machine that has all that is needed, and sources of that origin."""
        there = self.machine()
        there.write(KEYRING)
        for program in ("python3", "git", "mmdebstrap", "bsdtar", "qemu-system-x86_64",
                        "qemu-system-aarch64", "chroot", "mount", "setpriv", "unshare", "tar", "xz",
                        "zstd", "apt-config"):
            there.program(program, "")
        there.program("dpkg", f"echo {arch}")
        there.program("apt-get", f"""\
case $* in
*indextargets*) echo 'Origin: {origin}' ;;
*) echo "apt-get $*"; cat "$APT_CONFIG" ;;
esac""")
        return there

    def setup(self, there, *packages, **environ):
        """Run it."""
        return there.run("sh", SETUP, *packages, **environ)

    def test_quiet_where_all_is_there(self):
        done = self.setup(self.ready())
        self.assertEqual((done.returncode, done.stdout), (0, ""))

    def test_ubuntu_and_devuan(self):
        for origin in ("Ubuntu", "Devuan"):
            there = self.ready(origin=origin)
            there.write(CERTIFICATES)
            done = self.setup(there, MIRROR="https://deb.debian.org/debian")
            self.assertEqual((done.returncode, done.stdout), (0, ""))
            self.refused(self.setup(there), "give one as MIRROR=")

    def test_certificates_for_a_mirror_by_https(self):
        there = self.ready()
        for mirror, installed in (("http://deb.debian.org/debian", False),
                                  ("https://deb.debian.org/debian", True)):
            done = self.setup(there, MIRROR=mirror)
            self.passed(done)
            self.assertEqual("install ca-certificates\n" in done.stdout, installed)

    def test_no_keys(self):
        there = self.ready()
        (there.root / KEYRING).unlink()
        self.refused(self.setup(there), "install debian-archive-keyring\n",
                     "no /", "from Debian's archive")

    def test_not_to_be_had(self):
        there = self.ready()
        (there.bin / "mmdebstrap").unlink()
        there.program("apt-get", "case $* in *install*) exit 100 ;; esac")
        self.refused(self.setup(there), "has not installed mmdebstrap:", "universe")

    def test_a_package_besides(self):
        done = self.setup(self.ready(), "python3-matplotlib")
        self.passed(done)
        self.assertIn("install python3-matplotlib\n", done.stdout)

    def test_no_debian(self):
        there = self.ready()
        (there.bin / "apt-get").unlink()
        self.refused(self.setup(there), "no apt-get")

    def test_arm64(self):
        there = self.ready("arm64")
        (there.bin / "qemu-system-x86_64").unlink()
        self.assertEqual(self.setup(there).stdout, "")
        self.refused(self.setup(self.ready("armhf")), "amd64 and on arm64")

    def test_container_without_privileges(self):
        there = self.ready()
        there.program("unshare", "exit 1")
        done = self.setup(there)
        self.refused(done, "--privileged", "--cap-add SYS_ADMIN")
        self.assertEqual(done.stdout.count("\n"), 1)

    def test_neither_root_nor_sudo(self):
        there = self.ready()
        there.program("id", "echo 1000")
        self.refused(self.setup(there), "there is no sudo")

    def test_a_proxy_survives_sudo(self):
        there = self.ready()
        there.program("id", "echo 1000")
        there.program("sudo", "exec env -i PATH=\"$PATH\" \"$@\"")
        (there.bin / "mmdebstrap").unlink()
        done = self.setup(there, http_proxy=PROXY)
        self.passed(done)
        self.assertEqual(done.stdout.count(f'Acquire::http::Proxy "{PROXY}";\n'), 2)    # update too
        self.assertEqual(done.stdout.count(PROXY), 2)       # and not on the command line
        there.program("apt-config", """echo 'Acquire::http::Proxy "http://other";'""")
        self.assertNotIn(PROXY, self.setup(there, http_proxy=PROXY).stdout)


class MemoryTest(unittest.TestCase):
    """What guests may take, in MiB."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        self.write("proc/meminfo", "MemTotal: 9000000 kB\nMemAvailable:    8388608 kB\n")
        self.write("proc/self/cgroup", "0::/a/b\n")

    def write(self, name, text):
        """Write a file of the machine's."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="ascii")

    def limit(self, folder, limit, used):
        """Give a cgroup a limit and a usage, in MiB."""
        self.write(f"sys/fs/cgroup/{folder}/memory.max",
                   f"{limit << 20}\n" if limit else "max\n")
        self.write(f"sys/fs/cgroup/{folder}/memory.current", f"{used << 20}\n")

    def test_no_limit(self):
        self.assertEqual(machine.available_memory(self.root), 8192)
        self.limit("a/b", None, 100)
        self.assertEqual(machine.available_memory(self.root), 8192)

    def test_the_least_counts(self):
        self.limit("a/b", 4000, 1000)
        self.assertEqual(machine.available_memory(self.root), 3000)
        self.limit("a", 3000, 2000)
        self.assertEqual(machine.available_memory(self.root), 1000)
        self.limit("", 20000, 0)
        self.assertEqual(machine.available_memory(self.root), 1000)

    def test_file_cache_is_no_usage(self):
        self.limit("a/b", 4000, 1000)
        self.write("sys/fs/cgroup/a/b/memory.stat",
                   f"anon 5\nactive_file {100 << 20}\ninactive_file {200 << 20}\nfile 7\n")
        self.assertEqual(machine.available_memory(self.root), 3300)

    def test_above_its_limit(self):
        self.limit("a/b", 1000, 1001)
        self.assertEqual(machine.available_memory(self.root), 0)

    def test_cgroup_v1(self):
        self.write("proc/self/cgroup", "3:cpu,cpuacct:/a\n2:memory:/docker/x\n0::/\n")
        for name, size in (("limit_in_bytes", 2000), ("usage_in_bytes", 500)):
            self.write(f"sys/fs/cgroup/memory/docker/x/memory.{name}", f"{size << 20}\n")
        self.assertEqual(machine.available_memory(self.root), 1500)

    def test_outside_of_its_namespace(self):
        self.write("proc/self/cgroup", "0::/../../x\n")
        self.limit("", 2000, 0)
        self.assertEqual(machine.available_memory(self.root), 2000)

    def test_the_number_of_guests(self):
        plain = [kernel for kernel in kernels.KERNELS if not kernel.config]
        with mock.patch.object(os, "sched_getaffinity", lambda _: range(16)):
            for memory, guests in ((100000, 32), (6200, 4), (3100, 2), (10, 1)):
                with mock.patch.object(machine, "available_memory", lambda size=memory: size):
                    self.assertEqual(suite.workers(plain), guests)


class ArchTest(unittest.TestCase):
    """A machine that is not amd64."""

    def names(self, patterns):
        """The names of the kernels that are picked."""
        return [kernel.name for kernel in kernels.pick(patterns)]

    def test_on_arm64(self):
        with of_arch("arm64"), mock.patch.object(kernels, "say") as said:
            self.assertEqual(self.names(""), ["6.12-arm64", "7.3-arm64"])
            self.assertIn("5.10 6.1 6.12 ", said.call_args[0][1])
            self.assertEqual(self.names("6.12-arm64"), ["6.12-arm64"])
            said.assert_called_once()
            with self.assertRaisesRegex(HarnessError, "6.12: .* not built for on an arm64"):
                kernels.pick("6.12")

    def test_on_another(self):
        with of_arch("riscv64"), self.assertRaisesRegex(HarnessError, "riscv64 machine"):
            kernels.pick("")

    def test_toolchains_are_native(self):
        kernel = next(k for k in kernels.KERNELS if k.name == "6.12-arm64")
        for arch, compiler in (("amd64", "gcc-14-aarch64-linux-gnu"), ("arm64", "gcc-14")):
            with of_arch(arch):
                recipe = roots.toolchain(kernel, "gcc-14", ())
            self.assertEqual(recipe.arch, arch)
            self.assertIn(compiler, recipe.packages)


class MirrorTest(unittest.TestCase):
    """Where Debian's archive is, and how it is reached."""

    def setUp(self):
        archive.mirror.cache_clear()
        self.addCleanup(archive.mirror.cache_clear)

    def having(self, targets="", **environ):
        """A patch: apt has these sources, and the environment is this one."""
        stack = mock.patch.multiple(archive, run=lambda command: targets)
        environ_patch = mock.patch.dict(os.environ, environ, clear=True)
        for patch in (stack, environ_patch):
            patch.start()
            self.addCleanup(patch.stop)

    def test_apts_own(self):
        self.having("Debian|Debian|http://a/debian/\nDebian|Debian-Security|http://a/s\n")
        self.assertEqual(archive.mirror(), ("http://a/debian", "http://a/s"))

    def test_given_on_ubuntu(self):
        self.having("Ubuntu|Ubuntu|http://u/ubuntu/\n", MIRROR="http://b/debian")
        self.assertEqual(archive.mirror(), ("http://b/debian", "http://b/debian-security"))

    def test_none_on_ubuntu(self):
        self.having("Ubuntu|Ubuntu|http://u/ubuntu/\n")
        with self.assertRaisesRegex(HarnessError, "set MIRROR=URI"):
            archive.mirror()

    def test_proxies(self):
        self.having(MIRROR="http://mirror.example/debian", http_proxy=PROXY)
        self.assertEqual(list(archive._proxies("")), [f'Acquire::http::Proxy "{PROXY}";'])
        self.assertEqual(list(archive._proxies('Acquire::http::Proxy "http://other";\n')), [])

    def test_no_proxy(self):
        self.having(MIRROR="http://mirror.example/debian", HTTP_PROXY=PROXY, no_proxy=".example")
        self.assertEqual(list(archive._proxies("")), [
            f'Acquire::http::Proxy "{PROXY}";', 'Acquire::http::Proxy::mirror.example "DIRECT";'])

    def test_unknown_keys(self):
        error = archive.explain(HarnessError("W: GPG error: NO_PUBKEY 762F67A0"), "forky")
        self.assertIn("do not know forky: install a newer debian-archive-keyring", str(error))
        other = HarnessError("404")
        self.assertIs(archive.explain(other, "forky"), other)


class SudoTest(unittest.TestCase):
    """What is run as root by a user."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.sudo(SUDO)
        self.environ = {**os.environ, "PATH": f"{self.folder}:{os.environ['PATH']}"}

    def sudo(self, script):
        """Put a sudo on PATH."""
        path = self.folder / "sudo"
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="ascii")
        path.chmod(0o755)

    def python(self, script):
        """Start a python of a user with that sudo."""
        prelude = ("import os; os.geteuid = lambda: 1000\n"
                   "from pytests.host.vm import process\n")
        return subprocess.Popen([sys.executable, "-B", "-c", prelude + script], cwd=TOP,
                                env=self.environ, stdout=subprocess.PIPE, encoding="ascii")

    def wait(self, condition, what):
        """Wait until condition() is true."""
        deadline = time.monotonic() + 20
        while not condition():
            self.assertLess(time.monotonic(), deadline, what)
            time.sleep(0.02)

    def test_to_its_end(self):
        script = ("script = 'cat; echo out; echo err >&2';"
                  "print(process.run(process.as_root(['sh', '-c', script])));"
                  "print(process.finish(process.as_root(['sh', '-c', 'exit 7'])).returncode)")
        with self.python(script) as child:
            self.assertEqual(child.stdout.read(), "out\nerr\n\n7\n")

    def test_nothing_outlives_us(self):
        pid = self.folder / "pid"
        with self.python(f"process.run(process.as_root("
                         f"['sh', '-c', 'echo $$ > {pid}.new; mv {pid}.new {pid}; exec sleep 60']))"
                         ) as child:
            self.wait(pid.exists, "the command did not start")
            stat = Path(f"/proc/{pid.read_text().strip()}/stat")
            self.assertTrue(stat.exists())
            child.send_signal(signal.SIGKILL)

        def gone():
            try:
                return stat.read_text().rpartition(")")[2].split()[0] == "Z"
            except (FileNotFoundError, ProcessLookupError):
                return True
        self.wait(gone, "the command lives on")

    def test_no_ticket(self):
        self.sudo("echo 'sudo: a password is required' >&2; exit 1")
        with mock.patch.dict(os.environ, self.environ), \
                mock.patch.object(os, "geteuid", lambda: 1000), \
                self.assertRaisesRegex(HarnessError, "run 'sudo true' first"):
            process.run(process.as_root(["true"]))

    def test_the_ticket_is_kept(self):
        used = self.folder / "used"
        self.sudo(f'[ "$*" != "-n true" ] || echo used >> {used}\n' + SUDO)
        with self.python("process.TICKET = 0.05; process.run(process.as_root(['sleep', '60']))"
                         ) as child:
            self.wait(lambda: used.exists() and used.read_text().count("used") > 1,
                      "the ticket is not used")
            child.send_signal(signal.SIGKILL)
