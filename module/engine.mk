# SPDX-License-Identifier: GPL-2.0
#
# For the Kbuild of a module that hooks another function: all of this folder but
# the target's own file. Include it there, and add $(engine) to the module's
# objects. They are built in that folder, since they bear the module's name.

engine_src := $(dir $(lastword $(MAKEFILE_LIST)))
engine := $(patsubst %.c,%.o,$(filter-out memory_events.c %.mod.c, \
		$(notdir $(wildcard $(engine_src)*.c))))

ccflags-y += -D'pr_fmt(fmt)=KBUILD_MODNAME ": " fmt' -I$(engine_src)

# kbuild's own way to compile, told where the source is.
$(addprefix $(obj)/,$(engine)): $(obj)/%.o: $(engine_src)%.c FORCE
	$(call if_changed_rule,cc_o_c)
