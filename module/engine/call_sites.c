// SPDX-License-Identifier: GPL-2.0
/*
 * Decoding calls: all that differs between the architectures is in this file.
 *
 * The text is read as data, and tracers may patch it meanwhile: an instruction
 * caught half-written leads elsewhere and is passed over. Nothing depends on a
 * call being found: call sites only spare the handler a search over the
 * parents' ranges, and tell people what to expect.
 */
#include <linux/errno.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "call_sites.h"

#ifdef CONFIG_ARM64
#include <asm/debug-monitors.h>
#endif

#if defined(CONFIG_X86_64)

#define INSN_STEP 1

static long rel8(const u8 *p)
{
	return *(const s8 *)p;
}

static long rel32(const u8 *p)
{
	s32 rel;

	memcpy(&rel, p, sizeof(rel));
	return rel;
}

/*
 * With call depth tracking (retbleed=stuff) calls lead to the accounting code
 * that the kernel writes in the padding before the target.
 */
static bool is_entry(unsigned long dest, unsigned long target)
{
#ifdef CONFIG_CALL_THUNKS
	return target - dest <= CONFIG_FUNCTION_PADDING_BYTES;
#else
	return dest == target;
#endif
}

/*
 * Would the bytes at @text be a call or jump to the target if an instruction
 * began there? The bytes are those of @addr, @len of them are left.
 */
static bool decode(const u8 *text, size_t len, unsigned long addr,
		   unsigned long target, struct call_site *site)
{
	size_t insn_len;
	long rel;

	site->kind = CALL_SITE_TAIL;
	switch (text[0]) {
	case 0xcc: /* the breakpoint of a kprobe */
		site->kind = CALL_SITE_PROBED;
		goto rel32;
	case 0xe8: /* call rel32 */
		site->kind = CALL_SITE_CALL;
		fallthrough;
	case 0xe9: /* jmp rel32 */
rel32:
		insn_len = 5;
		if (len < insn_len)
			return false;
		rel = rel32(text + 1);
		break;
	case 0x0f: /* jcc rel32 */
		insn_len = 6;
		if (len < insn_len || (text[1] & 0xf0) != 0x80)
			return false;
		rel = rel32(text + 2);
		break;
	case 0x70 ... 0x7f: /* jcc rel8 */
	case 0xeb: /* jmp rel8 */
		insn_len = 2;
		if (len < insn_len)
			return false;
		rel = rel8(text + 1);
		break;
	default:
		return false;
	}

	site->addr = addr;
	site->return_ip = addr + insn_len;
	return is_entry(site->return_ip + rel, target) && symbol_is_insn(addr);
}

/* No instruction of the architecture is longer. */
#define INSN_MAX 15

/*
 * Instructions cannot be told backwards, but where one begins can be asked. The
 * last byte where the kernel does not tell.
 */
static unsigned long insn_before(unsigned long addr)
{
	unsigned int len;

	for (len = 1; len <= INSN_MAX; len++)
		if (symbol_is_insn(addr - len))
			return addr - len;
	return addr - 1;
}

/* Any call, of @len bytes; the breakpoint of a kprobe may stand on it. */
static bool is_call(const u8 *text, size_t len)
{
	/* A prefix: which registers are meant, or one that only fills. */
	if ((text[0] & 0xf0) == 0x40 || text[0] == 0x2e) {
		text++;
		len--;
	}
	switch (text[0]) {
	case 0xcc:
	case 0xe8: /* call rel32 */
		return len == 5;
	case 0xff: /* call through a register or memory */
		return len > 1 && (text[1] & 0x38) == 0x10;
	default:
		return false;
	}
}

#elif defined(CONFIG_ARM64)

#define INSN_STEP 4

static bool decode(const u8 *text, size_t len, unsigned long addr,
		   unsigned long target, struct call_site *site)
{
	__le32 raw;
	u32 insn;

	if (len < sizeof(raw))
		return false;
	memcpy(&raw, text, sizeof(raw));
	insn = le32_to_cpu(raw);
	if ((insn & 0x7c000000) != 0x14000000) /* b, bl */
		return false;

	site->addr = addr;
	site->return_ip = addr + sizeof(raw);
	site->kind = insn & 0x80000000 ? CALL_SITE_CALL : CALL_SITE_TAIL;
	/* imm26 counts instructions. */
	return addr + ((long)sign_extend32(insn, 25) << 2) == target;
}

/* Every instruction is as long as every other. */
#define INSN_MAX INSN_STEP

static unsigned long insn_before(unsigned long addr)
{
	return addr - INSN_STEP;
}

/* Any call; the breakpoint of a kprobe may stand on it. */
static bool is_call(const u8 *text, size_t len)
{
	__le32 raw;
	u32 insn;

	memcpy(&raw, text, sizeof(raw));
	insn = le32_to_cpu(raw);
	return (insn & 0xfc000000) == 0x94000000 || /* bl */
	       (insn & 0xfffffc1f) == 0xd63f0000 || /* blr */
	       insn == BRK64_OPCODE_KPROBES;
}

#else
#error "memevents_hook decodes calls on x86_64 and arm64 only"
#endif

static bool call_stands_at(unsigned long addr, size_t len)
{
	u8 text[INSN_MAX] = {};

	return !copy_from_kernel_nofault(text, (void *)addr, len) &&
	       is_call(text, len);
}

/**
 * call_site_before() - the call that has a return address
 * @return_ip: the return address
 *
 * The instruction before it, but for a trampoline that function_graph or a
 * kretprobe has put in the return address's place: no call leads there, and
 * what stands before its first byte is another function's.
 *
 * Context: may sleep; takes the locks of kprobes.
 * Return: the address of the call instruction; of its last byte where the kernel
 * does not tell (a trampoline of BPF, a static call, or code that may not be
 * probed); @return_ip where there is none.
 */
unsigned long call_site_before(unsigned long return_ip)
{
	const unsigned long addr = insn_before(return_ip);

	if (symbol_starts_at(return_ip) &&
	    !call_stands_at(addr, return_ip - addr))
		return return_ip;
	return addr;
}

/* Longer than any function; a symbol that claims more is none. */
#define BODY_MAX SZ_1M

/**
 * call_sites_find() - find the direct calls and jumps from a function to the target
 * @parent: the function
 * @target: address of the target's first byte
 * @sites: set to an array of what was found, in ascending order, for kfree();
 *	NULL where there is none; untouched on error
 *
 * Context: may sleep; takes the locks of kprobes.
 * Return: the number of call sites, or -ENOMEM. Text that cannot be read has none.
 */
int call_sites_find(const struct symbol_range *parent, unsigned long target,
		    struct call_site **sites)
{
	const size_t size =
		min_t(size_t, parent->end - parent->start, BODY_MAX);
	struct call_site *found = NULL, *more, site;
	int n = 0;
	size_t i;
	u8 *body;

	body = kvmalloc(size, GFP_KERNEL);
	if (!body)
		return -ENOMEM;
	if (copy_from_kernel_nofault(body, (void *)parent->start, size))
		goto out;

	for (i = 0; i < size; i += INSN_STEP) {
		if (!decode(body + i, size - i, parent->start + i, target,
			    &site))
			continue;
		more = krealloc(found, (n + 1) * sizeof(*found), GFP_KERNEL);
		if (!more) {
			kfree(found);
			kvfree(body);
			return -ENOMEM;
		}
		found = more;
		found[n++] = site;
	}
out:
	kvfree(body);
	*sites = found;
	return n;
}
