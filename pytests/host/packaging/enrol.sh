#!/bin/sh
# Make the firmware's variables of a machine with Microsoft's keys, as machines
# are sold, whose owner has enrolled DKMS's certificate: /srv/variables.fd from
# /srv/mok.pem.
set -eu

# The owner under which shim keeps its variable MokList.
shim=605dab50-e046-4300-abb6-3dd810dd8b23

virt-fw-vars --input /usr/share/OVMF/OVMF_VARS_4M.ms.fd --add-mok "$shim" /srv/mok.pem \
	--output /srv/variables.fd
