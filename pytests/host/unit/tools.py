"""Tests of what make does on the user's machine, on machines that are played: `make selftest`."""

import shutil

from pytests.host.unit import played
from pytests.host.unit.played import RELEASE
from pytests.host.vm.cache import TOP

GCC = "gcc-14 (Debian 14.2.0-19) 14.2.0"
CLANG = "Debian clang version 19.1.7 (3)"
GCC_CONFIG = f"""\
CONFIG_X86_64=y
CONFIG_CC_IS_GCC=y
CONFIG_CC_VERSION_TEXT="{GCC}"
CONFIG_GCC_VERSION=140200
"""
CLANG_CONFIG = f"""\
CONFIG_X86_64=y
CONFIG_CC_IS_CLANG=y
CONFIG_LD_IS_LLD=y
CONFIG_AS_IS_LLVM=y
CONFIG_CC_VERSION_TEXT="{CLANG}"
CONFIG_GCC_VERSION=0
CONFIG_CLANG_VERSION=190107
"""

#: In kbuild's place: notes what it was told, and fails if it is to, with what is to be said.
KBUILD = """\
NAMES := M ARCH CC CROSS_COMPILE LD LLVM LLVM_IAS O KBUILD_OUTPUT NM W
modules modules_install clean:
	@: $(foreach name,$(NAMES),$(file >> $(CURDIR)/told,$(name)=$($(name))))
	@[ ! -e errors ] || { cat errors >&2; exit 2; }
"""


class Machine(played.Machine):
    """A machine with compilers, kernels to build for, and the tools of module/tools."""

    def compiler(self, name, machine="x86_64-linux-gnu"):
        """Put a compiler for a machine there, with its binutils."""
        self.program(name, f'case $1 in -dumpmachine) echo {machine} ;; --version) echo "{name} 1"'
                           ' ;; esac')
        prefix = name.partition("gcc")[0]
        for tool in ("ld", "objcopy"):
            self.program(prefix + tool, "")

    def kernel(self, config=GCC_CONFIG, folder="headers"):
        """Make what kbuild is run in; returns the folder."""
        self.write(f"{folder}/Makefile", KBUILD)
        self.write(f"{folder}/Module.symvers")
        self.write(f"{folder}/include/config/auto.conf", config)
        self.write(f"{folder}/include/generated/utsrelease.h",
                   f'#define UTS_RELEASE "{RELEASE}"\n')
        # as in Debian's headers of 6.1
        self.write(f"{folder}/include/config/kernel.release", "6.12.5\n")
        return self.root / folder

    def tool(self, name, *words, **options):
        """Run a tool of module/tools."""
        return self.run("sh", f"module/tools/{name}.sh", *words, **options)


class MachineTest(played.MachineTest):
    """With such a machine."""

    kind = Machine


