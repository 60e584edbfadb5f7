/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "model/job.h"

G_BEGIN_DECLS

/*
 * The service: owner of every live object, made once by the daemon.  Main thread.
 */
typedef struct SkService SkService;

/* Where things are and what the administrator decided. Strings belong to whoever made it. */
typedef struct {
    char *etc_dir, *lib_dir, *run_dir, *log_dir;
    char *data_dir;         /* recipes of images */
    char *tag;              /* keeps the links and tables of daemons on one host apart; "" for the system's */
    char *peer_ca, *peer_cert, *peer_key; /* files for TLS with other daemons */
    char *programs_dir;     /* Skep's own programs beside the daemon */
    char *qemu;             /* binary; NULL: the host's qemu-system-x86_64 */
    gboolean session;       /* without privileges: user-mode networking, no uid of its own */
    gboolean kvm_fallback;  /* a definition that asks for kvm runs on TCG where KVM cannot */
    guint uid_base, uid_count; /* uids of domains */
    guint stop_timeout;     /* seconds from QMP quit to SIGKILL */
    guint shutdown_timeout; /* seconds a guest has to obey a shutdown */
    guint console_bytes;    /* scrollback of a serial console */
    guint max_domains;      /* quota */
    guint max_jobs;         /* that run or wait at once, of those that were asked for */
    guint upkeep_interval;  /* seconds between looks at what no watch tells of */
    guint part_age;         /* seconds an untouched part of an upload or download is kept */
} SkServiceSettings;

/* Opens the store and loads what is defined; nothing of the host is touched yet. settings is kept, not copied. */
SkService *sk_service_new(const SkServiceSettings *settings, GError **error);

/*
 * Takes back running domains, brings up networks and pools, finishes what a crash interrupted, starts
 * autostart domains. Returns at once; the work goes on as jobs.
 */
void sk_service_start(SkService *self);

/* The database, for the rooms beside this one. Borrowed. */
struct SkStore *sk_service_store(SkService *self);

/* Running guests stay as they are. */
void sk_service_free(SkService *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SkService, sk_service_free)

G_END_DECLS
