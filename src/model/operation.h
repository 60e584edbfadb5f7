/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/fields.h"
#include "model/backup.h"
#include "model/repository.h"
#include "model/request.h"
#include "model/schedule.h"
#include "model/snapshot.h"

/*
 * The operation table: every thing that can be asked of Skep, once. The front
 * doors decode by it, the dispatcher judges rights by it, the service binds handlers
 * to it, and OpenAPI, the CLI's help and the reference are generated from it.
 * Values; any thread.
 */

typedef enum {
    SK_OP_NODE_SHOW, SK_OP_NODE_DOCTOR, SK_OP_NODE_CAPABILITIES, SK_OP_NODE_DEVICES, SK_OP_NODE_DEVICE_DETACH, SK_OP_NODE_DEVICE_REATTACH,
    SK_OP_NODE_DEVICE_RESET, SK_OP_NODE_PAGES, SK_OP_STATS_LIST, SK_OP_EVENTS, SK_OP_AUDIT_LIST, SK_OP_LIBVIRT_CHECK,
    SK_OP_DOMAIN_LIST, SK_OP_DOMAIN_SHOW, SK_OP_DOMAIN_CREATE, SK_OP_DOMAIN_UPDATE, SK_OP_DOMAIN_DELETE,
    SK_OP_DOMAIN_START, SK_OP_DOMAIN_SHUTDOWN, SK_OP_DOMAIN_REBOOT, SK_OP_DOMAIN_RESET, SK_OP_DOMAIN_DESTROY,
    SK_OP_DOMAIN_SUSPEND, SK_OP_DOMAIN_RESUME, SK_OP_DOMAIN_RENAME, SK_OP_DOMAIN_STATS,
    SK_OP_DOMAIN_DEFINE, SK_OP_DOMAIN_UNDEFINE, SK_OP_DOMAIN_SAVE, SK_OP_DOMAIN_RESTORE, SK_OP_DOMAIN_DROP_SAVED,
    SK_OP_SAVED_SHOW, SK_OP_SAVED_CHANGE,
    SK_OP_DOMAIN_MIGRATE, SK_OP_MIGRATION_PREPARE, SK_OP_MIGRATION_FINISH, SK_OP_MIGRATION_CONFIRM, SK_OP_MIGRATION_LIMITS,
    SK_OP_DOMAIN_NMI, SK_OP_DOMAIN_SEND_KEY, SK_OP_DOMAIN_SCREENSHOT, SK_OP_DOMAIN_MEMORY, SK_OP_DOMAIN_DUMP,
    SK_OP_SNAPSHOT_LIST, SK_OP_SNAPSHOT_SHOW, SK_OP_SNAPSHOT_CREATE, SK_OP_SNAPSHOT_REVERT, SK_OP_SNAPSHOT_DELETE, SK_OP_SNAPSHOT_CHANGE,
    SK_OP_SNAPSHOT_REDEFINE, SK_OP_SNAPSHOT_DIFF,
    SK_OP_BACKUP_BEGIN, SK_OP_BACKUP_SHOW, SK_OP_BACKUP_END, SK_OP_CHECKPOINT_LIST, SK_OP_CHECKPOINT_SHOW, SK_OP_CHECKPOINT_CREATE, SK_OP_CHECKPOINT_DELETE, SK_OP_CHECKPOINT_REDEFINE,
    SK_OP_DISK_ATTACH, SK_OP_DISK_DETACH, SK_OP_DISK_RESIZE, SK_OP_DISK_PULL, SK_OP_DISK_COMMIT, SK_OP_DISK_COPY, SK_OP_DISK_JOB, SK_OP_DISK_JOB_CHANGE,
    SK_OP_DISK_JOB_END, SK_OP_DISK_CONTENT, SK_OP_DISK_THRESHOLD, SK_OP_MEDIA_INSERT, SK_OP_MEDIA_EJECT,
    SK_OP_DEVICE_ATTACH, SK_OP_DEVICE_UPDATE, SK_OP_DEVICE_DETACH, SK_OP_DEVICE_REMOVE,
    SK_OP_NIC_ATTACH, SK_OP_NIC_UPDATE, SK_OP_NIC_DETACH,
    SK_OP_AGENT_PING, SK_OP_AGENT_EXEC, SK_OP_AGENT_ADDRESSES, SK_OP_AGENT_SET_TIME, SK_OP_AGENT_FREEZE,
    SK_OP_AGENT_THAW, SK_OP_AGENT_PASSWORD, SK_OP_AGENT_INFO, SK_OP_AGENT_TIME, SK_OP_AGENT_TRIM, SK_OP_AGENT_KEYS, SK_OP_AGENT_SET_KEYS,
    SK_OP_AGENT_VCPUS, SK_OP_AGENT_SET_VCPUS, SK_OP_AGENT_SLEEP, SK_OP_AGENT_WAIT, SK_OP_AGENT_COMMAND, SK_OP_DOMAIN_MONITOR,
    SK_OP_DOMAIN_IOTHREAD, SK_OP_DOMAIN_DIRTY_RATE,
    SK_OP_CONSOLE_TICKET, SK_OP_CONSOLE_OPEN, SK_OP_CONSOLE_LOG,
    SK_OP_NETWORK_LIST, SK_OP_NETWORK_SHOW, SK_OP_NETWORK_CREATE, SK_OP_NETWORK_UPDATE, SK_OP_NETWORK_DELETE,
    SK_OP_NETWORK_START, SK_OP_NETWORK_STOP, SK_OP_NETWORK_LEASES, SK_OP_NETWORK_DEFINE, SK_OP_NETWORK_UNDEFINE, SK_OP_NETWORK_EDIT,
    SK_OP_POOL_LIST, SK_OP_POOL_SHOW, SK_OP_POOL_CREATE, SK_OP_POOL_DELETE, SK_OP_POOL_START, SK_OP_POOL_STOP, SK_OP_POOL_REFRESH,
    SK_OP_POOL_UPDATE, SK_OP_POOL_BUILD, SK_OP_POOL_ERASE, SK_OP_POOL_SOURCES,
    SK_OP_VOLUME_LIST, SK_OP_VOLUME_SHOW, SK_OP_VOLUME_CREATE, SK_OP_VOLUME_CLONE, SK_OP_VOLUME_RESIZE, SK_OP_VOLUME_DELETE,
    SK_OP_VOLUME_WIPE, SK_OP_VOLUME_FIND,
    SK_OP_SECRET_LIST, SK_OP_SECRET_SHOW, SK_OP_SECRET_CREATE, SK_OP_SECRET_SET, SK_OP_SECRET_VALUE, SK_OP_SECRET_DELETE,
    SK_OP_SCHEDULE_LIST, SK_OP_SCHEDULE_SHOW, SK_OP_SCHEDULE_CREATE, SK_OP_SCHEDULE_UPDATE, SK_OP_SCHEDULE_DELETE, SK_OP_SCHEDULE_RUN,
    SK_OP_REPOSITORY_LIST, SK_OP_REPOSITORY_SHOW, SK_OP_REPOSITORY_CREATE, SK_OP_REPOSITORY_KEY, SK_OP_REPOSITORY_DELETE, SK_OP_REPOSITORY_VERIFY,
    SK_OP_REPOSITORY_PRUNE, SK_OP_STORED_BACKUP_CREATE, SK_OP_STORED_BACKUP_LIST, SK_OP_STORED_BACKUP_SHOW, SK_OP_STORED_BACKUP_DELETE,
    SK_OP_VOLUME_UPLOAD, SK_OP_VOLUME_DOWNLOAD,
    SK_OP_IMAGE_LIST, SK_OP_IMAGE_SHOW, SK_OP_IMAGE_IMPORT, SK_OP_IMAGE_BUILD, SK_OP_IMAGE_UPLOAD, SK_OP_IMAGE_DELETE,
    SK_OP_JOB_LIST, SK_OP_JOB_SHOW, SK_OP_JOB_CANCEL,
    SK_OP_TOKEN_LIST, SK_OP_TOKEN_CREATE, SK_OP_TOKEN_DELETE,
    SK_N_OPERATIONS
} SkOperationId;

