/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Field tables of jobs, events, audit entries, tokens, findings and the host. */
#include "model/job.h"

#include "base/text.h"
#include "model/domain.h"

static const SkEnumName job_state_names[] = { { "queued" }, { "running" }, { "done" }, { "failed" }, { "cancelled" } };
static const SkEnumName role_names[] = { { "none" }, { "viewer" }, { "operator" }, { "admin" } };
static const SkEnumName finding_names[] = { { "ok" }, { "note" }, { "warning" }, { "problem" } };
SK_ENUM_TABLE(sk_job_state_enum, "job state", job_state_names, SK_N_JOB_STATES);
SK_ENUM_TABLE(sk_role_enum, "role", role_names, SK_N_ROLES);
SK_ENUM_TABLE(sk_finding_enum, "level", finding_names, SK_N_FINDINGS);

static const SkField job_fields[] = {
    SK_FIELD(SkJobInfo, id, STRING, "id"),
    SK_FIELD(SkJobInfo, operation, STRING, "operation"),
    SK_FIELD(SkJobInfo, object, STRING, "what it works on"),
    SK_FIELD(SkJobInfo, user, STRING, "who asked for it"),
    SK_FIELD(SkJobInfo, state, ENUM, "state", .names = &sk_job_state_enum),
    SK_FIELD(SkJobInfo, progress, DOUBLE, "0 to 1; -1 while unknown", .def = "-1"),
    SK_FIELD(SkJobInfo, step, STRING, "what it does now"),
    SK_FIELD(SkJobInfo, bytes_done, UINT64, "bytes done", .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkJobInfo, bytes_total, UINT64, "bytes to do", .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkJobInfo, disk_done, UINT64, "bytes of disks among those done, where memory is moved too", .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkJobInfo, disk_total, UINT64, "bytes of disks among those to do", .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkJobInfo, created, INT64, "microseconds since 1970"),
    SK_FIELD(SkJobInfo, started, INT64, "microseconds since 1970", .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkJobInfo, ended, INT64, "microseconds since 1970", .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkJobInfo, result, JSON, "result of a job that is done"),
    SK_FIELD(SkJobInfo, error, STRING, "error code of a job that failed"),
    SK_FIELD(SkJobInfo, message, STRING, "the error in a sentence"),
    SK_FIELD(SkJobInfo, cancellable, BOOL, "it can be cancelled now"),
};
SK_TYPE(sk_job_info_type, SkJobInfo, "Job", "job", job_fields, "a piece of long work");

static const SkField event_fields[] = {
    SK_FIELD(SkEvent, revision, UINT64, "number of the event"),
    SK_FIELD(SkEvent, time, INT64, "microseconds since 1970"),
    SK_FIELD(SkEvent, type, STRING, "what happened"),
    SK_FIELD(SkEvent, object, STRING, "to what"),
    SK_FIELD(SkEvent, uuid, STRING, "UUID of the object"),
    SK_FIELD(SkEvent, data, JSON, "details"),
};
SK_TYPE(sk_event_type, SkEvent, "Event", "event", event_fields, "something that happened");

static const SkField audit_fields[] = {
    SK_FIELD(SkAuditEntry, id, INT64, "number"),
    SK_FIELD(SkAuditEntry, time, INT64, "microseconds since 1970"),
    SK_FIELD(SkAuditEntry, user, STRING, "who"),
    SK_FIELD(SkAuditEntry, from, STRING, "from where"),
    SK_FIELD(SkAuditEntry, operation, STRING, "did what"),
    SK_FIELD(SkAuditEntry, object, STRING, "to what"),
    SK_FIELD(SkAuditEntry, result, STRING, "ok, started (a job that goes on), or the error's code"),
    SK_FIELD(SkAuditEntry, message, STRING, "the error"),
};
SK_TYPE(sk_audit_entry_type, SkAuditEntry, "AuditEntry", "audit entry", audit_fields, "who changed what");

static const SkField token_fields[] = {
    SK_FIELD(SkToken, id, STRING, "id"),
    SK_FIELD(SkToken, name, STRING, "what it is for"),
    SK_FIELD(SkToken, role, ENUM, "what it may do", .names = &sk_role_enum),
    SK_FIELD(SkToken, created, INT64, "microseconds since 1970"),
    SK_FIELD(SkToken, expires, INT64, "microseconds since 1970; 0: never"),
    SK_FIELD(SkToken, last_used, INT64, "microseconds since 1970; 0: never"),
};
SK_TYPE(sk_token_type, SkToken, "Token", "token", token_fields, "an access token (its secret is shown once, at creation)");

static const SkField finding_fields[] = {
    SK_FIELD(SkFinding, check, STRING, "what was looked at"),
    SK_FIELD(SkFinding, level, ENUM, "how bad it is", .names = &sk_finding_enum),
    SK_FIELD(SkFinding, text, STRING, "what is so and why it matters"),
    SK_FIELD(SkFinding, remedy, STRING, "the command that mends it"),
};
SK_TYPE(sk_finding_type, SkFinding, "Finding", "finding", finding_fields, "a finding of `skep doctor`");

static const SkField node_fields[] = {
    SK_FIELD(SkNode, hostname, STRING, "host name"),
    SK_FIELD(SkNode, os, STRING, "operating system"),
    SK_FIELD(SkNode, kernel, STRING, "kernel"),
    SK_FIELD(SkNode, arch, STRING, "architecture"),
    SK_FIELD(SkNode, cpu_model, STRING, "CPU"),
    SK_FIELD(SkNode, version, STRING, "version of skepd"),
    SK_FIELD(SkNode, cpus, UINT, "CPUs"),
    SK_FIELD(SkNode, sockets, UINT, "sockets"),
    SK_FIELD(SkNode, cores, UINT, "cores a socket"),
    SK_FIELD(SkNode, threads, UINT, "threads a core"),
    SK_FIELD(SkNode, memory_total, SIZE, "memory"),
    SK_FIELD(SkNode, memory_available, SIZE, "memory that can be had"),
    SK_FIELD(SkNode, accel, ENUM, "accelerator of domains that leave it open", .names = &sk_accel_enum),
    SK_FIELD(SkNode, accel_reason, STRING, "why"),
    SK_FIELD(SkNode, qemu_path, STRING, "QEMU binary"),
    SK_FIELD(SkNode, qemu_version, STRING, "its version"),
    SK_FIELD(SkNode, domains, UINT, "domains defined"),
    SK_FIELD(SkNode, running, UINT, "domains active"),
    SK_FIELD(SkNode, started, INT64, "start of the daemon, microseconds since 1970"),
};
SK_TYPE(sk_node_type, SkNode, "Node", "host", node_fields, "the host");