class HeadersTest(MachineTest):
    """No headers: what to do about it fits the machine."""

    def missing(self, expected, os_release, running=RELEASE, kdir=None, modules=True):
        """The advice on a machine without headers of its running kernel (or of kdir)."""
        machine = self.machine(os_release, running)
        if modules:
            machine.write(f"lib/modules/{running}/modules.dep")
        done = machine.tool("headers", kdir or f"/lib/modules/{running}/build")
        self.refused(done, expected)
        return done.stdout

    def test_each_distribution(self):
        for os_release, running, expected in (
                ("ID=debian", RELEASE, f"apt-get install linux-headers-{RELEASE}\n"),
                ('ID=ubuntu\nID_LIKE=debian', "6.8.0-31-generic",
                 "apt-get install linux-headers-6.8.0-31-generic\n"),
                ('ID=pop\nID_LIKE="ubuntu debian"', RELEASE,
                 f"apt-get install linux-headers-{RELEASE}"),
                ("ID=devuan\nID_LIKE=debian", RELEASE, f"apt-get install linux-headers-{RELEASE}"),
                ("ID=arch", "6.12.4-arch1-1", "pacman -S linux-headers\n"),
                ("ID=manjaro\nID_LIKE=arch", "6.6.63-1-lts", "pacman -S linux-lts-headers\n"),
                ("ID=fedora", "6.11.4-301.fc41.x86_64",
                 "dnf install kernel-devel-6.11.4-301.fc41.x86_64\n"),
                ('ID="rocky"\nID_LIKE="rhel centos fedora"', "5.14.0-427.el9.x86_64",
                 "dnf install kernel-devel-5.14.0-427.el9.x86_64\n"),
                ('ID="opensuse-leap"\nID_LIKE="suse opensuse"', "6.4.0-150600.23-default",
                 "zypper install kernel-default-devel\n"),
                ("ID=alpine", "6.6.32-0-virt", "apk add linux-virt-dev\n"),
                ("ID=nixos", RELEASE, f"linuxPackages.kernel.dev)\"/lib/modules/{RELEASE}/build"),
                ("ID=gentoo", RELEASE, "KDIR=/usr/src/linux"),
                ("ID=slackware", RELEASE, "package of your distribution"),
        ):
            with self.subTest(os_release):
                said = self.missing(expected, os_release, running)
                self.assertEqual(said.count("\n"), 1, said)

    def test_no_os_release(self):
        machine = self.machine()
        (machine.root / "etc/os-release").unlink()
        self.refused(machine.tool("headers", "/lib/modules/6.1/build"),
                     "package of your distribution")

    def test_archs_kernels_name_their_package(self):
        machine = self.machine("ID=arch", "6.12.4-custom")
        machine.write("lib/modules/6.12.4-custom/pkgbase", "linux-mine\n")
        self.refused(machine.tool("headers", "/lib/modules/6.12.4-custom/build"),
                     "pacman -S linux-mine-headers\n")

    def test_wsl(self):
        self.missing("WSL2-Linux-Kernel, tag linux-msft-wsl-5.15.167.4,", "ID=ubuntu",
                     "5.15.167.4-microsoft-standard-WSL2")

    def test_updated_and_not_rebooted(self):
        machine = self.machine("ID=arch", "6.12.4-arch1-1")
        machine.write("lib/modules/6.12.10-arch1-1/modules.dep")
        self.refused(machine.tool("headers", "/lib/modules/6.12.4-arch1-1/build"),
                     "updated to 6.12.10-arch1-1 and the machine was not rebooted", "reboot, then")

    def test_updated_with_the_old_one_left(self):
        machine = self.machine()
        for release in (RELEASE, "6.12.10-1-amd64"):
            machine.write(f"lib/modules/{release}/modules.dep")
        self.refused(machine.tool("headers", f"/lib/modules/{RELEASE}/build"),
                     f"apt-get install linux-headers-{RELEASE}\n", "updated to 6.12.10-1-amd64")

    def test_an_older_one_is_no_update(self):
        machine = self.machine()
        for release in (RELEASE, "6.9.10-1-amd64"):
            machine.write(f"lib/modules/{release}/modules.dep")
        done = machine.tool("headers", f"/lib/modules/{RELEASE}/build")
        self.refused(done, f"apt-get install linux-headers-{RELEASE}\n")
        self.assertNotIn("reboot", done.stdout)

    def test_container(self):
        said = self.missing("in a container", "ID=debian", modules=False)
        self.assertIn(f"apt-get install linux-headers-{RELEASE}\n", said)

    def test_of_another_kernel(self):
        for folder in ("/lib/modules/6.1.0-99-amd64/build",
                       "/usr/src/linux-headers-6.1.0-99-amd64/"):
            self.missing("apt-get install linux-headers-6.1.0-99-amd64\n", "ID=debian", kdir=folder)
        self.missing("KDIR=/nowhere: there is no Makefile", "ID=debian", kdir="/nowhere")

    def test_not_configured(self):
        machine = self.machine()
        kernel = machine.kernel()
        (kernel / "include/config/auto.conf").unlink()
        self.refused(machine.tool("headers", str(kernel)), "not configured", "O=")

    def test_a_blank_in_the_path(self):
        machine = self.machine()
        kernel = machine.kernel(folder="my headers")
        self.refused(machine.tool("headers", str(kernel)), "a blank", "rename")
        (machine.root / "link").symlink_to(kernel)
        self.refused(machine.tool("headers", str(machine.root / "link")), "a blank", "rename")

    def test_there(self):
        machine = self.machine()
        done = machine.tool("headers", str(machine.kernel()))
        self.assertEqual((done.returncode, done.stdout), (0, ""))


