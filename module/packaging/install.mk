# Installing the module: for one kernel, by DKMS, as a Debian package.
# Included by the Makefile at the top.

KDIR ?= /lib/modules/$(shell uname -r)/build

# Stated in engine/main.c alone.
VERSION := $(shell sed -n 's/^MODULE_VERSION("\(.*\)");$$/\1/p' module/engine/main.c)
RELEASE = $(shell cat $(KDIR)/include/config/kernel.release)

# Where the root of the system is, as kbuild and as packages call it.
INSTALL_MOD_PATH ?= $(DESTDIR)
INSTALLED = $(INSTALL_MOD_PATH)/lib/modules/$(RELEASE)/updates/memevents_hook.ko

DKMS_NAME := memevents-hook
DKMS_SOURCE := /usr/src/$(DKMS_NAME)-$(VERSION)
DEB_TREE := build/deb/$(DKMS_NAME)-$(VERSION)
PACKAGING := module/packaging

.PHONY: install uninstall dkms dkms-remove deb

# Debian's headers have no System.map, without which kbuild leaves depmod out, and
# not the key that would sign the module.
install:
	@test -e module/memevents_hook.ko || { echo "no module/memevents_hook.ko: run make first" >&2; exit 1; }
	$(MAKE) -C $(KDIR) M=$(CURDIR)/module INSTALL_MOD_PATH=$(INSTALL_MOD_PATH) \
		INSTALL_MOD_DIR=updates CONFIG_MODULE_SIG_ALL= modules_install
	depmod $(INSTALL_MOD_PATH:%=-b %) $(RELEASE)

uninstall:
	rm -f $(INSTALLED) $(INSTALLED).xz $(INSTALLED).zst $(INSTALLED).gz
	depmod $(INSTALL_MOD_PATH:%=-b %) $(RELEASE)

dkms:
	@command -v dkms > /dev/null || { echo "no dkms: apt-get install dkms" >&2; exit 1; }
	rm -rf $(DKMS_SOURCE)
	sh $(PACKAGING)/sources.sh $(DKMS_SOURCE)
	sed 's/#MODULE_VERSION#/$(VERSION)/' $(PACKAGING)/dkms.conf > $(DKMS_SOURCE)/dkms.conf
	dkms install -m $(DKMS_NAME) -v $(VERSION) -k $(RELEASE) --kernelsourcedir $(abspath $(KDIR)) --force

dkms-remove:
	dkms remove -m $(DKMS_NAME) -v $(VERSION) --all
	rm -rf $(DKMS_SOURCE)

deb:
	@command -v dh_dkms > /dev/null || { echo "no dh_dkms: apt-get install build-essential debhelper dh-dkms" >&2; exit 1; }
	rm -rf build/deb
	sh $(PACKAGING)/sources.sh $(DEB_TREE)/module
	cp -r $(PACKAGING)/dkms.conf $(PACKAGING)/debian README.md debugfs_layout.md $(DEB_TREE)
	sed -i 's/#MODULE_VERSION#/$(VERSION)/' $(DEB_TREE)/debian/changelog
	cd $(DEB_TREE) && dpkg-buildpackage --unsigned-source --unsigned-changes --build=binary
	@ls build/deb/*.deb
