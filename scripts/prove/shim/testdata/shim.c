/* Loaded before libc (LD_PRELOAD): makes chosen writes and flushes of files below a folder fail, as a full or broken
 * disk does. SQLite calls these through libc; Go's own files do not. The proof and the program share a page:
 *
 *   [0] calls so far   [1] first call that fails, 0 = none   [2] how many fail from there, every [5]th of them
 *   [3] kind           [4] calls that failed
 *
 * Writes (ftruncate among them) are counted, and for NO_FLUSH flushes. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { NO_SPACE = 1, BROKEN = 2, SHORT_FULL = 3, NO_FLUSH = 4, TORN = 5, SHORT = 6 };

static volatile long *page;
static const char *dir;

__attribute__((constructor)) static void start(void) {
	const char *file = getenv("IOFAULT_PAGE");
	dir = getenv("IOFAULT_DIR");
	if (!file || !dir) return;
	int fd = open(file, O_RDWR);
	if (fd < 0) abort();
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (p == MAP_FAILED) abort();
	page = p;
}

static int ours(int fd) {
	char link[64], path[4096];
	if (!page) return 0;
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, path, sizeof path - 1);
	if (n <= 0) return 0;
	path[n] = 0;
	return strncmp(path, dir, strlen(dir)) == 0;
}

/* due counts a call and tells whether it fails: 0 = no, else which one of the failing calls it is. */
static long due(int fd, int flush) {
	int saved = errno;
	long which = 0;
	if (ours(fd) && flush == (page[3] == NO_FLUSH)) {
		long n = __sync_add_and_fetch(&page[0], 1);
		if (page[1] && n >= page[1] && n - page[1] < page[2] && (n - page[1]) % (page[5] ? page[5] : 1) == 0) {
			which = n - page[1] + 1;
			__sync_add_and_fetch(&page[4], 1);
		}
	}
	errno = saved;
	return which;
}

static int failure(void) {
	errno = page[3] == NO_SPACE || page[3] == SHORT_FULL ? ENOSPC : EIO;
	return -1;
}

/* part is how much of n bytes reaches the disk: whole sectors if there are several, from one to all but one. */
static size_t part(size_t n, long which) {
	size_t sectors = n / 512;
	if (sectors < 2) return n / 2;
	return 512 * (1 + (page[0] + which) % (sectors - 1));
}

/* FIND looks up libc's function behind ours. */
#define FIND(name) \
	if (!real) real = dlsym(RTLD_NEXT, name)

#define PWRITE(name, offset)                                                    \
	ssize_t name(int fd, const void *b, size_t n, offset at) {              \
		static ssize_t (*real)(int, const void *, size_t, offset);      \
		FIND(#name);                                                    \
		long which = due(fd, 0);                                        \
		if (!which) return real(fd, b, n, at);                          \
		if (page[3] == TORN && n > 1) real(fd, b, part(n, which), at);  \
		if (page[3] == SHORT)                                           \
			return real(fd, b, n > 1 ? part(n, which) : n, at);     \
		return page[3] == SHORT_FULL && which == 1 && n > 1             \
			? real(fd, b, part(n, which), at) : failure();          \
	}
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

ssize_t write(int fd, const void *b, size_t n) {
	static ssize_t (*real)(int, const void *, size_t);
	FIND("write");
	long which = due(fd, 0);
	if (!which) return real(fd, b, n);
	return page[3] == SHORT ? real(fd, b, n > 1 ? part(n, which) : n) : failure();
}

#define TRUNCATE(name, offset)                                                            \
	int name(int fd, offset n) {                                                      \
		static int (*real)(int, offset);                                          \
		FIND(#name);                                                              \
		return due(fd, 0) && page[3] != SHORT ? failure() : real(fd, n);          \
	}
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

#define FLUSH(name)                               \
	int name(int fd) {                        \
		static int (*real)(int);          \
		FIND(#name);                      \
		return due(fd, 1) ? failure() : real(fd); \
	}
FLUSH(fsync)
FLUSH(fdatasync)
