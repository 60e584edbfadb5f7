/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The progress bar and its plain form. */
#include "cli/progress.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/output.h"

#define BAR 24
#define REDRAW_USEC (100 * 1000)
#define TELL_USEC G_USEC_PER_SEC     /* plain lines: what is done sooner needs none */

struct SkProgress {
    char *what;
    gboolean quiet, terminal, drawn;
    gint64 last;            /* when it was drawn or told; at first, when it began */
    gint tenth;             /* plain lines: the last one told */
    char *step;
};

SkProgress *
sk_progress_new(const char *what, gboolean quiet)
{
    SkProgress *self = g_new0(SkProgress, 1);
    self->what = sk_text_clean(what);
    self->quiet = quiet;
    self->terminal = isatty(STDERR_FILENO) && g_strcmp0(g_getenv("TERM"), "dumb") != 0;
    self->tenth = -1;
    self->last = g_get_monotonic_time();
    return self;
}

void
sk_progress_free(SkProgress *self)
{
    if (self == NULL)
        return;
    if (self->drawn) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
    }
    g_free(self->what);
    g_free(self->step);
    g_free(self);
}

static guint
terminal_width(void)
{
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

/* "1.2 GiB of 2 GiB", or nothing. */
static void
append_bytes(GString *out, guint64 done, guint64 total)
{
    if (done == 0 && total == 0)
        return;
    g_autofree char *have = sk_size_format(done);
    g_autofree char *all = total > 0 ? sk_size_format(total) : NULL;
    g_string_append_printf(out, "  %s%s%s", have, all != NULL ? " of " : "", all != NULL ? all : "");
}

static void
draw(SkProgress *self, gdouble fraction, const char *step, guint64 done, guint64 total)
{
    gint64 now = g_get_monotonic_time();
    if (self->drawn && now - self->last < REDRAW_USEC && fraction < 1)
        return;
    g_autoptr(GString) line = g_string_new(self->what);
    if (fraction >= 0) {
        g_string_append(line, "  [");
        for (guint i = 0; i < BAR; i++)
            g_string_append_c(line, i < (guint) (fraction * BAR + 0.5) ? '#' : '.');
        g_string_append_printf(line, "] %3.0f%%", fraction * 100);
    }
    append_bytes(line, done, total);
    if (step != NULL)
        g_string_append_printf(line, "  %s", step);
    g_autofree char *clean = sk_text_clean(line->str);
    g_autofree char *cut = g_utf8_substring(clean, 0, MIN((glong) terminal_width() - 1, g_utf8_strlen(clean, -1)));
    fprintf(stderr, "\r%s\033[K", cut);
    fflush(stderr);
    self->drawn = TRUE;
    self->last = now;
}

/* A line when the step changes and at each tenth, but not more than one a second. */
static void
tell(SkProgress *self, gdouble fraction, const char *step)
{
    gint tenth = fraction >= 0 ? (gint) (fraction * 10) : -1;
    gboolean new_step = step != NULL && g_strcmp0(step, self->step) != 0;
    if ((!new_step && tenth <= self->tenth) || g_get_monotonic_time() - self->last < TELL_USEC)
        return;
    self->last = g_get_monotonic_time();
    g_autofree char *clean = sk_text_clean(step != NULL ? step : "");
    fprintf(stderr, "%s:", self->what);
    if (tenth >= 0)
        fprintf(stderr, " %d%%", tenth * 10);
    fprintf(stderr, "%s%s\n", *clean != '\0' ? " " : "", clean);
    self->tenth = tenth;
    g_free(self->step);
    self->step = g_strdup(step);
}

void
sk_progress_show(SkProgress *self, gdouble fraction, const char *step, guint64 done, guint64 total)
{
    if (fraction < 0 && total > 0)
        fraction = (gdouble) done / (gdouble) total;
    fraction = MIN(fraction, 1);
    if (self->quiet)
        return;
    if (self->terminal)
        draw(self, fraction, step, done, total);
    else
        tell(self, fraction, step);
}
