/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Field tables of parameters and small request bodies. */
#include "model/request.h"

#include "base/error.h"
#include "base/text.h"

/* -- parameters -------------------------------------------------------------------------------------------- */

#define NEEDED .flags = SK_FIELD_REQUIRED
#define P_NAME SK_FIELD(SkParams, name, STRING, "name", NEEDED, .max = 128)
#define P_LIMIT SK_FIELD(SkParams, limit, UINT, "entries a page", .def = "1000", .min = 1, .max = 10000)
#define P_AFTER SK_FIELD(SkParams, after, STRING, "last name of the page before", .max = 128)
#define P_MATCH SK_FIELD(SkParams, match, STRING, "only names with this in them", .max = 128)
#define P_FIELDS SK_FIELD(SkParams, fields, STRV, "keys to show, separated by commas", .max = 64)
#define P_WAIT SK_FIELD(SkParams, wait, UINT, "seconds to wait for the job's end", .min = 0, .max = 300)
#define P_TIMEOUT SK_FIELD(SkParams, timeout, UINT, "seconds until it is given up, 0 for the usual", .min = 0, .max = 86400)

static const SkEnumName scope_names[] = { { "both" }, { "live" }, { "config" } };
SK_ENUM_TABLE(sk_scope_enum, "scope", scope_names, SK_N_SCOPES);
#define P_SCOPE SK_FIELD(SkParams, scope, ENUM, "what is changed: what runs, the definition, or both", .names = &sk_scope_enum)

