# SPDX-License-Identifier: GPL-2.0
#
# What the kernel's headers have, asked once a build: compat.h uses the answers,
# and nothing else does. Vendors put newer interfaces into kernels of older
# versions, so the version is not asked.
#
# An answer is a macro that is defined or is not. A header that is missing, or a
# word that all kernels have and this one has not, is another mistake and must
# not be taken for a "no": it stops the build.

probe_include := $(srctree)/include
probe_arch_include := $(srctree)/arch/$(SRCARCH)/include

# $(call probe_has,WORDS,FILES...): not empty if a line of the files has the words
probe_has = $(shell cat $(foreach file,$(2),"$(file)") 2>/dev/null | grep -m 1 -e "$(1)")
# $(call probe,MACRO,WORDS,FILES...): the option that defines the macro, if so
probe = $(if $(call probe_has,$(2),$(3)),-D$(1))

# $(call probe_enumerators,ENUM,FILE): the names in an enumeration, without what
# is in comments and in lines for the preprocessor; nothing if it is not there
probe_hash := \#
probe_enumerators = $(shell \
	sed -n '/^enum[[:space:]][[:space:]]*$(1)[^;()]*$$/,/}/p' "$(2)" 2>/dev/null | \
	sed -e 's,//.*,,' -e '/^[[:space:]]*$(probe_hash)/d' | tr '\n\t' '  ' | \
	sed -E -e 's,/\*([^*]|\*+[^*/])*\*+/, ,g' -e 's/^[^{]*\{//' -e 's/}.*//' | \
	tr ',' '\n' | sed -n 's/^ *\([A-Za-z_][A-Za-z0-9_]*\).*/\1/p')

# $(call probe_say,LINE): a line for whoever builds. kbuild reads this once to
# compile and once more to link: it is said the first time.
probe_say = $(if $(filter %/Makefile.build,$(MAKEFILE_LIST)),\
	$(info $(firstword $(basename $(obj-m)) $(notdir $(src))): $(1)))

probe_ftrace := $(probe_include)/linux/ftrace.h \
		$(probe_include)/linux/ftrace_regs.h \
		$(probe_arch_include)/asm/ftrace.h
probe_assign_str := $(probe_include)/trace/trace_events.h \
		    $(probe_include)/trace/ftrace.h \
		    $(probe_include)/trace/stages/stage6_event_callback.h

ifeq ($(call probe_has,ftrace_func_t,$(probe_ftrace)),)
$(error $(probe_include)/linux/ftrace.h does not declare ftrace_func_t: are these the headers of a kernel?)
endif
ifeq ($(call probe_has,define __assign_str\>,$(probe_assign_str)),)
$(error $(probe_include)/trace does not define __assign_str: are these the headers of a kernel?)
endif

ccflags-y += \
	$(call probe,HAVE_FTRACE_REGS,struct ftrace_regs,$(probe_ftrace)) \
	$(call probe,HAVE_FTRACE_REGS_SET_IP,\<ftrace_regs_set_instruction_pointer\>,$(probe_ftrace)) \
	$(call probe,HAVE_FTRACE_REGS_GET_ARGUMENT,\<ftrace_regs_get_argument\>,$(probe_ftrace)) \
	$(call probe,HAVE_FTRACE_RECURSION_SAFE,\<FTRACE_OPS_FL_RECURSION_SAFE\>,$(probe_ftrace)) \
	$(call probe,HAVE_TRACE_RECURSION,\<ftrace_test_recursion_trylock\>,$(probe_include)/linux/trace_recursion.h) \
	$(call probe,HAVE_TEST_BIT_ACQUIRE,\<test_bit_acquire\>,$(probe_include)/linux/bitops.h) \
	$(call probe,HAVE_ASSIGN_STR_OF_TWO,define __assign_str.dst. src.,$(probe_assign_str)) \
	$(call probe,HAVE_PANIC_H,.,$(probe_include)/linux/panic.h) \
	$(call probe,HAVE_UNALIGNED_H,.,$(probe_include)/linux/unaligned.h)

# Told here because the compiler could only warn. The newest kernel that the tests
# run on is 7.3.
ifeq ($(shell [ "$(VERSION)" -gt 7 ] || [ "$(VERSION)" -eq 7 -a "$(PATCHLEVEL)" -gt 3 ] && echo y),y)
probe_newer := Linux $(VERSION).$(PATCHLEVEL) is newer than 7.3, the newest that was tested
$(call probe_say,$(probe_newer))
endif
