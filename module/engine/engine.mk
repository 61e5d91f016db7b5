# SPDX-License-Identifier: GPL-2.0
#
# The engine's objects and how they are compiled. The Kbuild of a module that
# hooks a function includes this file and adds $(engine) to its own objects:
#
#	obj-m := my_hook.o
#	include $(src)/PATH/TO/engine/engine.mk
#	my_hook-y := my_target.o $(engine)
#
# The objects are built in the module's folder, because they have its name
# (KBUILD_MODNAME): each such module has its own copy of the engine.

engine := $(addprefix engine/, \
	main.o params.o hook.o ops.o entries.o lookup.o parents.o parent.o scope.o cgroup_name.o \
	symbol.o symbol_names.o call_sites.o banner.o input.o trace.o \
	control.o control_file.o control_parent.o control_report.o \
	control_callers.o control_hold.o control_scope.o)

engine_src := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))
engine_sources := $(patsubst engine/%.o,$(engine_src)/%.c,$(engine))

# trace/define_trace.h includes trace.h by name, so the folder is searched too.
ccflags-y += -D'pr_fmt(fmt)=KBUILD_MODNAME ": " fmt' -I$(engine_src)

include $(engine_src)/probe.mk

# Where the engine lies in another folder than the module, kbuild's rule does
# not find the sources. This is its own way to compile, told where they are. The
# stem has to be engine/NAME, as in the list of objects: kbuild finds the
# module's name by it.
ifneq ($(engine_src),$(src)/engine)
$(shell mkdir -p $(obj)/engine)
$(addprefix $(obj)/,$(engine)): $(obj)/%.o: $(dir $(engine_src))%.c FORCE
	$(call if_changed_rule,cc_o_c)
endif
