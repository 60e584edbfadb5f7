/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "api/libvirt/private.h"

/*
 * Registrations of clients for events, and the messages to them. event.c keeps who wants what; event-table.c makes
 * messages of what happens. Main thread.
 */

/* What a registration is for. */
typedef enum { SK_LV_EVENT_DOMAIN, SK_LV_EVENT_NETWORK, SK_LV_EVENT_POOL, SK_LV_EVENT_NODEDEV, SK_LV_EVENT_SECRET, SK_LV_EVENT_QEMU,
               SK_LV_N_EVENT_KINDS } SkLvEventKind;

/* Ids of domain events, as registered. */
typedef enum {
    SK_LV_DOMAIN_LIFECYCLE, SK_LV_DOMAIN_REBOOT, SK_LV_DOMAIN_RTC_CHANGE, SK_LV_DOMAIN_WATCHDOG, SK_LV_DOMAIN_IO_ERROR,
    SK_LV_DOMAIN_GRAPHICS, SK_LV_DOMAIN_IO_ERROR_REASON, SK_LV_DOMAIN_CONTROL_ERROR, SK_LV_DOMAIN_BLOCK_JOB,
    SK_LV_DOMAIN_DISK_CHANGE, SK_LV_DOMAIN_TRAY_CHANGE, SK_LV_DOMAIN_PM_WAKEUP, SK_LV_DOMAIN_PM_SUSPEND,
    SK_LV_DOMAIN_BALLOON_CHANGE, SK_LV_DOMAIN_PM_SUSPEND_DISK, SK_LV_DOMAIN_DEVICE_REMOVED, SK_LV_DOMAIN_BLOCK_JOB_2,
    SK_LV_DOMAIN_TUNABLE, SK_LV_DOMAIN_AGENT_LIFECYCLE, SK_LV_DOMAIN_DEVICE_ADDED, SK_LV_DOMAIN_MIGRATION_ITERATION,
    SK_LV_DOMAIN_JOB_COMPLETED, SK_LV_DOMAIN_DEVICE_REMOVAL_FAILED, SK_LV_DOMAIN_METADATA_CHANGE, SK_LV_DOMAIN_BLOCK_THRESHOLD,
    SK_LV_DOMAIN_MEMORY_FAILURE, SK_LV_DOMAIN_MEMORY_DEVICE_SIZE_CHANGE, SK_LV_N_DOMAIN_EVENTS
} SkLvDomainEvent;

/* -- event.c ---------------------------------------------------------------------------------------------------------- */

/* One more than any kind's ids. */
#define SK_LV_EVENTS_MAX SK_LV_N_DOMAIN_EVENTS

/* Whether anybody has registered for it: messages are not made for nobody. */
gboolean sk_lv_event_wanted(SkLibvirt *server, SkLvEventKind kind, guint id);
/* Sends body (after the callback's id) to all who registered for it, for any object or that of key (a UUID or a name). */
void sk_lv_event_send(SkLibvirt *server, SkLvEventKind kind, guint id, const char *key, const GByteArray *body);
/* QEMU's own events go by a registration's pattern. */
void sk_lv_event_send_qemu(SkLibvirt *server, const char *key, const char *event, const GByteArray *body);

/* Registers the connection; key NULL: any object; pattern as below. Gives the callback's id. */
gint sk_lv_event_register(SkLvConnection *connection, SkLvEventKind kind, guint id, const char *key, GRegex *pattern);
/* FALSE: it has no such registration. */
gboolean sk_lv_event_deregister(SkLvConnection *connection, SkLvEventKind kind, gint callback);
void sk_lv_events_init(SkLibvirt *server);
void sk_lv_events_end(SkLibvirt *server);

/* -- event-table.c ------------------------------------------------------------------------------------------------------ */

/* What a client calls one of our operations where it is a domain's job; 0: it does not know it. */
gint sk_lv_job_number(const char *operation);

/* Tells clients of an event of ours (SkEventFunc; data is the server). */
void sk_lv_event_translate(const SkEvent *event, gpointer data);
