/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/fields.h"

/* Jobs, events, audit entries, tokens and the host as values. Any thread. */

typedef enum { SK_JOB_QUEUED, SK_JOB_RUNNING, SK_JOB_DONE, SK_JOB_FAILED, SK_JOB_CANCELLED, SK_N_JOB_STATES } SkJobState;

typedef struct {
    char *id;               /* UUID */
    char *operation;        /* "domain.start" */
    char *object;           /* "domain/web1" */
    char *user;
    gint state;             /* SkJobState */
    gdouble progress;       /* 0 to 1; -1: unknown */
    char *step;             /* what it does now, for people */
    guint64 bytes_done, bytes_total;
    guint64 disk_done, disk_total; /* how much of these is content of disks, where memory is moved too */
    gint64 created, started, ended; /* microseconds since the epoch; 0: not yet */
    char *result;           /* JSON */
    char *error, *message;  /* code's name and the sentence, state failed or cancelled */
    gboolean cancellable;
} SkJobInfo;

typedef struct {
    guint64 revision;       /* grows by one with every event of the daemon's life */
    gint64 time;            /* microseconds since the epoch */
    char *type;             /* "domain.started", "job.progress" ... */
    char *object;           /* "domain/web1" */
    char *uuid;
    char *data;             /* JSON object, or NULL */
} SkEvent;

/* An entry of the audit log. */
typedef struct {
    gint64 id;              /* grows; 0 in an append */
    gint64 time;            /* microseconds since the epoch; 0 in an append: now */
    char *user;             /* "root", "token:ci" */
    char *from;             /* "unix:1234" (pid), "192.0.2.7:40112" */
    char *operation;        /* "domain.start" */
    char *object;           /* "domain/web1" */
    char *result;           /* "ok", "started" (a job that goes on) or the error's name */
    char *message;          /* the error's sentence, or NULL */
} SkAuditEntry;

typedef enum { SK_ROLE_NONE, SK_ROLE_VIEWER, SK_ROLE_OPERATOR, SK_ROLE_ADMIN, SK_N_ROLES } SkRole;

typedef struct {
    char *id, *name;
    gint role;              /* SkRole */
    gint64 created, expires, last_used; /* microseconds; expires 0: never */
} SkToken;

/* One finding of `skep doctor`. */
typedef enum { SK_FINDING_OK, SK_FINDING_NOTE, SK_FINDING_WARNING, SK_FINDING_PROBLEM, SK_N_FINDINGS } SkFindingLevel;
typedef struct {
    char *check;            /* "kvm" */
    gint level;             /* SkFindingLevel */
    char *text;             /* what is so and why it matters */
    char *remedy;           /* the command that mends it, or NULL */
} SkFinding;

typedef struct {
    char *hostname, *os, *kernel, *arch, *cpu_model, *version;
    guint cpus, sockets, cores, threads;
    guint64 memory_total, memory_available;
    gint accel;             /* SkAccel a domain with "auto" gets */
    char *accel_reason;     /* why, in a sentence */
    char *qemu_path, *qemu_version;
    guint domains, running;
    gint64 started;         /* of the daemon, microseconds since the epoch */
} SkNode;

extern const SkEnum sk_job_state_enum, sk_role_enum, sk_finding_enum;
extern const SkType sk_job_info_type, sk_event_type, sk_audit_entry_type, sk_token_type, sk_finding_type, sk_node_type;
