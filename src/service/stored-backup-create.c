/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* stored-backup.create: a domain as it is at one instant, into a repository. */
#include "service/stored-backup.h"

#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/thread.h"
#include "service/domain-launch.h"

typedef struct {
    SkDomain *domain;       /* a reference */
    SkJob *job;             /* once it lingers: a reference */
    SkStoredBackupCreate *asked;
    char *repository;       /* UUID */
    SkRepositoryAccess access;
    SkBackupBegin begin;    /* of one that is off only its site */
    GPtrArray *checkpoints; /* SkCheckpoint, ours: since which writes are counted */
    char *socket;           /* of the disks; NULL: off */
    char *tpm_dir, *nvram;
    SkBackupOrder order;
    SkStoredBackup *made;
    GError *why;            /* reading it failed */
    GError *lost;           /* offering it did */
    gboolean running;       /* its guest computes */
    gboolean is_read, is_over;
} Making;

static void
clear_begin(Making *self)
{
    sk_backup_begin_clear(&self->begin);
    memset(&self->begin, 0, sizeof self->begin);
}

static void
free_making(gpointer data)
{
    Making *self = data;
    g_clear_object(&self->domain);
    if (self->job != NULL)
        sk_job_unref(self->job);
    sk_value_free(&sk_stored_backup_create_type, self->asked);
    sk_repository_access_clear(&self->access);
    clear_begin(self);
    g_clear_pointer(&self->checkpoints, g_ptr_array_unref);
    sk_value_clear(&sk_backup_order_type, &self->order);
    sk_value_free(&sk_stored_backup_type, self->made);
    g_clear_error(&self->why);
    g_clear_error(&self->lost);
    g_free(self->repository);
    g_free(self->socket);
    g_free(self->tpm_dir);
    g_free(self->nvram);
    g_free(self);
}

/* -- prepare: main -------------------------------------------------------------------------------------------------- */

/* "20261122T010000-5f0c": it sorts by time. */
static char *
new_name(void)
{
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    g_autofree char *time = g_date_time_format(now, "%Y%m%dT%H%M%S");
    return g_strdup_printf("%s-%04x", time, g_random_int_range(0, 0x10000));
}

/* What goes into the repository beside the disks' bytes. */
static void
describe(Making *self, const SkDomainSpec *spec)
{
    SkStoredBackup *backup = self->order.backup = sk_value_new(&sk_stored_backup_type);
    g_autofree char *name = new_name();
    backup->name = g_strconcat(spec->uuid, "/", name, NULL);
    backup->domain = g_strdup(spec->name);
    backup->uuid = g_strdup(spec->uuid);
    backup->host = g_strdup(g_get_host_name());
    backup->note = g_strdup(self->asked->note);
    backup->created = g_get_real_time();
    backup->running = self->running;
    backup->definition = sk_json_encode(&sk_domain_spec_type, spec, SK_JSON_NO_DEFAULTS);
    self->order.sources = sk_value_list_new(&sk_backup_source_type);
    self->order.files = sk_value_list_new(&sk_backup_file_type);
}

/* Disks that can count what is written to them. */
static void
plan_counted(const SkDomain *domain, GPtrArray *wishes)
{
    const GPtrArray *disks = domain->runtime.live->disks;
    for (guint i = 0; domain->persistent && disks != NULL && i < disks->len; i++) {
        const SkDisk *disk = disks->pdata[i];
        if (disk->device != SK_DISK_DISK || disk->source == SK_SOURCE_NONE || disk->path == NULL || !sk_disk_is_writable(disk) || disk->shareable ||
            disk->format != SK_FORMAT_QCOW2)
            continue;
        SkCheckpointWish *wish = sk_value_new(&sk_checkpoint_wish_type);
        wish->target = g_strdup(disk->target);
        g_ptr_array_add(wishes, wish);
    }
}

