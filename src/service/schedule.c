/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Schedules: one timer for the next that is due; what it makes and removes are jobs as if somebody had asked for them. */
#include "service/schedule.h"

#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "model/retention.h"
#include "service/service-private.h"
#include "service/snapshot.h"

#define KIND "schedule"
/* The clock may be set meanwhile: it is looked at so often at least. */
#define LOOK_SECONDS 60
#define FIRST_LOOK_SECONDS 5
/* Calls of the daemon's own are answered at their end, whenever that is. */
#define WAIT_SECONDS 1000000

typedef struct {
    SkSchedule *schedule;
    gboolean busy;          /* what it is for is being made, or thinned */
} Entry;

/* What survives beside the schedule itself. */
typedef struct { gint64 last; char *error; } State;
static const SkField state_fields[] = {
    SK_FIELD(State, last, INT64, "when it last began"),
    SK_FIELD(State, error, STRING, "what went wrong then", .max = 8192),
};
static SK_TYPE(state_type, State, "ScheduleState", "schedule", state_fields, "how a schedule stands");

static void look(SkService *self);

static void
free_entry(gpointer data)
{
    Entry *self = data;
    sk_value_free(&sk_schedule_type, self->schedule);
    g_free(self);
}

static Entry *
find(SkService *self, const char *id, GError **error)
{
    Entry *entry = g_tree_lookup(self->schedules, id);
    if (entry == NULL)
        sk_fail(error, SK_ERROR_NOT_FOUND, "there is no schedule \"%.64s\"; `skep schedule ls` shows those there are", id);
    return entry;
}

static SkDomain *
domain_of(SkService *self, const Entry *entry)
{
    return g_hash_table_lookup(self->domains_by_uuid, entry->schedule->domain);
}

/* -- keeping --------------------------------------------------------------------------------------------------------------- */

static SkRecord *
record_of(const SkSchedule *schedule)
{
    g_autofree char *json = sk_json_encode(&sk_schedule_type, schedule, SK_JSON_NO_DEFAULTS);
    return sk_record_new(KIND, schedule->id, schedule->id, json);
}

static void
note_state(SkService *self, const SkSchedule *schedule)
{
    const State state = { .last = schedule->last, .error = schedule->error };
    g_autofree char *json = sk_json_encode(&state_type, &state, 0);
    sk_store_put_state(self->store, KIND, schedule->id, json);
}

static void
add_entry(SkService *self, SkSchedule *schedule)
{
    Entry *entry = g_new0(Entry, 1);
    entry->schedule = schedule;
    g_tree_replace(self->schedules, g_strdup(schedule->id), entry);
}

static gboolean
load_one(SkService *self, const SkRecord *record, GError **error)
{
    SkSchedule *schedule = sk_json_decode_text(&sk_schedule_type, record->spec, strlen(record->spec), record->name, error);
    State *state = schedule != NULL && record->state != NULL ? sk_json_decode_text(&state_type, record->state, strlen(record->state), record->name, NULL) : NULL;
    if (schedule == NULL)
        return FALSE;
    if (state != NULL) {
        schedule->last = state->last;
        g_free(schedule->error);
        schedule->error = g_steal_pointer(&state->error);
        sk_value_free(&state_type, state);
    }
    add_entry(self, schedule);
    return TRUE;
}

gboolean
sk_service_load_schedules(SkService *self, GError **error)
{
    g_autoptr(GPtrArray) records = NULL;
    self->schedules = sk_name_tree_new(free_entry);
    if (!sk_store_load(self->store, KIND, &records, error))
        return FALSE;
    for (guint i = 0; i < records->len; i++)
        if (!load_one(self, records->pdata[i], error))
            return FALSE;
    return TRUE;
}

void
sk_service_forget_schedules(SkService *self)
{
    g_clear_handle_id(&self->schedule_timer, g_source_remove);
    g_clear_pointer(&self->schedules, g_tree_unref);
}

/* -- doing what is due --------------------------------------------------------------------------------------------------- */

/* Who is waiting for a call of the daemon's own: the schedule may be gone when it ends. */
typedef struct {
    SkService *service;
    char *id;
} Waiter;

static void
free_waiter(Waiter *self)
{
    g_free(self->id);
    g_free(self);
}

