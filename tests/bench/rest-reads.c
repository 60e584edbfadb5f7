/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* rest-reads SOCKET PATH SECONDS: GETs a second that one keep-alive connection gets answered. */
#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Reads one answer; its body has the Content-Length the head says. */
static gboolean
read_answer(gint fd)
{
    char buffer[65536];
    gsize have = 0;
    for (;;) {
        gssize n = read(fd, buffer + have, sizeof buffer - 1 - have);
        if (n <= 0)
            return FALSE;
        have += (gsize) n;
        buffer[have] = '\0';
        const char *end = strstr(buffer, "\r\n\r\n");
        const char *length = end != NULL ? strcasestr(buffer, "\ncontent-length:") : NULL;
        if (length == NULL)
            continue;
        gsize whole = (gsize) (end + 4 - buffer) + g_ascii_strtoull(length + 16, NULL, 10);
        if (have >= whole)
            return g_str_has_prefix(buffer, "HTTP/1.1 200");
    }
}

int
main(int argc, char **argv)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    if (argc != 4 || strlen(argv[1]) >= sizeof address.sun_path) {
        fprintf(stderr, "usage: rest-reads SOCKET PATH SECONDS\n");
        return 2;
    }
    g_strlcpy(address.sun_path, argv[1], sizeof address.sun_path);
    gint fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *) &address, sizeof address) < 0) {
        perror(argv[1]);
        return 1;
    }
    g_autofree char *request = g_strdup_printf("GET %s HTTP/1.1\r\nHost: skep\r\n\r\n", argv[2]);
    gint64 begin = g_get_monotonic_time(), end = begin + g_ascii_strtoll(argv[3], NULL, 10) * G_USEC_PER_SEC;
    guint count = 0;
    while (g_get_monotonic_time() < end) {
        if (write(fd, request, strlen(request)) < 0 || !read_answer(fd)) {
            fprintf(stderr, "an answer was not right\n");
            return 1;
        }
        count++;
    }
    printf("%.0f\n", count / ((gdouble) (g_get_monotonic_time() - begin) / G_USEC_PER_SEC));
    close(fd);
    return 0;
}
