"""The Debian archive: the mirror this machine is configured with, for every suite and architecture.

apt is asked where the mirror is, so both formats of its sources, proxies and logins are
understood as apt understands them.
"""

import os
import re
import subprocess
import tempfile
import urllib.parse
import urllib.request
from functools import lru_cache

from . import machine, progress
from .cache import FOLDER, locked
from .errors import HarnessError
from .process import run

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
APT_HELPER = "/usr/lib/apt/apt-helper"

#: What apt says where the keys on this machine are not those that have signed a suite.
UNKNOWN_KEY = re.compile(r"NO_PUBKEY|EXPKEYSIG|is not signed|no-public-key|Missing key")


@lru_cache(maxsize=None)
def mirror():
    """The URIs of the archive and of its security archive, as (main, security).

    MIRROR and SECURITY_MIRROR in the environment win over apt's configuration, which on Ubuntu or
    Devuan names none of Debian's.

    Raises:
        HarnessError: apt's configuration names no mirror.
    """
    listed = run(
        ["apt-get", "indextargets", "--format", "$(ORIGIN)|$(LABEL)|$(REPO_URI)",
         "Created-By: Packages"]
    )
    found = {}
    for line in listed.splitlines():
        origin, label, uri = line.split("|")
        if origin == "Debian":
            found.setdefault(label, uri.rstrip("/"))
    main = os.environ.get("MIRROR") or found.get("Debian")
    if not main:
        raise HarnessError(
            "apt's sources name no mirror of the Debian archive that it has indexes of:"
            " add one and run 'apt-get update', or set MIRROR=URI"
        )
    security = (
        os.environ.get("SECURITY_MIRROR") or found.get("Debian-Security") or main + "-security"
    )
    return main, security


@lru_cache(maxsize=None)
def acquire_options():
    """How this machine's apt reaches its mirrors (proxies and the like), as lines of apt.conf.

    A mirror may be a snapshot, whose Release files have expired.
    """
    dump = run(["apt-config", "dump", "--format", '%F "%v";%n',
                "Acquire::http", "Acquire::https", "Acquire::ftp"])
    lines = [line for line in dump.splitlines() if not line.endswith('"";')]
    return "\n".join(
        [*lines, *_proxies(dump), 'Acquire::Check-Valid-Until "false";', 'Acquire::Retries "3";',
         'Acquire::Languages "none";', 'APT::Install-Recommends "false";', ""]
    )


def _proxies(configured):
    """The proxies that the environment names, as lines of apt.conf: sudo drops the environment.

    Args:
        configured: apt's configuration, which wins.
    """
    for scheme in ("http", "https"):
        proxy = os.environ.get(f"{scheme}_proxy") or os.environ.get(f"{scheme}_proxy".upper())
        if not proxy or re.search(f'^Acquire::{scheme}::Proxy "[^"]', configured, re.MULTILINE):
            continue
        yield f'Acquire::{scheme}::Proxy "{proxy}";'
        for host in dict.fromkeys(urllib.parse.urlsplit(uri).hostname for uri in mirror()):
            if host and urllib.request.proxy_bypass_environment(host):
                yield f'Acquire::{scheme}::Proxy::{host} "DIRECT";'


def explain(error, suite):
    """The error of a program of apt's, with what to do about it where it is about keys."""
    if not UNKNOWN_KEY.search(str(error)):
        return error
    return HarnessError(
        f"{error}\nThe keys in {KEYRING} do not know {suite}: install a newer"
        " debian-archive-keyring than this machine's, from Debian's archive")


