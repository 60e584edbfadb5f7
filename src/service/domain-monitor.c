/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What QEMU tells by itself: its events, and its end. */
#include <string.h>
#include <sys/wait.h>

#include "base/error.h"
#include "service/backup.h"
#include "service/block-job.h"
#include "service/console.h"
#include "service/disk-chains.h"
#include "service/domain-limits.h"
#include "service/domain-agent.h"
#include "service/domain-disks.h"
#include "service/domain-launch.h"
#include "service/domain-transient.h"
#include "service/domain-tell.h"
#include "service/domain.h"
#include "service/launch-devices.h"
#include "service/migrate.h"
#include "service/network.h"

/* -- events --------------------------------------------------------------------------------------------------- */

static void
emit(SkDomain *self, const char *type, const SkQmpEvent *event)
{
    sk_domain_tell(self, type, json_incref(event->data));
}

static void
on_stop(SkDomain *self, const SkQmpEvent *event)
{
    (void) event;
    if (sk_domain_state(self) == SK_DOMAIN_RUNNING)
        sk_domain_set_state(self, SK_DOMAIN_PAUSED, self->stop_reason != SK_REASON_UNKNOWN ? self->stop_reason : SK_REASON_USER);
}

static void
on_resume(SkDomain *self, const SkQmpEvent *event)
{
    (void) event;
    if (sk_domain_state(self) == SK_DOMAIN_PAUSED || sk_domain_state(self) == SK_DOMAIN_PMSUSPENDED)
        sk_domain_set_state(self, SK_DOMAIN_RUNNING, self->resume_reason != SK_REASON_UNKNOWN ? self->resume_reason : SK_REASON_USER);
}

static void
on_powerdown(SkDomain *self, const SkQmpEvent *event)
{
    (void) event;
    if (sk_domain_state(self) == SK_DOMAIN_RUNNING)
        sk_domain_set_state(self, SK_DOMAIN_IN_SHUTDOWN, SK_REASON_USER);
}

/* "reason" tells who: the guest's own power-off, its reset turned into an end, our quit. */
static void
on_shutdown(SkDomain *self, const SkQmpEvent *event)
{
    const char *reason = json_string_value(json_object_get(event->data, "reason"));
    emit(self, "domain.shutdown", event);
    self->guest_reset = g_strcmp0(reason, "guest-reset") == 0;
    self->guest_off = g_strcmp0(reason, "guest-shutdown") == 0 || g_strcmp0(reason, "guest-reset") == 0;
    if (g_strcmp0(reason, "guest-panic") == 0)
        self->panicked = TRUE;
    if (sk_domain_state(self) == SK_DOMAIN_RUNNING)
        sk_domain_set_state(self, SK_DOMAIN_IN_SHUTDOWN, SK_REASON_UNKNOWN);
}

static void
on_reset(SkDomain *self, const SkQmpEvent *event)
{
    emit(self, "domain.reset", event);
    if (sk_domain_state(self) == SK_DOMAIN_IN_SHUTDOWN)
        sk_domain_set_state(self, SK_DOMAIN_RUNNING, SK_REASON_BOOTED);
}

static void
on_suspend(SkDomain *self, const SkQmpEvent *event)
{
    (void) event;
    sk_domain_set_state(self, SK_DOMAIN_PMSUSPENDED, SK_REASON_UNKNOWN);
}

static void
on_panicked(SkDomain *self, const SkQmpEvent *event)
{
    self->panicked = TRUE;
    emit(self, "domain.panicked", event);
}

static void
on_io_error(SkDomain *self, const SkQmpEvent *event)
{
    emit(self, "domain.io-error", event);
    if (g_strcmp0(json_string_value(json_object_get(event->data, "action")), "stop") == 0)
        sk_domain_set_state(self, SK_DOMAIN_PAUSED, SK_REASON_IO_ERROR);
}

static void
on_watchdog(SkDomain *self, const SkQmpEvent *event)
{
    emit(self, "domain.watchdog", event);
}

static void
on_device_deleted(SkDomain *self, const SkQmpEvent *event)
{
    const char *device = json_string_value(json_object_get(event->data, "device"));
    emit(self, "domain.device-deleted", event);
    if (device != NULL)
        sk_domain_device_gone(self, device);
}

static void
on_balloon(SkDomain *self, const SkQmpEvent *event)
{
    self->stats.memory_balloon = (guint64) json_integer_value(json_object_get(event->data, "actual"));
    emit(self, "domain.balloon", event);
}

static void
on_tray(SkDomain *self, const SkQmpEvent *event)
{
    emit(self, "domain.tray", event);
}

static void
on_rtc_change(SkDomain *self, const SkQmpEvent *event)
{
    emit(self, "domain.rtc-change", event);
}

static void
on_unplug_failed(SkDomain *self, const SkQmpEvent *event)
{
    emit(self, "domain.device-refused", event);
}

