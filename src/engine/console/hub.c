/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Recorded consoles: readers that follow the log, one writer. */
#include "engine/console/hub.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/thread.h"
#include "engine/console/follow.h"
#include "engine/console/input.h"

#define READ_BYTES   16384
#define READS_A_TURN 4          /* of one reader; then others have theirs */
#define TRIM_STEP    65536      /* holes end on a multiple: whole blocks of any file system */

struct _SkConsoleHub {
    GObject parent_instance;
    char *domain, *log_path, *socket_path;
    guint64 keep;
    gboolean on, closed, fresh; /* fresh: the log is of one run only */

    SkFd fd;                    /* the log, while on or read */
    guint64 start;              /* before it the log is given back */
    SkFollow *follow;
    GSource *pump;              /* there is output to deliver */

    GPtrArray *readers;         /* SkConsoleReader, a reference each */
    SkConsoleReader *writer;    /* one of them, or NULL */
    SkConsoleInput *input;
};

G_DEFINE_FINAL_TYPE(SkConsoleHub, sk_console_hub, G_TYPE_OBJECT)

struct SkConsoleReader {
    gint refs;
    SkConsoleHub *hub;
    char *user;
    const SkConsoleReaderFuncs *funcs;  /* NULL once detached */
    gpointer data;
    guint64 offset;
    gboolean held, behind;      /* behind: there may be more to read */
};

static void
reader_unref(gpointer data)
{
    SkConsoleReader *self = data;
    if (--self->refs > 0)
        return;
    g_object_unref(self->hub);
    g_free(self->user);
    g_free(self);
}

static SkConsoleReader *
reader_ref(SkConsoleReader *self)
{
    self->refs++;
    return self;
}

