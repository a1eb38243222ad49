/* Writes down, in their true order, all changes that a program makes to files below SALA_POWER_CUT_ROOT, and what it
 * syncs, so that power-cut.ts can say what a disk may hold after a power cut at any moment. Loaded by LD_PRELOAD.
 * What the program writes into SALA_POWER_CUT_MARKS is noted in the same order: "by now I have promised this". */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { max_fds = 4096 };

static const char *root, *marks;
static size_t root_length;
static int log_fd = -1;
static char *names[max_fds];
/* Held over the system call and its note: the notes are in the order of the calls. */
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

#define REAL(type, name, ...)                                  \
  static type (*real)(__VA_ARGS__);                            \
  if (!real) real = (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

static ssize_t real_write(int fd, const void *bytes, size_t length) {
  REAL(ssize_t, write, int, const void *, size_t);
  return real(fd, bytes, length);
}

__attribute__((constructor)) static void begin(void) {
  const char *log = getenv("SALA_POWER_CUT_LOG");
  root = getenv("SALA_POWER_CUT_ROOT");
  marks = getenv("SALA_POWER_CUT_MARKS");
  if (!root || !log || !marks) return;
  root_length = strlen(root);
  log_fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (log_fd < 0) abort();
}

static int below(const char *path) {
  return log_fd >= 0 && path && strncmp(path, root, root_length) == 0 && (path[root_length] == '/' || !path[root_length]);
}

static const char *name_of(int fd) { return log_fd >= 0 && fd >= 0 && fd < max_fds ? names[fd] : NULL; }

static void note(char type, uint64_t inode, uint64_t offset, const void *data, size_t length) {
  struct __attribute__((packed)) { uint32_t type, length; uint64_t inode, offset; } head = {type, length, inode, offset};
  struct iovec parts[2] = {{&head, sizeof head}, {(void *)data, length}};
  REAL(ssize_t, writev, int, const struct iovec *, int);
  if (real(log_fd, parts, 2) != (ssize_t)(sizeof head + length)) abort();
}

static uint64_t inode_of(int fd) {
  struct stat at;
  return fstat(fd, &at) == 0 ? at.st_ino : 0;
}

static int opened(const char *path, int flags, mode_t mode) {
  REAL(int, open64, const char *, int, ...);
  if (log_fd < 0 || !path || !(below(path) || strcmp(path, marks) == 0)) return real(path, flags, mode);
  pthread_mutex_lock(&turn);
  int was_there = access(path, F_OK) == 0;
  int fd = real(path, flags, mode);
  if (fd >= max_fds) abort();
  if (fd >= 0) {
    free(names[fd]);
    names[fd] = strdup(path);
    if (below(path)) {
      if (!was_there) note('C', inode_of(fd), 0, path, strlen(path));
      else if (flags & O_TRUNC) note('T', inode_of(fd), 0, NULL, 0);
    }
  }
  pthread_mutex_unlock(&turn);
  return fd;
}

#define OPEN(name, ...)                            \
  int name(__VA_ARGS__, int flags, ...) {          \
    va_list rest;                                  \
    va_start(rest, flags);                         \
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
    va_end(rest);

OPEN(open, const char *path) return opened(path, flags, mode); }
OPEN(open64, const char *path) return opened(path, flags, mode); }
OPEN(openat, int folder, const char *path)
  if (below(path)) return opened(path, flags, mode);
  REAL(int, openat, int, const char *, int, ...);
  return real(folder, path, flags, mode); }
OPEN(openat64, int folder, const char *path)
  if (below(path)) return opened(path, flags, mode);
  REAL(int, openat64, int, const char *, int, ...);
  return real(folder, path, flags, mode); }

int close(int fd) {
  REAL(int, close, int);
  if (!name_of(fd)) return real(fd);
  pthread_mutex_lock(&turn);
  free(names[fd]);
  names[fd] = NULL;
  int result = real(fd);
  pthread_mutex_unlock(&turn);
  return result;
}

static void wrote(int fd, const void *bytes, ssize_t length, off_t offset) {
  if (length <= 0) return;
  if (strcmp(names[fd], marks) == 0) note('K', 0, 0, bytes, length);
  else note('W', inode_of(fd), offset, bytes, length);
}

static off_t place_of(int fd) {
  struct stat at;
  if ((fcntl(fd, F_GETFL) & O_APPEND) && fstat(fd, &at) == 0) return at.st_size;
  return lseek(fd, 0, SEEK_CUR);
}

ssize_t write(int fd, const void *bytes, size_t length) {
  if (!name_of(fd)) return real_write(fd, bytes, length);
  pthread_mutex_lock(&turn);
  off_t offset = place_of(fd);
  ssize_t done = real_write(fd, bytes, length);
  wrote(fd, bytes, done, offset);
  pthread_mutex_unlock(&turn);
  return done;
}