/* QEMU's own events of a viewer, of VNC and SPICE, become one with a phase. */
static void
on_viewer(SkDomain *self, const SkQmpEvent *event)
{
    const char *phase = g_str_has_suffix(event->name, "_DISCONNECTED") ? "disconnect" :
                        g_str_has_suffix(event->name, "_INITIALIZED") ? "initialize" : "connect";
    json_t *data = json_copy(event->data);
    json_object_set_new(data, "phase", json_string(phase));
    sk_domain_tell(self, "domain.graphics", data);
}

static void
on_block_threshold(SkDomain *self, const SkQmpEvent *event)
{
    emit(self, "domain.block-threshold", event);
}

static void
on_memory_failure(SkDomain *self, const SkQmpEvent *event)
{
    emit(self, "domain.memory-failure", event);
}

static void
on_memory_device(SkDomain *self, const SkQmpEvent *event)
{
    emit(self, "domain.memory-device", event);
}

/* The agent's end of its channel was opened or closed in the guest. */
static void
on_port(SkDomain *self, const SkQmpEvent *event)
{
    const SkChannel *channel = sk_domain_agent_channel(self->runtime.live);
    if (channel == NULL || g_strcmp0(channel->alias, json_string_value(json_object_get(event->data, "id"))) != 0)
        return;
    self->agent = json_is_true(json_object_get(event->data, "open"));
    g_autofree char *object = sk_domain_object(self);
    sk_domain_touch(self);
    sk_events_emit(self->service->events, self->agent ? "domain.agent-up" : "domain.agent-down", object, self->spec->uuid, NULL);
}

static void
on_job(SkDomain *self, const SkQmpEvent *event)
{
    const char *id = json_string_value(json_object_get(event->data, "id")), *status = json_string_value(json_object_get(event->data, "status"));
    if (id != NULL && status != NULL)
        sk_domain_block_job_changed(self, id, status);
}

static const struct {
    const char *name;
    void (*func)(SkDomain *self, const SkQmpEvent *event);
} handlers[] = {
    { "STOP", on_stop }, { "RESUME", on_resume }, { "POWERDOWN", on_powerdown }, { "SHUTDOWN", on_shutdown },
    { "RESET", on_reset }, { "SUSPEND", on_suspend }, { "WAKEUP", on_resume }, { "GUEST_PANICKED", on_panicked },
    { "BLOCK_IO_ERROR", on_io_error }, { "WATCHDOG", on_watchdog }, { "DEVICE_DELETED", on_device_deleted },
    { "BALLOON_CHANGE", on_balloon }, { "DEVICE_TRAY_MOVED", on_tray }, { "RTC_CHANGE", on_rtc_change },
    { "VSERPORT_CHANGE", on_port }, { "DEVICE_UNPLUG_GUEST_ERROR", on_unplug_failed }, { "MEM_UNPLUG_ERROR", on_unplug_failed },
    { "VNC_CONNECTED", on_viewer }, { "VNC_INITIALIZED", on_viewer }, { "VNC_DISCONNECTED", on_viewer },
    { "SPICE_CONNECTED", on_viewer }, { "SPICE_INITIALIZED", on_viewer }, { "SPICE_DISCONNECTED", on_viewer },
    { "BLOCK_WRITE_THRESHOLD", on_block_threshold }, { "MEMORY_FAILURE", on_memory_failure },
    { "MEMORY_DEVICE_SIZE_CHANGE", on_memory_device }, { "JOB_STATUS_CHANGE", on_job },
};

static void
on_event(SkQmp *qmp, const SkQmpEvent *event, gpointer data)
{
    SkDomain *self = data;
    (void) qmp;
    sk_domain_tell_qmp(self, event);
    if (g_str_equal(event->name, "JOB_STATUS_CHANGE"))
        sk_domain_backup_event(self, event);
    for (guint i = 0; i < G_N_ELEMENTS(handlers); i++) {
        if (g_str_equal(handlers[i].name, event->name)) {
            handlers[i].func(self, event);
            return;
        }
    }
}

/* The monitor alone is gone: QEMU's end, if it is that, is seen by the process. */
static void
on_closed(SkQmp *qmp, const GError *error, gpointer data)
{
    SkDomain *self = data;
    (void) qmp;
    if (sk_domain_is_active(self) && !self->destroying)
        g_message("domain \"%s\": %s", sk_domain_name(self), error->message);
    if (sk_domain_is_active(self) && !self->destroying && self->process != NULL && !sk_qmp_error_is_end(error))
        sk_domain_tell(self, "domain.control-error", json_pack("{s:s}", "message", error->message));
    g_clear_object(&self->qmp);
    if (sk_domain_is_active(self) && !self->destroying)
        sk_domain_reconnect(self);
}

/* -- the end ---------------------------------------------------------------------------------------------------- */