class BuildTest(MachineTest):
    """`make` for a kernel: what kbuild is told."""

    def make(self, machine, kernel, *words, top=TOP, **environ):
        """Run make; returns the process, and what kbuild was told by its last run."""
        done = machine.run("make", f"KDIR={kernel}", *words, top=top, **environ)
        told = {}
        if (kernel / "told").exists():
            told = dict(line.split("=", 1) for line in (kernel / "told").read_text().splitlines())
            (kernel / "told").unlink()
        return done, told

    def gcc_machine(self, **kwargs):
        """One that has the kernel's compiler."""
        machine = self.machine(**kwargs)
        machine.compiler("gcc")
        machine.compiler("gcc-14")
        return machine

    def test_the_kernels_gcc(self):
        machine = self.gcc_machine()
        done, told = self.make(machine, machine.kernel())
        self.passed(done)
        self.assertEqual(told["CC"], "gcc-14")
        self.assertEqual((told["ARCH"], told["CROSS_COMPILE"], told["LLVM"]), ("x86_64", "", ""))
        self.assertEqual(told["M"], str(TOP / "module"))

    def test_by_the_name_that_ubuntu_has(self):
        machine = self.gcc_machine()
        machine.compiler("x86_64-linux-gnu-gcc-14")
        config = GCC_CONFIG.replace("gcc-14 (Debian", "x86_64-linux-gnu-gcc-14 (Ubuntu")
        _, told = self.make(machine, machine.kernel(config))
        self.assertEqual((told["CC"], told["CROSS_COMPILE"]),
                         ("x86_64-linux-gnu-gcc-14", "x86_64-linux-gnu-"))

    def test_another_gcc_is_tried_and_named_when_it_fails(self):
        machine = self.machine()
        machine.compiler("gcc")
        kernel = machine.kernel()
        done, told = self.make(machine, kernel)
        self.passed(done)
        self.assertEqual(told["CC"], "gcc")
        (kernel / "errors").write_text("gcc: error: unrecognized option '-fnew'\n")
        done, _ = self.make(machine, kernel)
        self.refused(done, "unrecognized option", f"built by {GCC}", "tried with gcc 1", "CC=")

    def test_no_gcc(self):
        done, told = self.make(self.machine(), (machine := self.machine()).kernel())
        self.refused(done, f"built by {GCC}: apt-get install gcc-14\n")
        self.assertEqual(told, {})
        machine.compiler("gcc")
        self.passed(self.make(machine, machine.root / "headers")[0])

    def test_what_the_user_gives(self):
        machine = self.gcc_machine()
        machine.compiler("gcc-13")
        kernel = machine.kernel()
        _, told = self.make(machine, kernel, "CC=ccache gcc-13", "W=1")
        self.assertEqual((told["CC"], told["W"]), ("ccache gcc-13", "1"))
        _, told = self.make(machine, kernel, "LLVM=-19")
        self.assertEqual((told["LLVM"], told["ARCH"]), ("-19", "x86_64"))

    def test_the_shell_of_a_kernel_developer(self):
        machine = self.gcc_machine()
        machine.compiler("aarch64-linux-gnu-gcc", "aarch64-linux-gnu")
        for makeflags in ("-j8", "-rR", "-j8 W=1", "LLVM=1 ARCH=arm64", ""):
            with self.subTest(makeflags):
                done, told = self.make(
                    machine, machine.kernel(), KBUILD_OUTPUT="/nonexistent", ARCH="arm64",
                    CROSS_COMPILE="aarch64-linux-gnu-", LLVM="1", CC="clang", MAKEFLAGS=makeflags)
                self.passed(done)
                self.assertEqual(told["KBUILD_OUTPUT"] + told["O"] + told["CROSS_COMPILE"], "")
                if "ARCH" not in makeflags:
                    self.assertEqual(
                        (told["ARCH"], told["CC"], told["LLVM"]), ("x86_64", "gcc-14", ""))
                self.assertNotIn("jobserver", done.stdout)

    def test_an_o_tree(self):
        machine = self.gcc_machine()
        kernel = machine.kernel()
        done, told = self.make(machine, kernel, "O=/build/linux")
        self.refused(done, "KDIR=/build/linux")
        self.assertEqual(told, {})

    def test_cross(self):
        machine = self.gcc_machine()
        arm64 = machine.kernel(GCC_CONFIG.replace("X86_64", "ARM64"))
        done, told = self.make(machine, arm64)
        self.refused(done, "no compiler for arm64", "apt-get install gcc-14-aarch64-linux-gnu")
        self.assertEqual(told, {})
        machine.compiler("aarch64-linux-gnu-gcc", "aarch64-linux-gnu")
        _, told = self.make(machine, arm64)
        self.assertEqual([told[name] for name in ("ARCH", "CC", "CROSS_COMPILE")],
                         ["arm64", "aarch64-linux-gnu-gcc", "aarch64-linux-gnu-"])
        machine.compiler("my-gcc", "aarch64-none-linux-gnu")
        _, told = self.make(machine, arm64, CROSS_COMPILE="my-", ARCH="arm64")
        self.assertEqual([told[name] for name in ("ARCH", "CC", "CROSS_COMPILE")],
                         ["arm64", "my-gcc", "my-"])

    def test_32_bit_user_land(self):
        machine = self.machine(machine="i686")
        machine.compiler("gcc", "i686-linux-gnu")
        _, told = self.make(machine, machine.kernel())
        self.assertEqual((told["ARCH"], told["CC"]), ("x86_64", "gcc"))
        machine = self.machine(machine="aarch64")
        machine.compiler("gcc", "arm-linux-gnueabihf")
        done, _ = self.make(machine, machine.kernel(GCC_CONFIG.replace("X86_64", "ARM64")))
        self.refused(done, "no compiler for arm64")

    def test_another_architecture(self):
        machine = self.gcc_machine()
        done, _ = self.make(machine, machine.kernel(GCC_CONFIG.replace("X86_64", "RISCV")))
        self.refused(done, "neither for x86_64 nor for arm64")

    def test_clang(self):
        machine = self.gcc_machine()
        kernel = machine.kernel(CLANG_CONFIG)
        done, told = self.make(machine, kernel)
        self.refused(done, f"no clang: the kernel of KDIR was built by {CLANG}",
                     "apt-get install clang-19 lld-19 llvm-19")
        self.assertEqual(told, {})
        machine.program("clang", "")
        self.refused(self.make(machine, kernel)[0], "no ld.lld")
        for tool in ("ld.lld", "llvm-objcopy", "llvm-nm-19"):
            machine.program(tool, "")
        _, told = self.make(machine, kernel)
        self.assertEqual([told[name] for name in ("LLVM", "LLVM_IAS", "CC", "LD", "NM")],
                         ["1", "1", "clang", "ld.lld", "llvm-nm-19"])
        machine.program("clang-19", "")
        machine.program("ld.lld-19", "")
        _, told = self.make(machine, kernel)
        self.assertEqual((told["CC"], told["LD"]), ("clang-19", "ld.lld-19"))

    def test_clang_with_the_gnu_linker(self):
        machine = self.gcc_machine()
        machine.program("clang", "")
        _, told = self.make(machine, machine.kernel(CLANG_CONFIG.replace("LD_IS_LLD", "LD_IS_BFD")))
        self.assertEqual((told["CC"], told["LLVM"], told["CROSS_COMPILE"]), ("clang", "", ""))

    def test_undefined_symbols(self):
        machine = self.gcc_machine()
        kernel = machine.kernel()
        (kernel / "errors").write_text("".join(
            f'ERROR: modpost: "{name}" [/x/memevents_hook.ko] undefined!\n'
            for name in ("ftrace_set_filter_ip", "debugfs_create_dir")))
        both = "debugfs_create_dir ftrace_set_filter_ip"
        self.refused(self.make(machine, kernel)[0], f"does not export {both}:")
        with open(kernel / "include/config/auto.conf", "a") as config:
            config.write("CONFIG_TRIM_UNUSED_KSYMS=y\n")
        self.refused(self.make(machine, kernel)[0],
                     f"CONFIG_TRIM_UNUSED_KSYMS: it has dropped {both},")
        (kernel / "Module.symvers").unlink()
        self.refused(self.make(machine, kernel)[0], "no Module.symvers")

    def test_programs_that_do_not_run(self):
        machine = self.gcc_machine()
        kernel = machine.kernel()
        for error, says in (
                ("/bin/sh: 1: scripts/basic/fixdep: not found", "do not run on this machine"),
                ("/bin/sh: scripts/basic/fixdep: cannot execute binary file: Exec format error",
                 "do not run on this machine"),
                ("/bin/sh: line 1: pahole: command not found", "no pahole"),
                ("/bin/sh: 1: pahole: not found", "apt-get install pahole\n"),
        ):
            (kernel / "errors").write_text(error + "\n")
            self.refused(self.make(machine, kernel)[0], error, says)

    def test_other_errors_speak_for_themselves(self):
        machine = self.gcc_machine()
        machine.program("gcc-14", f'case $1 in -dumpmachine) echo x86_64-linux-gnu ;;'
                                  f' --version) echo "{GCC}" | sed s/gcc-14/another-name/ ;; esac')
        kernel = machine.kernel()
        (kernel / "errors").write_text("hook.c:1: error: oops\n")
        done, _ = self.make(machine, kernel)
        self.refused(done, "error: oops")
        self.assertNotIn("memevents_hook: ", done.stdout)

    def test_a_blank_in_the_path_of_the_sources(self):
        machine = self.gcc_machine()
        top = machine.root / "my sources"
        shutil.copytree(TOP / "module", top / "module",
                        ignore=shutil.ignore_patterns("*.o", "*.ko"))
        shutil.copy(TOP / "Makefile", top)
        kernel = machine.kernel()
        done, told = self.make(machine, kernel, top=top)
        self.refused(done, "a blank", "move the sources")
        self.assertEqual(told, {})
        self.passed(self.make(machine, kernel, "help", top=top)[0])


