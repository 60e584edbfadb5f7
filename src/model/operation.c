/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The operation table. */
#include "model/operation.h"

#include <string.h>

#include "model/agent.h"
#include "model/capabilities.h"
#include "model/migration.h"

#define OP(id_, name_, object_, right_, mode_, method_, path_, params_, ...)                                          \
    [SK_OP_##id_] = { .id = SK_OP_##id_, .name = (name_), .object = (object_), .right = SK_ROLE_##right_,              \
                      .mode = SK_MODE_##mode_, .method = (method_), .path = (path_), .params = &sk_params_##params_##_type, \
                      __VA_ARGS__ }
#define BODY(type) .body_kind = SK_BODY_OBJECT, .body = &(type)
#define PATCH(type) .body_kind = SK_BODY_PATCH, .body = &(type)
#define BYTES_IN .body_kind = SK_BODY_BYTES
#define GIVES(type) .result_kind = SK_RESULT_OBJECT, .result = &(type)
#define LISTS(type) .result_kind = SK_RESULT_LIST, .result = &(type)
#define BYTES_OUT .result_kind = SK_RESULT_BYTES
#define HELP(text) .help = (text)

const SkOperation sk_operations[SK_N_OPERATIONS] = {
    OP(NODE_SHOW, "node.show", "node", VIEWER, READ, "GET", "/v1/node", none, GIVES(sk_node_type), HELP("show the host")),
    OP(NODE_DOCTOR, "node.doctor", "node", VIEWER, QUERY, "GET", "/v1/node/doctor", none, LISTS(sk_finding_type), HELP("check the host and say what to mend")),
    OP(NODE_CAPABILITIES, "node.capabilities", "node", VIEWER, QUERY, "GET", "/v1/node/capabilities", none, GIVES(sk_capabilities_type), HELP("show what the host and its QEMU can do")),
    OP(NODE_DEVICES, "node.devices", "node", VIEWER, QUERY, "GET", "/v1/node/devices", none, LISTS(sk_node_device_type), HELP("list the host's devices")),
    OP(NODE_DEVICE_DETACH, "node.device-detach", "node", ADMIN, JOB, "POST", "/v1/node/devices/{id}/detach", id, HELP("take a PCI device from the host, to give it to a guest")),
    OP(NODE_DEVICE_REATTACH, "node.device-reattach", "node", ADMIN, JOB, "POST", "/v1/node/devices/{id}/reattach", id, HELP("give a PCI device back to the host")),
    OP(NODE_DEVICE_RESET, "node.device-reset", "node", ADMIN, JOB, "POST", "/v1/node/devices/{id}/reset", id, HELP("reset a PCI device of the host")),
    OP(NODE_PAGES, "node.pages", "node", ADMIN, JOB, "POST", "/v1/node/pages", wait, BODY(sk_page_request_type), HELP("set huge pages aside")),
    OP(STATS_LIST, "stats.list", "domain", VIEWER, READ, "GET", "/v1/stats", none, LISTS(sk_domain_stats_type), HELP("show the figures of all active domains")),
    OP(EVENTS, "event.watch", "event", VIEWER, STREAM, "GET", "/v1/events", events, LISTS(sk_event_type), HELP("watch events (WebSocket or server-sent events)")),
    OP(AUDIT_LIST, "audit.list", "audit", ADMIN, QUERY, "GET", "/v1/audit", audit_list, LISTS(sk_audit_entry_type), HELP("show who changed what")),
    OP(LIBVIRT_CHECK, "libvirt.check", "node", OPERATOR, QUERY, "POST", "/v1/libvirt/check", none, BODY(sk_xml_check_type), GIVES(sk_xml_info_type), HELP("see whether a definition in libvirt's XML can be taken")),

    OP(DOMAIN_LIST, "domain.list", "domain", VIEWER, READ, "GET", "/v1/domains", domain_list, LISTS(sk_domain_summary_type), HELP("list domains")),
    OP(DOMAIN_SHOW, "domain.show", "domain", VIEWER, READ, "GET", "/v1/domains/{name}", show, GIVES(sk_domain_view_type), HELP("show a domain")),
    OP(DOMAIN_CREATE, "domain.create", "domain", OPERATOR, JOB, "POST", "/v1/domains", create, BODY(sk_domain_spec_type), GIVES(sk_created_type), HELP("create a domain")),
    OP(DOMAIN_UPDATE, "domain.update", "domain", OPERATOR, JOB, "PATCH", "/v1/domains/{name}", change_domain, PATCH(sk_domain_spec_type), GIVES(sk_created_type), HELP("change a domain's definition")),
    OP(DOMAIN_DELETE, "domain.delete", "domain", OPERATOR, JOB, "DELETE", "/v1/domains/{name}", delete_domain, HELP("delete a domain")),
    OP(DOMAIN_START, "domain.start", "domain", OPERATOR, JOB, "POST", "/v1/domains/{name}/start", start, HELP("start a domain")),
    OP(DOMAIN_SHUTDOWN, "domain.shutdown", "domain", OPERATOR, JOB, "POST", "/v1/domains/{name}/shutdown", shutdown, HELP("ask the guest to shut down")),
    OP(DOMAIN_REBOOT, "domain.reboot", "domain", OPERATOR, JOB, "POST", "/v1/domains/{name}/reboot", shutdown, HELP("ask the guest to reboot")),
    OP(DOMAIN_RESET, "domain.reset", "domain", OPERATOR, JOB, "POST", "/v1/domains/{name}/reset", name, HELP("reset a domain as by its reset button")),
    OP(DOMAIN_DESTROY, "domain.destroy", "domain", OPERATOR, JOB, "POST", "/v1/domains/{name}/destroy", name, HELP("switch a domain off at once")),
    OP(DOMAIN_SUSPEND, "domain.suspend", "domain", OPERATOR, JOB, "POST", "/v1/domains/{name}/suspend", name, HELP("pause a domain's vCPUs")),
    OP(DOMAIN_RESUME, "domain.resume", "domain", OPERATOR, JOB, "POST", "/v1/domains/{name}/resume", name, HELP("let a paused domain go on")),
    OP(DOMAIN_RENAME, "domain.rename", "domain", OPERATOR, JOB, "POST", "/v1/domains/{name}/rename", name, BODY(sk_rename_type), GIVES(sk_created_type), HELP("rename a domain")),
    OP(DOMAIN_STATS, "domain.stats", "domain", VIEWER, READ, "GET", "/v1/domains/{name}/stats", show, GIVES(sk_domain_stats_type), HELP("show the figures of an active domain")),
    OP(DOMAIN_DEFINE, "domain.define", "domain", OPERATOR, JOB, "PUT", "/v1/domains/{name}", name, BODY(sk_domain_spec_type), GIVES(sk_created_type), HELP("give a domain a whole new definition, or define it")),
    OP(DOMAIN_UNDEFINE, "domain.undefine", "domain", OPERATOR, JOB, "POST", "/v1/domains/{name}/undefine", undefine, HELP("remove a domain's definition; what runs goes on as a transient domain")),
    OP(DOMAIN_SAVE, "domain.save", "domain", OPERATOR, JOB, "POST", "/v1/domains/{name}/save", name, BODY(sk_save_type), HELP("save a domain's state to a file and switch it off")),
    OP(DOMAIN_RESTORE, "domain.restore", "domain", OPERATOR, JOB, "POST", "/v1/saved/restore", wait, BODY(sk_restore_type), GIVES(sk_created_type), HELP("let a domain go on from a file it was saved to")),
    OP(DOMAIN_DROP_SAVED, "domain.drop-saved", "domain", OPERATOR, JOB, "DELETE", "/v1/domains/{name}/saved", name, HELP("drop a domain's saved state")),
    OP(SAVED_SHOW, "saved.show", "domain", OPERATOR, QUERY, "GET", "/v1/saved", path, GIVES(sk_saved_info_type), HELP("show what a saved file has")),
    OP(SAVED_CHANGE, "saved.change", "domain", OPERATOR, JOB, "POST", "/v1/saved", wait, BODY(sk_restore_type), HELP("change the definition in a saved file")),
    OP(DOMAIN_MIGRATE, "domain.migrate", "domain", OPERATOR, JOB, "POST", "/v1/domains/{name}/migrate", name, BODY(sk_migrate_type), HELP("send a running domain to a destination that is prepared")),
    OP(MIGRATION_PREPARE, "migration.prepare", "domain", OPERATOR, JOB, "POST", "/v1/migrations", wait, BODY(sk_migration_prepare_type), GIVES(sk_created_type), HELP("make ready for a domain that comes from another host")),
    OP(MIGRATION_FINISH, "migration.finish", "domain", OPERATOR, JOB, "POST", "/v1/domains/{name}/migrate/finish", name, BODY(sk_migration_finish_type), GIVES(sk_created_type), HELP("let a domain run that has come from another host")),
    OP(MIGRATION_CONFIRM, "migration.confirm", "domain", OPERATOR, JOB, "POST", "/v1/domains/{name}/migrate/confirm", name, BODY(sk_migration_confirm_type), HELP("end a domain that has gone to another host, or let it go on")),
    OP(MIGRATION_LIMITS, "migration.limits", "domain", OPERATOR, JOB, "PUT", "/v1/domains/{name}/migrate/limits", name, BODY(sk_migration_limits_type), HELP("limit the bandwidth and the standstill of a domain's migrations")),
    OP(DOMAIN_NMI, "domain.nmi", "domain", OPERATOR, JOB, "POST", "/v1/domains/{name}/nmi", name, HELP("send a non-maskable interrupt to a guest")),
    OP(DOMAIN_SEND_KEY, "domain.send-key", "domain", OPERATOR, JOB, "POST", "/v1/domains/{name}/keys", name, BODY(sk_send_key_type), HELP("press keys in a domain")),
    OP(DOMAIN_SCREENSHOT, "domain.screenshot", "domain", OPERATOR, QUERY, "GET", "/v1/domains/{name}/screenshot", screen, BYTES_OUT, HELP("take a picture of a domain's screen (PNG)")),
    OP(DOMAIN_MEMORY, "domain.memory", "domain", ADMIN, QUERY, "GET", "/v1/domains/{name}/memory", memory, BYTES_OUT, HELP("read a guest's memory")),
    OP(DOMAIN_DUMP, "domain.dump", "domain", OPERATOR, JOB, "POST", "/v1/domains/{name}/dump", name, BODY(sk_dump_type), HELP("write a guest's memory to a file for a debugger")),

    OP(SNAPSHOT_LIST, "snapshot.list", "domain", VIEWER, READ, "GET", "/v1/domains/{name}/snapshots", show, LISTS(sk_snapshot_type), HELP("list a domain's snapshots")),
    OP(SNAPSHOT_SHOW, "snapshot.show", "domain", VIEWER, READ, "GET", "/v1/domains/{name}/snapshots/{snapshot}", snapshot_show, GIVES(sk_snapshot_type), HELP("show a snapshot")),
    OP(SNAPSHOT_CREATE, "snapshot.create", "domain", OPERATOR, JOB, "POST", "/v1/domains/{name}/snapshots", name, BODY(sk_snapshot_create_type), GIVES(sk_created_type), HELP("keep a domain as it is now")),
    OP(SNAPSHOT_REVERT, "snapshot.revert", "domain", OPERATOR, JOB, "POST", "/v1/domains/{name}/snapshots/{snapshot}/revert", snapshot, BODY(sk_snapshot_revert_type), HELP("make a domain what it was in a snapshot; what came later is lost")),
    OP(SNAPSHOT_DELETE, "snapshot.delete", "domain", OPERATOR, JOB, "DELETE", "/v1/domains/{name}/snapshots/{snapshot}", snapshot_delete, HELP("delete a snapshot; the domain stays as it is")),
    OP(SNAPSHOT_CHANGE, "snapshot.change", "domain", OPERATOR, JOB, "PATCH", "/v1/domains/{name}/snapshots/{snapshot}", snapshot, PATCH(sk_snapshot_change_type), HELP("rename or describe a snapshot")),
    OP(SNAPSHOT_REDEFINE, "snapshot.redefine", "domain", OPERATOR, JOB, "PUT", "/v1/domains/{name}/snapshots/{snapshot}", snapshot, BODY(sk_snapshot_type), HELP("make known again what was known of a snapshot, or change it")),
    OP(SNAPSHOT_DIFF, "snapshot.diff", "domain", OPERATOR, READ, "GET", "/v1/domains/{name}/snapshots/{snapshot}/diff", snapshot_show, GIVES(sk_snapshot_diff_type), HELP("show how a domain differs from a snapshot")),

    OP(BACKUP_BEGIN, "backup.begin", "domain", OPERATOR, JOB, "POST", "/v1/domains/{name}/backup", name, BODY(sk_backup_type), HELP("begin a backup of a running domain's disks; the job ends with it")),
    OP(BACKUP_SHOW, "backup.show", "domain", OPERATOR, READ, "GET", "/v1/domains/{name}/backup", show, GIVES(sk_backup_type), HELP("show the backup that is under way")),
    OP(BACKUP_END, "backup.end", "domain", OPERATOR, JOB, "DELETE", "/v1/domains/{name}/backup", name, HELP("end a backup: a pull is done then, a push is given up")),
    OP(CHECKPOINT_LIST, "checkpoint.list", "domain", VIEWER, READ, "GET", "/v1/domains/{name}/checkpoints", show, LISTS(sk_checkpoint_type), HELP("list a domain's checkpoints")),
    OP(CHECKPOINT_SHOW, "checkpoint.show", "domain", VIEWER, QUERY, "GET", "/v1/domains/{name}/checkpoints/{checkpoint}", checkpoint, GIVES(sk_checkpoint_type), HELP("show a checkpoint, and how much was written since")),
    OP(CHECKPOINT_CREATE, "checkpoint.create", "domain", OPERATOR, JOB, "POST", "/v1/domains/{name}/checkpoints", name, BODY(sk_checkpoint_create_type), GIVES(sk_created_type), HELP("keep account of what is written to a domain's disks from now on")),
    OP(CHECKPOINT_DELETE, "checkpoint.delete", "domain", OPERATOR, JOB, "DELETE", "/v1/domains/{name}/checkpoints/{checkpoint}", checkpoint_delete, HELP("delete a checkpoint; the others stay of use")),
    OP(CHECKPOINT_REDEFINE, "checkpoint.redefine", "domain", OPERATOR, JOB, "PUT", "/v1/domains/{name}/checkpoints/{checkpoint}", checkpoint_redefine, BODY(sk_checkpoint_type), HELP("make known again what was known of a checkpoint, or change it")),

    OP(DISK_ATTACH, "disk.attach", "domain", OPERATOR, JOB, "POST", "/v1/domains/{name}/disks", name, BODY(sk_disk_type), GIVES(sk_disk_type), HELP("attach a disk")),
    OP(DISK_DETACH, "disk.detach", "domain", OPERATOR, JOB, "DELETE", "/v1/domains/{name}/disks/{target}", detach_disk, HELP("detach a disk")),
    OP(DISK_RESIZE, "disk.resize", "domain", OPERATOR, JOB, "POST", "/v1/domains/{name}/disks/{target}/resize", disk, BODY(sk_resize_type), HELP("make a disk larger")),
    OP(DISK_PULL, "disk.pull", "domain", OPERATOR, JOB, "POST", "/v1/domains/{name}/disks/{target}/pull", block_job, BODY(sk_disk_pull_type), HELP("bring what is below a running disk's file into it")),
    OP(DISK_COMMIT, "disk.commit", "domain", OPERATOR, JOB, "POST", "/v1/domains/{name}/disks/{target}/commit", block_job, BODY(sk_disk_commit_type), HELP("bring a running disk's files down into one of them")),
    OP(DISK_COPY, "disk.copy", "domain", OPERATOR, JOB, "POST", "/v1/domains/{name}/disks/{target}/copy", block_job, BODY(sk_disk_copy_type), HELP("copy a running disk, and move it there")),
    OP(DISK_JOB, "disk.job", "domain", VIEWER, QUERY, "GET", "/v1/domains/{name}/disks/{target}/job", disk_show, GIVES(sk_block_job_info_type), HELP("show the work that is under way on a disk")),
    OP(DISK_JOB_CHANGE, "disk.job-change", "domain", OPERATOR, JOB, "POST", "/v1/domains/{name}/disks/{target}/job", block_job, BODY(sk_disk_job_change_type), HELP("change the speed of the work on a disk")),
    OP(DISK_JOB_END, "disk.job-end", "domain", OPERATOR, JOB, "POST", "/v1/domains/{name}/disks/{target}/job/end", block_job, BODY(sk_disk_job_end_type), HELP("end the work on a disk, or make the disk go over to its copy")),
    OP(DISK_CONTENT, "disk.content", "domain", ADMIN, QUERY, "GET", "/v1/domains/{name}/disks/{target}/content", disk_content, BYTES_OUT, HELP("read what a disk has in it")),
    OP(DISK_THRESHOLD, "disk.threshold", "domain", OPERATOR, JOB, "POST", "/v1/domains/{name}/disks/{target}/threshold", block_job, BODY(sk_disk_threshold_type), HELP("be told when a running disk's file has grown so far")),
    OP(MEDIA_INSERT, "media.insert", "domain", OPERATOR, JOB, "PUT", "/v1/domains/{name}/disks/{target}/media", disk, BODY(sk_media_type), HELP("insert a medium into a cdrom or floppy drive")),
    OP(MEDIA_EJECT, "media.eject", "domain", OPERATOR, JOB, "DELETE", "/v1/domains/{name}/disks/{target}/media", disk, HELP("eject the medium of a cdrom or floppy drive")),
    OP(DEVICE_ATTACH, "device.attach", "domain", OPERATOR, JOB, "POST", "/v1/domains/{name}/devices", device, BODY(sk_device_type), GIVES(sk_device_type), HELP("attach a device of any kind")),
    OP(DEVICE_UPDATE, "device.update", "domain", OPERATOR, JOB, "PUT", "/v1/domains/{name}/devices", device, BODY(sk_device_type), HELP("change a device: medium, link, limits, password, or the definition")),
    OP(DEVICE_DETACH, "device.detach", "domain", OPERATOR, JOB, "POST", "/v1/domains/{name}/devices/detach", device, BODY(sk_device_type), HELP("detach the device that is described")),
    OP(DEVICE_REMOVE, "device.remove", "domain", OPERATOR, JOB, "DELETE", "/v1/domains/{name}/devices/{alias}", alias, HELP("detach a device by its id")),
    OP(NIC_ATTACH, "nic.attach", "domain", OPERATOR, JOB, "POST", "/v1/domains/{name}/interfaces", name, BODY(sk_interface_type), GIVES(sk_interface_type), HELP("attach a network interface")),
    OP(NIC_UPDATE, "nic.update", "domain", OPERATOR, JOB, "PATCH", "/v1/domains/{name}/interfaces/{nic}", nic, PATCH(sk_interface_type), HELP("change a network interface: link, network, bandwidth, addresses")),
    OP(NIC_DETACH, "nic.detach", "domain", OPERATOR, JOB, "DELETE", "/v1/domains/{name}/interfaces/{nic}", nic, HELP("detach a network interface")),

    OP(AGENT_PING, "agent.ping", "domain", VIEWER, QUERY, "GET", "/v1/domains/{name}/agent", object, HELP("see whether the guest agent answers")),
    OP(AGENT_EXEC, "agent.exec", "domain", OPERATOR, QUERY, "POST", "/v1/domains/{name}/agent/exec", object, BODY(sk_exec_request_type), GIVES(sk_exec_result_type), HELP("run a program in the guest through its agent")),
    OP(AGENT_ADDRESSES, "agent.addresses", "domain", VIEWER, QUERY, "GET", "/v1/domains/{name}/agent/addresses", show, LISTS(sk_domain_address_type), HELP("ask the guest agent for the guest's addresses")),
    OP(AGENT_SET_TIME, "agent.set-time", "domain", OPERATOR, QUERY, "POST", "/v1/domains/{name}/agent/set-time", object, BODY(sk_agent_clock_type), HELP("set the guest's clock, to the host's time if not told")),
    OP(AGENT_FREEZE, "agent.freeze", "domain", OPERATOR, QUERY, "POST", "/v1/domains/{name}/agent/freeze", object, BODY(sk_agent_freeze_request_type), GIVES(sk_agent_freeze_type), HELP("freeze the guest's file systems")),
    OP(AGENT_THAW, "agent.thaw", "domain", OPERATOR, QUERY, "POST", "/v1/domains/{name}/agent/thaw", object, GIVES(sk_agent_freeze_type), HELP("thaw the guest's file systems")),
    OP(AGENT_PASSWORD, "agent.password", "domain", OPERATOR, QUERY, "POST", "/v1/domains/{name}/agent/password", object, BODY(sk_agent_password_type), HELP("set a password in the guest")),
    OP(AGENT_INFO, "agent.info", "domain", OPERATOR, QUERY, "GET", "/v1/domains/{name}/agent/info", guest, GIVES(sk_guest_info_type), HELP("ask the guest agent about the guest")),
    OP(AGENT_TIME, "agent.time", "domain", OPERATOR, QUERY, "GET", "/v1/domains/{name}/agent/time", object, GIVES(sk_guest_time_type), HELP("show the guest's clock")),
    OP(AGENT_TRIM, "agent.trim", "domain", OPERATOR, QUERY, "POST", "/v1/domains/{name}/agent/trim", object, BODY(sk_agent_trim_type), LISTS(sk_trimmed_type), HELP("let the guest give back the space that its file systems do not use")),
    OP(AGENT_KEYS, "agent.keys", "domain", OPERATOR, QUERY, "GET", "/v1/domains/{name}/agent/keys", user, GIVES(sk_authorized_keys_type), HELP("show the ssh keys that let an account of the guest in")),
    OP(AGENT_SET_KEYS, "agent.set-keys", "domain", OPERATOR, QUERY, "POST", "/v1/domains/{name}/agent/keys", object, BODY(sk_agent_keys_type), HELP("change the ssh keys that let an account of the guest in")),
    OP(AGENT_VCPUS, "agent.vcpus", "domain", OPERATOR, QUERY, "GET", "/v1/domains/{name}/agent/vcpus", object, LISTS(sk_guest_vcpu_type), HELP("show which vCPUs the guest uses")),
    OP(AGENT_SET_VCPUS, "agent.set-vcpus", "domain", OPERATOR, QUERY, "POST", "/v1/domains/{name}/agent/vcpus", object, BODY(sk_agent_vcpus_type), HELP("let the guest use vCPUs, or do without them")),
    OP(AGENT_SLEEP, "agent.sleep", "domain", OPERATOR, QUERY, "POST", "/v1/domains/{name}/agent/sleep", object, BODY(sk_agent_sleep_type), HELP("send the guest to sleep")),
    OP(AGENT_WAIT, "agent.wait", "domain", OPERATOR, READ, "POST", "/v1/domains/{name}/agent/wait", object, BODY(sk_agent_wait_type), HELP("say how long this guest's agent is waited for, until the domain is off")),
    OP(AGENT_COMMAND, "agent.command", "domain", OPERATOR, QUERY, "POST", "/v1/domains/{name}/agent/command", object, BODY(sk_agent_command_type), GIVES(sk_command_answer_type), HELP("give the guest agent a command of its own")),
    OP(DOMAIN_IOTHREAD, "domain.iothread", "domain", OPERATOR, JOB, "POST", "/v1/domains/{name}/iothread", name, BODY(sk_iothread_tuning_type), HELP("tell an iothread of a running domain how to wait for work, until the domain is off")),
    OP(DOMAIN_DIRTY_RATE, "domain.dirty-rate", "domain", OPERATOR, JOB, "POST", "/v1/domains/{name}/dirty-rate", name, BODY(sk_dirty_rate_request_type), HELP("begin to measure how fast a running guest writes to its memory")),
    OP(DOMAIN_MONITOR, "domain.monitor", "domain", ADMIN, QUERY, "POST", "/v1/domains/{name}/monitor", object, BODY(sk_monitor_command_type), GIVES(sk_command_answer_type), HELP("give QEMU a command of its own")),

    OP(CONSOLE_TICKET, "console.ticket", "domain", OPERATOR, READ, "POST", "/v1/domains/{name}/console", object, BODY(sk_console_request_type), GIVES(sk_console_ticket_type), HELP("get a one-time ticket for a console")),
    OP(CONSOLE_OPEN, "console.open", "domain", NONE, STREAM, "GET", "/v1/console", ticket, BYTES_OUT, HELP("open a console (WebSocket) with a ticket")),
    OP(CONSOLE_LOG, "console.log", "domain", OPERATOR, QUERY, "GET", "/v1/domains/{name}/console/log", console_log, BYTES_OUT, HELP("show what the serial console printed")),

    OP(NETWORK_LIST, "network.list", "network", VIEWER, READ, "GET", "/v1/networks", list, LISTS(sk_network_view_type), HELP("list networks")),
    OP(NETWORK_SHOW, "network.show", "network", VIEWER, READ, "GET", "/v1/networks/{name}", show, GIVES(sk_network_view_type), HELP("show a network")),
    OP(NETWORK_CREATE, "network.create", "network", ADMIN, JOB, "POST", "/v1/networks", create_network, BODY(sk_network_spec_type), GIVES(sk_created_type), HELP("create a network")),
    OP(NETWORK_UPDATE, "network.update", "network", ADMIN, JOB, "PATCH", "/v1/networks/{name}", change_domain, PATCH(sk_network_spec_type), GIVES(sk_created_type), HELP("change a network's definition")),
    OP(NETWORK_DELETE, "network.delete", "network", ADMIN, JOB, "DELETE", "/v1/networks/{name}", name, HELP("delete a network")),
    OP(NETWORK_START, "network.start", "network", ADMIN, JOB, "POST", "/v1/networks/{name}/start", name, HELP("start a network")),
    OP(NETWORK_STOP, "network.stop", "network", ADMIN, JOB, "POST", "/v1/networks/{name}/stop", stop_network, HELP("stop a network")),
    OP(NETWORK_DEFINE, "network.define", "network", ADMIN, JOB, "PUT", "/v1/networks/{name}", name, BODY(sk_network_spec_type), GIVES(sk_created_type), HELP("give a network a whole new definition for its next start, or define it")),
    OP(NETWORK_UNDEFINE, "network.undefine", "network", ADMIN, JOB, "POST", "/v1/networks/{name}/undefine", name, HELP("remove a network's definition; one that is up goes on until it is stopped")),
    OP(NETWORK_EDIT, "network.edit", "network", ADMIN, JOB, "POST", "/v1/networks/{name}/edit", change_domain, BODY(sk_network_edit_type), GIVES(sk_created_type), HELP("add, change or delete one host, range or record of a network")),
    OP(NETWORK_LEASES, "network.leases", "network", VIEWER, READ, "GET", "/v1/networks/{name}/leases", show, LISTS(sk_lease_type), HELP("show the addresses a network has handed out")),

    OP(POOL_LIST, "pool.list", "pool", VIEWER, READ, "GET", "/v1/pools", list, LISTS(sk_pool_view_type), HELP("list storage pools")),
    OP(POOL_SHOW, "pool.show", "pool", VIEWER, READ, "GET", "/v1/pools/{name}", show, GIVES(sk_pool_view_type), HELP("show a storage pool")),
    OP(POOL_CREATE, "pool.create", "pool", ADMIN, JOB, "POST", "/v1/pools", create_pool, BODY(sk_pool_spec_type), GIVES(sk_created_type), HELP("create a storage pool")),
    OP(POOL_DELETE, "pool.delete", "pool", ADMIN, JOB, "DELETE", "/v1/pools/{name}", delete_pool, HELP("delete a storage pool (its files stay unless asked)")),
    OP(POOL_START, "pool.start", "pool", ADMIN, JOB, "POST", "/v1/pools/{name}/start", start_pool, HELP("start a storage pool")),
    OP(POOL_STOP, "pool.stop", "pool", ADMIN, JOB, "POST", "/v1/pools/{name}/stop", name, HELP("stop a storage pool")),
    OP(POOL_UPDATE, "pool.update", "pool", ADMIN, JOB, "PATCH", "/v1/pools/{name}", name, PATCH(sk_pool_spec_type), GIVES(sk_created_type), HELP("change a storage pool's definition")),
    OP(POOL_BUILD, "pool.build", "pool", ADMIN, JOB, "POST", "/v1/pools/{name}/build", build_pool, HELP("make the place of an inactive storage pool")),
    OP(POOL_ERASE, "pool.erase", "pool", ADMIN, JOB, "POST", "/v1/pools/{name}/erase", erase_pool, HELP("remove the place of an inactive storage pool, which must be empty")),
    OP(POOL_SOURCES, "pool.sources", "pool", VIEWER, QUERY, "GET", "/v1/pool-sources", sources, LISTS(sk_pool_source_type), HELP("show what storage pools could be made of: volume groups")),
    OP(POOL_REFRESH, "pool.refresh", "pool", OPERATOR, JOB, "POST", "/v1/pools/{name}/refresh", name, HELP("look through a storage pool again")),

    OP(VOLUME_LIST, "volume.list", "pool", VIEWER, READ, "GET", "/v1/pools/{name}/volumes", volume_list, LISTS(sk_volume_type), HELP("list the volumes of a pool")),
    OP(VOLUME_SHOW, "volume.show", "pool", VIEWER, READ, "GET", "/v1/pools/{name}/volumes/{volume}", volume_show, GIVES(sk_volume_type), HELP("show a volume")),
    OP(VOLUME_CREATE, "volume.create", "pool", OPERATOR, JOB, "POST", "/v1/pools/{name}/volumes", name, BODY(sk_volume_create_type), GIVES(sk_volume_type), HELP("create a volume")),
    OP(VOLUME_CLONE, "volume.clone", "pool", OPERATOR, JOB, "POST", "/v1/pools/{name}/volumes/{volume}/clone", volume, BODY(sk_volume_clone_type), GIVES(sk_volume_type), HELP("copy a volume")),
    OP(VOLUME_RESIZE, "volume.resize", "pool", OPERATOR, JOB, "POST", "/v1/pools/{name}/volumes/{volume}/resize", resize_volume, BODY(sk_resize_type), GIVES(sk_volume_type), HELP("change a volume's size")),
    OP(VOLUME_DELETE, "volume.delete", "pool", OPERATOR, JOB, "DELETE", "/v1/pools/{name}/volumes/{volume}", delete_volume, HELP("delete a volume")),
    OP(VOLUME_WIPE, "volume.wipe", "pool", OPERATOR, JOB, "POST", "/v1/pools/{name}/volumes/{volume}/wipe", volume, BODY(sk_volume_wipe_type), GIVES(sk_volume_type), HELP("write over what is in a volume")),
    OP(VOLUME_FIND, "volume.find", "pool", VIEWER, QUERY, "GET", "/v1/volume", find, GIVES(sk_volume_type), HELP("find the volume of a path, in any pool")),
    OP(SCHEDULE_LIST, "schedule.list", "schedule", VIEWER, READ, "GET", "/v1/schedules", list, LISTS(sk_schedule_type), HELP("list schedules")),
    OP(SCHEDULE_SHOW, "schedule.show", "schedule", VIEWER, READ, "GET", "/v1/schedules/{id}", id_show, GIVES(sk_schedule_type), HELP("show a schedule")),
    OP(SCHEDULE_CREATE, "schedule.create", "schedule", OPERATOR, JOB, "POST", "/v1/domains/{name}/schedules", name, BODY(sk_schedule_type), GIVES(sk_created_type), HELP("make snapshots of a domain again and again, and thin them")),
    OP(SCHEDULE_UPDATE, "schedule.update", "schedule", OPERATOR, JOB, "PATCH", "/v1/schedules/{id}", id, PATCH(sk_schedule_type), HELP("change a schedule")),
    OP(SCHEDULE_DELETE, "schedule.delete", "schedule", OPERATOR, JOB, "DELETE", "/v1/schedules/{id}", id, HELP("delete a schedule; what it made stays")),
    OP(SCHEDULE_RUN, "schedule.run", "schedule", OPERATOR, JOB, "POST", "/v1/schedules/{id}/run", id, HELP("do now what a schedule is for")),
    OP(REPOSITORY_LIST, "repository.list", "repository", VIEWER, READ, "GET", "/v1/repositories", list, LISTS(sk_repository_type), HELP("list repositories of backups")),
    OP(REPOSITORY_SHOW, "repository.show", "repository", VIEWER, READ, "GET", "/v1/repositories/{name}", show, GIVES(sk_repository_type), HELP("show a repository of backups")),
    OP(REPOSITORY_CREATE, "repository.create", "repository", ADMIN, JOB, "POST", "/v1/repositories", wait, BODY(sk_repository_type), GIVES(sk_created_type), HELP("make a repository of backups, or make one known that is there")),
    OP(REPOSITORY_KEY, "repository.key", "repository", ADMIN, READ, "GET", "/v1/repositories/{name}/key", object, GIVES(sk_repository_key_type), HELP("give out a repository's key, to keep it elsewhere")),
    OP(REPOSITORY_DELETE, "repository.delete", "repository", ADMIN, JOB, "DELETE", "/v1/repositories/{name}", name, HELP("forget a repository; what is in it stays")),
    OP(REPOSITORY_VERIFY, "repository.verify", "repository", OPERATOR, JOB, "POST", "/v1/repositories/{name}/verify", verify, GIVES(sk_repository_report_type), HELP("read all that is in a repository, and say what is damaged")),
    OP(REPOSITORY_PRUNE, "repository.prune", "repository", OPERATOR, JOB, "POST", "/v1/repositories/{name}/prune", name, BODY(sk_repository_prune_type), GIVES(sk_repository_pruned_type), HELP("remove the backups that are not to be kept")),
    OP(STORED_BACKUP_CREATE, "stored-backup.create", "domain", OPERATOR, JOB, "POST", "/v1/domains/{name}/backups", name, BODY(sk_stored_backup_create_type), GIVES(sk_stored_backup_type), HELP("back up a domain to a repository")),
    OP(STORED_BACKUP_LIST, "stored-backup.list", "repository", VIEWER, QUERY, "GET", "/v1/repositories/{name}/backups", backup_list, LISTS(sk_stored_backup_type), HELP("list the backups in a repository")),
    OP(STORED_BACKUP_SHOW, "stored-backup.show", "repository", VIEWER, QUERY, "GET", "/v1/repositories/{name}/backups/{backup}", backup_show, GIVES(sk_stored_backup_type), HELP("show a backup in a repository")),
    OP(STORED_BACKUP_DELETE, "stored-backup.delete", "repository", OPERATOR, JOB, "DELETE", "/v1/repositories/{name}/backups/{backup}", backup, GIVES(sk_repository_pruned_type), HELP("delete a backup; the others stay whole")),
    OP(VOLUME_UPLOAD, "volume.upload", "pool", OPERATOR, STREAM, "PUT", "/v1/pools/{name}/volumes/{volume}/data", upload, BYTES_IN, GIVES(sk_volume_type), HELP("upload a volume, or go on with an upload that was cut")),
    OP(VOLUME_DOWNLOAD, "volume.download", "pool", OPERATOR, STREAM, "GET", "/v1/pools/{name}/volumes/{volume}/data", upload, BYTES_OUT, HELP("download a volume (Range is obeyed)")),

    OP(SECRET_LIST, "secret.list", "secret", VIEWER, READ, "GET", "/v1/secrets", list, LISTS(sk_secret_view_type), HELP("list secrets, without their values")),
    OP(SECRET_SHOW, "secret.show", "secret", VIEWER, READ, "GET", "/v1/secrets/{name}", show, GIVES(sk_secret_view_type), HELP("show a secret, without its value")),
    OP(SECRET_CREATE, "secret.create", "secret", ADMIN, JOB, "POST", "/v1/secrets", wait, BODY(sk_secret_spec_type), GIVES(sk_created_type), HELP("define a secret, or change what is said of it")),
    OP(SECRET_SET, "secret.set", "secret", ADMIN, JOB, "PUT", "/v1/secrets/{name}/value", name, BODY(sk_secret_set_type), HELP("set a secret's value")),
    OP(SECRET_VALUE, "secret.value", "secret", ADMIN, READ, "GET", "/v1/secrets/{name}/value", object, GIVES(sk_secret_value_type), HELP("give out a secret's value")),
    OP(SECRET_DELETE, "secret.delete", "secret", ADMIN, JOB, "DELETE", "/v1/secrets/{name}", name, HELP("delete a secret")),

    OP(IMAGE_LIST, "image.list", "image", VIEWER, READ, "GET", "/v1/images", list, LISTS(sk_image_type), HELP("list images")),
    OP(IMAGE_SHOW, "image.show", "image", VIEWER, READ, "GET", "/v1/images/{name}", show, GIVES(sk_image_type), HELP("show an image")),
    OP(IMAGE_IMPORT, "image.import", "image", ADMIN, JOB, "POST", "/v1/images", wait, BODY(sk_image_import_type), GIVES(sk_image_type), HELP("import an image from a URL or a path on the host")),
    OP(IMAGE_BUILD, "image.build", "image", ADMIN, JOB, "POST", "/v1/images/build", wait, BODY(sk_image_build_type), GIVES(sk_image_type), HELP("build an image from packages")),
    OP(IMAGE_UPLOAD, "image.upload", "image", OPERATOR, STREAM, "PUT", "/v1/images/{name}/data", object, BYTES_IN, GIVES(sk_image_type), HELP("upload an image")),
    OP(IMAGE_DELETE, "image.delete", "image", ADMIN, JOB, "DELETE", "/v1/images/{name}", name, HELP("delete an image")),

    OP(JOB_LIST, "job.list", "job", VIEWER, READ, "GET", "/v1/jobs", job_list, LISTS(sk_job_info_type), HELP("list jobs")),
    OP(JOB_SHOW, "job.show", "job", VIEWER, READ, "GET", "/v1/jobs/{id}", id, GIVES(sk_job_info_type), HELP("show a job, or wait for its end")),
    OP(JOB_CANCEL, "job.cancel", "job", OPERATOR, READ, "POST", "/v1/jobs/{id}/cancel", id, GIVES(sk_job_info_type), HELP("cancel a job")),

    OP(TOKEN_LIST, "token.list", "token", ADMIN, READ, "GET", "/v1/tokens", none, LISTS(sk_token_type), HELP("list access tokens")),
    OP(TOKEN_CREATE, "token.create", "token", ADMIN, JOB, "POST", "/v1/tokens", wait, BODY(sk_token_create_type), GIVES(sk_token_secret_type), HELP("make an access token")),
    OP(TOKEN_DELETE, "token.delete", "token", ADMIN, JOB, "DELETE", "/v1/tokens/{id}", id, HELP("revoke an access token")),
};

