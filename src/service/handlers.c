/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which code does which operation. */
#include "service/handlers.h"

#include "service/backup.h"
#include "service/block-job.h"
#include "service/capabilities.h"
#include "service/checkpoint.h"
#include "service/console.h"
#include "service/domain-agent.h"
#include "service/domain-command.h"
#include "service/domain-create.h"
#include "service/domain-device.h"
#include "service/domain-inspect.h"
#include "service/domain-save.h"
#include "service/domain-stats.h"
#include "service/domain-stop.h"
#include "service/domain-view.h"
#include "service/domain.h"
#include "service/image.h"
#include "service/job-view.h"
#include "service/libvirt-xml.h"
#include "service/network.h"
#include "service/migrate.h"
#include "service/node.h"
#include "service/pool.h"
#include "service/repository.h"
#include "service/schedule.h"
#include "service/secret.h"
#include "service/stored-backup.h"
#include "service/volume-look.h"
#include "service/snapshot.h"

#define READ(id, func) [SK_OP_##id] = { .read = func }
#define JOB(id, kind) [SK_OP_##id] = { .job = &kind }
#define LOOK(id, func, is_old, kind) [SK_OP_##id] = { .read = func, .old = is_old, .job = &kind }

static const SkHandler handlers[SK_N_OPERATIONS] = {
    READ(NODE_SHOW, sk_handle_node_show),
    JOB(NODE_DOCTOR, sk_node_doctor_job),
    JOB(NODE_CAPABILITIES, sk_node_capabilities_job),
    JOB(NODE_DEVICES, sk_node_devices_job),
    JOB(NODE_DEVICE_DETACH, sk_node_device_detach_job),
    JOB(NODE_DEVICE_REATTACH, sk_node_device_reattach_job),
    JOB(NODE_DEVICE_RESET, sk_node_device_reset_job),
    JOB(NODE_PAGES, sk_node_pages_job),
    READ(STATS_LIST, sk_handle_stats_list),
    JOB(AUDIT_LIST, sk_audit_list_job),
    JOB(LIBVIRT_CHECK, sk_libvirt_check_job),

    READ(DOMAIN_LIST, sk_handle_domain_list),
    READ(DOMAIN_SHOW, sk_handle_domain_show),
    JOB(DOMAIN_CREATE, sk_domain_create_job),
    JOB(DOMAIN_UPDATE, sk_domain_update_job),
    JOB(DOMAIN_DELETE, sk_domain_delete_job),
    JOB(DOMAIN_START, sk_domain_start_job),
    JOB(DOMAIN_SHUTDOWN, sk_domain_shutdown_job),
    JOB(DOMAIN_REBOOT, sk_domain_reboot_job),
    JOB(DOMAIN_RESET, sk_domain_reset_job),
    JOB(DOMAIN_DESTROY, sk_domain_destroy_job),
    JOB(DOMAIN_SUSPEND, sk_domain_suspend_job),
    JOB(DOMAIN_RESUME, sk_domain_resume_job),
    JOB(DOMAIN_RENAME, sk_domain_rename_job),
    READ(DOMAIN_STATS, sk_handle_domain_stats),
    JOB(DOMAIN_DEFINE, sk_domain_define_job),
    JOB(DOMAIN_UNDEFINE, sk_domain_undefine_job),
    JOB(DOMAIN_SAVE, sk_domain_save_job),
    JOB(DOMAIN_RESTORE, sk_domain_restore_job),
    JOB(DOMAIN_DROP_SAVED, sk_domain_drop_saved_job),
    JOB(DOMAIN_MIGRATE, sk_migrate_job),
    JOB(MIGRATION_PREPARE, sk_migration_prepare_job),
    JOB(MIGRATION_FINISH, sk_migration_finish_job),
    JOB(MIGRATION_CONFIRM, sk_migration_confirm_job),
    JOB(MIGRATION_LIMITS, sk_migration_limits_job),
    JOB(SAVED_SHOW, sk_saved_show_job),
    JOB(SAVED_CHANGE, sk_saved_change_job),
    JOB(DOMAIN_NMI, sk_domain_nmi_job),
    JOB(DOMAIN_SEND_KEY, sk_domain_keys_job),
    JOB(DOMAIN_SCREENSHOT, sk_domain_screen_job),
    JOB(DOMAIN_MEMORY, sk_domain_memory_job),
    JOB(DOMAIN_DUMP, sk_domain_dump_job),

    READ(SNAPSHOT_LIST, sk_handle_snapshot_list),
    READ(SNAPSHOT_SHOW, sk_handle_snapshot_show),
    JOB(SNAPSHOT_CREATE, sk_snapshot_create_job),
    JOB(SNAPSHOT_REVERT, sk_snapshot_revert_job),
    JOB(SNAPSHOT_DELETE, sk_snapshot_delete_job),
    JOB(SNAPSHOT_CHANGE, sk_snapshot_change_job),
    JOB(SNAPSHOT_REDEFINE, sk_snapshot_redefine_job),
    READ(SNAPSHOT_DIFF, sk_handle_snapshot_diff),
    READ(CHECKPOINT_LIST, sk_handle_checkpoint_list),
    JOB(CHECKPOINT_SHOW, sk_checkpoint_show_job),
    JOB(CHECKPOINT_CREATE, sk_checkpoint_create_job),
    JOB(CHECKPOINT_DELETE, sk_checkpoint_delete_job),
    JOB(CHECKPOINT_REDEFINE, sk_checkpoint_redefine_job),
    JOB(BACKUP_BEGIN, sk_backup_begin_job),
    READ(BACKUP_SHOW, sk_handle_backup_show),
    JOB(BACKUP_END, sk_backup_end_job),

    JOB(DISK_ATTACH, sk_disk_attach_job),
    JOB(DISK_DETACH, sk_disk_detach_job),
    JOB(DISK_RESIZE, sk_disk_resize_job),
    JOB(DISK_PULL, sk_disk_pull_job),
    JOB(DISK_COMMIT, sk_disk_commit_job),
    JOB(DISK_COPY, sk_disk_copy_job),
    JOB(DISK_JOB, sk_disk_job_job),
    JOB(DISK_JOB_CHANGE, sk_disk_job_change_job),
    JOB(DISK_JOB_END, sk_disk_job_end_job),
    JOB(DISK_CONTENT, sk_disk_content_job),
    JOB(DISK_THRESHOLD, sk_disk_threshold_job),
    JOB(MEDIA_INSERT, sk_media_insert_job),
    JOB(MEDIA_EJECT, sk_media_eject_job),
    JOB(DEVICE_ATTACH, sk_device_attach_job),
    JOB(DEVICE_UPDATE, sk_device_update_job),
    JOB(DEVICE_DETACH, sk_device_detach_job),
    JOB(DEVICE_REMOVE, sk_device_remove_job),
    JOB(NIC_ATTACH, sk_nic_attach_job),
    JOB(NIC_UPDATE, sk_nic_update_job),
    JOB(NIC_DETACH, sk_nic_detach_job),

    JOB(AGENT_PING, sk_agent_ping_job),
    JOB(AGENT_EXEC, sk_agent_exec_job),
    JOB(AGENT_ADDRESSES, sk_agent_addresses_job),
    JOB(AGENT_SET_TIME, sk_agent_set_time_job),
    JOB(AGENT_FREEZE, sk_agent_freeze_job),
    JOB(AGENT_THAW, sk_agent_thaw_job),
    JOB(AGENT_PASSWORD, sk_agent_password_job),
    JOB(AGENT_INFO, sk_agent_info_job),
    JOB(AGENT_TIME, sk_agent_time_job),
    JOB(AGENT_TRIM, sk_agent_trim_job),
    JOB(AGENT_KEYS, sk_agent_keys_job),
    JOB(AGENT_SET_KEYS, sk_agent_set_keys_job),
    JOB(AGENT_VCPUS, sk_agent_vcpus_job),
    JOB(AGENT_SET_VCPUS, sk_agent_set_vcpus_job),
    JOB(AGENT_SLEEP, sk_agent_sleep_job),
    READ(AGENT_WAIT, sk_handle_agent_wait),
    JOB(AGENT_COMMAND, sk_agent_command_job),
    JOB(DOMAIN_MONITOR, sk_domain_monitor_job),
    JOB(DOMAIN_IOTHREAD, sk_domain_iothread_job),
    JOB(DOMAIN_DIRTY_RATE, sk_domain_dirty_rate_job),

    READ(CONSOLE_TICKET, sk_handle_console_ticket),
    JOB(CONSOLE_LOG, sk_console_log_job),

    READ(NETWORK_LIST, sk_handle_network_list),
    READ(NETWORK_SHOW, sk_handle_network_show),
    JOB(NETWORK_CREATE, sk_network_create_job),
    JOB(NETWORK_UPDATE, sk_network_update_job),
    JOB(NETWORK_DELETE, sk_network_delete_job),
    JOB(NETWORK_START, sk_network_start_job),
    JOB(NETWORK_STOP, sk_network_stop_job),
    JOB(NETWORK_DEFINE, sk_network_define_job),
    JOB(NETWORK_UNDEFINE, sk_network_undefine_job),
    JOB(NETWORK_EDIT, sk_network_edit_job),
    READ(NETWORK_LEASES, sk_handle_network_leases),

    READ(POOL_LIST, sk_handle_pool_list),
    READ(POOL_SHOW, sk_handle_pool_show),
    JOB(POOL_CREATE, sk_pool_create_job),
    JOB(POOL_DELETE, sk_pool_delete_job),
    JOB(POOL_START, sk_pool_start_job),
    JOB(POOL_STOP, sk_pool_stop_job),
    JOB(POOL_REFRESH, sk_pool_refresh_job),
    JOB(POOL_UPDATE, sk_pool_update_job),
    JOB(POOL_BUILD, sk_pool_build_job),
    JOB(POOL_ERASE, sk_pool_erase_job),
    JOB(POOL_SOURCES, sk_pool_sources_job),

    LOOK(VOLUME_LIST, sk_handle_volume_list, sk_volumes_are_written, sk_volume_look_job),
    LOOK(VOLUME_SHOW, sk_handle_volume_show, sk_volumes_are_written, sk_volume_look_job),
    JOB(VOLUME_CREATE, sk_volume_create_job),
    JOB(VOLUME_CLONE, sk_volume_clone_job),
    JOB(VOLUME_RESIZE, sk_volume_resize_job),
    JOB(VOLUME_DELETE, sk_volume_delete_job),
    JOB(VOLUME_WIPE, sk_volume_wipe_job),
    JOB(VOLUME_FIND, sk_volume_find_job),

    READ(SCHEDULE_LIST, sk_handle_schedule_list),
    READ(SCHEDULE_SHOW, sk_handle_schedule_show),
    JOB(SCHEDULE_CREATE, sk_schedule_create_job),
    JOB(SCHEDULE_UPDATE, sk_schedule_update_job),
    JOB(SCHEDULE_DELETE, sk_schedule_delete_job),
    JOB(SCHEDULE_RUN, sk_schedule_run_job),

    READ(REPOSITORY_LIST, sk_handle_repository_list),
    READ(REPOSITORY_SHOW, sk_handle_repository_show),
    JOB(REPOSITORY_CREATE, sk_repository_create_job),
    READ(REPOSITORY_KEY, sk_handle_repository_key),
    JOB(REPOSITORY_DELETE, sk_repository_delete_job),
    JOB(REPOSITORY_VERIFY, sk_repository_verify_job),
    JOB(REPOSITORY_PRUNE, sk_repository_prune_job),
    JOB(STORED_BACKUP_CREATE, sk_stored_backup_create_job),
    JOB(STORED_BACKUP_LIST, sk_stored_backup_list_job),
    JOB(STORED_BACKUP_SHOW, sk_stored_backup_show_job),
    JOB(STORED_BACKUP_DELETE, sk_stored_backup_delete_job),

    READ(SECRET_LIST, sk_handle_secret_list),
    READ(SECRET_SHOW, sk_handle_secret_show),
    JOB(SECRET_CREATE, sk_secret_create_job),
    JOB(SECRET_SET, sk_secret_set_job),
    READ(SECRET_VALUE, sk_handle_secret_value),
    JOB(SECRET_DELETE, sk_secret_delete_job),

    READ(IMAGE_LIST, sk_handle_image_list),
    READ(IMAGE_SHOW, sk_handle_image_show),
    JOB(IMAGE_IMPORT, sk_image_import_job),
    JOB(IMAGE_BUILD, sk_image_build_job),
    JOB(IMAGE_DELETE, sk_image_delete_job),

    READ(JOB_LIST, sk_handle_job_list),
    READ(JOB_SHOW, sk_handle_job_show),
    READ(JOB_CANCEL, sk_handle_job_cancel),
};

const SkHandler *
sk_handler(SkOperationId id)
{
    return &handlers[id];
}

char *
sk_call_object(const SkCall *call)
{
    const SkParams *params = &call->params;
    if (params->id != NULL)
        return g_strdup_printf("%s/%s", call->op->object, params->id);
    if (params->volume != NULL)
        return g_strdup_printf("volume/%s/%s", params->name, params->volume);
    if (params->name != NULL)
        return g_strdup_printf("%s/%s", call->op->object, params->name);
    return g_strdup(call->op->object);
}
