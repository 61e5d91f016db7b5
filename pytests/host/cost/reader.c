// SPDX-License-Identifier: GPL-2.0
/*
 * The benchmark's clockwork in the guest: small enough that nothing but the kernel
 * is measured. Under QEMU's -icount the clock counts instructions, so what is
 * called a nanosecond here is an instruction there.
 *
 *   reader read FILE             ns of one pread() of FILE, best of 15 batches of 200
 *   reader write FILE TEXT       ns of one write() of TEXT, as elapsed and as CPU time
 *   reader run FILE...           preads a second of the FILEs, one reader on a CPU each,
 *                                best of 20 windows of 50 ms; then the preads of each reader,
 *                                all of them
 *   reader text START END        a hash of the kernel's memory, START up to END, both hex
 */
#define _GNU_SOURCE
#include <elf.h>
#include <err.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BATCHES 15
#define READS 200

static long long now(clockid_t clock)
{
	struct timespec t;

	if (clock_gettime(clock, &t))
		err(1, "clock_gettime");
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int open_file(const char *path, int flags)
{
	int fd = open(path, flags);

	if (fd < 0)
		err(1, "%s", path);
	return fd;
}

static char buffer[4096];

static void read_once(int fd)
{
	if (pread(fd, buffer, sizeof(buffer), 0) <= 0)
		err(1, "pread");
}

static void measure_read(const char *path)
{
	const int fd = open_file(path, O_RDONLY);
	long long best = -1;

	for (int batch = 0; batch < BATCHES; batch++) {
		long long start = now(CLOCK_MONOTONIC), took;

		for (int i = 0; i < READS; i++)
			read_once(fd);
		took = now(CLOCK_MONOTONIC) - start;
		if (best < 0 || took < best)
			best = took;
	}
	printf("%.2f\n", (double)best / READS);
}

static void measure_write(const char *path, const char *text)
{
	const int fd = open_file(path, O_WRONLY);
	long long elapsed = now(CLOCK_MONOTONIC);
	long long cpu = now(CLOCK_PROCESS_CPUTIME_ID);

	if (write(fd, text, strlen(text)) < 0)
		err(1, "write %s to %s", text, path);
	cpu = now(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	elapsed = now(CLOCK_MONOTONIC) - elapsed;
	printf("%lld %lld\n", elapsed, cpu);
}

/* Whole windows of time, so that one in which the host had other work can be told. */
#define WINDOWS 20
#define WINDOW_NS 50000000LL
#define NUMBERS (WINDOWS + 1)

/*
 * One reader on one CPU: its windows begin and end by the clock, so that all overlap. The
 * last number is of what it has read behind the last window.
 */
static void read_windows(const char *path, int cpu, long long start,
			 unsigned long *reads)
{
	const int fd = open_file(path, O_RDONLY);
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus))
		err(1, "sched_setaffinity");
	while (now(CLOCK_MONOTONIC) < start)
		;
	for (;;) {
		long long window;

		for (int i = 0; i < 20; i++)
			read_once(fd);
		window = (now(CLOCK_MONOTONIC) - start) / WINDOW_NS;
		if (window >= WINDOWS)
			window = WINDOWS;
		reads[window] += 20;
		if (window == WINDOWS)
			return;
	}
}

static void run(char **paths, int nr)
{
	const long long start = now(CLOCK_MONOTONIC) + 2 * WINDOW_NS;
	unsigned long best = 0;
	unsigned long *reads = mmap(NULL, nr * NUMBERS * sizeof(*reads),
				    PROT_READ | PROT_WRITE,
				    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (reads == MAP_FAILED)
		err(1, "mmap");
	for (int i = 0; i < nr; i++) {
		pid_t pid = fork();

		if (pid < 0)
			err(1, "fork");
		if (!pid) {
			read_windows(paths[i], i, start, reads + i * NUMBERS);
			_exit(0);
		}
	}
	for (int i = 0; i < nr; i++) {
		int status;

		if (wait(&status) < 0 || status)
			errx(1, "a reader failed");
	}
	for (int window = 0; window < WINDOWS; window++) {
		unsigned long sum = 0;

		for (int i = 0; i < nr; i++)
			sum += reads[i * NUMBERS + window];
		if (sum > best)
			best = sum;
	}
	printf("%lld", best * 1000000000LL / WINDOW_NS);
	for (int i = 0; i < nr; i++) {
		unsigned long sum = 0;

		for (int n = 0; n < NUMBERS; n++)
			sum += reads[i * NUMBERS + n];
		printf(" %lu", sum);
	}
	putchar('\n');
}

/* Where /proc/kcore, an ELF core file, has the address. */
static off_t kcore_offset(int fd, uint64_t addr)
{
	Elf64_Ehdr header;
	Elf64_Phdr part;

	if (pread(fd, &header, sizeof(header), 0) != sizeof(header))
		err(1, "/proc/kcore");
	for (int i = 0; i < header.e_phnum; i++) {
		off_t at = header.e_phoff + i * sizeof(part);

		if (pread(fd, &part, sizeof(part), at) != sizeof(part))
			err(1, "/proc/kcore");
		if (part.p_type == PT_LOAD && part.p_vaddr <= addr &&
		    addr < part.p_vaddr + part.p_filesz)
			return part.p_offset + (addr - part.p_vaddr);
	}
	errx(1, "/proc/kcore has no 0x%llx", (unsigned long long)addr);
}

static void hash_text(uint64_t start, uint64_t end)
{
	const int fd = open_file("/proc/kcore", O_RDONLY);
	off_t at = kcore_offset(fd, start);
	uint64_t hash = 0xcbf29ce484222325; /* FNV-1a, by words */
	static uint64_t words[512];

	for (uint64_t left = end - start; left;) {
		size_t want = left < sizeof(words) ? left : sizeof(words);

		memset(words, 0, sizeof(words));
		if (pread(fd, words, want, at) != (ssize_t)want)
			err(1, "/proc/kcore");
		for (size_t i = 0; i < (want + 7) / 8; i++)
			hash = (hash ^ words[i]) * 0x100000001b3;
		at += want;
		left -= want;
	}
	printf("%016llx\n", (unsigned long long)hash);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (argc == 3 && !strcmp(what, "read"))
		measure_read(argv[2]);
	else if (argc == 4 && !strcmp(what, "write"))
		measure_write(argv[2], argv[3]);
	else if (argc > 2 && !strcmp(what, "run"))
		run(argv + 2, argc - 2);
	else if (argc == 4 && !strcmp(what, "text"))
		hash_text(strtoull(argv[2], NULL, 16), strtoull(argv[3], NULL, 16));
	else
		errx(2, "usage: reader read|write|run|text ...");
	return 0;
}