const SkOperation *
sk_operation(SkOperationId id)
{
    return &sk_operations[id];
}

static gboolean
has_row(const GArray *rows, const SkField *field)
{
    for (guint i = 0; i < rows->len; i++) {
        if (g_array_index(rows, SkField, i).offset == field->offset)
            return TRUE;
    }
    return FALSE;
}

const SkType *
sk_params_of_all(void)
{
    static SkType all = { .name = "Params", .what = "request", .size = sizeof(SkParams), .help = "parameters" };
    static gsize once;
    if (g_once_init_enter(&once)) {
        GArray *rows = g_array_new(FALSE, FALSE, sizeof(SkField));
        for (guint i = 0; i < SK_N_OPERATIONS; i++) {
            const SkType *view = sk_operations[i].params;
            for (guint j = 0; j < view->n_fields; j++) {
                if (!has_row(rows, &view->fields[j]))
                    g_array_append_val(rows, view->fields[j]);
            }
        }
        all.n_fields = rows->len;
        all.fields = (const SkField *) (gpointer) g_array_free(rows, FALSE);
        g_once_init_leave(&once, 1);
    }
    return &all;
}

gboolean
sk_operation_has_etag(const SkOperation *op)
{
    static const char *const things[] = { "/v1/domains/{name}", "/v1/networks/{name}", "/v1/pools/{name}" };
    for (guint i = 0; i < G_N_ELEMENTS(things); i++) {
        if (op->mode == SK_MODE_JOB && g_str_has_prefix(op->path, things[i]))
            return strstr(op->path, "/volumes") == NULL;
    }
    return FALSE;
}

const SkOperation *
sk_operation_find(const char *name)
{
    for (guint i = 0; i < SK_N_OPERATIONS; i++) {
        if (g_str_equal(sk_operations[i].name, name))
            return &sk_operations[i];
    }
    return NULL;
}
