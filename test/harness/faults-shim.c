/* Faults of a machine, switched while a program runs. Loaded by LD_PRELOAD; SALA_TEST_FAULTS names a file of three 64-bit
 * integers, which the test writes: how long a sync takes, in ms; how far the wall clock is off, in ms; and which byte of
 * the first file called *.db cannot be read (0: none). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct faults { int64_t sync_ms, wall_ms, bad_byte; };
static const volatile struct faults none;
static const volatile struct faults *faults = &none;

#define REAL(type, name, ...)                                  \
  static type (*real)(__VA_ARGS__);                            \
  if (!real) real = (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("SALA_TEST_FAULTS");
  int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  if (fd < 0) return;
  void *map = mmap(NULL, sizeof *faults, PROT_READ, MAP_SHARED, fd, 0);
  if (map != MAP_FAILED) faults = map;
  close(fd);
}

static void slow(void) {
  int64_t ms = faults->sync_ms;
  struct timespec wait = {ms / 1000, ms % 1000 * 1000000};
  if (ms > 0) nanosleep(&wait, NULL);
}

int fsync(int fd) {
  REAL(int, fsync, int);
  slow();
  return real(fd);
}

int fdatasync(int fd) {
  REAL(int, fdatasync, int);
  slow();
  return real(fd);
}

int clock_gettime(clockid_t clock, struct timespec *at) {
  REAL(int, clock_gettime, clockid_t, struct timespec *);
  int result = real(clock, at);
  int64_t ms = faults->wall_ms;
  if (result == 0 && ms != 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
    int64_t nanoseconds = at->tv_nsec + ms % 1000 * 1000000;
    at->tv_sec += ms / 1000 + nanoseconds / 1000000000 - (nanoseconds % 1000000000 < 0);
    at->tv_nsec = (nanoseconds % 1000000000 + 1000000000) % 1000000000;
  }
  return result;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone) {
  REAL(int, gettimeofday, struct timeval *restrict, void *restrict);
  struct timespec exact;
  if (!at || clock_gettime(CLOCK_REALTIME, &exact) != 0) return real(at, zone);
  at->tv_sec = exact.tv_sec;
  at->tv_usec = exact.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *at) {
  struct timespec exact;
  clock_gettime(CLOCK_REALTIME, &exact);
  if (at) *at = exact.tv_sec;
  return exact.tv_sec;
}

/* The bad place belongs to the file, also under another name, and not to the next one. */
static int is_bad(int fd, off_t offset, size_t length) {
  static ino_t bad_file;
  int64_t bad = faults->bad_byte;
  struct stat at;
  if (bad == 0 || bad < offset || bad >= (int64_t)(offset + length) || fstat(fd, &at) != 0) return 0;
  if (bad_file == 0) {
    char link[32], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof path);
    if (size > 3 && memcmp(path + size - 3, ".db", 3) == 0) bad_file = at.st_ino;
  }
  return at.st_ino == bad_file;
}

#define PREAD(name)                                                   \
  ssize_t name(int fd, void *bytes, size_t length, off_t offset) {    \
    REAL(ssize_t, name, int, void *, size_t, off_t);                  \
    if (is_bad(fd, offset, length)) return errno = EIO, -1;           \
    return real(fd, bytes, length, offset);                           \
  }
PREAD(pread)
PREAD(pread64)