static void
end_shutdown_job(SkDomain *self)
{
    SkJob *job = g_steal_pointer(&self->shutdown_job);
    g_clear_handle_id(&self->shutdown_timer, g_source_remove);
    if (job != NULL)
        sk_job_end(job, NULL);
}

void
sk_domain_ended(SkDomain *self, SkDomainReason reason)
{
    SkDomainRuntime *runtime = &self->runtime;
    /* A guest that was saved or went away while it was to reboot goes on elsewhere. */
    gboolean restart = !self->destroying && self->rebooting && reason != SK_REASON_SAVED && reason != SK_REASON_MIGRATION;

    sk_domain_migration_forget(self);
    if (self->qmp != NULL) {
        sk_qmp_set_funcs(self->qmp, NULL, NULL);
        sk_qmp_close(self->qmp);
        g_clear_object(&self->qmp);
    }
    if (self->process != NULL)
        sk_qemu_process_watch(self->process, NULL, NULL);
    g_clear_object(&self->process);
    sk_domain_release_disks(self);
    sk_launch_drop_taps(self->service, runtime->live);
    sk_launch_drop_devices(self->service, runtime->live);
    sk_domain_limits_drop(self->service, runtime->live);
    sk_domain_consoles_off(self);
    sk_domain_set_live(self, NULL);
    runtime->id = runtime->pid = runtime->swtpm_pid = 0;
    runtime->pid_started = 0;
    runtime->accel = SK_ACCEL_AUTO;
    runtime->started = 0;
    g_clear_pointer(&runtime->taints, g_strfreev);
    g_clear_pointer(&runtime->chains, sk_disk_chains_free);
    runtime->agent_wait = 0;
    runtime->autodestroy = runtime->held = runtime->ending = FALSE;
    runtime->moving = SK_MOVING_NO;
    self->stop_reason = self->resume_reason = SK_REASON_UNKNOWN;
    self->asker = NULL;
    g_clear_pointer(&self->addresses, g_ptr_array_unref);
    sk_value_clear(&sk_domain_stats_type, &self->stats);
    self->agent = self->destroying = self->rebooting = self->guest_off = self->guest_reset = self->panicked = FALSE;
    sk_domain_set_state(self, SK_DOMAIN_SHUT_OFF, reason);
    sk_domain_backup_lost(self);
    sk_service_dns_changed(self->service, self);
    end_shutdown_job(self);
    sk_domain_block_jobs_lost(self);
    if (restart)
        sk_domain_start_by_daemon(self, FALSE, NULL);
    else if (!self->persistent)
        sk_domain_vanish(self);
}

/* What the definition wants done when the guest ends by itself. */
static gboolean
wants_restart(const SkDomain *self)
{
    const SkDomainSpec *spec = self->runtime.live != NULL ? self->runtime.live : self->spec;
    if (self->panicked)
        return spec->on_crash == SK_ON_RESTART;
    if (self->guest_reset)
        return FALSE;
    return self->guest_off && self->shutdown_job == NULL && spec->on_poweroff == SK_ON_RESTART;
}

static SkDomainReason
reason_of_end(const SkDomain *self, gint status)
{
    if (self->runtime.ending)
        return sk_domain_ending_reason(self);
    if (self->destroying)
        return self->stop_reason == SK_REASON_SNAPSHOT || self->stop_reason == SK_REASON_CRASHED ? self->stop_reason : SK_REASON_DESTROYED;
    if (self->panicked)
        return SK_REASON_PANICKED;
    if (status == -1 || (WIFEXITED(status) && WEXITSTATUS(status) == 0))
        return SK_REASON_SHUTDOWN;
    return SK_REASON_CRASHED;
}

static void
on_ended(SkQemuProcess *process, gint status, gpointer data)
{
    SkDomain *self = data;
    SkDomainReason reason = reason_of_end(self, status);
    (void) process;
    if (reason == SK_REASON_CRASHED) {
        g_free(self->message);
        self->message = g_strdup_printf("QEMU ended unexpectedly (%s %d); its log is %s/domains/%s.log", WIFSIGNALED(status) ? "signal" : "exit",
                                        WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
                                        self->service->settings->log_dir, self->spec->uuid);
    }
    if (wants_restart(self))
        self->rebooting = TRUE;
    g_object_ref(self);
    sk_domain_ended(self, reason);
    g_object_unref(self);
}

void
sk_domain_listen(SkDomain *self, SkQmp *qmp)
{
    static const SkQmpFuncs funcs = { .event = on_event, .closed = on_closed };
    self->qmp = qmp;
    sk_qmp_set_funcs(qmp, &funcs, self);
}

void
sk_domain_watch(SkDomain *self, SkQmp *qmp, SkQemuProcess *process)
{
    self->process = process;
    sk_domain_consoles_on(self);
    sk_service_dns_changed(self->service, self);
    if (qmp != NULL)
        sk_domain_listen(self, qmp);
    else
        sk_domain_reconnect(self);
    sk_qemu_process_watch(process, on_ended, self);
}
