/* fastsink: a relay that accepts everything, as fast as it can, and counts what it has accepted.
 *
 *     gcc -O2 -o fastsink fastsink.c
 *     fastsink [-p PORT] [-l LOG] [-d MS]
 *
 * Listens on 127.0.0.1 (PORT 0: any free one) and says "port=N" when it does. -l writes one line for each message:
 * recipient, Message-ID, bytes, separated by tabs. -d keeps each reply back for so many milliseconds, as a relay at the
 * other end of a long line would. "first=SECONDS" is said at the first message (CLOCK_MONOTONIC); on SIGTERM or SIGINT it
 * tells all it has seen, and when the last message came.
 *
 * PIPELINING, 8BITMIME, SMTPUTF8 and CHUNKING. It is a measuring device: it checks no protocol and keeps no mail.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define BUFFER (256 * 1024)
#define HEAD 16384 /* a header larger than that is not waited for */

enum state { COMMAND, DATA, CHUNK };

typedef struct {
    int fd, last_chunk, has_id;
    enum state state;
    size_t filled, chunk_left, size, replies;
    char *buffer;
    char recipient[320], id[256], reply[8192];
} Line;

/* A reply that is kept back. All wait equally long, so the oldest is always due first. */
typedef struct Kept {
    struct Kept *next;
    double due;
    Line *line;
    size_t length;
    char text[];
} Kept;

static unsigned long messages, bytes, connections;
static double first, last;
static FILE *log_file;
static int delay, timer, poll_fd;
static Kept *oldest, *newest;
static volatile sig_atomic_t stop;

static void on_signal(int number) { (void)number; stop = 1; }

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

/* --- Replies ------------------------------------------------------------------------------------- */

static void say(Line *line, const char *text) {
    size_t length = strlen(text);
    if (line->replies + length <= sizeof line->reply) {
        memcpy(line->reply + line->replies, text, length);
        line->replies += length;
    }
}

static void write_all(int fd, const char *text, size_t length) {
    size_t done = 0;
    while (done < length) {
        ssize_t wrote = write(fd, text + done, length - done);
        if (wrote < 0 && errno != EAGAIN && errno != EINTR) return;
        if (wrote > 0) done += wrote;
    }
}

static void set_timer(double due) {
    struct itimerspec at = {.it_value = {.tv_sec = (time_t)due, .tv_nsec = (long)((due - (time_t)due) * 1e9)}};
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &at, NULL);
}

static void flush_replies(Line *line) {
    if (!delay) {
        write_all(line->fd, line->reply, line->replies);
    } else {
        Kept *kept = malloc(sizeof *kept + line->replies);
        kept->next = NULL;
        kept->due = now() + delay / 1e3;
        kept->line = line;
        kept->length = line->replies;
        memcpy(kept->text, line->reply, line->replies);
        if (newest) newest->next = kept;
        else { oldest = kept; set_timer(kept->due); }
        newest = kept;
    }
    line->replies = 0;
}

static void release_due(void) {
    double moment = now();
    while (oldest && oldest->due <= moment) {
        Kept *kept = oldest;
        oldest = kept->next;
        if (!oldest) newest = NULL;
        if (kept->line->fd >= 0) write_all(kept->line->fd, kept->text, kept->length);
        free(kept);
    }
    if (oldest) set_timer(oldest->due);
}

/* --- Messages ------------------------------------------------------------------------------------ */

/* Find the Message-ID. Returns 0 where the header is not all here yet: then more must be read first. */
static int read_head(Line *line, const char *text, size_t length, int whole) {
    size_t look = length < HEAD ? length : HEAD;
    const char *end = memmem(text, look, "\r\n\r\n", 4), *at = text;
    if (!end && !whole && length < HEAD) return 0;
    if (!end) end = text + look;
    while (at && at < end) {
        if (end - at > 11 && !strncasecmp(at, "Message-ID:", 11)) {
            size_t n = 0;
            for (at += 11; at < end && (*at == ' ' || *at == '\r' || *at == '\n'); at++) {}
            for (; at < end && *at != '\r' && n < sizeof line->id - 1; at++) line->id[n++] = *at;
            line->id[n] = 0;
            break;
        }
        at = memchr(at, '\n', end - at);
        if (at) at++;
    }
    line->has_id = 1;
    return 1;
}

static void accepted(Line *line) {
    last = now();
    if (!messages++) {
        first = last;
        printf("first=%.6f\n", first);
        fflush(stdout);
    }
    bytes += line->size;
    if (log_file) fprintf(log_file, "%s\t%s\t%zu\n", line->recipient, line->id, line->size);
    line->has_id = 0;
    line->size = 0;
    strcpy(line->id, "-");
    say(line, "250 2.0.0 Ok\r\n");
}

/* Each of the three takes from the front of what was read; returns how much, 0 where more must be read first. */

static size_t take_data(Line *line, const char *text, size_t length) {
    if (!line->size && length >= 3 && !memcmp(text, ".\r\n", 3)) {
        line->state = COMMAND;
        accepted(line);
        return 3;
    }
    const char *dot = memmem(text, length, "\r\n.\r\n", 5);
    if (!line->has_id && !read_head(line, text, length, dot != NULL)) return 0;
    if (dot) {
        line->size += dot - text + 2;
        line->state = COMMAND;
        accepted(line);
        return dot - text + 5;
    }
    size_t taken = length > 4 ? length - 4 : 0; /* the dot may be cut in two */
    line->size += taken;
    return taken;
}

