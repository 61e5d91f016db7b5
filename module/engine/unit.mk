# SPDX-License-Identifier: GPL-2.0
#
# Compiles the engine as one object, in a third of the time. A module's Kbuild
# that does not change with the engine's files one by one includes this after
# engine.mk. memevents_hook itself does not.

engine := engine/unit.o
CFLAGS_engine/unit.o := $(addprefix -include ,$(engine_sources))

# As in engine.mk.
$(obj)/engine/unit.o: $(obj)/%.o: $(dir $(engine_src))%.c FORCE
	$(call if_changed_rule,cc_o_c)
