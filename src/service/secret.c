/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Secrets: what is kept of them, who may see it. */
#include "service/secret.h"

#include <string.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/text.h"

/* One after the other: two must not get the same usage. */
#define QUEUE "secrets"

void
sk_secret_free(gpointer secret)
{
    SkSecret *self = secret;
    if (self == NULL)
        return;
    sk_value_free(&sk_secret_spec_type, self->spec);
    g_clear_pointer(&self->value, g_bytes_unref);
    g_free(self);
}

/* -- finding ---------------------------------------------------------------------------------------------------- */

SkSecret *
sk_service_secret(SkService *self, const char *uuid, GError **error)
{
    SkSecret *secret = g_tree_lookup(self->secrets, uuid);
    if (secret == NULL)
        sk_fail(error, SK_ERROR_NO_SECRET, "no secret with matching uuid '%.64s'", uuid);
    return secret;
}

SkSecret *
sk_service_secret_for(SkService *self, gint usage_type, const char *usage)
{
    for (GTreeNode *node = g_tree_node_first(self->secrets); node != NULL; node = g_tree_node_next(node)) {
        SkSecret *secret = g_tree_node_value(node);
        if (secret->spec->usage_type == usage_type && g_strcmp0(secret->spec->usage, usage) == 0)
            return secret;
    }
    return NULL;
}

GBytes *
sk_secret_value(const SkSecret *self, gboolean inside, GError **error)
{
    if (self->spec->private && !inside)
        sk_fail(error, SK_ERROR_DENIED, "secret \"%s\" is private: its value is not given out", self->spec->uuid);
    else if (self->value == NULL)
        sk_fail(error, SK_ERROR_NO_SECRET, "secret \"%s\" does not have a value", self->spec->uuid);
    return self->value != NULL && (inside || !self->spec->private) ? self->value : NULL;
}

GBytes *
sk_service_passphrase(SkService *self, const SkEncryption *encryption, const char *path, const char *what, char **out_uuid, GError **error)
{
    const char *usage = encryption->usage != NULL ? encryption->usage : path;
    const SkSecret *secret = encryption->secret != NULL ? g_tree_lookup(self->secrets, encryption->secret)
                             : usage != NULL ? sk_service_secret_for(self, SK_SECRET_VOLUME, usage) : NULL;
    if (secret == NULL) {
        sk_fail(error, SK_ERROR_NO_SECRET, "%s is encrypted: there is no secret %s\"%s\"", what, encryption->secret != NULL ? "" : "for volume ",
                encryption->secret != NULL ? encryption->secret : usage != NULL ? usage : "");
        return NULL;
    }
    if (secret->value == NULL) {
        sk_fail(error, SK_ERROR_NO_SECRET, "%s is encrypted: its secret \"%s\" has no value", what, secret->spec->uuid);
        return NULL;
    }
    if (out_uuid != NULL)
        *out_uuid = g_strdup(secret->spec->uuid);
    return g_bytes_ref(secret->value);
}

/* -- keeping ------------------------------------------------------------------------------------------------------ */

static char *
value_dir(SkService *self)
{
    return g_build_filename(self->settings->lib_dir, "secrets", NULL);
}

static char *
value_path(SkService *self, const char *uuid)
{
    g_autofree char *dir = value_dir(self);
    return g_build_filename(dir, uuid, NULL);
}

static gboolean
write_value(SkService *self, const char *uuid, GBytes *value, GError **error)
{
    g_autofree char *dir = value_dir(self), *path = value_path(self, uuid);
    gsize length;
    const char *bytes = g_bytes_get_data(value, &length);
    return !sk_fault("secret/write", error) && sk_fs_make_dir(dir, 0700, error) &&
           sk_fs_write(path, bytes, (gssize) length, 0600, error);
}

static GBytes *
read_value(SkService *self, const char *uuid)
{
    g_autofree char *path = value_path(self, uuid);
    gsize length = 0;
    char *bytes = sk_fs_read(path, SK_SECRET_MAX, &length, NULL);
    return bytes != NULL ? g_bytes_new_take(bytes, length) : NULL;
}

/* Values whose record is gone: the daemon died while a secret was deleted. */
static void
sweep_values(SkService *self)
{
    g_autofree char *path = value_dir(self);
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;
    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *file = g_build_filename(path, name, NULL);
        if (g_tree_lookup(self->secrets, name) == NULL)
            sk_fs_remove(file, NULL);
    }
}

