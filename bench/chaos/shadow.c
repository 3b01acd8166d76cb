/* What a power cut would leave, kept as it comes about: preload this library into the program.
 *
 *     cc -shared -fPIC -O2 -o shadow.so shadow.c -ldl -lpthread
 *     SHADOW_OF=/room SHADOW=/shadow SHADOW_BOOT_ID=/file LD_PRELOAD=shadow.so program …
 *
 * The model. A file is an inode; its content is durable as it was at the last fsync or fdatasync of it, whole. A name is
 * durable once the file, under that name, or the folder it stands in was synced; a rename or an unlink likewise, at
 * the folder's sync (or at the sync of the file under its new name: the old name goes then). A file whose name is
 * durable and which was never synced itself is empty. All else is lost: sync_file_range, O_SYNC, msync and what the
 * system writes by itself after some seconds count for nothing, so this is harder than a disk. Folders are durable.
 *
 *     SHADOW/inodes/<device>-<inode>-<birth>   the content
 *     SHADOW/names/<path, / as \1>             which inode stands there, as text
 *
 * Each is written beside and moved into place: a process killed in the midst of a sync has not synced.
 * /proc/sys/kernel/random/boot_id is read from SHADOW_BOOT_ID, so that a machine can start anew.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BOOT_ID "/proc/sys/kernel/random/boot_id"
#define LONG_PATH (3 * PATH_MAX)

static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
static __thread unsigned long count; /* of the files we have written */

static void fail(const char *what)
{
    fprintf(stderr, "shadow: %s: %s\n", what, strerror(errno));
    abort(); /* a shadow with holes would prove nothing */
}

static int real_open(const char *path, int flags, mode_t mode)
{
    static int (*next)(const char *, int, ...);
    if (!next) *(void **)&next = dlsym(RTLD_NEXT, "open64");
    return next(path, flags, mode);
}

static const char *redirected(const char *path)
{
    const char *other = getenv("SHADOW_BOOT_ID");
    return path && other && strcmp(path, BOOT_ID) == 0 ? other : path;
}

static void part(char *beside)
{
    snprintf(beside, LONG_PATH, "%s/part.%d.%lx.%lu", getenv("SHADOW"), getpid(), (unsigned long)pthread_self(),
             count++);
}

/* An inode's number is used again when its file is gone: its birth tells them apart. */
static int inode_of(const char *path, int fd, char *inode, size_t size)
{
    struct statx about;
    if (statx(path ? AT_FDCWD : fd, path ? path : "", path ? AT_SYMLINK_NOFOLLOW : AT_EMPTY_PATH,
              STATX_INO | STATX_BTIME | STATX_TYPE, &about))
        return -1;
    snprintf(inode, size, "%u.%u-%llu-%lld.%u", about.stx_dev_major, about.stx_dev_minor,
             (unsigned long long)about.stx_ino, (long long)about.stx_btime.tv_sec, about.stx_btime.tv_nsec);
    return S_ISREG(about.stx_mode) ? 1 : 0;
}

static void write_whole(int fd, const char *data, size_t size)
{
    while (size) {
        ssize_t n = write(fd, data, size);
        if (n < 0) fail("write");
        data += n;
        size -= (size_t)n;
    }
}

/* The content of an open file, as it is now, becomes that of `place`. It is read through the very descriptor: to close
 * another of the same file would take SQLite's locks away (POSIX). Only one that cannot be read is opened anew. */
