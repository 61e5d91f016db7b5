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
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "call_sites.h"
#include "compat.h"

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
#ifdef CONFIG_CALL_THUNKS
#define ENTRY_BEFORE CONFIG_FUNCTION_PADDING_BYTES
#else
#define ENTRY_BEFORE 0
#endif

static bool is_entry(unsigned long dest, unsigned long target)
{
	return target - dest <= ENTRY_BEFORE;
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
	return is_entry(site->return_ip + rel, target);
}

/*
 * Could an instruction that leads to the target begin at @text? Quick, since it
 * is asked of every byte. All but the short jumps hold the distance from their end
 * to the target, in four bytes behind an opcode of one or two.
 */
static bool may_lead(const u8 *text, size_t len, unsigned long addr,
		     unsigned long target)
{
	const u32 distance = target - addr;
	unsigned int opcode_len;

	for (opcode_len = 1; opcode_len <= 2; opcode_len++) {
		const unsigned int insn_len = opcode_len + 4;

		if (len >= insn_len &&
		    distance - insn_len -
				    get_unaligned_le32(text + opcode_len) <=
			    ENTRY_BEFORE)
			return true;
	}
	/* rel8 */
	return target - addr + SZ_256 < 2 * SZ_256;
}

/* No instruction of the architecture is longer. */
#define INSN_MAX 15

/* A match may be the middle of an instruction. */
#define INSNS_ARE_ALIGNED false

/*
 * x86 instructions cannot be decoded backwards: kprobes is asked at each address
 * whether an instruction begins there. The last byte where it does not tell.
 */
static unsigned long insn_before(unsigned long addr)
{
	unsigned int len;

	for (len = 1; len <= INSN_MAX; len++)
		if (symbol_is_insn(addr - len))
			return addr - len;
	return addr - 1;
}

static enum call_site_kind kind_of(u32 opcode)
{
	return opcode == 0xe8 ? CALL_SITE_CALL : CALL_SITE_TAIL;
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

static enum call_site_kind kind_of(u32 insn)
{
	return insn & 0x80000000 ? CALL_SITE_CALL : CALL_SITE_TAIL;
}

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
	site->kind = kind_of(insn);
	/* imm26 counts instructions. */
	return addr + ((long)sign_extend32(insn, 25) << 2) == target;
}

static bool may_lead(const u8 *text, size_t len, unsigned long addr,
		     unsigned long target)
{
	return true;
}

/* Every instruction is as long as every other. */
#define INSN_MAX INSN_STEP
#define INSNS_ARE_ALIGNED true

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

/**
 * call_site_kind_name() - what users call a kind of call site
 * @kind: the kind
 *
 * Context: any.
 * Return: its name.
 */
const char *call_site_kind_name(enum call_site_kind kind)
{
	static const char *const names[] = {
		[CALL_SITE_CALL] = "call",
		[CALL_SITE_TAIL] = "tail",
		[CALL_SITE_PROBED] = "probed",
		[CALL_SITE_ENTRY] = "entry",
	};

	return names[kind];
}

/* Sites as they are found. */
struct found {
	struct call_site *sites;
	unsigned int nr;
	unsigned int max;
};

static int add_site(struct found *found, const struct call_site *site)
{
	struct call_site *more;

	if (found->nr == found->max) {
		found->max = found->max ? 2 * found->max : 4;
		more = krealloc(found->sites,
				found->max * sizeof(*found->sites), GFP_KERNEL);
		if (!more)
			return -ENOMEM;
		found->sites = more;
	}
	found->sites[found->nr++] = *site;
	return 0;
}

/* Text is read in pieces of this many bytes. */
#define PIECE SZ_64K

static int scan(const struct symbol_range *range, unsigned long target,
		struct found *found)
{
	unsigned long addr;
	struct call_site site;
	size_t i, len;
	int err = 0;
	u8 *text;

	/* An instruction may begin in one piece and end in the next. */
	text = kvmalloc(min_t(size_t, range->end - range->start,
			      PIECE + INSN_MAX),
			GFP_KERNEL);
	if (!text)
		return -ENOMEM;
	for (addr = range->start; !err && addr < range->end; addr += PIECE) {
		len = min_t(size_t, range->end - addr, PIECE + INSN_MAX);
		if (copy_from_kernel_nofault(text, (void *)addr, len))
			continue;
		for (i = 0; !err && i < min_t(size_t, len, PIECE);
		     i += INSN_STEP)
			if (may_lead(text + i, len - i, addr + i, target) &&
			    decode(text + i, len - i, addr + i, target, &site))
				err = add_site(found, &site);
		cond_resched();
	}
	kvfree(text);
	return err;
}

/* Drop what is found in the middle of instructions. */
static int keep_insns(struct found *found)
{
	unsigned long *addrs;
	unsigned int i, kept = 0;
	int err;

	if (INSNS_ARE_ALIGNED || !found->nr)
		return 0;
	addrs = kvmalloc_array(found->nr, sizeof(*addrs), GFP_KERNEL);
	if (!addrs)
		return -ENOMEM;
	for (i = 0; i < found->nr; i++)
		addrs[i] = found->sites[i].addr;
	err = symbol_clear_non_insns(addrs, found->nr);
	for (i = 0; !err && i < found->nr; i++)
		if (addrs[i])
			found->sites[kept++] = found->sites[i];
	found->nr = kept;
	kvfree(addrs);
	return err;
}

/**
 * call_sites_find() - find the direct calls and jumps from some text to the target
 * @range: where to look
 * @target: address of the target's first byte
 * @sites: set to an array of what was found, in ascending order, for kfree();
 *	NULL where there is none; untouched on error
 *
 * Context: may sleep, for a grace period for each few hundred sites; takes the
 * locks of kprobes.
 * Return: the number of call sites, or -ENOMEM. Text that cannot be read has none.
 */
int call_sites_find(const struct symbol_range *range, unsigned long target,
		    struct call_site **sites)
{
	struct found found = {};
	int err;

	err = scan(range, target, &found);
	if (!err)
		err = keep_insns(&found);
	if (err || !found.nr) {
		kfree(found.sites);
		found.sites = NULL;
	}
	if (err)
		return err;
	*sites = found.sites;
	return found.nr;
}

/**
 * call_sites_look_under_probes() - tell calls from jumps where a kprobe hides which
 * @sites: what call_sites_find() has found; a CALL_SITE_PROBED becomes what it is
 *	without the kprobe, where kprobes says
 * @nr: their number
 *
 * Context: may sleep; takes the locks of kprobes.
 */
void call_sites_look_under_probes(struct call_site *sites, unsigned int nr)
{
	unsigned int i;
	u32 opcode;

	for (i = 0; i < nr; i++)
		if (sites[i].kind == CALL_SITE_PROBED &&
		    !symbol_opcode(sites[i].addr, &opcode))
			sites[i].kind = kind_of(opcode);
}