class InstallTest(MachineTest):
    """`make install`, `uninstall` and `dkms`."""

    def test_no_headers(self):
        machine = self.machine()
        machine.program("dkms", "echo dkms ran")
        machine.program("depmod", "echo depmod ran")
        for target in ("install", "uninstall", "dkms"):
            with self.subTest(target):
                done = machine.run("make", "KDIR=/nonexistent", target)
                self.refused(done, "no kernel headers at KDIR=/nonexistent")
                self.assertNotIn("ran", done.stdout)

    def test_install(self):
        machine = self.machine()
        machine.program("depmod", 'printf "depmod: %s\\n" "$*"')
        kernel = machine.kernel()
        shutil.copytree(TOP / "module", machine.root / "module",
                        ignore=shutil.ignore_patterns("*.o", "*.ko"))
        shutil.copy(TOP / "Makefile", machine.root)

        def install(*words):
            return machine.run("make", f"KDIR={kernel}", "install", *words, top=machine.root)
        self.refused(install(), "run make first")
        machine.write("module/memevents_hook.ko")
        machine.program("modinfo", 'echo "6.1.0-1-amd64 SMP preempt"')
        self.refused(install(), f"was built for 6.1.0-1-amd64, not for {RELEASE}: make clean")
        machine.program("modinfo", f'echo "{RELEASE} SMP preempt"')
        self.refused(install("DESTDIR=/my root"), "a blank in DESTDIR=/my root")
        done = install("DESTDIR=/root")
        self.passed(done)
        self.assertIn(f"depmod: -b /root {RELEASE}\n", done.stdout)
        self.assertIn(f"M={machine.root}/module\n", (kernel / "told").read_text())

    def test_no_dkms(self):
        machine = self.machine("ID=fedora")
        self.refused(machine.run("make", f"KDIR={machine.kernel()}", "dkms"), "dnf install dkms\n")

    def test_uninstall_where_a_blank_is_in_the_path(self):
        machine = self.machine()
        machine.program("depmod", 'printf "depmod: %s\\n" "$@"')
        path = f"my root/lib/modules/{RELEASE}/updates/memevents_hook.ko"
        for suffix in ("", ".xz", ".zst"):
            machine.write(path + suffix)
        done = machine.run("make", f"KDIR={machine.kernel()}", "uninstall",
                           f"DESTDIR={machine.root}/my root")
        self.passed(done)
        self.assertIn(f"depmod: {machine.root}/my root\ndepmod: {RELEASE}\n", done.stdout)
        self.assertEqual(list((machine.root / path).parent.iterdir()), [])