/* Starts an operation on a domain as the daemon's own; body is taken. */
static void
ask(SkService *self, SkOperationId id, const Entry *entry, const char *snapshot, gpointer body, SkCallDone done)
{
    SkIdentity who = { .user = (char *) "schedule", .from = (char *) "skepd", .role = SK_ROLE_ADMIN };
    SkCall *call = sk_call_new(sk_operation(id), &who);
    Waiter *waiter = g_new0(Waiter, 1);
    *waiter = (Waiter){ self, g_strdup(entry->schedule->id) };
    call->params.name = g_strdup(entry->schedule->domain);
    call->params.snapshot = g_strdup(snapshot);
    call->params.wait = WAIT_SECONDS;
    call->body = body;
    call->done = done;
    call->data = waiter;
    sk_job_start_for_call(self, call, sk_handler(id)->job, TRUE);
}

static void
on_thinned(SkCall *call, const GError *error, gpointer data)
{
    Waiter *waiter = data;
    if (error != NULL)
        g_warning("schedule \"%s\": snapshot \"%s\" is not to be kept, but stays: %s", waiter->id, call->params.snapshot, error->message);
    free_waiter(waiter);
}

static gint
newest_first(gconstpointer a, gconstpointer b)
{
    const SkSnapshot *x = *(SkSnapshot *const *) a, *y = *(SkSnapshot *const *) b;
    return (x->created < y->created) - (x->created > y->created);
}

/* Of the domain's snapshots those that this schedule made, newest first. Borrowed. */
static GPtrArray *
made_by(const Entry *entry, const SkDomain *domain)
{
    GPtrArray *made = g_ptr_array_new();
    g_autofree char *prefix = sk_schedule_prefix(entry->schedule);
    for (guint i = 0; domain != NULL && domain->snapshots != NULL && i < domain->snapshots->len; i++)
        if (g_str_has_prefix(((SkSnapshot *) domain->snapshots->pdata[i])->name, prefix))
            g_ptr_array_add(made, domain->snapshots->pdata[i]);
    g_ptr_array_sort(made, newest_first);
    return made;
}

/* What is not to be kept goes. */
static void
thin(SkService *self, const Entry *entry)
{
    g_autoptr(GPtrArray) made = made_by(entry, domain_of(self, entry));
    g_autofree gint64 *times = g_new(gint64, made->len + 1);
    g_autofree gboolean *stays = g_new(gboolean, made->len + 1);
    SkRetention keep;
    if (!sk_retention_parse(entry->schedule->keep, "keep", &keep, NULL))
        return;
    for (guint i = 0; i < made->len; i++)
        times[i] = ((SkSnapshot *) made->pdata[i])->created;
    sk_retention_apply(&keep, times, made->len, stays);
    for (guint i = 0; i < made->len; i++)
        if (!stays[i])
            ask(self, SK_OP_SNAPSHOT_DELETE, entry, ((SkSnapshot *) made->pdata[i])->name, NULL, on_thinned);
}

static void
on_made(SkCall *call, const GError *error, gpointer data)
{
    Waiter *waiter = data;
    SkService *self = waiter->service;
    Entry *entry = self->schedules != NULL ? g_tree_lookup(self->schedules, waiter->id) : NULL;
    (void) call;
    if (entry != NULL) {
        entry->busy = FALSE;
        g_free(entry->schedule->error);
        entry->schedule->error = error != NULL ? g_strdup(error->message) : NULL;
        note_state(self, entry->schedule);
        if (error != NULL)
            g_warning("schedule \"%s\" of domain \"%s\": %s", waiter->id, entry->schedule->domain, error->message);
        else
            thin(self, entry);
        look(self);
    }
    free_waiter(waiter);
}

static void
make_snapshot(SkService *self, const Entry *entry)
{
    SkSnapshotCreate *body = sk_value_new(&sk_snapshot_create_type);
    g_autofree char *prefix = sk_schedule_prefix(entry->schedule);
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    g_autofree char *time = g_date_time_format(now, "%Y%m%dT%H%M%S");
    SkDomain *domain = domain_of(self, entry);
    g_free(body->name);
    body->name = g_strconcat(prefix, time, NULL);
    body->description = g_strdup_printf("made every %s", entry->schedule->every);
    body->memory = entry->schedule->memory && domain != NULL && sk_domain_is_active(domain);
    ask(self, SK_OP_SNAPSHOT_CREATE, entry, NULL, body, on_made);
}