#define PARAMS(symbol, name, ...)                                                                              \
    static const SkField symbol##_fields[] = { __VA_ARGS__ };                                                   \
    SK_TYPE(symbol, SkParams, name, "request", symbol##_fields, "parameters")

static gboolean
check_number(const char *text, const char *what, GError **error)
{
    return g_ascii_string_to_unsigned(text, 10, 1, G_MAXINT64, NULL, NULL) ||
           sk_fail(error, SK_ERROR_INVALID, "%s is \"%.32s\", give a number of an entry", what, text);
}

static const SkField none_fields[] = { P_WAIT };
const SkType sk_params_none_type = { .name = "NoParams", .what = "request", .size = sizeof(SkParams), .fields = none_fields, .n_fields = 0, .help = "no parameters" };

#define P_STATE SK_FIELD(SkParams, state, STRING, "only those in this state", .max = 32)
PARAMS(sk_params_object_type, "ObjectParams", P_NAME);
PARAMS(sk_params_name_type, "NameParams", P_NAME, P_WAIT);
PARAMS(sk_params_show_type, "ShowParams", P_NAME, P_FIELDS);
PARAMS(sk_params_list_type, "ListParams", P_LIMIT, P_AFTER, P_MATCH, P_FIELDS);
PARAMS(sk_params_domain_list_type, "DomainListParams", P_LIMIT, P_AFTER, P_MATCH, P_FIELDS, P_STATE,
       SK_FIELD(SkParams, tag, STRING, "only those with this tag", .max = 128));
PARAMS(sk_params_volume_list_type, "VolumeListParams", P_NAME, P_LIMIT, P_AFTER, P_MATCH, P_FIELDS);
PARAMS(sk_params_job_list_type, "JobListParams", P_LIMIT, SK_FIELD(SkParams, after, STRING, "last id of the page before", .max = 64), P_FIELDS,
       P_STATE);
PARAMS(sk_params_audit_list_type, "AuditListParams", P_LIMIT, P_FIELDS,
       SK_FIELD(SkParams, after, STRING, "last number of the page before", .max = 20, .check = check_number));
PARAMS(sk_params_domain_create_type, "DomainCreateParams", P_WAIT,
       SK_FIELD(SkParams, start, BOOL, "start it too"));
PARAMS(sk_params_create_network_type, "CreateNetworkParams", P_WAIT, SK_FIELD(SkParams, start, BOOL, "start it too"),
       SK_FIELD(SkParams, transient, BOOL, "do not define it: it is gone when it is stopped"));
#define P_PAUSED SK_FIELD(SkParams, paused, BOOL, "do not let the guest run yet")
PARAMS(sk_params_create_type, "CreateParams", P_WAIT, SK_FIELD(SkParams, start, BOOL, "start it too"), P_PAUSED,
       SK_FIELD(SkParams, transient, BOOL, "do not define it: it is gone when it is off"));
PARAMS(sk_params_undefine_type, "UndefineParams", P_NAME, P_WAIT,
       SK_FIELD(SkParams, managed_save, BOOL, "delete its saved state too"),
       SK_FIELD(SkParams, nvram, BOOL, "delete its firmware variables too"),
       SK_FIELD(SkParams, keep_nvram, BOOL, "keep its firmware variables"),
       SK_FIELD(SkParams, metadata, BOOL, "forget its snapshots; what the disks have of them stays"),
       SK_FIELD(SkParams, checkpoints, BOOL, "forget its checkpoints; what the disks have of them stays"));
PARAMS(sk_params_change_domain_type, "ChangeParams", P_NAME, P_SCOPE, P_WAIT);
#define P_PEEK SK_FIELD(SkParams, offset, UINT64, "byte to begin at"), SK_FIELD(SkParams, size, UINT, "bytes", NEEDED, .min = 1, .max = 4 * 1024 * 1024)
PARAMS(sk_params_memory_type, "MemoryParams", P_NAME, P_PEEK, SK_FIELD(SkParams, virtual, BOOL, "addresses are those of the first vCPU's programs"));
PARAMS(sk_params_device_type, "DeviceParams", P_NAME, P_SCOPE, P_WAIT, SK_FIELD(SkParams, force, BOOL, "even against the guest's will"));
PARAMS(sk_params_alias_type, "AliasParams", P_NAME, SK_FIELD(SkParams, alias, STRING, "the device's id in QEMU", NEEDED, .max = 64), P_SCOPE, P_WAIT);
PARAMS(sk_params_path_type, "PathParams", SK_FIELD(SkParams, path, STRING, "file on the host", NEEDED, .check = sk_check_path), P_WAIT);
PARAMS(sk_params_start_type, "StartParams", P_NAME, P_WAIT, P_PAUSED,
       SK_FIELD(SkParams, fresh, BOOL, "boot, even if there is a saved state, which is lost"),
       SK_FIELD(SkParams, reset_nvram, BOOL, "with firmware variables (UEFI) as new"));
PARAMS(sk_params_shutdown_type, "ShutdownParams", P_NAME, P_WAIT, P_TIMEOUT,
       SK_FIELD(SkParams, modes, STRV, "ways to ask, tried in turn: agent, acpi (the power button); the agent if it is there, else the button, if none is given", .max = 8),
       SK_FIELD(SkParams, force, BOOL, "destroy it when it does not obey in time"));
PARAMS(sk_params_stop_network_type, "StopNetworkParams", P_NAME, P_WAIT,
       SK_FIELD(SkParams, force, BOOL, "even while running domains are on it: their links get it back when it starts"));
PARAMS(sk_params_delete_domain_type, "DeleteDomainParams", P_NAME, P_WAIT,
       SK_FIELD(SkParams, volumes, BOOL, "delete its volumes too"),
       SK_FIELD(SkParams, force, BOOL, "destroy it first if it is active"));
#define P_TARGET SK_FIELD(SkParams, target, STRING, "disk", NEEDED, .max = 16)
PARAMS(sk_params_disk_type, "DiskParams", P_NAME, P_TARGET, P_WAIT, SK_FIELD(SkParams, force, BOOL, "even against the guest's will"));
PARAMS(sk_params_block_job_type, "BlockJobParams", P_NAME, P_TARGET, P_WAIT);
PARAMS(sk_params_disk_show_type, "DiskShowParams", P_NAME, P_TARGET, P_FIELDS);
PARAMS(sk_params_disk_content_type, "DiskContentParams", P_NAME, P_TARGET, P_PEEK);
PARAMS(sk_params_detach_disk_type, "DetachDiskParams", P_NAME, P_TARGET, P_SCOPE, P_WAIT,
       SK_FIELD(SkParams, volumes, BOOL, "delete its volume too"));
PARAMS(sk_params_nic_type, "NicParams", P_NAME, P_SCOPE, SK_FIELD(SkParams, nic, STRING, "MAC address, alias or place", NEEDED, .max = 32), P_WAIT);
#define P_VOLUME SK_FIELD(SkParams, volume, STRING, "volume", NEEDED, .max = 128)
PARAMS(sk_params_volume_type, "VolumeParams", P_NAME, P_VOLUME, P_WAIT);
PARAMS(sk_params_volume_show_type, "VolumeShowParams", P_NAME, P_VOLUME, P_FIELDS);
PARAMS(sk_params_resize_volume_type, "ResizeVolumeParams", P_NAME, P_VOLUME, P_WAIT,
       SK_FIELD(SkParams, shrink, BOOL, "make it smaller, losing what lies beyond"),
       SK_FIELD(SkParams, allocate, BOOL, "take the space on the host at once"));
PARAMS(sk_params_delete_volume_type, "DeleteVolumeParams", P_NAME, P_VOLUME, P_WAIT,
       SK_FIELD(SkParams, zero, BOOL, "write zeros over all that is in it first"));
PARAMS(sk_params_upload_type, "UploadParams", P_NAME, P_VOLUME, SK_FIELD(SkParams, offset, UINT64, "byte to go on from"));
#define P_SNAPSHOT SK_FIELD(SkParams, snapshot, STRING, "snapshot", NEEDED, .max = 128)
PARAMS(sk_params_snapshot_type, "SnapshotParams", P_NAME, P_SNAPSHOT, P_WAIT);
PARAMS(sk_params_snapshot_show_type, "SnapshotShowParams", P_NAME, P_SNAPSHOT, P_FIELDS);
PARAMS(sk_params_snapshot_delete_type, "SnapshotDeleteParams", P_NAME, P_SNAPSHOT, P_WAIT,
       SK_FIELD(SkParams, children, BOOL, "and all that grew out of it"),
       SK_FIELD(SkParams, children_only, BOOL, "not it, but all that grew out of it"),
       SK_FIELD(SkParams, metadata, BOOL, "only forget it: what the disks have of it stays"));
#define P_CHECKPOINT SK_FIELD(SkParams, checkpoint, STRING, "checkpoint", NEEDED, .max = 128)
PARAMS(sk_params_checkpoint_type, "CheckpointParams", P_NAME, P_CHECKPOINT, P_WAIT);
PARAMS(sk_params_checkpoint_redefine_type, "CheckpointRedefineParams", P_NAME, P_CHECKPOINT, P_WAIT,
       SK_FIELD(SkParams, validate, BOOL, "only if its bitmaps are there and whole"));
PARAMS(sk_params_checkpoint_delete_type, "CheckpointDeleteParams", P_NAME, P_CHECKPOINT, P_WAIT,
       SK_FIELD(SkParams, children, BOOL, "and all that came after it"),
       SK_FIELD(SkParams, children_only, BOOL, "not it, but all that came after it"),
       SK_FIELD(SkParams, metadata, BOOL, "only forget it: the bitmaps in the disks stay"));
#define P_BACKUP(...) SK_FIELD(SkParams, backup, STRING, "backup", .max = 128, __VA_ARGS__)
PARAMS(sk_params_backup_type, "BackupParams", P_NAME, P_BACKUP(NEEDED), P_WAIT);
PARAMS(sk_params_backup_show_type, "BackupShowParams", P_NAME, P_BACKUP(NEEDED), P_FIELDS);
PARAMS(sk_params_verify_type, "VerifyParams", P_NAME, P_BACKUP(), P_WAIT);
PARAMS(sk_params_backup_list_type, "BackupListParams", P_NAME, P_FIELDS, SK_FIELD(SkParams, domain, STRING, "only those of this domain (name or UUID)", .max = 128));
PARAMS(sk_params_id_type, "IdParams", SK_FIELD(SkParams, id, STRING, "id", NEEDED, .max = 64), P_WAIT);
PARAMS(sk_params_id_show_type, "IdShowParams", SK_FIELD(SkParams, id, STRING, "id", NEEDED, .max = 64), P_FIELDS);
PARAMS(sk_params_wait_type, "WaitParams", P_WAIT);
PARAMS(sk_params_events_type, "EventParams", SK_FIELD(SkParams, since, UINT64, "resume after this revision"),
       SK_FIELD(SkParams, match, STRING, "only events whose type or object begins with this", .max = 128));
PARAMS(sk_params_console_log_type, "ConsoleLogParams", P_NAME, SK_FIELD(SkParams, port, UINT, "serial port", .min = 0, .max = 15),
       SK_FIELD(SkParams, offset, UINT64, "byte to begin at"));
PARAMS(sk_params_ticket_type, "TicketParams", SK_FIELD(SkParams, ticket, STRING, "one-time ticket", NEEDED, .max = 128));
PARAMS(sk_params_screen_type, "ScreenParams", P_NAME, SK_FIELD(SkParams, screen, UINT, "number of the screen, from 0", .min = 0, .max = 255));
PARAMS(sk_params_guest_type, "GuestParams", P_NAME, P_FIELDS,
       SK_FIELD(SkParams, parts, STRV, "users, os, timezone, hostname, filesystems, disks, interfaces; all that the agent knows if none is given", .max = 16));
PARAMS(sk_params_user_type, "UserParams", P_NAME, SK_FIELD(SkParams, user, STRING, "account in the guest", NEEDED, .max = 32));
#define P_FORMAT SK_FIELD(SkParams, format, BOOL, "kind fs: make a file system on its device, if there is nothing on it"), \
    SK_FIELD(SkParams, overwrite, BOOL, "kind fs: make a file system on its device, and lose whatever is on it")
PARAMS(sk_params_create_pool_type, "CreatePoolParams", P_WAIT,
       SK_FIELD(SkParams, inactive, BOOL, "only define it: nothing is made or started"),
       SK_FIELD(SkParams, transient, BOOL, "do not define it: it is gone when it is stopped"),
       SK_FIELD(SkParams, build, BOOL, "make its directory if it is not there", .def = "true"), P_FORMAT);
PARAMS(sk_params_start_pool_type, "StartPoolParams", P_NAME, P_WAIT, SK_FIELD(SkParams, build, BOOL, "make its directory first"), P_FORMAT);
PARAMS(sk_params_build_pool_type, "BuildPoolParams", P_NAME, P_WAIT, P_FORMAT);
PARAMS(sk_params_erase_pool_type, "ErasePoolParams", P_NAME, P_WAIT,
       SK_FIELD(SkParams, zero, BOOL, "kind fs: write zeros over its device, too"));
PARAMS(sk_params_sources_type, "SourcesParams", SK_FIELD(SkParams, kind, ENUM, "kind of pool", NEEDED, .names = &sk_pool_kind_enum, .def = "logical"));
PARAMS(sk_params_find_type, "FindParams", SK_FIELD(SkParams, path, STRING, "path of the volume", NEEDED, .check = sk_check_path));
PARAMS(sk_params_delete_pool_type, "DeletePoolParams", P_NAME, P_WAIT,
       SK_FIELD(SkParams, volumes, BOOL, "delete its volumes and its directory too"));

/* -- bodies -------------------------------------------------------------------------------------------------- */

static const SkField rename_fields[] = { SK_FIELD(SkRename, name, STRING, "new name", NEEDED, .check = sk_check_name) };
SK_TYPE(sk_rename_type, SkRename, "Rename", "rename", rename_fields, "a new name");

static const SkEnumName then_names[] = { { "as it was" }, { "running" }, { "paused" } };
SK_ENUM_TABLE(sk_then_enum, "state", then_names, SK_N_THENS);
static const SkField save_fields[] = {
    SK_FIELD(SkSave, path, STRING, "file to save to; if not given the domain's own, which its next start goes on from", .check = sk_check_path),
    SK_FIELD(SkSave, compress, BOOL, "pack it with zstd"),
    SK_FIELD(SkSave, then, ENUM, "what it does when it is restored", .names = &sk_then_enum),
    SK_FIELD(SkSave, definition, OPTIONAL, "definition to go on with instead of the one that runs", .type = &sk_domain_spec_type),
};
SK_TYPE(sk_save_type, SkSave, "Save", "save", save_fields, "where the state of a domain is saved");

static const SkField restore_fields[] = {
    SK_FIELD(SkRestore, path, STRING, "file it was saved to", NEEDED, .check = sk_check_path),
    SK_FIELD(SkRestore, then, ENUM, "what it does then", .names = &sk_then_enum),
    SK_FIELD(SkRestore, definition, OPTIONAL, "definition to use instead of the saved one", .type = &sk_domain_spec_type),
};
SK_TYPE(sk_restore_type, SkRestore, "Restore", "restore", restore_fields, "a saved state to go on from");

static const SkField saved_info_fields[] = {
    SK_FIELD(SkSavedInfo, path, STRING, "file"),
    SK_FIELD(SkSavedInfo, name, STRING, "domain it was saved of"),
    SK_FIELD(SkSavedInfo, uuid, STRING, "its UUID"),
    SK_FIELD(SkSavedInfo, time, INT64, "when, microseconds since 1970"),
    SK_FIELD(SkSavedInfo, compressed, BOOL, "it is packed"),
    SK_FIELD(SkSavedInfo, paused, BOOL, "it will be paused when restored"),
    SK_FIELD(SkSavedInfo, definition, OPTIONAL, "definition it ran with", .type = &sk_domain_spec_type),
};
SK_TYPE(sk_saved_info_type, SkSavedInfo, "SavedInfo", "saved state", saved_info_fields, "what a saved state has");

static const SkField send_key_fields[] = {
    SK_FIELD(SkSendKey, keys, STRV, "keys pressed together, as QEMU calls them: ctrl, alt, delete, a, f1", NEEDED, .max = 16, .check = sk_check_name),
    SK_FIELD(SkSendKey, hold, UINT, "milliseconds they are held, 0 for the usual", .min = 0, .max = 60000),
};
SK_TYPE(sk_send_key_type, SkSendKey, "SendKey", "keys", send_key_fields, "keys to press in a domain");

static const SkEnumName dump_format_names[] = { { "elf" }, { "kdump-zlib" }, { "kdump-lzo" }, { "kdump-snappy" } };
SK_ENUM_TABLE(sk_dump_format_enum, "dump format", dump_format_names, SK_N_DUMP_FORMATS);
static const SkEnumName dump_end_names[] = { { "go-on" }, { "destroy" }, { "reset" } };
SK_ENUM_TABLE(sk_dump_end_enum, "end of a dump", dump_end_names, SK_N_DUMP_ENDS);
static const SkField dump_fields[] = {
    SK_FIELD(SkDump, path, STRING, "file to write, which must not be there", NEEDED, .check = sk_check_path),
    SK_FIELD(SkDump, format, ENUM, "form of the dump", .names = &sk_dump_format_enum),
    SK_FIELD(SkDump, live, BOOL, "let the guest run meanwhile"),
    SK_FIELD(SkDump, then, ENUM, "what becomes of the guest after it", .names = &sk_dump_end_enum),
};
SK_TYPE(sk_dump_type, SkDump, "Dump", "dump", dump_fields, "a dump of a guest's memory");

static const SkField resize_fields[] = {
    SK_FIELD(SkResize, size, SIZE, "new size", NEEDED, .min = 512, .max = G_GINT64_CONSTANT(1) << 50),
};
SK_TYPE(sk_resize_type, SkResize, "Resize", "resize", resize_fields, "a new size");

static const SkField media_fields[] = {
    SK_FIELD(SkMedia, pool, STRING, "pool of the volume", .check = sk_check_name),
    SK_FIELD(SkMedia, volume, STRING, "volume to insert", .check = sk_check_name),
    SK_FIELD(SkMedia, path, STRING, "file to insert", .check = sk_check_path),
    SK_FIELD(SkMedia, force, BOOL, "even if the guest has locked the tray"),
};
static gboolean
check_media(gconstpointer value, GError **error)
{
    const SkMedia *self = value;
    if ((self->path != NULL) != (self->volume != NULL))
        return TRUE;
    return sk_fail(error, SK_ERROR_INVALID, "give path, or pool and volume");
}
SK_TYPE(sk_media_type, SkMedia, "Media", "medium", media_fields, "a medium for a cdrom or floppy drive", .check = check_media);

static const SkEnumName clone_format_names[] = { { "same" }, { "qcow2" }, { "raw" } };
SK_ENUM_TABLE(sk_clone_format_enum, "format", clone_format_names, SK_N_CLONE_FORMATS);
static const SkField volume_clone_fields[] = {
    SK_FIELD(SkVolumeClone, name, STRING, "name of the copy", NEEDED, .check = sk_check_name),
    SK_FIELD(SkVolumeClone, linked, BOOL, "an overlay instead of a full copy"),
    SK_FIELD(SkVolumeClone, pool, STRING, "pool of the copy; the same if not given", .check = sk_check_name),
    SK_FIELD(SkVolumeClone, format, ENUM, "format of the copy", .names = &sk_clone_format_enum),
    SK_FIELD(SkVolumeClone, capacity, SIZE, "size of the copy; that of the volume if not given", .max = G_GINT64_CONSTANT(1) << 50, .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkVolumeClone, options, STRUCT, "how its file is to be", .type = &sk_volume_options_type, .flags = SK_FIELD_SPARSE),
};
SK_TYPE(sk_volume_clone_type, SkVolumeClone, "VolumeClone", "clone", volume_clone_fields, "a copy of a volume");

static const SkEnumName wipe_names[] = {
    { "zero" }, { "nnsa" }, { "dod" }, { "bsi" }, { "gutmann" }, { "schneier" }, { "pfitzner7" }, { "pfitzner33" }, { "random" }, { "trim" },
};
SK_ENUM_TABLE(sk_wipe_enum, "algorithm", wipe_names, SK_N_WIPES);
static const SkField volume_wipe_fields[] = {
    SK_FIELD(SkVolumeWipe, algorithm, ENUM, "what is written over it", .names = &sk_wipe_enum),
};
SK_TYPE(sk_volume_wipe_type, SkVolumeWipe, "VolumeWipe", "wipe", volume_wipe_fields, "how a volume is wiped");

static gboolean
check_source(const char *text, const char *what, GError **error)
{
    return g_path_is_absolute(text) ? sk_check_path(text, what, error) : sk_check_url(text, what, error);
}
static const SkField image_import_fields[] = {
    SK_FIELD(SkImageImport, name, STRING, "name of the image", NEEDED, .check = sk_check_name),
    SK_FIELD(SkImageImport, url, STRING, "https, http or file URL, or a path on the host", NEEDED, .check = check_source),
    SK_FIELD(SkImageImport, sha256, STRING, "SHA-256 it must have", .check = sk_check_sha256),
    SK_FIELD(SkImageImport, os, STRING, "operating system, such as debian-12", .check = sk_check_name),
    SK_FIELD(SkImageImport, default_user, STRING, "account its cloud-init makes", .max = 32),
};
SK_TYPE(sk_image_import_type, SkImageImport, "ImageImport", "import", image_import_fields, "an image to import");

static const SkField image_build_fields[] = {
    SK_FIELD(SkImageBuild, name, STRING, "name of the image; the recipe's if not given", .check = sk_check_name),
    SK_FIELD(SkImageBuild, recipe, STRING, "what to build", NEEDED, .def = "debian-12", .check = sk_check_name),
    SK_FIELD(SkImageBuild, size, SIZE, "size the guest sees; the recipe's if not given", .min = 512 * 1024 * 1024, .max = G_GINT64_CONSTANT(1) << 44, .flags = SK_FIELD_SPARSE),
};
SK_TYPE(sk_image_build_type, SkImageBuild, "ImageBuild", "build", image_build_fields, "an image to build from packages");

static gboolean
check_duration(const char *text, const char *what, GError **error)
{
    guint64 seconds;
    return sk_duration_parse(text, what, &seconds, error) &&
           (seconds > 0 || sk_fail(error, SK_ERROR_INVALID, "%s is \"%.64s\": such a token would never be good", what, text));
}
static const SkField token_create_fields[] = {
    SK_FIELD(SkTokenCreate, name, STRING, "what it is for", .max = 128),
    SK_FIELD(SkTokenCreate, role, ENUM, "what it may do", .names = &sk_role_enum, .def = "viewer"),
    SK_FIELD(SkTokenCreate, expires, STRING, "time it is good for, such as 30d; for ever if not given", .check = check_duration),
};
SK_TYPE(sk_token_create_type, SkTokenCreate, "TokenCreate", "token", token_create_fields, "a token to make");

static const SkField token_secret_fields[] = {
    SK_FIELD(SkTokenSecret, id, STRING, "id"),
    SK_FIELD(SkTokenSecret, secret, STRING, "the token itself: shown this once"),
    SK_FIELD(SkTokenSecret, expires, INT64, "microseconds since 1970; 0: never"),
};
SK_TYPE(sk_token_secret_type, SkTokenSecret, "TokenSecret", "token", token_secret_fields, "a new token");

static const SkField agent_exec_fields[] = {
    SK_FIELD(SkExecRequest, path, STRING, "program in the guest", NEEDED, .max = 4096),
    SK_FIELD(SkExecRequest, args, STRV, "its arguments", .max = 256),
    SK_FIELD(SkExecRequest, input, TEXT, "its standard input"),
    SK_FIELD(SkExecRequest, timeout, UINT, "seconds to wait for its end", .def = "30", .min = 1, .max = 3600),
};
SK_TYPE(sk_exec_request_type, SkExecRequest, "ExecRequest", "command", agent_exec_fields, "a program to run in the guest");

static const SkField agent_exec_result_fields[] = {
    SK_FIELD(SkExecResult, exit_code, INT, "exit code"),
    SK_FIELD(SkExecResult, output, TEXT, "standard output"),
    SK_FIELD(SkExecResult, error_output, TEXT, "standard error"),
};
SK_TYPE(sk_exec_result_type, SkExecResult, "ExecResult", "result", agent_exec_result_fields, "what a program in the guest did");

static const SkField agent_password_fields[] = {
    SK_FIELD(SkAgentPassword, user, STRING, "account in the guest", NEEDED, .max = 32),
    SK_FIELD(SkAgentPassword, password, STRING, "new password", NEEDED | SK_FIELD_SECRET, .max = 256),
    SK_FIELD(SkAgentPassword, crypted, BOOL, "it is a crypt hash already"),
};
SK_TYPE(sk_agent_password_type, SkAgentPassword, "AgentPassword", "password", agent_password_fields, "a password to set in the guest");

static const SkField agent_freeze_fields[] = { SK_FIELD(SkAgentFreeze, frozen, UINT, "file systems frozen or thawed") };
SK_TYPE(sk_agent_freeze_type, SkAgentFreeze, "AgentFreeze", "freeze", agent_freeze_fields, "what a freeze or thaw did");

static const SkEnumName xml_kind_names[] = { { "domain" }, { "network" }, { "pool" }, { "secret" } };
SK_ENUM_TABLE(sk_xml_kind_enum, "kind", xml_kind_names, SK_N_XML_KINDS);
static const SkField xml_check_fields[] = {
    SK_FIELD(SkXmlCheck, kind, ENUM, "what it is a definition of", .names = &sk_xml_kind_enum),
    SK_FIELD(SkXmlCheck, xml, TEXT, "the definition, in libvirt's XML", NEEDED | SK_FIELD_SECRET),
};
SK_TYPE(sk_xml_check_type, SkXmlCheck, "XmlCheck", "definition", xml_check_fields, "a definition in libvirt's XML to look at");

static const SkField xml_info_fields[] = {
    SK_FIELD(SkXmlInfo, name, STRING, "name"),
    SK_FIELD(SkXmlInfo, uuid, STRING, "UUID, if it gives one"),
    SK_FIELD(SkXmlInfo, nvram, STRING, "file of its firmware variables, if it gives one"),
};
SK_TYPE(sk_xml_info_type, SkXmlInfo, "XmlInfo", "definition", xml_info_fields, "what a definition in libvirt's XML is of");

static const SkEnumName ticket_names[] = { { "serial" }, { "vnc" } };
SK_ENUM_TABLE(sk_ticket_enum, "console", ticket_names, SK_N_TICKET_KINDS);
static const SkField console_request_fields[] = {
    SK_FIELD(SkConsoleRequest, kind, ENUM, "serial or vnc", .names = &sk_ticket_enum),
    SK_FIELD(SkConsoleRequest, port, UINT, "number of the serial port", .min = 0, .max = 15),
    SK_FIELD(SkConsoleRequest, read_only, BOOL, "only look"),
    SK_FIELD(SkConsoleRequest, take_over, BOOL, "become the writer even if there is one"),
};
SK_TYPE(sk_console_request_type, SkConsoleRequest, "ConsoleRequest", "console request", console_request_fields, "a console to open");

static const SkField console_ticket_fields[] = {
    SK_FIELD(SkConsoleTicket, ticket, STRING, "good once"),
    SK_FIELD(SkConsoleTicket, path, STRING, "where to open the WebSocket"),
    SK_FIELD(SkConsoleTicket, expires, UINT, "seconds it is good for"),
};
SK_TYPE(sk_console_ticket_type, SkConsoleTicket, "ConsoleTicket", "ticket", console_ticket_fields, "a one-time ticket for a console");

/* -- answers --------------------------------------------------------------------------------------------------- */

static const SkField summary_fields[] = {
    SK_FIELD(SkDomainSummary, name, STRING, "name"),
    SK_FIELD(SkDomainSummary, uuid, STRING, "UUID"),
    SK_FIELD(SkDomainSummary, title, STRING, "one line for people"),
    SK_FIELD(SkDomainSummary, tags, STRV, "tags"),
    SK_FIELD(SkDomainSummary, state, ENUM, "state", .names = &sk_domain_state_enum),
    SK_FIELD(SkDomainSummary, accel, ENUM, "accelerator in use", .names = &sk_accel_enum, .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkDomainSummary, id, UINT, "number while active", .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkDomainSummary, vcpus, UINT, "vCPUs"),
    SK_FIELD(SkDomainSummary, memory, SIZE, "memory"),
    SK_FIELD(SkDomainSummary, autostart, BOOL, "starts with the host"),
    SK_FIELD(SkDomainSummary, persistent, BOOL, "is defined; FALSE: gone when it is off"),
    SK_FIELD(SkDomainSummary, saved, BOOL, "its next start goes on from a saved state", .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkDomainSummary, pending, BOOL, "has settings that wait for the next start", .flags = SK_FIELD_SPARSE),
    SK_FIELD(SkDomainSummary, addresses, STRV, "addresses of the guest"),
};
SK_TYPE(sk_domain_summary_type, SkDomainSummary, "DomainSummary", "domain", summary_fields, "a row of a domain list");

static const SkField created_fields[] = {
    SK_FIELD(SkCreated, name, STRING, "name"),
    SK_FIELD(SkCreated, uuid, STRING, "UUID"),
    SK_FIELD(SkCreated, etag, STRING, "ETag of the definition"),
};
SK_TYPE(sk_created_type, SkCreated, "Created", "answer", created_fields, "what was made");