static gboolean
prepare_running(Making *self, SkJob *job, GError **error)
{
    SkDomain *domain = self->domain;
    SkBackup asked = { .pull = TRUE };
    SkCheckpointCreate *point = sk_value_new(&sk_checkpoint_create_type);
    g_autofree char *prefix = sk_stored_backup_prefix(self->repository);
    point->name = g_strconcat(prefix, strchr(self->order.backup->name, '/') + 1, NULL);
    point->description = g_strdup_printf("for backups to %s", self->asked->repository);
    point->quiesce = self->asked->quiesce;
    if (point->disks == NULL)
        point->disks = sk_value_list_new(&sk_checkpoint_wish_type);
    plan_counted(domain, point->disks);
    asked.checkpoint = point->disks->len > 0 ? point : NULL;
    gboolean ok = sk_backup_begin_prepare(&self->begin, job, domain, &asked, error);
    sk_value_free(&sk_checkpoint_create_type, point);
    if (!ok)
        return FALSE;
    SkBackupServer *server = self->begin.backup->server = sk_value_new(&sk_backup_server_type);
    server->socket = g_build_filename(domain->run_dir, "backup.sock", NULL);
    self->socket = g_strdup(server->socket);
    self->begin.stored = TRUE;
    self->begin.quiesce = self->asked->quiesce;
    self->begin.try_quiesce = self->running;
    return TRUE;
}

static gboolean
check_quiesce(const Making *self, GError **error)
{
    const char *name = sk_domain_name(self->domain);
    if (!self->asked->quiesce || (self->running && self->domain->agent))
        return TRUE;
    return self->running ? sk_fail(error, SK_ERROR_AGENT, "the guest agent of domain \"%s\" does not answer, so its file systems cannot be frozen", name)
                         : sk_fail(error, SK_ERROR_STATE, "domain \"%s\" does not run, so there is no agent that could freeze anything", name);
}

static Making *
new_making(SkDomain *domain, const SkStoredBackupCreate *asked)
{
    Making *self = g_new0(Making, 1);
    self->domain = g_object_ref(domain);
    self->asked = sk_value_copy(&sk_stored_backup_create_type, asked);
    return self;
}

static gboolean
prepare(SkJob *job, GError **error)
{
    SkDomain *domain = job->call != NULL ? sk_service_domain(job->service, job->call->params.name, error) : ((Making *) job->work)->domain;
    if (domain == NULL)
        return FALSE;
    if (job->work == NULL)
        job->work = new_making(domain, job->call->body);
    Making *self = job->work;
    const SkRepository *repository = sk_service_repository(job->service, self->asked->repository, error);
    if (repository == NULL)
        return FALSE;
    const SkDomainSpec *spec = sk_domain_is_active(domain) ? domain->runtime.live : domain->spec;
    self->repository = g_strdup(repository->uuid);
    sk_repository_access_init(&self->access, job->service, repository);
    self->running = sk_domain_state_computes(sk_domain_state(domain));
    self->checkpoints = sk_stored_backup_checkpoints(domain, repository->uuid);
    self->tpm_dir = spec->tpm != NULL ? sk_domain_tpm_dir(job->service->settings, spec->uuid) : NULL;
    if (spec->firmware.kind == SK_FIRMWARE_UEFI)
        self->nvram = spec->firmware.nvram != NULL ? g_strdup(spec->firmware.nvram) : sk_domain_nvram_path(job->service->settings, spec->uuid);
    if (domain->torn != NULL)
        return sk_fail(error, SK_ERROR_STATE, "domain \"%s\" was being reverted to \"%s\", which came not to its end: revert it again", sk_domain_name(domain),
                       domain->torn);
    if (!check_quiesce(self, error))
        return FALSE;
    describe(self, spec);
    return sk_domain_is_active(domain) ? prepare_running(self, job, error) : sk_snapshot_site_begin(&self->begin.site, job->service, domain, error);
}

/* -- run: worker ------------------------------------------------------------------------------------------------------- */

const SkStoredBackup *
sk_stored_backup_base(const GPtrArray *backups, const GPtrArray *checkpoints, const SkCheckpoint **out_since)
{
    for (guint i = backups->len; i > 0; i--) {
        const SkStoredBackup *backup = backups->pdata[i - 1];
        for (guint k = 0; backup->checkpoint != NULL && k < checkpoints->len; k++) {
            const SkCheckpoint *checkpoint = checkpoints->pdata[k];
            if (!g_str_equal(checkpoint->name, backup->checkpoint))
                continue;
            *out_since = checkpoint;
            return backup;
        }
    }
    return NULL;
}