static void (*const makers[SK_N_SCHEDULE_KINDS])(SkService *self, const Entry *entry) = {
    [SK_SCHEDULE_SNAPSHOT] = make_snapshot,
};

static void
begin(SkService *self, Entry *entry)
{
    entry->busy = TRUE;
    entry->schedule->last = g_get_real_time();
    note_state(self, entry->schedule);
    makers[entry->schedule->kind](self, entry);
}

typedef struct {
    SkService *service;
    gint64 now, next;       /* next 0: nothing will be due */
    GPtrArray *due;         /* Entry */
    GPtrArray *orphans;     /* ids of those whose domain is gone */
} Look;

static gboolean
look_at(gpointer key, gpointer value, gpointer data)
{
    Look *look = data;
    Entry *entry = value;
    if (domain_of(look->service, entry) == NULL) {
        g_ptr_array_add(look->orphans, g_strdup(key));
        return FALSE;
    }
    if (entry->busy || entry->schedule->paused)
        return FALSE;
    gint64 next = sk_schedule_next(entry->schedule, look->now);
    if (next <= look->now)
        g_ptr_array_add(look->due, entry);
    else if (look->next == 0 || next < look->next)
        look->next = next;
    return FALSE;
}

static gboolean
on_timer(gpointer data)
{
    SkService *self = data;
    self->schedule_timer = 0;
    look(self);
    return G_SOURCE_REMOVE;
}

/* Begins what is due, drops what has no domain any more, and sets the timer for what comes next. */
static void
look(SkService *self)
{
    g_autoptr(GPtrArray) due = g_ptr_array_new(), orphans = g_ptr_array_new_with_free_func(g_free);
    Look look = { .service = self, .now = g_get_real_time(), .due = due, .orphans = orphans };
    g_clear_handle_id(&self->schedule_timer, g_source_remove);
    g_tree_foreach(self->schedules, look_at, &look);
    for (guint i = 0; i < orphans->len; i++) {
        sk_store_remove_async(self->store, KIND, orphans->pdata[i], NULL, NULL);
        g_tree_remove(self->schedules, orphans->pdata[i]);
    }
    for (guint i = 0; i < due->len; i++)
        begin(self, due->pdata[i]);
    if (look.next != 0)
        self->schedule_timer = g_timeout_add_seconds((guint) MIN((look.next - look.now) / G_USEC_PER_SEC + 1, LOOK_SECONDS), on_timer, self);
}

/* What was missed waits until domains that run were found again. */
void
sk_service_start_schedules(SkService *self)
{
    self->schedule_timer = g_timeout_add_seconds(FIRST_LOOK_SECONDS, on_timer, self);
}

/* -- reads -------------------------------------------------------------------------------------------------------------------- */

static void
write_schedule(SkService *self, GString *out, gconstpointer object, const SkCall *call)
{
    const Entry *entry = object;
    const SkDomain *domain = domain_of(self, entry);
    g_autoptr(GPtrArray) made = made_by(entry, domain);
    SkSchedule shown = *entry->schedule;
    shown.domain_name = domain != NULL ? (char *) sk_domain_name(domain) : NULL;
    shown.next = entry->busy || shown.paused ? 0 : sk_schedule_next(entry->schedule, g_get_real_time());
    shown.made = made->len;
    sk_json_write(out, &sk_schedule_type, &shown, (const char *const *) call->params.fields, 0);
}

gboolean
sk_handle_schedule_list(SkService *self, SkCall *call, GError **error)
{
    (void) error;
    sk_list_tree(self, call, self->schedules, NULL, write_schedule);
    return TRUE;
}

gboolean
sk_handle_schedule_show(SkService *self, SkCall *call, GError **error)
{
    const Entry *entry = find(self, call->params.id, error);
    if (entry == NULL)
        return FALSE;
    write_schedule(self, call->answer, entry, call);
    return TRUE;
}

/* -- changes -------------------------------------------------------------------------------------------------------------------- */

static char *
schedule_object(SkService *service, SkCall *call)
{
    (void) service;
    return g_strconcat("schedule/", call->params.id != NULL ? call->params.id : call->params.name, NULL);
}

static void
free_schedule(gpointer schedule)
{
    sk_value_free(&sk_schedule_type, schedule);
}