class LoadTest(MachineTest):
    """`make load`: a refusal names its cause, and nothing of an earlier load."""

    def load(self, *words, refusal="", log="", before="", machine=None, **environ):
        """Load where insmod refuses so, and the kernel's log has these lines, more before it."""
        machine = machine or self.machine()
        machine.write("log", before)
        (machine.root / "more").write_text(log)
        machine.program("dmesg", f"cat '{machine.root}/log'")
        machine.program(
            "insmod", f"printf '%s\\n' \"$@\" > '{machine.root}/insmod'\n"
                      f"cat '{machine.root}/more' >> '{machine.root}/log'\n"
                      + (f"echo 'insmod: ERROR: could not insert module: {refusal}'; exit 1"
                         if refusal else ""))
        return machine.tool("load", *words, **environ)

    def test_parameters(self):
        machine = self.machine()
        done = self.load("redirect=a", "observe=b", machine=machine, ONLY="/my task")
        self.passed(done)
        self.assertEqual((machine.root / "insmod").read_text().splitlines()[1:],
                         ["redirect=a", "observe=b", 'only="/my task"'])

    def test_make_passes_them_on(self):
        machine = self.machine()
        machine.compiler("gcc")
        machine.program("insmod", f"printf '%s\\n' \"$@\" > '{machine.root}/insmod'")
        machine.program("dmesg", "")
        self.passed(machine.run("make", f"KDIR={machine.kernel()}", "load", "ONLY=/task",
                                "PARAMS=redirect=a observe=b"))
        self.assertEqual((machine.root / "insmod").read_text().splitlines()[1:],
                         ["redirect=a", "observe=b", 'only="/task"'])

    def test_a_path_is_passed_on_as_it_is(self):
        machine = self.machine()
        machine.compiler("gcc")
        machine.program("insmod", f"printf '%s\\n' \"$@\" > '{machine.root}/insmod'")
        machine.program("dmesg", "")
        for path in ("/a$b", "/it's", "/$(b)", "/a b", "/voilà", '/a"b', "/à\""):
            with self.subTest(path):
                self.passed(machine.run("make", f"KDIR={machine.kernel()}", "load",
                                        f"ONLY={path}"))
                self.assertEqual((machine.root / "insmod").read_text().splitlines()[1:],
                                 [f'only="{path}"'])

    def test_a_path_that_the_kernel_would_cut(self):
        """With a quote in it the value ends there, and the parameter at the next blank."""
        machine = self.machine()
        machine.compiler("gcc")
        machine.program("insmod", f": > '{machine.root}/insmod'")
        machine.program("dmesg", "")
        for path in ('/a" b', '/a"bà', '/"\tb'):
            with self.subTest(path):
                done = machine.run("make", f"KDIR={machine.kernel()}", "load", f"ONLY={path}")
                self.refused(done, "cannot be given at load")
                self.assertFalse((machine.root / "insmod").exists())

    def test_roots_programs_are_found(self):
        """As su leaves it, root's PATH has no sbin."""
        machine = self.machine()
        machine.compiler("gcc")
        machine.program("dmesg", "")
        machine.write("usr/sbin/insmod", f"#!/bin/sh\n: > '{machine.root}/insmod'\n").chmod(0o755)
        self.passed(machine.run("make", f"KDIR={machine.kernel()}", "load"))
        self.assertTrue((machine.root / "insmod").exists())

    def test_each_refusal(self):
        for refusal, log, says in (
                ("Invalid parameters",
                 "failed to validate module [memevents_hook] BTF: -22", "BTF is of another kernel"),
                ("Key was rejected by service", "Loading of unsigned module is rejected",
                 "signed by a key it trusts"),
                ("Required key not available", "", "signed by a key it trusts"),
                ("Operation not permitted",
                 "Lockdown: insmod: unsigned module loading is restricted", "locked down"),
                ("Operation not permitted", "", "a security module"),
                ("Operation not permitted",
                 "memevents_hook: module verification failed: signature and/or required key"
                 " missing - tainting kernel", "a security module"),
                ("Operation not permitted",
                 "memevents_hook: only: /task: the writer is in a cgroup namespace of its own",
                 "not loaded: the lines above say why"),
                ("Invalid module format",
                 "memevents_hook: version magic 'a' should be 'b'", "another kernel: make clean"),
                ("invalid module format", "", "another kernel: make clean"),
                ("Unknown symbol in module, or unknown parameter (see dmesg)",
                 "memevents_hook: Unknown symbol ftrace_set_filter_ip (err -2)",
                 "does not have the symbols"),
                ("Operation not supported", "memevents_hook: no debugfs",
                 "lacks what the hook"),
                ("Function not implemented", "", "without loadable modules"),
                ("File exists", "", "another module of this name"),
                ("Cannot allocate memory", "", "not loaded"),
        ):
            with self.subTest(refusal):
                before = "[1.0] other: line\n[2.0] memevents_hook: of an earlier load\n"
                done = self.load(refusal=refusal, log=f"[3.0] {log}\n" if log else "",
                                 before=before)
                self.refused(done, refusal, log, says)
                self.assertNotIn("earlier", done.stdout)

    def test_the_same_line_again(self):
        line = "memevents_hook: a: no such symbol\n"     # as with printk.time=0
        done = self.load(refusal="No such file", log=line, before=line)
        self.assertEqual(done.stdout.count("no such symbol"), 0)
        done = self.load(refusal="No such file", log=line, before=line + "other\n")
        self.assertEqual(done.stdout.count("no such symbol"), 1)

    def test_the_log_has_run_over(self):
        machine = self.machine()
        machine.write("old", "[1.0] last\n")
        machine.write("new", "[2.0] memevents_hook: of whom?\n")
        machine.program("dmesg", f"cat '{machine.root}/old'")
        machine.program("insmod", f"mv=$(cat '{machine.root}/new')\n"
                                  f"echo \"$mv\" > '{machine.root}/old'; exit 1")
        done = machine.tool("load")
        self.refused(done, "not loaded")
        self.assertNotIn("of whom", done.stdout)

    def test_locked_down_by_securityfs(self):
        machine = self.machine()
        machine.write("sys/kernel/security/lockdown", "none [integrity] confidentiality\n")
        self.refused(self.load(refusal="Operation not permitted", machine=machine), "locked down")

    def test_asked_before(self):
        machine = self.machine()
        machine.write("proc/sys/kernel/modules_disabled", "1\n")
        self.refused(self.load(machine=machine), "kernel.modules_disabled is 1")
        machine = self.machine()
        machine.write("proc/self/status", "CapEff:\t00000000a80425fb\n")
        self.refused(self.load(machine=machine), "no CAP_SYS_MODULE")
        machine = self.machine()
        machine.program("id", "echo 1000")
        self.refused(self.load(machine=machine), "not root")
        machine = self.machine()
        machine.write("sys/module/memevents_hook/refcnt")
        self.refused(self.load(machine=machine), "loaded already")


