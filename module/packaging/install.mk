# Installing the module: for one kernel, by DKMS, as a Debian package.
# Included by the Makefile at the top, which has KDIR, KBUILD and TOOLS.

# Stated in engine/main.c alone.
VERSION := $(shell sed -n 's/^MODULE_VERSION("\(.*\)");$$/\1/p' module/engine/main.c)
# As `uname -r` has it. kernel.release in Debian's headers has not, for some kernels.
RELEASE = $(shell sed -n 's/.*UTS_RELEASE "\(.*\)"$$/\1/p' '$(KDIR)/include/generated/utsrelease.h')

# Where the root of the system is, as kbuild and as packages call it.
INSTALL_MOD_PATH ?= $(DESTDIR)
INSTALLED = $(INSTALL_MOD_PATH)/lib/modules/$(RELEASE)/updates/memevents_hook.ko
DEPMOD = depmod $(if $(INSTALL_MOD_PATH),-b '$(INSTALL_MOD_PATH)') '$(RELEASE)'

DKMS_NAME := memevents-hook
DKMS_SOURCE := /usr/src/$(DKMS_NAME)-$(VERSION)
DEB_TREE := build/deb/$(DKMS_NAME)-$(VERSION)
PACKAGING := module/packaging

# dkms and dpkg-buildpackage run a make of their own, which is not to hear of ours nor of the
# builds that the user's shell is set up for.
ALONE := env $(addprefix -u ,MAKEFLAGS MFLAGS MAKELEVEL KBUILD_OUTPUT ARCH CROSS_COMPILE LLVM)

.PHONY: headers install uninstall dkms dkms-remove deb

headers:
	@sh $(TOOLS)/headers.sh '$(KDIR)'

# Debian's headers have no System.map, without which kbuild leaves depmod out, and
# not the key that would sign the module.
install: headers
	@sh $(PACKAGING)/may_install.sh '$(RELEASE)' '$(INSTALL_MOD_PATH)'
	+@$(KBUILD) modules_install module INSTALL_MOD_PATH='$(INSTALL_MOD_PATH)' \
		INSTALL_MOD_DIR=updates CONFIG_MODULE_SIG_ALL=
	$(DEPMOD)

uninstall: headers
	rm -f $(addprefix '$(INSTALLED)',"" .xz .zst .gz)
	$(DEPMOD)

dkms: headers
	@sh $(TOOLS)/need.sh dkms dkms
	rm -rf $(DKMS_SOURCE)
	sh $(PACKAGING)/sources.sh $(DKMS_SOURCE)
	sed 's/#MODULE_VERSION#/$(VERSION)/' $(PACKAGING)/dkms.conf > $(DKMS_SOURCE)/dkms.conf
	$(ALONE) dkms install -m $(DKMS_NAME) -v $(VERSION) -k '$(RELEASE)' --kernelsourcedir '$(abspath $(KDIR))' --force

dkms-remove:
	dkms remove -m $(DKMS_NAME) -v $(VERSION) --all
	rm -rf $(DKMS_SOURCE)

deb:
	@sh $(TOOLS)/need.sh dh_dkms build-essential debhelper dh-dkms
	rm -rf build/deb
	sh $(PACKAGING)/sources.sh $(DEB_TREE)/module
	cp -r $(PACKAGING)/dkms.conf $(PACKAGING)/debian README.md debugfs_layout.md $(DEB_TREE)
	sed -i 's/#MODULE_VERSION#/$(VERSION)/' $(DEB_TREE)/debian/changelog
	cd $(DEB_TREE) && $(ALONE) dpkg-buildpackage --unsigned-source --unsigned-changes --build=binary
	@ls build/deb/*.deb