static gboolean
prepare_create(SkJob *job, GError **error)
{
    const SkDomain *domain = sk_service_domain(job->service, job->call->params.name, error);
    if (domain == NULL)
        return FALSE;
    if (!domain->persistent)
        return sk_fail(error, SK_ERROR_STATE, "domain \"%s\" is transient: it is gone when it is off, and its schedule with it", sk_domain_name(domain));
    SkSchedule *schedule = job->work = sk_value_copy(&sk_schedule_type, job->call->body);
    sk_uuid_complete(&schedule->id);
    schedule->domain = g_strdup(domain->spec->uuid);
    schedule->created = g_get_real_time();
    return TRUE;
}

static gboolean
run_put(SkJob *job, GError **error)
{
    g_autoptr(SkRecord) record = record_of(job->work);
    return sk_store_put(job->service->store, record, error);
}

static void
tell(SkService *self, const char *type, const SkSchedule *schedule)
{
    g_autofree char *object = g_strconcat("schedule/", schedule->id, NULL);
    g_autoptr(json_t) data = json_pack("{s:s}", "domain", schedule->domain);
    sk_events_emit(self->events, type, object, schedule->id, json_dumps(data, JSON_COMPACT));
}

static void
commit_create(SkJob *job)
{
    SkSchedule *schedule = g_steal_pointer(&job->work);
    SkCreated created = { .name = schedule->id, .uuid = schedule->id };
    sk_job_set_result(job, sk_json_encode(&sk_created_type, &created, 0));
    add_entry(job->service, schedule);
    tell(job->service, "schedule.created", schedule);
    look(job->service);
}

const SkJobKind sk_schedule_create_job = {
    .object = schedule_object, .prepare = prepare_create, .run = run_put, .commit = commit_create, .free_work = free_schedule,
};

static gboolean
prepare_update(SkJob *job, GError **error)
{
    const Entry *entry = find(job->service, job->call->params.id, error);
    if (entry == NULL)
        return FALSE;
    SkSchedule *changed = job->work = sk_value_copy(&sk_schedule_type, entry->schedule);
    return sk_json_merge(&sk_schedule_type, changed, job->call->patch, NULL, error) && sk_value_check(&sk_schedule_type, changed, NULL, error) &&
           sk_value_check_readonly(&sk_schedule_type, entry->schedule, changed, NULL, error);
}

/* What happened while it was written down is kept. */
static void
commit_update(SkJob *job)
{
    const Entry *entry = find(job->service, job->call->params.id, NULL);
    SkSchedule *changed = job->work;
    if (entry == NULL)
        return;
    SkSchedule *schedule = entry->schedule;
    schedule->memory = changed->memory;
    schedule->paused = changed->paused;
    g_free(schedule->every);
    schedule->every = g_steal_pointer(&changed->every);
    g_free(schedule->keep);
    schedule->keep = g_steal_pointer(&changed->keep);
    tell(job->service, "schedule.changed", entry->schedule);
    look(job->service);
}

const SkJobKind sk_schedule_update_job = {
    .object = schedule_object, .prepare = prepare_update, .run = run_put, .commit = commit_update, .free_work = free_schedule,
};

static gboolean
prepare_known(SkJob *job, GError **error)
{
    return find(job->service, job->call->params.id, error) != NULL;
}

static gboolean
run_delete(SkJob *job, GError **error)
{
    return sk_store_remove(job->service->store, KIND, job->call->params.id, error);
}

static void
commit_delete(SkJob *job)
{
    const Entry *entry = find(job->service, job->call->params.id, NULL);
    if (entry == NULL)
        return;
    tell(job->service, "schedule.deleted", entry->schedule);
    g_tree_remove(job->service->schedules, job->call->params.id);
}

const SkJobKind sk_schedule_delete_job = { .object = schedule_object, .prepare = prepare_known, .run = run_delete, .commit = commit_delete };

static gboolean
prepare_run(SkJob *job, GError **error)
{
    const Entry *entry = find(job->service, job->call->params.id, error);
    return entry != NULL && (!entry->busy || sk_fail(error, SK_ERROR_STATE, "schedule \"%s\" is at work already", entry->schedule->id));
}

static void
commit_run(SkJob *job)
{
    Entry *entry = find(job->service, job->call->params.id, NULL);
    if (entry != NULL && !entry->busy && domain_of(job->service, entry) != NULL)
        begin(job->service, entry);
}

const SkJobKind sk_schedule_run_job = { .object = schedule_object, .prepare = prepare_run, .commit = commit_run };
