/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Downloads by curl: it brings the bytes, we write them and know how far it is. */
#include "storage/download.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/error.h"
#include "base/spawn.h"
#include "base/text.h"
#include "base/undo.h"

#define HEADERS_FD 3
#define HEADERS_MAX 65536
#define PIECE_BYTES (1024 * 1024)
#define TAG_ATTRIBUTE "user.skep.etag"
#define TAG_MAX 200

enum { CURL_OK = 0, CURL_HTTP_ERROR = 22, CURL_NO_RANGES = 33 };

typedef struct {
    const char *url;
    char *name;                 /* the URL as it may be shown */
    const char *part;
    const SkStorageContext *context;
    gint file;
    SkFd headers, messages;     /* memory files that curl writes */
    guint64 offset, total;      /* total 0: not known */
    gboolean started;           /* the body has begun */
} Download;

char *
sk_download_public_url(const char *url)
{
    g_autoptr(GUri) uri = g_uri_parse(url, G_URI_FLAGS_PARSE_RELAXED | G_URI_FLAGS_ENCODED, NULL);
    if (uri == NULL)
        return g_strdup("?");
    return g_uri_join(G_URI_FLAGS_ENCODED, g_uri_get_scheme(uri), NULL, g_uri_get_host(uri), g_uri_get_port(uri),
                      g_uri_get_path(uri), NULL, NULL);
}

/* -- what the server said ---------------------------------------------------------------------------------- */

static char *
memory_text(gint fd, gsize max)
{
    g_autofree char *text = g_malloc0(max + 1);
    gssize n = pread(fd, text, max, 0);
    text[MAX(n, 0)] = '\0';
    return g_utf8_make_valid(text, -1);
}

/* Keeps what tells one version of the server's file from another, for going on later. */
static void
keep_tag(Download *download, const char *value)
{
    g_autofree char *tag = g_strstrip(g_strdup(value));
    if (*tag != '\0' && strlen(tag) <= TAG_MAX && !sk_text_has_control(tag) && !g_str_has_prefix(tag, "W/"))
        (void) fsetxattr(download->file, TAG_ATTRIBUTE, tag, strlen(tag), 0);
}

/* Headers of the last answer only: those before it were redirects. */
static void
read_headers(Download *download)
{
    g_autofree char *text = memory_text(download->headers, HEADERS_MAX);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    guint64 length = 0;
    for (gsize i = 0; lines[i] != NULL; i++) {
        if (g_str_has_prefix(lines[i], "HTTP/"))
            length = 0;
        else if (g_ascii_strncasecmp(lines[i], "content-length:", 15) == 0)
            length = g_ascii_strtoull(lines[i] + 15, NULL, 10);
        else if (g_ascii_strncasecmp(lines[i], "etag:", 5) == 0 && download->offset == 0)
            keep_tag(download, lines[i] + 5);
    }
    download->total = length > 0 && length < G_MAXINT64 ? download->offset + length : 0;
}

static gboolean
check_space(Download *download, GError **error)
{
    struct statvfs info;
    guint64 missing = download->total > download->offset ? download->total - download->offset : 0;
    if (fstatvfs(download->file, &info) < 0 || missing <= (guint64) info.f_bavail * info.f_frsize)
        return TRUE;
    g_autofree char *needed = sk_size_format(missing);
    g_autofree char *free_now = sk_size_format((guint64) info.f_bavail * info.f_frsize);
    return sk_fail(error, SK_ERROR_NO_SPACE, "\"%s\" needs %s more on the disk, where %s are free", download->name, needed,
                   free_now);
}

/* -- the transfer --------------------------------------------------------------------------------------------- */

