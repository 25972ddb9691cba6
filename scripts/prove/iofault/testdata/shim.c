/* Loaded before libc (LD_PRELOAD): makes chosen writes and flushes of files below a folder fail, as a full or broken
 * disk does. SQLite calls these through libc; Go's own files do not. The proof and the program share a page:
 *
 *   [0] calls so far   [1] first call that fails, 0 = none   [2] how many fail from there   [3] kind
 *
 * Writes (ftruncate among them) are counted for kinds 1 to 3, flushes for kind 4. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { NO_SPACE = 1, BROKEN = 2, TORN = 3, NO_FLUSH = 4 };

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
		if (page[1] && n >= page[1] && n < page[1] + page[2]) which = n - page[1] + 1;
	}
	errno = saved;
	return which;
}

static int failure(void) {
	errno = page[3] == BROKEN || page[3] == NO_FLUSH ? EIO : ENOSPC;
	return -1;
}

/* FIND looks up libc's function behind ours. */
#define FIND(name) \
	if (!real) real = dlsym(RTLD_NEXT, name)

#define PWRITE(name, offset)                                                                \
	ssize_t name(int fd, const void *b, size_t n, offset at) {                              \
		static ssize_t (*real)(int, const void *, size_t, offset);                          \
		FIND(#name);                                                                        \
		long which = due(fd, 0);                                                            \
		if (!which) return real(fd, b, n, at);                                              \
		return page[3] == TORN && which == 1 && n > 1 ? real(fd, b, n / 2, at) : failure(); \
	}
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

ssize_t write(int fd, const void *b, size_t n) {
	static ssize_t (*real)(int, const void *, size_t);
	FIND("write");
	return due(fd, 0) ? failure() : real(fd, b, n);
}

#define TRUNCATE(name, offset)                       \
	int name(int fd, offset n) {                     \
		static int (*real)(int, offset);             \
		FIND(#name);                                 \
		return due(fd, 0) ? failure() : real(fd, n); \
	}
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

#define FLUSH(name)                               \
	int name(int fd) {                            \
		static int (*real)(int);                  \
		FIND(#name);                              \
		return due(fd, 1) ? failure() : real(fd); \
	}
FLUSH(fsync)
FLUSH(fdatasync)