static void
notify(SkConsoleReader *self, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void
notify(SkConsoleReader *self, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *sentence = g_strdup_vprintf(format, args);
    va_end(args);
    if (self->funcs != NULL && self->funcs->notice != NULL)
        self->funcs->notice(sentence, self->data);
}

/* Readers with a reference each, so that callbacks may attach and detach. */
static GPtrArray *
copy_readers(SkConsoleHub *self)
{
    GPtrArray *readers = g_ptr_array_new_with_free_func(reader_unref);
    for (guint i = 0; i < self->readers->len; i++)
        g_ptr_array_add(readers, reader_ref(self->readers->pdata[i]));
    return readers;
}

/* -- the log --------------------------------------------------------------------------------------------------- */

static guint64
log_size(SkConsoleHub *self)
{
    struct stat info;
    return self->fd >= 0 && fstat(self->fd, &info) == 0 ? (guint64) info.st_size : 0;
}

/* A log that is not there yet is looked for again at power-on. */
static void
open_log(SkConsoleHub *self)
{
    if (self->fd >= 0)
        return;
    self->fd = open(self->log_path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    off_t data = self->fd >= 0 ? lseek(self->fd, 0, SEEK_DATA) : 0;
    self->start = data > 0 ? (guint64) data : 0;
}

static void
close_log_if_idle(SkConsoleHub *self)
{
    if (!self->on && self->readers->len == 0)
        sk_fd_clear(&self->fd);
}

typedef struct {
    gint fd;
    guint64 from, length;
} Hole;

static void
punch(gpointer data, gpointer unused)
{
    Hole *hole = data;
    if (fallocate(hole->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t) hole->from, (off_t) hole->length) < 0)
        g_warning("cannot give back the old part of a console log: %s, continuing", g_strerror(errno));
    close(hole->fd);
    g_free(hole);
}

/* Gives back what is older than `keep`, a good piece at a time and not on this thread. */
static void
trim(SkConsoleHub *self)
{
    guint64 size = log_size(self);
    if (size < self->start + 2 * self->keep)
        return;
    guint64 start = (size - self->keep) / TRIM_STEP * TRIM_STEP;
    gint fd = start > self->start ? fcntl(self->fd, F_DUPFD_CLOEXEC, 3) : -1;
    if (fd < 0)
        return;
    Hole *hole = g_new(Hole, 1);
    *hole = (Hole) { .fd = fd, .from = self->start, .length = start - self->start };
    self->start = start;
    sk_worker_run(punch, hole);
}

/* -- output ---------------------------------------------------------------------------------------------------- */

static void
skip_forward(SkConsoleReader *reader)
{
    guint64 missed = reader->hub->start - reader->offset;
    gboolean from_start = reader->offset == 0;
    reader->offset = reader->hub->start;
    if (!from_start)
        notify(reader, "%" G_GUINT64_FORMAT " bytes of output were skipped", missed);
}

/* Reads once; FALSE if there is nothing more for this reader now. */
static gboolean
deliver(SkConsoleReader *reader)
{
    char bytes[READ_BYTES];
    SkConsoleHub *hub = reader->hub;
    if (reader->funcs == NULL || reader->held || hub->fd < 0)
        return FALSE;
    if (reader->offset < hub->start)
        skip_forward(reader);
    gssize n = pread(hub->fd, bytes, sizeof bytes, (off_t) reader->offset);
    if (n <= 0 || reader->funcs == NULL)
        return FALSE;
    guint64 at = reader->offset;
    reader->offset += (guint64) n;
    reader->funcs->output(bytes, (gsize) n, at, reader->data);
    return TRUE;
}

static gboolean
pump(gpointer data)
{
    SkConsoleHub *self = data;
    g_autoptr(GPtrArray) readers = copy_readers(self);
    gboolean more = FALSE;
    for (guint i = 0; i < readers->len; i++) {
        SkConsoleReader *reader = readers->pdata[i];
        for (guint turn = 0; reader->behind && turn < READS_A_TURN; turn++)
            reader->behind = deliver(reader);
        more |= reader->behind;
    }
    if (more)
        return G_SOURCE_CONTINUE;
    g_clear_pointer(&self->pump, g_source_unref);
    return G_SOURCE_REMOVE;
}

static void
want_pump(SkConsoleHub *self, SkConsoleReader *reader)
{
    reader->behind = TRUE;
    if (self->pump != NULL)
        return;
    self->pump = g_idle_source_new();
    g_source_set_priority(self->pump, G_PRIORITY_DEFAULT);
    g_source_set_callback(self->pump, pump, g_object_ref(self), g_object_unref);
    g_source_attach(self->pump, NULL);
}

static void
log_changed(gpointer data)
{
    SkConsoleHub *self = data;
    trim(self);
    for (guint i = 0; i < self->readers->len; i++)
        want_pump(self, self->readers->pdata[i]);
}

/* -- power ------------------------------------------------------------------------------------------------------- */

/* What was read so far was of another log. */
static void
begin_anew(SkConsoleHub *self)
{
    sk_fd_clear(&self->fd);
    self->start = 0;
    for (guint i = 0; i < self->readers->len; i++)
        ((SkConsoleReader *) self->readers->pdata[i])->offset = 0;
}

void
sk_console_hub_set_log(SkConsoleHub *self, const char *log_path, guint64 keep, gboolean fresh)
{
    sk_assert_main();
    if (self->on || self->closed)
        return;
    self->keep = keep > 0 ? keep : SK_CONSOLE_KEEP;
    self->fresh = fresh;
    if (g_str_equal(log_path, self->log_path))
        return;
    g_free(self->log_path);
    self->log_path = g_strdup(log_path);
    begin_anew(self);
}

void
sk_console_hub_power_on(SkConsoleHub *self)
{
    sk_assert_main();
    g_autoptr(GError) error = NULL;
    if (self->on || self->closed)
        return;
    self->on = TRUE;
    if (self->fresh)
        begin_anew(self);
    open_log(self);
    self->follow = sk_follow_new(self->log_path, log_changed, self, &error);
    if (self->follow == NULL)
        g_warning("the console of domain \"%s\" is not shown live: %s, continuing", self->domain, error->message);
    log_changed(self);
}

void
sk_console_hub_power_off(SkConsoleHub *self)
{
    sk_assert_main();
    if (!self->on)
        return;
    self->on = FALSE;
    g_clear_pointer(&self->follow, sk_follow_free);
    g_clear_pointer(&self->input, sk_console_input_free);
    log_changed(self);
    close_log_if_idle(self);
}

void
sk_console_hub_close(SkConsoleHub *self)
{
    g_autoptr(GPtrArray) readers = copy_readers(self);
    sk_console_hub_power_off(self);
    self->closed = TRUE;
    for (guint i = 0; i < readers->len; i++) {
        SkConsoleReader *reader = readers->pdata[i];
        if (reader->funcs != NULL && reader->funcs->closed != NULL)
            reader->funcs->closed(reader->data);
    }
}

/* -- readers ------------------------------------------------------------------------------------------------------ */

SkConsoleReader *
sk_console_hub_attach(SkConsoleHub *self, const char *user, guint64 from, const SkConsoleReaderFuncs *funcs, gpointer data)
{
    sk_assert_main();
    SkConsoleReader *reader = g_new0(SkConsoleReader, 1);
    open_log(self);
    *reader = (SkConsoleReader) {
        .refs = 1,
        .hub = g_object_ref(self),
        .user = g_strdup(user),
        .funcs = funcs,
        .data = data,
        .offset = MIN(from, log_size(self)),
    };
    g_ptr_array_add(self->readers, reader);
    want_pump(self, reader);
    return reader;
}

void
sk_console_reader_detach(SkConsoleReader *self)
{
    sk_assert_main();
    g_autoptr(SkConsoleHub) hub = g_object_ref(self->hub);
    self->funcs = NULL;
    if (hub->writer == self)
        hub->writer = NULL; /* what was typed last may still be on its way: the connection stays */
    g_ptr_array_remove(hub->readers, self);
    close_log_if_idle(hub);
}

void
sk_console_reader_hold(SkConsoleReader *self, gboolean hold)
{
    sk_assert_main();
    self->held = hold;
    if (!hold)
        want_pump(self->hub, self);
}

void
sk_console_reader_take_over(SkConsoleReader *self)
{
    sk_assert_main();
    SkConsoleReader *former = self->hub->writer;
    self->hub->writer = self;
    if (former != NULL && former != self)
        notify(former, "%s has taken over the keyboard", self->user);
}

gboolean
sk_console_reader_is_writer(SkConsoleReader *self)
{
    return self->hub->writer == self;
}

gboolean
sk_console_reader_write(SkConsoleReader *self, const void *bytes, gsize length)
{
    sk_assert_main();
    SkConsoleHub *hub = self->hub;
    if (!hub->on || (hub->writer != NULL && hub->writer != self))
        return FALSE;
    hub->writer = self;
    if (hub->input == NULL)
        hub->input = sk_console_input_new(hub->socket_path);
    SkInputResult result = sk_console_input_write(hub->input, bytes, length);
    if (result == SK_INPUT_FULL)
        notify(self, "the guest in domain \"%s\" takes no input: what was typed is dropped", hub->domain);
    return result != SK_INPUT_GONE;
}

/* -- the object ----------------------------------------------------------------------------------------------------- */

static void
sk_console_hub_finalize(GObject *object)
{
    SkConsoleHub *self = SK_CONSOLE_HUB(object);
    g_clear_pointer(&self->follow, sk_follow_free);
    g_clear_pointer(&self->input, sk_console_input_free);
    sk_fd_clear(&self->fd);
    g_ptr_array_unref(self->readers);
    g_free(self->domain);
    g_free(self->log_path);
    g_free(self->socket_path);
    G_OBJECT_CLASS(sk_console_hub_parent_class)->finalize(object);
}

static void
sk_console_hub_class_init(SkConsoleHubClass *klass)
{
    G_OBJECT_CLASS(klass)->finalize = sk_console_hub_finalize;
}

static void
sk_console_hub_init(SkConsoleHub *self)
{
    self->fd = SK_FD_NONE;
    self->readers = g_ptr_array_new_with_free_func(reader_unref);
}

SkConsoleHub *
sk_console_hub_new(const char *domain, const char *log_path, const char *socket_path, guint64 keep)
{
    SkConsoleHub *self = g_object_new(SK_TYPE_CONSOLE_HUB, NULL);
    self->domain = g_strdup(domain);
    self->log_path = g_strdup(log_path);
    self->socket_path = g_strdup(socket_path);
    self->keep = keep > 0 ? keep : SK_CONSOLE_KEEP;
    return self;
}
