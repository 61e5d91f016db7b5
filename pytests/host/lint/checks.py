"""The checks: one shell command each. What it prints is a finding, and so is a non-zero exit."""

from dataclasses import dataclass

# What checkpatch is not asked:
#   OPEN_ENDED_LINE: clang-format breaks behind "(" where its 80 columns leave it no other place.
#   LONG_LINE: clang-format keeps every line to 80 columns but those with a message, which is not
#       split so that it can be searched for.
NOT_ASKED = "OPEN_ENDED_LINE,LONG_LINE"

# And in one file only:
NOT_ASKED_OF = {
    # it exists to compare versions; another check keeps them out of every other file. An argument
    # that newer kernels have dropped is unused there.
    "module/engine/compat.h": "LINUX_VERSION_CODE,CONSTANT_COMPARISON,MACRO_ARG_UNUSED",
    # TRACE_EVENT is no C, and is laid out as in the kernel's own headers; "trace", which
    # trace/define_trace.h has to be told, is taken for the file's name.
    "module/engine/trace.h": "PARENTHESIS_ALIGNMENT,EMBEDDED_FILENAME",
}


@dataclass(frozen=True)
class Check:
    """One tool on one kind of files.

    name: what people call it.
    kind: which files it is given: c, kbuild, python, shell, text, or module for the module as a
        whole.
    command: shell; $FILES are the files, relative to the project, which is the current folder.
    """

    name: str
    kind: str
    command: str


def _checkpatch():
    command = ("perl /opt/checkpatch.pl --no-tree --no-summary --strict --show-types --terse"
               " --quiet --ignore {} --file {} 2>&1 || code=1; ")
    others = f"$(printf '%s\\n' $FILES | grep -vxE '{'|'.join(NOT_ASKED_OF)}')"
    return (
        command.format(NOT_ASKED, others)
        + "".join(command.format(f"{NOT_ASKED},{types}", name)
                  for name, types in NOT_ASKED_OF.items())
        + "exit ${code:-0}"
    )


def _other_than(name):
    return f" $(printf '%s\\n' $FILES | grep -vx {name})"


# What kbuild says about compilers, vmlinux and the headers' own files is no finding.
KBUILD = (
    "cd /srv/module && make -j2 -C /usr/src/linux-headers-*-a[mr][dm]64 M=$PWD W=1 C=1 modules"
    " > ../log 2>&1; code=$?;"
    " grep -E '^/srv/module/[^:]+:[0-9]+|error:|No rule' ../log | sed s:/srv/::; exit $code"
)

CHECKS = (
    Check("clang-format", "c", "clang-format --dry-run -Werror $FILES"),
    Check("checkpatch", "c", _checkpatch()),
    Check("kernel-doc", "c",
          "perl /usr/lib/linux-kbuild-*/scripts/kernel-doc -Werror -none $FILES"),
    # gcc's -fanalyzer is left out: it doubts what kernel code knows, such as that a list has no
    # hole, and has found nothing here.
    Check("W=1, sparse", "module", KBUILD),
    # it does not know TRACE_EVENT, nor the kernel's headers
    Check("cppcheck", "c",
          "cppcheck --quiet --enable=warning,performance,portability --inline-suppr"
          " --check-level=exhaustive --error-exitcode=1 -D__KERNEL__ -DCONFIG_X86_64"
          " -DCONFIG_KPROBES -DCONFIG_DEBUG_FS -DCONFIG_MEMCG -DCONFIG_DYNAMIC_FTRACE_WITH_ARGS"
          " --suppress=missingIncludeSystem --suppress=preprocessorErrorDirective"
          " --suppress=unknownMacro:module/engine/trace.h $FILES"),
    Check("versions in compat.h only", "c",
          r"! grep -HnE '\b(LINUX_VERSION_\w+|KERNEL_VERSION|RHEL_RELEASE_\w+|UTS_RELEASE"
          r"|utsname)\b|(linux/version|generated/utsrelease)\.h'"
          + _other_than("module/engine/compat.h")),
    # which only tells of a kernel that is newer than any that was tested
    Check("versions in probe.mk only", "kbuild",
          r"! grep -HnE '^[^#]*(\$[({](VERSION|PATCHLEVEL|SUBLEVEL|KERNELVERSION|KERNELRELEASE)\b"
          "|uname)'" + _other_than("module/engine/probe.mk")),
    Check("shellcheck", "shell", "shellcheck $FILES"),
    # tabs: in shell scripts within strings (Python itself refuses a mixture elsewhere); breaks
    # before and after an operator are both fine
    Check("pycodestyle", "python",
          "pycodestyle --max-line-length=100 --ignore=E101,E126,W191,W503,W504 $FILES"),
    Check("pyflakes", "python", "python3 -m pyflakes $FILES"),
    Check("imports", "python", "python3 -B -m pytests.host.lint.imports $FILES"),
    Check("tests named in the manual", "text",
          "python3 -B -m pytests.host.lint.manual debugfs_layout.md"),
    Check("codespell", "text", "codespell --ignore-words-list=fro,fo,parm $FILES"),
)
