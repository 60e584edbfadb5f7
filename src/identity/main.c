/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * skep-identity: waits inside a guest whose memory is kept as a template. When a clone of it is let go on, the host tells it by a serial port of its
 * own who it is now; it becomes that, and ends. A message is four bytes of length (little endian) and text; an answer is lines: "failed VERB WHAT WHY" for
 * each step that was not done, and "done", or, asked "hello", "ready".
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "identity/apply.h"

#define DEFAULT_PORT "/dev/virtio-ports/org.skep.identity"

static char order[SK_IDENTITY_MAX_ORDER + 1];

/*
 * Until there is something to read. With nobody at the other end poll() returns at once; that somebody came is told by SIGIO (Linux,
 * drivers/char/virtio_console.c), and looked at again after a second should it have been missed.
 */
static void
wait_for_host(int fd)
{
    struct pollfd wait = { .fd = fd, .events = POLLIN };
    sigset_t io;
    sigemptyset(&io);
    sigaddset(&io, SIGIO);
    if (poll(&wait, 1, -1) > 0 && (wait.revents & POLLIN) == 0)
        sigtimedwait(&io, NULL, &(struct timespec){ .tv_sec = 1 });
}

static void
ask_for_signals(int fd)
{
    sigset_t io;
    sigemptyset(&io);
    sigaddset(&io, SIGIO);
    sigprocmask(SIG_BLOCK, &io, NULL);
    fcntl(fd, F_SETOWN, getpid());
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_ASYNC);
}

/* Reads so many bytes. A port whose other end is closed reads as its end: the one who resumes us opens it later. */
static int
read_all(int fd, void *bytes, size_t length)
{
    for (size_t done = 0; done < length;) {
        ssize_t n = read(fd, (char *) bytes + done, length - done);
        if (n > 0) {
            done += (size_t) n;
            continue;
        }
        if (n < 0 && errno != EINTR && errno != EAGAIN)
            return -1;
        wait_for_host(fd);
    }
    return 0;
}

static void
answer(int fd, const char *text)
{
    for (size_t length = strlen(text); length > 0;) {
        ssize_t n = write(fd, text, length);
        if (n < 0 && errno != EINTR && errno != EAGAIN)
            return;
        text += n > 0 ? n : 0;
        length -= n > 0 ? (size_t) n : 0;
    }
}

static void
tell_failure(int fd, const char *verb, const char *what, const char *why)
{
    char line[512];
    snprintf(line, sizeof line, "failed %s %s: %s\n", verb, what, why);
    answer(fd, line);
}

/* Every step is tried: a clone with most of its identity is told from one with none. */
static void
become(int fd, char *text, const char *root)
{
    SkIdentityStep step;
    const char *what = "";
    int kind;
    while ((kind = sk_identity_next(&text, &step, &what)) != 0) {
        int why = kind < 0 ? EINVAL : sk_identity_apply(&step, root, &what);
        if (why != 0)
            tell_failure(fd, kind < 0 ? "line" : sk_identity_verb_name(step.verb), what, strerror(why));
    }
}

/* One message; 0: go on waiting, 1: done, -1: the port is gone, or what comes is not for us. */
static int
take_message(int fd, const char *root)
{
    unsigned char head[4];
    if (read_all(fd, head, sizeof head) < 0)
        return -1;
    size_t length = head[0] | (size_t) head[1] << 8 | (size_t) head[2] << 16 | (size_t) head[3] << 24;
    if (length == 0 || length > SK_IDENTITY_MAX_ORDER || read_all(fd, order, length) < 0)
        return -1;
    order[length] = '\0';
    if (strcmp(order, "hello") == 0) {
        answer(fd, "ready\n");
        return 0;
    }
    become(fd, order, root);
    explicit_bzero(order, sizeof order);
    answer(fd, "done\n");
    return 1;
}

int
main(int argc, char **argv)
{
    const char *port = argc > 1 ? argv[1] : DEFAULT_PORT, *root = argc > 2 ? argv[2] : "";
    int fd = open(port, O_RDWR | O_CLOEXEC | O_NOCTTY), taken = 0;
    if (fd < 0) {
        fprintf(stderr, "skep-identity: cannot open %s: %s\n", port, strerror(errno));
        return 1;
    }
    /* What is in memory when the template is kept need not be read in any clone. It works without, too. */
    if (mlockall(MCL_CURRENT | MCL_FUTURE) < 0)
        fprintf(stderr, "skep-identity: mlockall: %s\n", strerror(errno));
    ask_for_signals(fd);
    while (taken == 0)
        taken = take_message(fd, root);
    close(fd);
    return taken > 0 ? 0 : 1;
}