/* The disk is read since then if all that was written since is known: its bitmap is whole, and its backup is there. */
static gboolean
count_disk(const Making *self, SkBackupDisk *disk, const SkStoredBackup *base, const SkCheckpoint *since)
{
    g_autoptr(GError) why = NULL;
    const SkCheckpointDisk *counted = sk_checkpoint_find_disk(since, disk->target);
    const SkDisk *live = sk_domain_spec_find_disk(self->begin.site.live, disk->target);
    if (counted == NULL || counted->kind != SK_CHECKPOINT_BITMAP || counted->bitmap == NULL || sk_stored_backup_find_disk(base, disk->target) == NULL ||
        live == NULL || g_strcmp0(live->path, counted->path) != 0)
        return FALSE;
    disk->mode = SK_BACKUP_INCREMENTAL;
    disk->incremental = g_strdup(since->name);
    disk->bitmap = g_strdup(counted->bitmap);
    disk->export_bitmap = sk_qmp_backup_name(disk->target);
    g_autoptr(GPtrArray) one = g_ptr_array_new();
    g_ptr_array_add(one, disk);
    const SkBackup alone = { .pull = TRUE, .disks = one };
    g_autoptr(GPtrArray) steps = sk_backup_steps(&self->begin.site, &alone, NULL, &why);
    if (steps != NULL)
        return TRUE;
    g_message("domain \"%s\", disk \"%s\" is read in full: %s", self->begin.site.name, disk->target, why->message);
    disk->mode = SK_BACKUP_FULL;
    g_clear_pointer(&disk->incremental, g_free);
    g_clear_pointer(&disk->bitmap, g_free);
    g_clear_pointer(&disk->export_bitmap, g_free);
    return FALSE;
}

static void
add_source(Making *self, const SkBackupDisk *disk)
{
    SkBackupSource *source = sk_value_new(&sk_backup_source_type);
    source->target = g_strdup(disk->target);
    source->socket = g_strdup(self->socket);
    source->export_name = g_strdup(disk->export_name);
    if (disk->mode == SK_BACKUP_INCREMENTAL)
        source->bitmap = g_strconcat("qemu:dirty-bitmap:", disk->export_bitmap, NULL);
    g_ptr_array_add(self->order.sources, source);
}

static void
add_file(Making *self, char *name, char *path)
{
    struct stat info;
    SkBackupFile *file = sk_value_new(&sk_backup_file_type);
    file->name = name;
    file->path = path;
    if (lstat(path, &info) == 0 && S_ISREG(info.st_mode))
        g_ptr_array_add(self->order.files, file);
    else
        sk_value_free(&sk_backup_file_type, file);
}

/* Firmware variables, and what swtpm keeps: "tpm-tpm2-00.permall". */
static void
add_files(Making *self)
{
    g_autoptr(GDir) dir = self->tpm_dir != NULL ? g_dir_open(self->tpm_dir, 0, NULL) : NULL;
    if (self->nvram != NULL)
        add_file(self, g_strdup("nvram"), g_strdup(self->nvram));
    for (const char *name; dir != NULL && (name = g_dir_read_name(dir)) != NULL;) {
        if (name[0] != '.')
            add_file(self, g_strconcat("tpm-", name, NULL), g_build_filename(self->tpm_dir, name, NULL));
    }
}

static gboolean
begin_running(Making *self, const SkStoredBackup *base, const SkCheckpoint *since, GError **error)
{
    SkStoredBackup *backup = self->order.backup;
    gboolean any = FALSE;
    for (guint i = 0; i < self->begin.backup->disks->len; i++) {
        SkBackupDisk *disk = self->begin.backup->disks->pdata[i];
        any = (base != NULL && count_disk(self, disk, base, since)) || any;
        add_source(self, disk);
    }
    backup->previous = any ? g_strdup(base->name) : NULL;
    backup->checkpoint = self->begin.checkpoint != NULL ? g_strdup(self->begin.checkpoint->name) : NULL;
    if (!sk_backup_begin_run(&self->begin, error))
        return FALSE;
    backup->created = g_get_real_time();
    backup->quiesced = self->begin.quiesced;
    return TRUE;
}