static gboolean
take_piece(Download *download, const guint8 *data, gsize length, GError **error)
{
    if (!download->started) {
        download->started = TRUE;
        read_headers(download);
        if (!check_space(download, error))
            return FALSE;
    }
    if (sk_fault("image/download", error))
        return FALSE;
    while (length > 0) {
        gssize n = pwrite(download->file, data, length, (off_t) download->offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return sk_fail_errno(error, errno, "cannot write what is downloaded from \"%s\"", download->name);
        data += n;
        length -= (gsize) n;
        download->offset += (guint64) n;
    }
    sk_storage_report(download->context, "downloading", download->offset, download->total);
    return TRUE;
}

/* Until the pipe ends; FALSE on an error of ours or when cancelled. */
static gboolean
pump(Download *download, gint out, GError **error)
{
    g_autofree guint8 *buffer = g_malloc(PIECE_BYTES);
    GCancellable *cancellable = download->context != NULL ? download->context->cancellable : NULL;
    struct pollfd fds[] = { { .fd = out, .events = POLLIN },
                            { .fd = g_cancellable_get_fd(cancellable), .events = POLLIN } };
    gboolean ok = TRUE;
    for (gssize n = 1; ok && n > 0;) {
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            break;
        ok = sk_storage_go_on(download->context, "the download", error);
        if (!ok || fds[0].revents == 0)
            continue;
        n = read(out, buffer, PIECE_BYTES);
        ok = n <= 0 || take_piece(download, buffer, (gsize) n, error);
    }
    if (fds[1].fd >= 0)
        g_cancellable_release_fd(cancellable);
    return ok;
}

/* The daemon's own proxy settings and nothing else of its environment. */
static char **
environment(void)
{
    static const char *const kept[] = { "http_proxy", "https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY" };
    char **env = g_environ_setenv(NULL, "PATH", "/usr/local/bin:/usr/bin:/bin", TRUE);
    for (gsize i = 0; i < G_N_ELEMENTS(kept); i++) {
        if (g_getenv(kept[i]) != NULL)
            env = g_environ_setenv(env, kept[i], g_getenv(kept[i]), TRUE);
    }
    return env;
}

/* curl's arguments; --disable (no ~/.curlrc) only works as the first. */
static GPtrArray *
arguments(Download *download)
{
    static const char *const fixed[] = { "curl", "--disable", "--silent", "--show-error", "--fail", "--globoff", "--location",
                                         "--max-redirs", "5", "--proto", "=http,https", "--connect-timeout", "30",
                                         "--speed-limit", "64", "--speed-time", "60", "--dump-header", "/dev/fd/3" };
    GPtrArray *argv = g_ptr_array_new_with_free_func(g_free);
    for (gsize i = 0; i < G_N_ELEMENTS(fixed); i++)
        g_ptr_array_add(argv, g_strdup(fixed[i]));
    g_ptr_array_add(argv, g_strdup("--proto-redir"));
    g_ptr_array_add(argv, g_strdup(g_str_has_prefix(download->url, "https:") ? "=https" : "=http,https"));
    if (download->offset > 0) {
        char tag[TAG_MAX + 1] = "";
        g_ptr_array_add(argv, g_strdup("--continue-at"));
        g_ptr_array_add(argv, g_strdup_printf("%" G_GUINT64_FORMAT, download->offset));
        if (fgetxattr(download->file, TAG_ATTRIBUTE, tag, TAG_MAX) > 0) {
            g_ptr_array_add(argv, g_strdup("--header"));
            g_ptr_array_add(argv, g_strconcat("If-Range: ", tag, NULL));
        }
    }
    g_ptr_array_add(argv, g_strdup("--url"));
    g_ptr_array_add(argv, g_strdup(download->url));
    g_ptr_array_add(argv, NULL);
    return argv;
}

/* Runs curl once; *out_exit is its exit code. FALSE if we ended it or could not start it. */
static gboolean
transfer(Download *download, gint *out_exit, GError **error)
{
    gint pipe_fds[2];
    if (pipe2(pipe_fds, O_CLOEXEC) < 0)
        return sk_fail_errno(error, errno, "cannot make a pipe");
    g_auto(SkFd) out = pipe_fds[0];
    g_auto(SkFd) out_write = pipe_fds[1];
    g_autoptr(GPtrArray) argv = arguments(download);
    g_auto(GStrv) envp = environment();
    SkFdMap map = { download->headers, HEADERS_FD };
    SkSpawn spawn = { .argv = (const char *const *) argv->pdata, .envp = (const char *const *) envp, .fds = &map, .n_fds = 1,
                      .out = out_write, .err = download->messages, .new_session = TRUE, .no_new_privs = TRUE };
    g_auto(SkFd) pidfd = SK_FD_NONE;
    pid_t pid;
    gint status;

    if (!sk_spawn(&spawn, &pid, &pidfd, error))
        return FALSE;
    sk_fd_clear(&out_write);
    gboolean ok = pump(download, out, error);
    if (!ok)
        kill(-pid, SIGKILL);
    if (!sk_spawn_wait(pid, pidfd, -1, &status, ok ? error : NULL))
        return FALSE;
    *out_exit = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return ok;
}

static gboolean
judge(Download *download, gint code, GError **error)
{
    if (code == CURL_OK)
        return TRUE;
    g_autofree char *said = memory_text(download->messages, 500);
    g_strstrip(said);
    if (code == CURL_HTTP_ERROR || download->offset == 0)
        return sk_fail(error, SK_ERROR_IO, "cannot download \"%s\": %s", download->name, said);
    g_autofree char *done = sk_size_format(download->offset);
    g_autofree char *total = download->total > 0 ? sk_size_format(download->total) : g_strdup("an unknown size");
    return sk_fail(error, SK_ERROR_IO, "the download of \"%s\" stopped after %s of %s (%s); import it again to go on from there",
                   download->name, done, total, said);
}

static gboolean
fetch(Download *download, GError **error)
{
    gint code;
    sk_storage_report(download->context, "downloading", download->offset, 0);
    if (!transfer(download, &code, error))
        return FALSE;
    if (code == CURL_NO_RANGES && download->offset > 0) {
        /* The server cannot go on in the middle, or its file is another one now. */
        if (ftruncate(download->file, 0) < 0 || ftruncate(download->messages, 0) < 0)
            return sk_fail_errno(error, errno, "cannot empty \"%s\"", download->part);
        (void) lseek(download->messages, 0, SEEK_SET);
        download->offset = 0;
        download->started = FALSE;
        if (!transfer(download, &code, error))
            return FALSE;
    }
    return judge(download, code, error);
}

static gint
open_part(const char *part, const char *name, GError **error)
{
    g_auto(SkFd) fd = open(part, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        sk_fail_errno(error, errno, "cannot open \"%s\"", part);
        return -1;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        sk_fail(error, SK_ERROR_IN_USE, "another download of \"%s\" is running", name);
        return -1;
    }
    return sk_fd_steal(&fd);
}

gboolean
sk_download(const char *url, const char *part, const SkStorageContext *context, SkFd *out_fd, GError **error)
{
    g_autofree char *name = sk_download_public_url(url);
    g_auto(SkFd) file = open_part(part, name, error);
    if (file < 0)
        return FALSE;
    g_auto(SkFd) headers = memfd_create("headers", MFD_CLOEXEC);
    g_auto(SkFd) messages = memfd_create("messages", MFD_CLOEXEC);
    if (headers < 0 || messages < 0)
        return sk_fail_errno(error, errno, "cannot make a file in memory");
    Download download = { .url = url, .name = name, .part = part, .context = context, .file = file,
                          .headers = headers, .messages = messages, .offset = (guint64) MAX(lseek(file, 0, SEEK_END), 0) };
    g_autoptr(GError) failed = NULL;
    if (fetch(&download, &failed)) {
        *out_fd = sk_fd_steal(&file);
        return TRUE;
    }
    if (!sk_error_is(failed, SK_ERROR_IO) || download.offset == 0)
        unlink(part);
    g_propagate_error(error, g_steal_pointer(&failed));
    return FALSE;
}
