/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Workers that wait on a QMP connection: for answers, for events, for its readiness. */
#include "base/error.h"
#include "base/thread.h"
#include "engine/qmp/qmp-private.h"

struct SkQmpExpect {
    SkQmp *qmp;
    const char *const *names;
    char *key, *value;
    const char *found;      /* under qmp->lock, as data */
    json_t *data;
};

/* -- commands ------------------------------------------------------------------------------------------------------ */

/* A worker that sleeps until its answer; lives on its stack. */
typedef struct {
    GMutex lock;
    GCond answered;
    gboolean done;
    json_t *result;
    GError *error;
} Sleeper;

static void
wake(SkQmp *self, json_t *result, const GError *error, gpointer data)
{
    Sleeper *sleeper = data;
    g_mutex_lock(&sleeper->lock);
    sleeper->result = json_incref(result);
    sleeper->error = error != NULL ? g_error_copy(error) : NULL;
    sleeper->done = TRUE;
    g_cond_signal(&sleeper->answered);
    g_mutex_unlock(&sleeper->lock);
}

static json_t *
ask(SkQmp *self, const SkQmpQuestion *question, GError **error)
{
    sk_assert_worker();
    Sleeper sleeper = { 0 };
    g_mutex_init(&sleeper.lock);
    g_cond_init(&sleeper.answered);
    sk_qmp_request(self, question, wake, &sleeper);

    g_mutex_lock(&sleeper.lock);
    while (!sleeper.done)
        g_cond_wait(&sleeper.answered, &sleeper.lock);
    g_mutex_unlock(&sleeper.lock);
    g_mutex_clear(&sleeper.lock);
    g_cond_clear(&sleeper.answered);
    if (sleeper.error != NULL)
        g_propagate_error(error, sleeper.error);
    return sleeper.result;
}

json_t *
sk_qmp_call_fd(SkQmp *self, const char *command, json_t *args, gint fd, gint timeout_ms, GError **error)
{
    const SkQmpQuestion question = { .command = command, .args = args, .fd = fd, .timeout_ms = timeout_ms };
    return ask(self, &question, error);
}

json_t *
sk_qmp_call_whole(SkQmp *self, const char *command, json_t *args, gint timeout_ms, GError **error)
{
    const SkQmpQuestion question = { .command = command, .args = args, .fd = SK_FD_NONE, .timeout_ms = timeout_ms, .whole = TRUE };
    return ask(self, &question, error);
}

json_t *
sk_qmp_call(SkQmp *self, const char *command, json_t *args, gint timeout_ms, GError **error)
{
    return sk_qmp_call_fd(self, command, args, SK_FD_NONE, timeout_ms, error);
}

gboolean
sk_qmp_run(SkQmp *self, const char *command, json_t *args, GError **error)
{
    g_autoptr(json_t) result = sk_qmp_call(self, command, args, 0, error);
    return result != NULL;
}

/* -- events -------------------------------------------------------------------------------------------------------- */

static gboolean
is_expected(const SkQmpExpect *expect, const SkQmpMessage *event)
{
    if (expect->found != NULL || !g_strv_contains(expect->names, event->name))
        return FALSE;
    return expect->key == NULL ||
           g_strcmp0(json_string_value(json_object_get(event->body, expect->key)), expect->value) == 0;
}

static const char *
kept_name(const SkQmpExpect *expect, const char *name)
{
    const char *const *at = expect->names;
    while (!g_str_equal(*at, name))
        at++;
    return *at;
}

void
sk_qmp_meet_expects(SkQmp *self, const SkQmpMessage *event)
{
    g_mutex_lock(&self->lock);
    for (guint i = 0; i < self->expects->len; i++) {
        SkQmpExpect *expect = self->expects->pdata[i];
        if (!is_expected(expect, event))
            continue;
        expect->found = kept_name(expect, event->name);
        expect->data = json_incref(event->body);
        g_cond_broadcast(&self->changed);
    }
    g_mutex_unlock(&self->lock);
}

/* -- waiting -------------------------------------------------------------------------------------------------------------- */

/* Waits for a change under the lock; FALSE if time is up. deadline 0: for ever. */
static gboolean
await_change(SkQmp *self, gint64 deadline)
{
    if (deadline != 0)
        return g_cond_wait_until(&self->changed, &self->lock, deadline);
    g_cond_wait(&self->changed, &self->lock);
    return TRUE;
}

static gint64
deadline_of(gint timeout_ms)
{
    gint ms = timeout_ms == 0 ? SK_QMP_TIMEOUT_MS : timeout_ms;
    return ms < 0 ? 0 : g_get_monotonic_time() + ms * G_TIME_SPAN_MILLISECOND;
}

gboolean
sk_qmp_wait_ready(SkQmp *self, gint timeout_ms, GError **error)
{
    sk_assert_worker();
    gint64 deadline = deadline_of(timeout_ms);
    gboolean in_time = TRUE;
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);
    while (in_time && self->state < SK_QMP_READY)
        in_time = await_change(self, deadline);
    if (self->state == SK_QMP_READY)
        return TRUE;
    if (self->state != SK_QMP_CLOSED)
        return sk_fail(error, SK_ERROR_TIMEOUT, "QEMU of domain \"%s\" did not greet in time", self->domain);
    if (error != NULL)
        *error = g_error_copy(self->end);
    return FALSE;
}

SkQmpExpect *
sk_qmp_expect(SkQmp *self, const char *const *names, const char *key, const char *value)
{
    sk_assert_worker();
    SkQmpExpect *expect = g_new0(SkQmpExpect, 1);
    expect->qmp = g_object_ref(self);
    expect->names = names;
    expect->key = g_strdup(key);
    expect->value = g_strdup(value);
    g_mutex_lock(&self->lock);
    g_ptr_array_add(self->expects, expect);
    g_mutex_unlock(&self->lock);
    return expect;
}

gboolean
sk_qmp_expect_wait(SkQmpExpect *self, gint timeout_ms, const char *what, const char **out_name, json_t **out_data,
                   GError **error)
{
    gint64 deadline = deadline_of(timeout_ms);
    gboolean in_time = TRUE;
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->qmp->lock);
    while (in_time && self->found == NULL && self->qmp->state != SK_QMP_CLOSED)
        in_time = await_change(self->qmp, deadline);
    if (self->found != NULL) {
        if (out_name != NULL)
            *out_name = self->found;
        if (out_data != NULL)
            *out_data = json_incref(self->data);
        return TRUE;
    }
    if (self->qmp->state != SK_QMP_CLOSED)
        return sk_fail(error, SK_ERROR_TIMEOUT, "%s", what);
    if (error != NULL)
        *error = g_error_copy(self->qmp->end);
    return FALSE;
}

void
sk_qmp_expect_free(SkQmpExpect *self)
{
    if (self == NULL)
        return;
    g_mutex_lock(&self->qmp->lock);
    g_ptr_array_remove(self->qmp->expects, self);
    g_mutex_unlock(&self->qmp->lock);
    json_decref(self->data);
    g_object_unref(self->qmp);
    g_free(self->key);
    g_free(self->value);
    g_free(self);
}
