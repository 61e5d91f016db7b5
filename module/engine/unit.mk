# SPDX-License-Identifier: GPL-2.0
#
# Included after engine.mk, this has the engine compiled as one object, in a third
# of the time. memevents_hook does without: a change of one file has only that file
# compiled again.

engine := engine/unit.o
CFLAGS_engine/unit.o := $(addprefix -include ,$(engine_sources))

# As in engine.mk.
$(obj)/engine/unit.o: $(obj)/%.o: $(dir $(engine_src))%.c FORCE
	$(call if_changed_rule,cc_o_c)
