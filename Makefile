# SPDX-License-Identifier: GPL-2.0
#
# Each target calls the tool that does the work. `make help` lists the targets.

KDIR    ?= /lib/modules/$(shell uname -r)/build
PYTHON  ?= python3

# small modules that the tests load
TESTED  := module/example pytests/kmods
TOOLS   := module/tools
HARNESS := $(PYTHON) -m pytests.host

# make hands the variables of its command line on to what it runs: KERNELS, STRICT, TESTS, CPUS,
# MIRROR and others reach the harness so.

# A path may have any character: load.sh gets it as it is given, from the environment.
override ONLY := $(value ONLY)
export ONLY

# su leaves root a PATH without these. A test shows the tools another root.
export PATH := $(PATH):$(MEMEVENTS_ROOT)/usr/sbin:$(MEMEVENTS_ROOT)/sbin

# What the user gives to make about the compiler; what the environment has is another build's.
GIVEN   = $(foreach name,ARCH CC CROSS_COMPILE LD LLVM LLVM_IAS,\
	$(if $(findstring command,$(origin $(name))),$(name)='$($(name))'))
# kbuild for KDIR: $(KBUILD) TARGET 'FOLDERS' $(GIVEN)
KBUILD  = MAKE='$(MAKE)' sh $(TOOLS)/kbuild.sh '$(KDIR)'

ifneq ($(findstring command,$(origin O)),)
$(error O=$(O): give the folder that the kernel was built in as KDIR=$(O))
endif

.DEFAULT_GOAL := module

##@ The module
.PHONY: module clean distclean
module:                 ## build it for KDIR (default: the running kernel's headers)
	+@$(KBUILD) modules module $(GIVEN)

clean:                  ## drop what was built; results of tests too
	rm -rf build || sudo rm -rf --one-file-system build
	+@[ ! -e '$(KDIR)/Makefile' ] || $(KBUILD) clean 'module $(TESTED)' $(GIVEN)

distclean: clean        ## and the cache: downloads, toolchains, guest roots
	@rm -rf --one-file-system .cache || sudo rm -rf --one-file-system .cache

##@ On this machine, as root
.PHONY: as-root load unload status watch check
as-root:
	@sh $(TOOLS)/as_root.sh

load: as-root module    ## insmod, with PARAMS="redirect=... observe=..."; ONLY=/task: for that cgroup
	@sh $(TOOLS)/load.sh $(PARAMS)

unload: as-root         ## rmmod
	@sh $(TOOLS)/unload.sh

status:                 ## print the counters
	@sh $(TOOLS)/status.sh

watch:                  ## the counters live, with rates
	@sh $(TOOLS)/watch.sh

check: as-root module   ## run the tests here: on a test VM of your own
	+@$(KBUILD) modules '$(TESTED)' $(GIVEN)
	@sh $(TOOLS)/check.sh '$(PYTHON)' $(TESTS)

##@ In throw-away virtual machines with stock Debian kernels
.PHONY: setup demo test test-debug coverage test-boots test-upstream fuzz soak bench results kernels
setup:                  ## install the packages that these need (they do it themselves)
	@sh pytests/host/vm/setup.sh

demo: setup             ## the main job, shown
	@$(HARNESS) demo

test: setup             ## the test suite; KERNELS="6.1 7.*" STRICT=1 TESTS="-k routing": options of pytest
	@$(HARNESS) test

test-debug: setup       ## it on a kernel with KASAN, lockdep, kmemleak, fault injection (built once)
	@$(HARNESS) test '6.1-debug'

coverage: setup         ## the same, and which lines of the module it ran through; REPORT_ONLY=1
	@$(HARNESS) coverage

test-boots: setup       ## lockdown, debugfs=off, signatures, ftrace dead, bpftrace, perf, checkers: a boot each
	@$(HARNESS) boots

test-upstream: setup    ## the kernel's own selftests (cgroup, ftrace, livepatch) beside the module; TESTS="test_memcontrol": patterns of files
	@$(PYTHON) -m pytests.host.upstream

fuzz: setup             ## every file against a model, on the debug kernel; WRITES=100000 SEED=1
	@$(HARNESS) fuzz

soak: setup             ## for long, under load; CYCLES=20, the whole thing is 1000
	@$(HARNESS) soak

bench: setup            ## what a read costs, to the instruction; KERNELS=6.12 (or BENCH_KERNELS) BENCH_PARTS=costs; many CPUs: BENCH_PARTS=scaling
	@$(PYTHON) -m pytests.host.cost

results:                ## take what runs have shown since into pytests/results.md
	@$(HARNESS) results

kernels: setup          ## Debian's kernels, and what of them is in the cache; KERNELS= names others
	@$(HARNESS) kernels

##@ Installing (module/packaging/install.mk)
install:                ## modules_install and depmod for KDIR; DESTDIR= or INSTALL_MOD_PATH= before it
uninstall:              ## the other way round
dkms:                   ## have DKMS build and install it
dkms-remove:            ## and take it away again
deb:                    ## the package memevents-hook-dkms, into build/deb
include module/packaging/install.mk

##@ For contributors
.PHONY: lint prove mutants selftest test-packaging compile_commands.json
lint: setup prove       ## style and static checks of everything
	@$(PYTHON) -m pytests.host.lint

prove: setup            ## what the comments claim about ordering, against the kernel's memory model
	@$(PYTHON) -m pytests.host.prove

mutants: setup          ## single faults planted in the module: which do the tests notice? MUTANTS="hook-*" ALL=1 JOBS=2
	@$(PYTHON) -m pytests.host.mutants

selftest: setup         ## the harness's own logic, without a kernel
	@$(PYTHON) -m unittest discover -q -t . -s pytests/host/unit -p '[a-z]*.py'

test-packaging: setup   ## the package and DKMS on fresh Debian roots; Secure Boot
	@$(PYTHON) -m pytests.host.packaging

compile_commands.json: module   ## for editors
	@$(PYTHON) pytests/host/lint/compile_commands.py module '$(KDIR)' > $@

##@ Help
.PHONY: help
help:                   ## this list
	@awk -F ':.*## ' ' \
		/^##@/ { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z_.-]+:.*## / { printf "  make %-22s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo '  ACCEL=auto|kvm|tcg picks the acceleration of guests, CPUS=8 their number of CPUs (2),'
	@echo '  MIRROR=URI the package mirror.'
	@echo '  $(HARNESS) --help: building for, and running commands in, one kernel.'