static SkSecret *
add_secret(SkService *self, SkSecretSpec *spec)
{
    SkSecret *secret = g_new0(SkSecret, 1);
    secret->service = self;
    secret->spec = spec;
    g_tree_replace(self->secrets, g_strdup(spec->uuid), secret);
    return secret;
}

gboolean
sk_service_load_secrets(SkService *self, GError **error)
{
    g_autoptr(GPtrArray) records = NULL;
    if (!sk_store_load(self->store, "secret", &records, error))
        return FALSE;
    for (guint i = 0; i < records->len; i++) {
        const SkRecord *record = records->pdata[i];
        SkSecretSpec *spec = sk_json_decode_text(&sk_secret_spec_type, record->spec, strlen(record->spec), record->name, error);
        if (spec == NULL)
            return FALSE;
        add_secret(self, spec)->value = read_value(self, spec->uuid);
    }
    sweep_values(self);
    return TRUE;
}

static void
tell(SkService *self, const char *type, const SkSecretSpec *spec)
{
    g_autofree char *object = g_strconcat("secret/", spec->uuid, NULL);
    g_autoptr(json_t) data = json_pack("{s:i,s:s}", "usage_type", spec->usage_type, "usage", spec->usage != NULL ? spec->usage : "");
    sk_events_emit(self->events, type, object, spec->uuid, json_dumps(data, JSON_COMPACT));
}

/* -- reads ----------------------------------------------------------------------------------------------------------- */

static void
write_secret(SkService *self, GString *out, gconstpointer object, const SkCall *call)
{
    const SkSecret *secret = object;
    SkSecretView view = { .spec = *secret->spec, .has_value = secret->value != NULL };
    (void) self;
    sk_json_write(out, &sk_secret_view_type, &view, (const char *const *) call->params.fields, 0);
}

gboolean
sk_handle_secret_list(SkService *self, SkCall *call, GError **error)
{
    (void) error;
    sk_list_tree(self, call, self->secrets, NULL, write_secret);
    return TRUE;
}

gboolean
sk_handle_secret_show(SkService *self, SkCall *call, GError **error)
{
    const SkSecret *secret = sk_service_secret(self, call->params.name, error);
    if (secret == NULL)
        return FALSE;
    write_secret(self, call->answer, secret, call);
    return TRUE;
}

gboolean
sk_handle_secret_value(SkService *self, SkCall *call, GError **error)
{
    const SkSecret *secret = sk_service_secret(self, call->params.name, error);
    GBytes *bytes = secret != NULL ? sk_secret_value(secret, FALSE, error) : NULL;
    if (bytes == NULL)
        return FALSE;
    gsize length;
    const guchar *data = g_bytes_get_data(bytes, &length);
    g_autofree char *text = g_base64_encode(data, length);
    SkSecretValue answer = { .value = text };
    sk_json_write(call->answer, &sk_secret_value_type, &answer, NULL, 0);
    return TRUE;
}

/* -- changes ---------------------------------------------------------------------------------------------------------- */

typedef struct {
    SkSecretSpec *spec;     /* a copy */
    GBytes *value;
} SecretWork;

static void
free_work(gpointer data)
{
    SecretWork *work = data;
    sk_value_free(&sk_secret_spec_type, work->spec);
    g_clear_pointer(&work->value, g_bytes_unref);
    g_free(work);
}

static SecretWork *
new_work(SkJob *job, const SkSecretSpec *spec)
{
    SecretWork *work = job->work = g_new0(SecretWork, 1);
    work->spec = sk_value_copy(&sk_secret_spec_type, spec);
    return work;
}

static char *
secret_object(SkService *service, SkCall *call)
{
    const SkSecretSpec *body = call->body;
    (void) service;
    const char *uuid = call->op->id == SK_OP_SECRET_CREATE ? body->uuid : call->params.name;
    return g_strconcat("secret/", uuid != NULL ? uuid : "", NULL);
}

/* What it is for tells which it is, as its UUID does: neither can change. */
static gboolean
prepare_create(SkJob *job, GError **error)
{
    SkService *self = job->service;
    SecretWork *work = new_work(job, job->call->body);
    SkSecretSpec *spec = work->spec;
    const SkSecret *same = spec->usage != NULL ? sk_service_secret_for(self, spec->usage_type, spec->usage) : NULL;
    sk_uuid_complete(&spec->uuid);
    const SkSecret *old = g_tree_lookup(self->secrets, spec->uuid);
    if (same != NULL && same != old)
        return sk_fail(error, SK_ERROR_EXISTS, "a secret with UUID %s is already defined for use with %s", same->spec->uuid, spec->usage);
    if (old == NULL)
        return TRUE;
    if (old->spec->usage_type != spec->usage_type || g_strcmp0(old->spec->usage, spec->usage) != 0)
        return sk_fail(error, SK_ERROR_EXISTS, "a secret with UUID %s is already defined for use with %s", spec->uuid,
                       old->spec->usage != NULL ? old->spec->usage : "nothing");
    if (old->spec->private && !spec->private)
        return sk_fail(error, SK_ERROR_STATE, "cannot change private flag on existing secret %s", spec->uuid);
    if (old->spec->ephemeral != spec->ephemeral)
        return sk_fail(error, SK_ERROR_STATE, "secret %s cannot become %s: delete it first", spec->uuid, spec->ephemeral ? "ephemeral" : "kept");
    return TRUE;
}