typedef enum {
    SK_MODE_READ,           /* answered at once from memory on the main thread */
    SK_MODE_QUERY,          /* changes nothing, but blocks: runs on a worker, not queued, no job record */
    SK_MODE_JOB,            /* changes something: a job, queued behind others on the same object */
    SK_MODE_STREAM,         /* bytes both or one way: the front door takes over the connection */
    SK_N_MODES
} SkOperationMode;

typedef enum { SK_BODY_NONE, SK_BODY_OBJECT, SK_BODY_PATCH, SK_BODY_BYTES } SkBodyKind;
typedef enum { SK_RESULT_NONE, SK_RESULT_OBJECT, SK_RESULT_LIST, SK_RESULT_BYTES } SkResultKind;

typedef struct {
    SkOperationId id;
    const char *name;       /* "domain.start": stable; jobs and the audit log carry it */
    const char *object;     /* kind: "domain", "network", ... */
    SkRole right;           /* the least role that may */
    SkOperationMode mode;
    const char *method;     /* REST binding */
    const char *path;       /* "/v1/domains/{name}/start": {} are fields of params */
    const SkType *params;   /* view of SkParams */
    SkBodyKind body_kind;
    const SkType *body;     /* OBJECT: the type; PATCH: the type the merge patch is for */
    SkResultKind result_kind;
    const SkType *result;   /* JOB: the type of the job's result */
    const char *help;       /* one line, imperative */
} SkOperation;

extern const SkOperation sk_operations[SK_N_OPERATIONS];

/* Every parameter that any operation has, once, to copy or free them whatever an operation's own view shows. Any thread. */
const SkType *sk_params_of_all(void);

/* TRUE if it changes one thing that has an ETag, so that If-Match has a meaning. */
gboolean sk_operation_has_etag(const SkOperation *op);

const SkOperation *sk_operation(SkOperationId id);
/* By name; NULL if there is none. */
const SkOperation *sk_operation_find(const char *name);