def _has_suite(uri, suite):
    """Whether the mirror has the suite.

    Kernels are fetched at the same time, and ask so: each call downloads to a folder of its own.

    Raises:
        HarnessError: it cannot be told, since the mirror could not be reached.
    """
    parent = FOLDER / "tmp"
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="InRelease-", dir=parent) as folder:
        done = subprocess.run(
            [APT_HELPER, "-o", "Acquire::Retries=3", "download-file",
             f"{uri}/dists/{suite}/InRelease", f"{folder}/InRelease"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            encoding="utf-8", errors="replace", check=False,
        )
    if done.returncode == 0:
        return True
    if re.search(r"\b404\b|File not found", done.stdout):
        return False
    raise HarnessError(f"cannot fetch from the package mirror:\n{done.stdout}")


@lru_cache(maxsize=None)
def sources(suite):
    """The sources of a suite, its base and their security updates, as lines of sources.list."""
    main, security = mirror()
    base = suite.replace("-backports", "")
    lines = [f"deb [signed-by={KEYRING}] {main} {name} main"
             for name in dict.fromkeys((base, suite))]
    if _has_suite(security, f"{base}-security"):
        lines.append(f"deb [signed-by={KEYRING}] {security} {base}-security main")
    return "\n".join([*lines, ""])


class Archive:
    """The packages of one suite and architecture, beside the host's own: apt with a state apart.

    Two kernels may be of the same suite and architecture, and are fetched at the same time: one
    program of apt's runs at a time, since an update replaces the files that the others read.
    """

    def __init__(self, suite, arch):
        self.suite = suite
        self.arch = arch
        self._folder = FOLDER / "apt" / f"{suite}-{arch}"
        self._environ = {**os.environ, "APT_CONFIG": str(self._folder / "apt.conf"), "LC_ALL": "C"}

    def _alone(self):
        return locked(f"apt-{self.suite}-{self.arch}")

    def _apt(self, *command, **options):
        with self._alone():
            return run(command, env=self._environ, **options)

    def update(self):
        """Fetch the suite's indexes, or what changed in them.

        Raises:
            HarnessError: the mirror does not have the suite, or cannot be reached.
        """
        with self._alone():
            self._configure()
            try:
                run(["apt-get", "-q", "update"], env=self._environ)
            except HarnessError as error:
                raise explain(error, self.suite) from None

    def _configure(self):
        for folder in ("lists/partial", "cache/archives/partial"):
            (self._folder / folder).mkdir(parents=True, exist_ok=True)
        (self._folder / "status").touch()
        (self._folder / "sources.list").write_text(sources(self.suite), encoding="ascii")
        archs = " ".join(f'"{arch}";' for arch in dict.fromkeys((machine.arch(), self.arch)))
        (self._folder / "apt.conf").write_text(
            acquire_options()
            + f'Dir::State::Lists "{self._folder}/lists";\n'
            f'Dir::State::status "{self._folder}/status";\n'
            f'Dir::Cache "{self._folder}/cache";\n'
            f'Dir::Etc::sourcelist "{self._folder}/sources.list";\n'
            'Dir::Etc::sourceparts "/dev/null";\n'
            'Dir::Etc::preferences "/dev/null";\nDir::Etc::preferencesparts "/dev/null";\n'
            f'APT::Architecture "{machine.arch()}";\n'
            'APT::Get::List-Cleanup "false";\n'
            'APT::Sandbox::User "root";\n'
            f"APT::Architectures {{{archs}}};\n"
            + self._default_release(),
            encoding="utf-8",
        )

    def _default_release(self):
        """apt prefers a backport to its base only if told to; security updates it likes."""
        if self.suite.endswith("-backports"):
            return f'APT::Default-Release "{self.suite}";\n'
        return ""

    def depends(self, package):
        """What the newest version of the package depends on, as apt writes it.

        Raises:
            HarnessError: the suite has no such package.
        """
        shown = self._apt("apt-cache", "show", "--no-all-versions", package)
        newest = shown.split("\n\n")[0]
        return "".join(re.findall(r"^Depends: (.*)$", newest, re.MULTILINE))

    def exists(self, package):
        """Whether the suite has the package."""
        return bool(self._apt("apt-cache", "madison", package).strip())

    def unpack(self, packages, target):
        """Download packages and unpack them into the folder target, without installing them."""
        debs = target.with_name(target.name + ".debs")
        debs.mkdir(parents=True)
        target.mkdir(parents=True, exist_ok=True)
        # lines of URI NAME SIZE HASH
        uris = self._apt("apt-get", "-qq", "--print-uris", "download", *packages)
        megabytes = sum(int(line.split()[2]) for line in uris.splitlines()
                        if line.startswith("'")) >> 20

        def so_far():
            return f"{sum(deb.stat().st_size for deb in debs.iterdir()) >> 20} of {megabytes} MB"
        with progress.step(self.suite, f"downloading {' '.join(packages)}", so_far):
            self._apt("apt-get", "-q", "download", *packages, cwd=debs)
        for deb in sorted(debs.iterdir()):
            run(["dpkg", "-x", deb, target])
            deb.unlink()
        debs.rmdir()