class WatchTest(MachineTest):
    """`make status` and `make watch` show the scope."""

    STATS = """\
# enabled=Y target=f range=0x0-0x0
# only=/task readers=/
# times parent_a=3
# parent  start end redirect hits redirected
parent_a  0x0   0x0 Y        12   12
[other]   -     -   -        3    -
"""

    def test_status(self):
        machine = self.machine()
        machine.write("sys/module/memevents_hook/refcnt")
        machine.write("sys/kernel/debug/memevents_hook/stats", self.STATS)
        done = machine.tool("status")
        self.assertEqual((done.returncode, done.stdout), (0, self.STATS))

    def test_watch(self):
        machine = self.machine()
        stats = machine.write("stats", self.STATS)
        machine.program("date", "echo 1")
        machine.program("sleep", "exit 1")      # one frame
        done = machine.run("awk", "-v", "live=0", "-v", f"stats={stats}", "-f",
                           "module/tools/watch.awk")
        lines = done.stdout.splitlines()
        self.assertTrue(lines[0].endswith("enabled=Y target=f range=0x0-0x0"), done.stdout)
        self.assertEqual(lines[1].strip(), "only=/task readers=/")
        self.assertEqual(lines[2].strip(), "times parent_a=3")
        self.assertEqual([line.split()[0] for line in lines[4:7]],
                         ["parent", "parent_a", "[other]"])


class UnloadTest(MachineTest):
    """`make unload`: refused while the kernel would warn."""

    EVENT = "events/memevents_hook/memevents_route/trigger"

    def unload(self, trigger="", text=""):
        """Unload where a trigger's file has this text."""
        machine = self.machine()
        machine.write("sys/module/memevents_hook/refcnt")
        machine.program("rmmod", "echo gone")
        if trigger:
            machine.write(trigger, text)
        return machine.tool("unload")

    def test_no_trigger(self):
        done = self.unload(f"sys/kernel/tracing/{self.EVENT}", "# Available triggers:\n# traceon\n")
        self.passed(done)
        self.assertIn("gone", done.stdout)

    def test_wherever_tracefs_is_mounted(self):
        for folder in ("tracing", "tracing/instances/one", "debug/tracing",
                       "debug/tracing/instances/one"):
            with self.subTest(folder):
                done = self.unload(f"sys/kernel/{folder}/{self.EVENT}", "hist:keys=parent\n")
                self.refused(done, "a trigger stands on the event")
                self.assertNotIn("gone", done.stdout)
