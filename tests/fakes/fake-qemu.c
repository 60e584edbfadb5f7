/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * As much of QEMU as process tests need: QMP on a listening socket given by
 * number, every command answered with {}.
 *
 *     fake-qemu MONITOR_FD [normal | stubborn | dies]
 *
 * normal ends by "quit" and SIGTERM, stubborn by neither, dies complains and ends at once.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char greeting[] = "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 22, \"minor\": 2, \"major\": 7}, "
                               "\"package\": \"fake\"}, \"capabilities\": []}}\r\n";

static void
answer(FILE *out, const char *line)
{
    const char *id = NULL;
    for (const char *at = line; (at = strstr(at, "\"id\":")) != NULL; at++)
        id = at + 5;
    fprintf(out, "{\"return\": {}, \"id\": %d}\r\n", id != NULL ? atoi(id) : -1);
    fflush(out);
}

static void
serve(int fd, int stubborn)
{
    char line[65536];
    FILE *in = fdopen(fd, "r");
    FILE *out = fdopen(dup(fd), "w");
    fputs(greeting, out);
    fflush(out);
    while (fgets(line, sizeof line, in) != NULL) {
        answer(out, line);
        if (!stubborn && strstr(line, "\"quit\"") != NULL)
            exit(0);
    }
    fclose(in);
    fclose(out);
}

int
main(int argc, char **argv)
{
    const char *mode = argc > 2 ? argv[2] : "normal";
    int stubborn = strcmp(mode, "stubborn") == 0;
    int fd;

    if (argc < 2 || strcmp(mode, "dies") == 0) {
        fprintf(stderr, "fake-qemu: -device rocket: 'rocket' is not a valid device model name\n");
        return 1;
    }
    if (stubborn)
        signal(SIGTERM, SIG_IGN);
    while ((fd = accept(atoi(argv[1]), NULL, NULL)) >= 0)
        serve(fd, stubborn);
    return 2;
}
