/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/fields.h"
#include "model/block-job.h"
#include "model/device.h"
#include "model/domain.h"
#include "model/job.h"
#include "model/network.h"
#include "model/secret.h"
#include "model/storage.h"

/*
 * What an operation is asked with: parameters from the path and the query, and the
 * small bodies that are no object of their own. Values; any thread.
 */

/* What a change is for. */
typedef enum { SK_SCOPE_BOTH, SK_SCOPE_LIVE, SK_SCOPE_CONFIG, SK_N_SCOPES } SkScope;

/* Every path and query parameter there is. Each operation's params type shows a part of it. */
typedef struct {
    char *name;             /* of the domain, network, pool or image in the path; a UUID does too for domains */
    char *target;           /* disk in the path */
    char *nic;              /* interface in the path: MAC, alias or place */
    char *alias;            /* device in the path */
    char *volume;           /* volume in the path, with name the pool */
    char *id;               /* job, token */
    char *snapshot;         /* snapshot in the path, with name the domain */
    char *checkpoint;       /* checkpoint in the path, with name the domain */
    char *backup;           /* backup in the path, with name the repository */
    char *domain;           /* filter: of this domain */
    guint limit;            /* entries a page */
    char *after;            /* the last name of the page before */
    char *match;            /* part of a name */
    char *state, *tag;      /* filters */
    char **fields;          /* top-level keys to show */
    guint wait;             /* seconds to wait for a job's end */
    gboolean start, paused, force, volumes, shrink;
    gboolean transient;     /* not defined: gone when it is off */
    gboolean inactive;      /* only define it */
    gboolean build;         /* make its place too */
    gboolean format, overwrite; /* pool: make a file system on its device; whatever is there */
    gboolean zero;          /* delete, erase: write zeros over it first */
    gboolean allocate;      /* resize: take the space at once */
    gint kind;              /* SkPoolKind */
    gboolean managed_save;  /* the saved state too */
    gboolean nvram, keep_nvram; /* undefine: firmware variables go, or stay */
    gboolean fresh;         /* start: not from the saved state, which is lost */
    gboolean reset_nvram;   /* start: with firmware variables as new */
    char *path;             /* a file on the host */
    gint scope;             /* SkScope */
    guint size;             /* bytes to look at */
    gboolean virtual;       /* memory: addresses are those of the first vCPU's programs */
    gboolean children, children_only, metadata; /* deletion of a snapshot or checkpoint: what goes with it, what is kept */
    gboolean checkpoints;   /* undefine: forget its checkpoints */
    gboolean validate;      /* redefine a checkpoint: its bitmaps must be there */
    guint timeout;          /* seconds; 0: the usual */
    guint64 since;          /* events: revision to resume after */
    guint64 offset;         /* console log, upload */
    guint port;             /* serial port */
    char *user;             /* account in a guest */
    char **parts;           /* of what a guest tells */
    char **modes;           /* ways to ask a guest to end, in turn */
    guint screen;
    char *ticket;
} SkParams;

typedef struct { char *name; } SkRename;

/* What a saved domain does when it is restored. */
typedef enum { SK_THEN_AS_IT_WAS, SK_THEN_RUNNING, SK_THEN_PAUSED, SK_N_THENS } SkThen;
typedef struct { char *path; gboolean compress; gint then; SkDomainSpec *definition; } SkSave;
typedef struct { char *path; gint then; SkDomainSpec *definition; } SkRestore;
typedef struct { char *path, *name, *uuid; gint64 time; gboolean compressed, paused; SkDomainSpec *definition; } SkSavedInfo;

typedef struct { char **keys; guint hold; } SkSendKey;
typedef enum { SK_DUMP_ELF, SK_DUMP_ZLIB, SK_DUMP_LZO, SK_DUMP_SNAPPY, SK_N_DUMP_FORMATS } SkDumpFormat;
/* What becomes of the guest after its dump. */
typedef enum { SK_DUMP_GO_ON, SK_DUMP_DESTROY, SK_DUMP_RESET, SK_N_DUMP_ENDS } SkDumpEnd;
typedef struct { char *path; gint format; gboolean live; gint then; } SkDump;
typedef struct { guint64 size; } SkResize;
typedef struct { char *pool, *volume, *path; gboolean force; } SkMedia;
typedef enum { SK_CLONE_SAME, SK_CLONE_QCOW2, SK_CLONE_RAW, SK_N_CLONE_FORMATS } SkCloneFormat;
typedef struct { char *name; gboolean linked; char *pool; gint format; guint64 capacity; SkVolumeOptions options; } SkVolumeClone;
/* How often and with what a volume is written over. */
typedef enum { SK_WIPE_ZERO, SK_WIPE_NNSA, SK_WIPE_DOD, SK_WIPE_BSI, SK_WIPE_GUTMANN, SK_WIPE_SCHNEIER, SK_WIPE_PFITZNER7,
               SK_WIPE_PFITZNER33, SK_WIPE_RANDOM, SK_WIPE_TRIM, SK_N_WIPES } SkWipeAlgorithm;
