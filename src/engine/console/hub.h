/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib-object.h>

G_BEGIN_DECLS

/*
 * One recorded serial console of a domain, for the domain's whole life.
 *
 * QEMU itself appends the guest's output to a log file (chardev "logfile"), so
 * nothing is lost while the daemon is down.  The hub follows that file: a byte's
 * place in it is its offset for good, over restarts of the daemon and of the
 * domain; what is older than the last `keep` bytes is given back to the file system
 * by punching a hole in front.  Readers read the file, so a slow one costs no
 * memory; one that falls behind the kept part is moved forward and told so.
 * Input goes to the chardev's socket, to which the hub connects when somebody writes.
 *
 * Main thread, except where said.
 */

#define SK_CONSOLE_KEEP (1024 * 1024)

#define SK_TYPE_CONSOLE_HUB (sk_console_hub_get_type())
G_DECLARE_FINAL_TYPE(SkConsoleHub, sk_console_hub, SK, CONSOLE_HUB, GObject)

/* -- the log ------------------------------------------------------------------------------------------- */

/*
 * Opens (makes, 0600) a log for QEMU to append to: write-only, append, to be passed in an fdset. If the log is not
 * empty, a line that tells of the power-on is added first. -1 on error. Workers.
 */
gint sk_console_log_open(const char *path, GError **error);

/*
 * Reads what is kept from offset from on, at most max bytes: *out_from is where the answer begins (later than
 * asked for if that is gone), *out_end the log's end. A log that is not there is empty. Workers.
 */
GBytes *sk_console_log_read(const char *path, guint64 from, gsize max, guint64 *out_from, guint64 *out_end,
                            GError **error);

/* -- the hub ------------------------------------------------------------------------------------------- */

/* socket_path: where QEMU listens for this chardev while the domain runs. keep 0: SK_CONSOLE_KEEP. */
SkConsoleHub *sk_console_hub_new(const char *domain, const char *log_path, const char *socket_path, guint64 keep);

/*
 * The log from now on, as its definition has it: fresh, it is another file's, or emptied, at each power-on. Does nothing while it is on.
 */
void sk_console_hub_set_log(SkConsoleHub *self, const char *log_path, guint64 keep, gboolean fresh);

/* The domain is running (started, or found again at daemon start): follow the log. */
void sk_console_hub_power_on(SkConsoleHub *self);
/* It is off: what is still in the log is delivered; readers stay and see the next run. */
void sk_console_hub_power_off(SkConsoleHub *self);
/* The domain is gone for good: every reader's closed() is called. */
void sk_console_hub_close(SkConsoleHub *self);

/* -- readers ---------------------------------------------------------------------------------------------- */

typedef struct {
    void (*output)(const void *bytes, gsize length, guint64 offset, gpointer data);
    void (*notice)(const char *sentence, gpointer data);
    void (*closed)(gpointer data);
} SkConsoleReaderFuncs;

typedef struct SkConsoleReader SkConsoleReader;

/* For from: everything kept; only what comes now. */
#define SK_CONSOLE_FROM_START G_GUINT64_CONSTANT(0)
#define SK_CONSOLE_FROM_END   G_MAXUINT64

/*
 * Reads from offset from on; callbacks come from the main loop, not before this returns. user is who it
 * is, for the notices to others ("root"). funcs is kept by the caller.
 */
SkConsoleReader *sk_console_hub_attach(SkConsoleHub *self, const char *user, guint64 from,
                                       const SkConsoleReaderFuncs *funcs, gpointer data);
/* No callback comes after this; the keyboard is free again if it was this one's. Also after closed(). */
void sk_console_reader_detach(SkConsoleReader *self);

/* TRUE: no output until FALSE. */
void sk_console_reader_hold(SkConsoleReader *self, gboolean hold);

/* Becomes the writer; the former one gets a notice. */
void sk_console_reader_take_over(SkConsoleReader *self);
gboolean sk_console_reader_is_writer(SkConsoleReader *self);

/*
 * Sends input. Who writes while nobody is the writer becomes it. FALSE if somebody else is, or if
 * the domain is off; input that the guest does not take (over 64 KiB) is dropped with a notice.
 */
gboolean sk_console_reader_write(SkConsoleReader *self, const void *bytes, gsize length);

G_END_DECLS
