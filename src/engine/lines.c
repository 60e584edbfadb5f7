/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Byte streams into lines. */
#include "engine/lines.h"

#include <string.h>

/* A buffer that has grown beyond this for one long line is given back. */
#define KEEP_BYTES 65536

void
sk_lines_init(SkLines *self, gsize max)
{
    *self = (SkLines) { .bytes = g_string_new(NULL), .max = max };
}

void
sk_lines_clear(SkLines *self)
{
    if (self->bytes != NULL)
        g_string_free(self->bytes, TRUE);
    self->bytes = NULL;
}

void
sk_lines_reset(SkLines *self)
{
    g_string_truncate(self->bytes, 0);
    self->start = self->seen = 0;
}

/* Drops the lines that were popped. */
static void
compact(SkLines *self)
{
    if (self->start == 0)
        return;
    if (self->start == self->bytes->len && self->bytes->allocated_len > KEEP_BYTES) {
        g_string_free(self->bytes, TRUE);
        self->bytes = g_string_new(NULL);
    } else {
        g_string_erase(self->bytes, 0, (gssize) self->start);
    }
    self->seen -= self->start;
    self->start = 0;
}

gboolean
sk_lines_push(SkLines *self, const char *bytes, gsize length)
{
    const char *first = memchr(bytes, '\n', length);
    const char *last = memrchr(bytes, '\n', length);
    gsize head = first != NULL ? (gsize) (first - bytes) : length;

    compact(self);
    if (self->bytes->len + head > self->max)
        return FALSE;
    if (last != NULL && length - (gsize) (last + 1 - bytes) > self->max)
        return FALSE;
    g_string_append_len(self->bytes, bytes, (gssize) length);
    return TRUE;
}

char *
sk_lines_pop(SkLines *self, gsize *out_length)
{
    while (self->seen < self->bytes->len) {
        char *from = self->bytes->str + self->start;
        char *end = memchr(self->bytes->str + self->seen, '\n', self->bytes->len - self->seen);
        if (end == NULL) {
            self->seen = self->bytes->len;
            return NULL;
        }
        self->start = self->seen = (gsize) (end + 1 - self->bytes->str);
        if (end > from && end[-1] == '\r')
            end--;
        *end = '\0';
        if (end == from)
            continue;
        *out_length = (gsize) (end - from);
        return from;
    }
    return NULL;
}