static void copy_content(int fd, const char *place)
{
    static __thread char buffer[1 << 16];
    char beside[LONG_PATH], again[64];
    off_t at = 0;
    ssize_t n;
    int in = fd;
    if ((fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY) {
        snprintf(again, sizeof again, "/proc/self/fd/%d", fd);
        in = real_open(again, O_RDONLY | O_CLOEXEC, 0);
    }
    part(beside);
    int out = real_open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (in < 0 || out < 0) fail("copy");
    while ((n = pread(in, buffer, sizeof buffer, at)) > 0) {
        write_whole(out, buffer, (size_t)n);
        at += n;
    }
    if (n < 0) fail("read");
    if (in != fd) close(in);
    close(out);
    if (rename(beside, place)) fail("rename");
}

static void name_of(char *place, const char *relative)
{
    int n = snprintf(place, LONG_PATH, "%s/names/", getenv("SHADOW"));
    for (; *relative && n < LONG_PATH - 1; relative++) place[n++] = *relative == '/' ? '\1' : *relative;
    place[n] = 0;
}

static void keep_name(const char *relative, const char *inode)
{
    char place[LONG_PATH], beside[LONG_PATH];
    name_of(place, relative);
    part(beside);
    int out = real_open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (out < 0) fail("name");
    write_whole(out, inode, strlen(inode));
    close(out);
    if (rename(beside, place)) fail("rename of a name");
}

/* The durable names, one after the other: whether to drop each is for `gone` to say. */
static void drop_names(int (*gone)(const char *known, const char *place, const void *what), const void *what)
{
    char names[LONG_PATH], place[LONG_PATH], known[NAME_MAX + 1];
    struct dirent *one;
    snprintf(names, sizeof names, "%s/names", getenv("SHADOW"));
    DIR *all = opendir(names);
    if (!all) fail("names");
    while ((one = readdir(all))) {
        if (!strcmp(one->d_name, ".") || !strcmp(one->d_name, "..")) continue;
        snprintf(known, sizeof known, "%s", one->d_name);
        for (char *c = known; *c; c++)
            if (*c == '\1') *c = '/';
        snprintf(place, sizeof place, "%s/%s", names, one->d_name);
        if (gone(known, place, what)) unlink(place);
    }
    closedir(all);
}

static void live_path(char *path, const char *relative)
{
    snprintf(path, LONG_PATH, "%s/%s", getenv("SHADOW_OF"), relative);
}

/* It stood directly in this folder, and stands there no more. */
static int left_folder(const char *known, const char *place, const void *folder)
{
    char live[LONG_PATH];
    struct stat now;
    size_t length = strlen(folder);
    (void)place;
    if (strncmp(known, folder, length) || strchr(known + length, '/')) return 0;
    live_path(live, known);
    return lstat(live, &now) && errno == ENOENT;
}

struct moved {
    const char *relative, *inode;
};

/* It was the name of this inode, which has moved to another. A second hard link stays. */
static int moved_away(const char *known, const char *place, const void *what)
{
    const struct moved *to = what;
    char live[LONG_PATH], was[128], is[128];
    if (strcmp(known, to->relative) == 0) return 0;
    int in = real_open(place, O_RDONLY | O_CLOEXEC, 0);
    ssize_t n = in < 0 ? -1 : read(in, was, sizeof was - 1);
    if (in >= 0) close(in);
    if (n < 0) return 0;
    was[n] = 0;
    if (strcmp(was, to->inode)) return 0;
    live_path(live, known);
    return inode_of(live, -1, is, sizeof is) < 0 || strcmp(is, was);
}

static void sync_file(const char *relative, int fd, const struct stat *about)
{
    char place[LONG_PATH], inode[128];
    if (inode_of(NULL, fd, inode, sizeof inode) < 0) fail("statx");
    snprintf(place, sizeof place, "%s/inodes/%s", getenv("SHADOW"), inode);
    copy_content(fd, place);
    if (about->st_nlink == 0) return; /* it has no name any more */
    struct moved to = {relative, inode};
    keep_name(relative, inode);
    drop_names(moved_away, &to);
}

/* `folder` is relative, with a slash at its end, or empty for the root itself. */
static void sync_folder(const char *folder)
{
    char path[LONG_PATH], relative[LONG_PATH], inode[128];
    struct dirent *one;
    live_path(path, folder);
    DIR *all = opendir(path);
    if (!all) return;
    while ((one = readdir(all))) {
        snprintf(relative, sizeof relative, "%s%s", folder, one->d_name);
        live_path(path, relative);
        if (inode_of(path, -1, inode, sizeof inode) == 1) keep_name(relative, inode);
    }
    closedir(all);
    drop_names(left_folder, folder);
}

static void shadow(int fd)
{
    const char *root = getenv("SHADOW_OF");
    char link[64], path[PATH_MAX], folder[LONG_PATH];
    struct stat about;
    if (!root || !getenv("SHADOW") || fstat(fd, &about)) return;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n <= 0) return;
    path[n] = 0;
    size_t length = strlen(root);
    if (strncmp(path, root, length) || (path[length] && path[length] != '/')) return;
    pthread_mutex_lock(&one_at_a_time);
    if (S_ISREG(about.st_mode)) sync_file(path + length + 1, fd, &about);
    if (S_ISDIR(about.st_mode)) {
        snprintf(folder, sizeof folder, "%s%s", path[length] ? path + length + 1 : "", path[length] ? "/" : "");
        sync_folder(folder);
    }
    pthread_mutex_unlock(&one_at_a_time);
}

/* --- What the program calls ------------------------------------------------------------------- */

int fsync(int fd)
{
    static int (*next)(int);
    if (!next) *(void **)&next = dlsym(RTLD_NEXT, "fsync");
    int result = next(fd);
    if (result == 0) shadow(fd);
    return result;
}

int fdatasync(int fd)
{
    static int (*next)(int);
    if (!next) *(void **)&next = dlsym(RTLD_NEXT, "fdatasync");
    int result = next(fd);
    if (result == 0) shadow(fd);
    return result;
}

static mode_t mode_given(int flags, va_list more)
{
    return flags & (O_CREAT | __O_TMPFILE) ? (mode_t)va_arg(more, int) : 0;
}

#define OPEN(name)                                                        \
    int name(const char *path, int flags, ...)                            \
    {                                                                     \
        static int (*next)(const char *, int, ...);                       \
        if (!next) *(void **)&next = dlsym(RTLD_NEXT, #name);             \
        va_list more;                                                     \
        va_start(more, flags);                                            \
        mode_t mode = mode_given(flags, more);                            \
        va_end(more);                                                     \
        return next(redirected(path), flags, mode);                       \
    }

#define OPENAT(name)                                                      \
    int name(int folder, const char *path, int flags, ...)                \
    {                                                                     \
        static int (*next)(int, const char *, int, ...);                  \
        if (!next) *(void **)&next = dlsym(RTLD_NEXT, #name);             \
        va_list more;                                                     \
        va_start(more, flags);                                            \
        mode_t mode = mode_given(flags, more);                            \
        va_end(more);                                                     \
        return next(folder, redirected(path), flags, mode);               \
    }

#define FOPEN(name)                                                       \
    FILE *name(const char *path, const char *how)                         \
    {                                                                     \
        static FILE *(*next)(const char *, const char *);                 \
        if (!next) *(void **)&next = dlsym(RTLD_NEXT, #name);             \
        return next(redirected(path), how);                               \
    }

OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)
FOPEN(fopen)
FOPEN(fopen64)
