/* Faults of a machine, switched while a program runs. Loaded by LD_PRELOAD; SALA_TEST_FAULTS names a file of two 64-bit
 * integers, which the test writes: how long a sync takes, in ms, and how far the wall clock is off, in ms. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct faults { int64_t sync_ms, wall_ms; };
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