#define PWRITE(name)                                                        \
  ssize_t name(int fd, const void *bytes, size_t length, off_t offset) {    \
    REAL(ssize_t, name, int, const void *, size_t, off_t);                  \
    if (!name_of(fd)) return real(fd, bytes, length, offset);               \
    pthread_mutex_lock(&turn);                                              \
    ssize_t done = real(fd, bytes, length, offset);                         \
    wrote(fd, bytes, done, offset);                                         \
    pthread_mutex_unlock(&turn);                                            \
    return done;                                                            \
  }
PWRITE(pwrite)
PWRITE(pwrite64)

/* One part after the other: the notes stay simple. */
static ssize_t each_part(int fd, const struct iovec *parts, int count, off_t offset) {
  ssize_t total = 0;
  for (int i = 0; i < count; i++) {
    ssize_t done = offset < 0 ? write(fd, parts[i].iov_base, parts[i].iov_len)
                              : pwrite(fd, parts[i].iov_base, parts[i].iov_len, offset + total);
    if (done < 0) return total > 0 ? total : done;
    total += done;
    if ((size_t)done < parts[i].iov_len) break;
  }
  return total;
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
  REAL(ssize_t, writev, int, const struct iovec *, int);
  return name_of(fd) ? each_part(fd, parts, count, -1) : real(fd, parts, count);
}

#define PWRITEV(name)                                                            \
  ssize_t name(int fd, const struct iovec *parts, int count, off_t offset) {     \
    REAL(ssize_t, name, int, const struct iovec *, int, off_t);                  \
    return name_of(fd) ? each_part(fd, parts, count, offset) : real(fd, parts, count, offset); \
  }
PWRITEV(pwritev)
PWRITEV(pwritev64)

#define TRUNCATE(name)                                       \
  int name(int fd, off_t length) {                           \
    REAL(int, name, int, off_t);                             \
    if (!name_of(fd)) return real(fd, length);               \
    pthread_mutex_lock(&turn);                               \
    int result = real(fd, length);                           \
    if (result == 0) note('T', inode_of(fd), length, NULL, 0); \
    pthread_mutex_unlock(&turn);                             \
    return result;                                           \
  }
TRUNCATE(ftruncate)
TRUNCATE(ftruncate64)

#define SYNC(name)                                                     \
  int name(int fd) {                                                   \
    REAL(int, name, int);                                              \
    if (!name_of(fd)) return real(fd);                                 \
    pthread_mutex_lock(&turn);                                         \
    struct stat at;                                                    \
    int result = real(fd);                                             \
    if (result == 0 && fstat(fd, &at) == 0) {                          \
      if (S_ISDIR(at.st_mode)) note('D', 0, 0, names[fd], strlen(names[fd])); \
      else note('S', at.st_ino, 0, NULL, 0);                           \
    }                                                                  \
    pthread_mutex_unlock(&turn);                                       \
    return result;                                                     \
  }
SYNC(fsync)
SYNC(fdatasync)

#define CHANGE(name, type)                                     \
  int name(const char *path) {                                 \
    REAL(int, name, const char *);                             \
    if (!below(path)) return real(path);                       \
    pthread_mutex_lock(&turn);                                 \
    int result = real(path);                                   \
    if (result == 0) note(type, 0, 0, path, strlen(path));     \
    pthread_mutex_unlock(&turn);                               \
    return result;                                             \
  }
CHANGE(unlink, 'U')
CHANGE(rmdir, 'U')

int mkdir(const char *path, mode_t mode) {
  REAL(int, mkdir, const char *, mode_t);
  if (!below(path)) return real(path, mode);
  pthread_mutex_lock(&turn);
  int result = real(path, mode);
  if (result == 0) note('M', 0, 0, path, strlen(path));
  pthread_mutex_unlock(&turn);
  return result;
}

int rename(const char *from, const char *to) {
  REAL(int, rename, const char *, const char *);
  if (!below(from) && !below(to)) return real(from, to);
  char both[2 * PATH_MAX];
  size_t first = strlen(from) + 1, second = strlen(to);
  if (first + second > sizeof both) abort();
  memcpy(both, from, first);
  memcpy(both + first, to, second);
  pthread_mutex_lock(&turn);
  int result = real(from, to);
  if (result == 0) note('R', 0, 0, both, first + second);
  pthread_mutex_unlock(&turn);
  return result;
}

/* Ways to change a file that are not modelled: better no result than a wrong one. */
static int refuse(int fd) {
  if (name_of(fd)) abort();
  return 0;
}
#define ALLOCATE(name, ...)                          \
  int name(int fd, __VA_ARGS__)
ALLOCATE(posix_fallocate, off_t from, off_t length) {
  REAL(int, posix_fallocate, int, off_t, off_t);
  return refuse(fd) || real(fd, from, length);
}
ALLOCATE(fallocate, int mode, off_t from, off_t length) {
  REAL(int, fallocate, int, int, off_t, off_t);
  return refuse(fd) || real(fd, mode, from, length);
}