static size_t take_chunk(Line *line, const char *text, size_t length) {
    size_t taken = length < line->chunk_left ? length : line->chunk_left;
    if (!line->has_id && !read_head(line, text, taken, taken == line->chunk_left)) return 0;
    line->size += taken;
    line->chunk_left -= taken;
    if (!line->chunk_left) {
        line->state = COMMAND;
        if (line->last_chunk) accepted(line);
        else say(line, "250 2.0.0 chunk\r\n");
    }
    return taken;
}

static size_t take_command(Line *line, const char *text, size_t length, int *quit) {
    const char *end = memchr(text, '\n', length), *at;
    if (!end) return 0;
    size_t taken = end - text + 1, n = 0;
    if (!strncasecmp(text, "MAIL", 4)) say(line, "250 2.1.0 Ok\r\n");
    else if (!strncasecmp(text, "RCPT", 4)) {
        at = memchr(text, '<', taken);
        for (at = at ? at + 1 : end; at < end && *at != '>' && n < sizeof line->recipient - 1; at++)
            line->recipient[n++] = *at;
        line->recipient[n] = 0;
        say(line, "250 2.1.5 Ok\r\n");
    } else if (!strncasecmp(text, "DATA", 4)) {
        line->state = DATA;
        say(line, "354 go on\r\n");
    } else if (!strncasecmp(text, "BDAT", 4)) {
        line->chunk_left = strtoul(text + 5, NULL, 10);
        line->last_chunk = memmem(text, taken, "LAST", 4) != NULL;
        if (line->chunk_left) line->state = CHUNK;
        else if (line->last_chunk) accepted(line);
        else say(line, "250 2.0.0 chunk\r\n");
    } else if (!strncasecmp(text, "EHLO", 4)) {
        say(line, "250-fastsink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-SIZE 50000000\r\n"
                  "250-ENHANCEDSTATUSCODES\r\n250 CHUNKING\r\n");
    } else if (!strncasecmp(text, "QUIT", 4)) {
        say(line, "221 2.0.0 bye\r\n");
        *quit = 1;
    } else say(line, "250 2.0.0 Ok\r\n");
    return taken;
}

/* Work off what was read. Returns 0 where the connection is over. */
static int work(Line *line) {
    size_t done = 0, taken = 1;
    int quit = 0;
    while (done < line->filled && taken && !quit) {
        const char *text = line->buffer + done;
        size_t length = line->filled - done;
        if (line->state == DATA) taken = take_data(line, text, length);
        else if (line->state == CHUNK) taken = take_chunk(line, text, length);
        else taken = take_command(line, text, length, &quit);
        done += taken;
    }
    line->filled -= done;
    memmove(line->buffer, line->buffer + done, line->filled);
    if (line->replies) flush_replies(line);
    return !quit || delay; /* a reply kept back must still find its line: the client closes it */
}

/* --- Connections --------------------------------------------------------------------------------- */

static void watch(int fd, void *what) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = what};
    epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &event);
}

static void greet(int listening) {
    int one = 1, fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK);
    if (fd < 0) return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    Line *line = calloc(1, sizeof *line);
    line->fd = fd;
    line->buffer = malloc(BUFFER);
    strcpy(line->id, "-");
    connections++;
    watch(fd, line);
    say(line, "220 fastsink ESMTP\r\n");
    flush_replies(line);
}

static void hear(Line *line) {
    ssize_t got = read(line->fd, line->buffer + line->filled, BUFFER - line->filled);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got > 0) {
        line->filled += got;
        if (work(line)) return;
    }
    close(line->fd);
    free(line->buffer);
    line->fd = -1;
    if (!delay) free(line); /* with a delay, replies kept back still point to it */
}

static int listen_on(int port) {
    int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    socklen_t size = sizeof at;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (void *)&at, sizeof at) || listen(fd, 1024) || getsockname(fd, (void *)&at, &size)) {
        perror("fastsink");
        exit(1);
    }
    printf("port=%d\n", ntohs(at.sin_port));
    fflush(stdout);
    return fd;
}

int main(int count, char **words) {
    int port = 0, option, listening;
    struct epoll_event events[256];
    while ((option = getopt(count, words, "p:l:d:")) != -1) {
        if (option == 'p') port = atoi(optarg);
        else if (option == 'd') delay = atoi(optarg);
        else if (option == 'l' && (log_file = fopen(optarg, "w"))) setvbuf(log_file, NULL, _IOFBF, 1 << 20);
        else return 2;
    }
    struct sigaction act = {.sa_handler = on_signal}; /* without SA_RESTART: epoll_wait must come back */
    sigaction(SIGTERM, &act, NULL);
    sigaction(SIGINT, &act, NULL);
    signal(SIGPIPE, SIG_IGN);
    poll_fd = epoll_create1(0);
    timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    listening = listen_on(port);
    watch(listening, &listening);
    watch(timer, &timer);
    while (!stop) {
        int ready = epoll_wait(poll_fd, events, 256, -1);
        for (int i = 0; i < ready; i++) {
            void *what = events[i].data.ptr;
            unsigned long long rings;
            if (what == &listening) greet(listening);
            else if (what == &timer) { if (read(timer, &rings, sizeof rings) > 0) release_due(); }
            else hear(what);
        }
    }
    if (log_file) fclose(log_file);
    printf("messages=%lu bytes=%lu connections=%lu first=%.6f last=%.6f\n", messages, bytes, connections, first, last);
    return 0;
}
