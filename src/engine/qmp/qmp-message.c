/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* QMP lines: taking apart what QEMU says, composing what we say. */
#include "engine/qmp/qmp-message.h"

#include <stdlib.h>

#include "base/error.h"
#include "codec/json/json.h"

static gboolean
no_message(const char *why, GError **error)
{
    return sk_fail(error, SK_ERROR_IO, "not a QMP message: %s", why);
}

static gboolean
read_greeting(json_t *greeting, SkQmpMessage *out, GError **error)
{
    static const char *const parts[] = { "major", "minor", "micro" };
    json_t *qemu = json_object_get(json_object_get(greeting, "version"), "qemu");
    for (guint i = 0; i < G_N_ELEMENTS(parts); i++) {
        json_t *part = json_object_get(qemu, parts[i]);
        if (!json_is_integer(part) || json_integer_value(part) < 0 || json_integer_value(part) > 99999)
            return no_message("a greeting without a version", error);
        out->version[i] = (guint) json_integer_value(part);
    }
    out->kind = SK_QMP_GREETING;
    return TRUE;
}

static gboolean
read_event(json_t *name, SkQmpMessage *out, GError **error)
{
    json_t *stamp = json_object_get(out->root, "timestamp");
    json_t *data = json_object_get(out->root, "data");
    gint64 seconds = json_integer_value(json_object_get(stamp, "seconds"));
    gint64 micros = json_integer_value(json_object_get(stamp, "microseconds"));

    if (!json_is_string(name) || (data != NULL && !json_is_object(data)))
        return no_message("an event without a name or with data that is no object", error);
    if (data == NULL) {
        data = json_object();
        json_object_set_new(out->root, "data", data);
    }
    if (seconds > 0 && seconds < G_MAXINT64 / G_USEC_PER_SEC && micros >= 0 && micros < G_USEC_PER_SEC)
        out->time = seconds * G_USEC_PER_SEC + micros;
    out->kind = SK_QMP_EVENT;
    out->name = json_string_value(name);
    out->body = data;
    return TRUE;
}

static gboolean
read_failure(json_t *failure, SkQmpMessage *out, GError **error)
{
    out->kind = SK_QMP_FAILED;
    out->name = json_string_value(json_object_get(failure, "class"));
    out->text = json_string_value(json_object_get(failure, "desc"));
    return out->text != NULL || no_message("an error without a description", error);
}

static gboolean
read_id(SkQmpMessage *out, GError **error)
{
    json_t *id = json_object_get(out->root, "id");
    out->id = json_is_integer(id) && json_integer_value(id) >= 0 ? json_integer_value(id) : -1;
    return id == NULL || out->id >= 0 || no_message("an id that is no number of ours", error);
}

static gboolean
read_message(SkQmpMessage *out, GError **error)
{
    json_t *greeting = json_object_get(out->root, "QMP");
    json_t *name = json_object_get(out->root, "event");
    json_t *failure = json_object_get(out->root, "error");

    if (!json_is_object(out->root))
        return no_message("not an object", error);
    if (greeting != NULL)
        return read_greeting(greeting, out, error);
    if (name != NULL)
        return read_event(name, out, error);
    if (!read_id(out, error))
        return FALSE;
    if (failure != NULL)
        return read_failure(failure, out, error);
    out->kind = SK_QMP_RETURN;
    out->body = json_object_get(out->root, "return");
    return out->body != NULL || no_message("neither an answer nor an event", error);
}

gboolean
sk_qmp_message_parse(const char *line, gsize length, SkQmpMessage *out_message, GError **error)
{
    g_autoptr(GError) reason = NULL;
    g_auto(SkQmpMessage) message = { .id = -1 };
    message.root = sk_json_parse(line, length, "the line", &reason);
    if (message.root == NULL)
        return no_message(reason->message, error);
    if (!read_message(&message, error))
        return FALSE;
    *out_message = message;
    message.root = NULL;
    return TRUE;
}

void
sk_qmp_message_clear(SkQmpMessage *self)
{
    g_clear_pointer(&self->root, json_decref);
}

char *
sk_qmp_message_compose(const char *command, json_t *args, gint id)
{
    GString *line = g_string_new("{\"execute\":");
    sk_json_write_string(line, command);
    if (args != NULL) {
        char *text = json_dumps(args, JSON_COMPACT);
        g_string_append_printf(line, ",\"arguments\":%s", text);
        free(text);
    }
    g_string_append_printf(line, ",\"id\":%d}\n", id);
    return g_string_free(line, FALSE);
}