typedef struct { gint algorithm; } SkVolumeWipe;
typedef struct { char *name, *url, *sha256, *os, *default_user; } SkImageImport;
typedef struct { char *name, *recipe; guint64 size; } SkImageBuild;
typedef struct { char *name; gint role; char *expires; } SkTokenCreate;
typedef struct { char *id, *secret; gint64 expires; } SkTokenSecret;

typedef struct { char *path; char **args; char *input; guint timeout; } SkExecRequest;
typedef struct { gint exit_code; char *output, *error_output; } SkExecResult;
typedef struct { char *user, *password; gboolean crypted; } SkAgentPassword;
typedef struct { guint frozen; } SkAgentFreeze;

/* A definition in libvirt's XML to look at, and what it is of. */
typedef enum { SK_XML_DOMAIN, SK_XML_NETWORK, SK_XML_POOL, SK_XML_SECRET, SK_N_XML_KINDS } SkXmlKind;
typedef struct { gint kind; char *xml; } SkXmlCheck;
typedef struct { char *name, *uuid, *nvram; } SkXmlInfo;

typedef enum { SK_TICKET_SERIAL, SK_TICKET_VNC, SK_N_TICKET_KINDS } SkTicketKind;
typedef struct { gint kind; guint port; gboolean read_only, take_over; } SkConsoleRequest;
typedef struct { char *ticket, *path; guint expires; } SkConsoleTicket;

/* A row of a domain list: small, so that thousands are cheap. */
typedef struct {
    char *name, *uuid, *title;
    char **tags;
    gint state, accel;
    guint id, vcpus;
    guint64 memory;
    gboolean autostart, pending, persistent, saved;
    char **addresses;
} SkDomainSummary;

/* What an operation that makes or names one thing answers. */
typedef struct { char *name, *uuid, *etag; } SkCreated;

extern const SkEnum sk_scope_enum, sk_dump_format_enum, sk_ticket_enum, sk_then_enum, sk_clone_format_enum, sk_wipe_enum;
extern const SkType sk_rename_type, sk_resize_type, sk_media_type, sk_volume_clone_type, sk_volume_wipe_type, sk_image_import_type,
    sk_image_build_type, sk_token_create_type, sk_token_secret_type, sk_exec_request_type, sk_exec_result_type,
    sk_agent_password_type, sk_agent_freeze_type, sk_console_request_type, sk_console_ticket_type, sk_domain_summary_type,
    sk_created_type, sk_save_type, sk_restore_type, sk_saved_info_type, sk_send_key_type, sk_dump_type;
extern const SkEnum sk_xml_kind_enum;
extern const SkType sk_xml_check_type, sk_xml_info_type;

/* Parameter types: views of SkParams. */
extern const SkType sk_params_none_type, sk_params_object_type, sk_params_name_type, sk_params_show_type, sk_params_list_type,
    sk_params_domain_list_type, sk_params_volume_list_type, sk_params_volume_show_type, sk_params_job_list_type,
    sk_params_audit_list_type, sk_params_domain_create_type, sk_params_start_type, sk_params_shutdown_type, sk_params_stop_network_type, sk_params_delete_domain_type,
    sk_params_disk_type, sk_params_block_job_type, sk_params_disk_show_type, sk_params_disk_content_type, sk_params_detach_disk_type, sk_params_nic_type, sk_params_volume_type, sk_params_resize_volume_type, sk_params_delete_volume_type,
    sk_params_upload_type, sk_params_id_type, sk_params_wait_type, sk_params_events_type, sk_params_console_log_type,
    sk_params_ticket_type, sk_params_delete_pool_type, sk_params_create_pool_type, sk_params_start_pool_type, sk_params_build_pool_type, sk_params_erase_pool_type, sk_params_find_type, sk_params_sources_type,
    sk_params_create_type, sk_params_create_network_type, sk_params_change_domain_type, sk_params_memory_type, sk_params_alias_type, sk_params_device_type, sk_params_undefine_type, sk_params_path_type,
    sk_params_guest_type, sk_params_screen_type, sk_params_user_type;
extern const SkType sk_params_snapshot_type, sk_params_snapshot_show_type, sk_params_snapshot_delete_type;
extern const SkType sk_params_id_show_type, sk_params_verify_type, sk_params_backup_list_type, sk_params_backup_show_type, sk_params_backup_type;
extern const SkType sk_params_checkpoint_type, sk_params_checkpoint_delete_type, sk_params_checkpoint_redefine_type;