static void
report(const char *step, guint64 done, guint64 total, gpointer data)
{
    sk_job_progress(data, total > 0 ? (gdouble) done / (gdouble) total : -1, step, done, total);
}

static gboolean
run(SkJob *job, GError **error)
{
    Making *self = job->work;
    const SkSnapshotSite *site = &self->begin.site;
    const SkStorageContext context = { .cancellable = job->cancellable, .report = report, .data = job };
    const SkCheckpoint *since = NULL;
    /* It is asked even if all is to be read: one that cannot be reached is told of before anything is done. */
    g_autoptr(GPtrArray) backups = sk_repository_list(&self->access.place, site->uuid, job->cancellable, error);
    const SkStoredBackup *base = backups != NULL && !self->asked->full ? sk_stored_backup_base(backups, self->checkpoints, &since) : NULL;
    if (backups == NULL || !sk_stored_backup_note(site->store, site->uuid, self->repository, error))
        return FALSE;
    add_files(self);
    gboolean ok = !sk_fault("stored-backup/note", error);
    if (ok && self->socket == NULL)
        ok = (self->made = sk_stored_backup_make_off(site, &self->access.place, &self->order, base, since, &context, error)) != NULL;
    else if (ok)
        ok = begin_running(self, base, since, error);
    if (!ok || self->socket == NULL)
        sk_stored_backup_note_drop(site->store, site->uuid);
    return ok;
}

/* -- read while the domain is free for other things ---------------------------------------------------------------------- */

static void
finish(Making *self)
{
    GError *why = NULL;
    if (self->made == NULL && self->lost != NULL && !sk_error_is(self->why, SK_ERROR_CANCELLED))
        why = g_steal_pointer(&self->lost);
    else if (self->made == NULL)
        why = g_steal_pointer(&self->why);
    sk_stored_backup_tidy(self->domain, self->repository, self->job, g_steal_pointer(&self->made), why);
    free_making(self);
}

static void
on_over(SkJob *job, GError *why, gpointer data)
{
    Making *self = data;
    (void) job;
    self->is_over = TRUE;
    self->lost = why;
    /* Nothing is offered any more: whoever still reads finds out. */
    if (self->is_read)
        finish(self);
}

static gboolean
run_read(SkJob *job, GError **error)
{
    Making *self = job->work;
    const SkStorageContext context = { .cancellable = self->job->cancellable, .report = report, .data = self->job };
    (void) error;
    if (!sk_fault("stored-backup/read", &self->why))
        self->made = sk_repository_create(&self->access.place, &self->order, &context, &self->why);
    if (self->made != NULL && sk_fault("stored-backup/made", &self->why)) {
        sk_value_free(&sk_stored_backup_type, self->made);
        self->made = NULL;
    }
    return TRUE;
}

static void
commit_read(SkJob *job)
{
    Making *self = g_steal_pointer(&job->work);
    self->is_read = TRUE;
    if (self->is_over)
        finish(self);
    else
        sk_domain_backup_cancel(self->domain);
}

static const SkJobKind read_job = { .run = run_read, .commit = commit_read };

static void
commit(SkJob *job)
{
    Making *self = job->work;
    if (self->socket == NULL) {
        sk_job_set_result(job, sk_json_encode(&sk_stored_backup_type, self->made, 0));
        sk_job_end(job, NULL);
        return;
    }
    job->work = NULL;
    self->job = sk_job_ref(job);
    sk_backup_begin_commit(&self->begin, job, on_over, self);
    clear_begin(self);
    sk_job_start_quiet(job->service, &read_job, self);
}

const SkJobKind sk_stored_backup_create_job = {
    .object = sk_domain_job_object, .prepare = prepare, .run = run, .commit = commit, .free_work = free_making, .cancellable = TRUE, .lingers = TRUE,
    .ends_itself = TRUE,
};

SkJob *
sk_stored_backup_create_by_daemon(SkDomain *domain, const SkStoredBackupCreate *asked)
{
    g_autofree char *object = sk_domain_object(domain);
    return sk_job_start(domain->service, &sk_stored_backup_create_job, "stored-backup.create", object, new_making(domain, asked));
}