static gboolean
run_create(SkJob *job, GError **error)
{
    const SecretWork *work = job->work;
    g_autofree char *json = sk_json_encode(&sk_secret_spec_type, work->spec, SK_JSON_SECRETS | SK_JSON_NO_DEFAULTS);
    g_autoptr(SkRecord) record = sk_record_new("secret", work->spec->uuid, work->spec->uuid, json);
    return work->spec->ephemeral || sk_store_put(job->service->store, record, error);
}

static void
commit_create(SkJob *job)
{
    SecretWork *work = job->work;
    SkSecret *old = g_tree_lookup(job->service->secrets, work->spec->uuid);
    GBytes *value = old != NULL ? g_steal_pointer(&old->value) : NULL;
    SkSecret *secret = add_secret(job->service, g_steal_pointer(&work->spec));
    secret->value = value;
    SkCreated created = { .name = secret->spec->uuid, .uuid = secret->spec->uuid };
    sk_job_set_result(job, sk_json_encode(&sk_created_type, &created, 0));
    tell(job->service, "secret.created", secret->spec);
}

const SkJobKind sk_secret_create_job = {
    .object = secret_object, .queue = QUEUE, .prepare = prepare_create, .run = run_create, .commit = commit_create, .free_work = free_work,
};

static gboolean
prepare_set(SkJob *job, GError **error)
{
    const SkSecretValue *body = job->call->body;
    const SkSecret *secret = sk_service_secret(job->service, job->call->params.name, error);
    gsize length = 0;
    if (secret == NULL)
        return FALSE;
    g_autofree guchar *bytes = g_base64_decode(body->value, &length);
    if (length > SK_SECRET_MAX || (length == 0 && *body->value != '\0'))
        return sk_fail(error, SK_ERROR_INVALID, "the value of a secret is base64 of at most %d bytes", SK_SECRET_MAX);
    new_work(job, secret->spec)->value = g_bytes_new_take(g_steal_pointer(&bytes), length);
    return TRUE;
}

static gboolean
run_set(SkJob *job, GError **error)
{
    const SecretWork *work = job->work;
    return work->spec->ephemeral || write_value(job->service, work->spec->uuid, work->value, error);
}

static void
commit_set(SkJob *job)
{
    SecretWork *work = job->work;
    SkSecret *secret = g_tree_lookup(job->service->secrets, work->spec->uuid);
    g_clear_pointer(&secret->value, g_bytes_unref);
    secret->value = g_steal_pointer(&work->value);
    tell(job->service, "secret.value", secret->spec);
}

const SkJobKind sk_secret_set_job = {
    .object = secret_object, .queue = QUEUE, .prepare = prepare_set, .run = run_set, .commit = commit_set, .free_work = free_work,
};

static gboolean
prepare_delete(SkJob *job, GError **error)
{
    const SkSecret *secret = sk_service_secret(job->service, job->call->params.name, error);
    if (secret == NULL)
        return FALSE;
    new_work(job, secret->spec);
    return TRUE;
}

/* The record first: without it the file means nothing, and the next start sweeps it. */
static gboolean
run_delete(SkJob *job, GError **error)
{
    const SecretWork *work = job->work;
    g_autofree char *path = value_path(job->service, work->spec->uuid);
    return work->spec->ephemeral || (sk_store_remove(job->service->store, "secret", work->spec->uuid, error) && sk_fs_remove(path, error));
}

static void
commit_delete(SkJob *job)
{
    const SecretWork *work = job->work;
    tell(job->service, "secret.deleted", work->spec);
    g_tree_remove(job->service->secrets, work->spec->uuid);
}

const SkJobKind sk_secret_delete_job = {
    .object = secret_object, .queue = QUEUE, .prepare = prepare_delete, .run = run_delete, .commit = commit_delete, .free_work = free_work,
};
