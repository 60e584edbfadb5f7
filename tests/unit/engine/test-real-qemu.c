/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The engine against the QEMU of this host; skipped where there is none. */
#include <glib/gstdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "engine/caps.h"
#include "engine/console/hub.h"
#include "engine/process.h"
#include "engine/qmp/commands.h"
#include "worker.h"

#define QEMU "qemu-system-x86_64"

typedef struct {
    char *dir, *monitor, *log, *console;
    const char *const *argv;
    gboolean dies;
    SkQemuProcess *process;
    SkQmp *qmp;
    guint ends;
} Case;

static const char *const bare[] = { QEMU, "-machine", "none", "-nodefaults", "-display", "none", "-chardev",
                                    "socket,id=mon,fd=7,server=on,wait=off", "-mon", "chardev=mon,mode=control", NULL };
static const char *const q35[] = {
    QEMU, "-machine", "q35,accel=tcg", "-nodefaults", "-no-user-config", "-S", "-m", "64M,maxmem=512M,slots=2",
    "-smp", "1,maxcpus=3", "-display", "none", "-vga", "std",
    "-chardev", "socket,id=mon,fd=7,server=on,wait=off", "-mon", "chardev=mon,mode=control",
    "-add-fd", "fd=8,set=1", "-chardev", "socket,id=serial0,path=serial0.sock,server=on,wait=off,logfile=/dev/fdset/1,logappend=on",
    "-serial", "chardev:serial0", "-vnc", "unix:vnc.sock,password=on",
    "-device", "pcie-root-port,id=port1,slot=1", "-device", "virtio-balloon-pci,id=balloon0",
    "-device", "ide-cd,id=cd0,bus=ide.0", "-blockdev", "null-co,node-name=vda,size=1048576",
    "-device", "virtio-blk-pci,id=virtio-disk0,drive=vda", NULL };
static const char *const broken[] = { QEMU, "-machine", "q35", "-display", "none", "-device", "rocket", NULL };

static void
on_end(SkQemuProcess *process, gint status, gpointer data)
{
    ((Case *) data)->ends++;
}

static void
start(gpointer data, gpointer unused)
{
    Case *it = data;
    g_autoptr(GError) error = NULL;
    g_auto(SkFd) listener = sk_fs_listen_unix(it->monitor, 0600, &error);
    g_auto(SkFd) log = sk_console_log_open(it->console, &error);
    SkFdMap fds[] = { { listener, 7 }, { log, 8 } };
    SkQemuStart how = { .domain = "real", .argv = it->argv, .fds = fds, .n_fds = 2, .run_dir = it->dir, .log_path = it->log };
    gint64 begin = g_get_monotonic_time();
    it->process = sk_qemu_process_start(&how, &error);
    g_assert_no_error(error);
    it->qmp = sk_qmp_connect(it->monitor, "real", &error);
    g_assert_no_error(error);
    sk_fd_clear(&listener);
    if (it->dies)
        return;
    g_assert_true(sk_qmp_wait_ready(it->qmp, 0, &error));
    g_assert_no_error(error);
    g_test_message("ready after %.1f ms", (gdouble) (g_get_monotonic_time() - begin) / 1000);
}

static void
case_begin(Case *it, const char *const *argv)
{
    *it = (Case) { .dir = g_dir_make_tmp("skep-qemu-XXXXXX", NULL), .argv = argv, .dies = argv == broken };
    it->monitor = g_build_filename(it->dir, "qmp.sock", NULL);
    it->log = g_build_filename(it->dir, "qemu.log", NULL);
    it->console = g_build_filename(it->dir, "serial0.log", NULL);
    on_worker(start, it);
    sk_qemu_process_watch(it->process, on_end, it);
}

static void
destroy(gpointer data, gpointer unused)
{
    Case *it = data;
    g_autoptr(GError) error = NULL;
    gboolean killed;
    gint64 begin = g_get_monotonic_time();
    g_assert_true(sk_qemu_process_destroy(it->process, it->qmp, 0, &killed, &error));
    g_assert_no_error(error);
    g_assert_false(killed);
    g_test_message("destroyed in %.1f ms", (gdouble) (g_get_monotonic_time() - begin) / 1000);
}

static void
case_end(Case *it)
{
    on_worker(destroy, it);
    while (it->ends == 0)
        g_main_context_iteration(NULL, TRUE);
    sk_qmp_close(it->qmp);
    while (g_main_context_iteration(NULL, FALSE))
        ;
    g_assert_finalize_object(it->qmp);
    g_assert_finalize_object(it->process);
    sk_fs_remove_tree(it->dir, NULL);
    g_free(it->dir);
    g_free(it->monitor);
    g_free(it->log);
    g_free(it->console);
}

/* -- ---------------------------------------------------------------------------------------------------------------- */

static void
ask_caps(gpointer data, gpointer unused)
{
    g_autoptr(GError) error = NULL;
    gint64 begin = g_get_monotonic_time();
    g_autoptr(SkQemuCaps) caps = sk_qemu_caps_get(QEMU, NULL, &error);
    g_assert_no_error(error);
    g_test_message("QEMU %s asked in %.1f ms", sk_qemu_caps_version(caps), (gdouble) (g_get_monotonic_time() - begin) / 1000);
    g_assert_cmpuint(sk_qemu_caps_version_number(caps), >=, 70200);
    g_assert_true(sk_qemu_caps_has(caps, "virtio-blk-pci"));
    g_assert_true(sk_qemu_caps_has(caps, "memory-backend-memfd"));
    g_assert_true(sk_qemu_caps_has(caps, "tcg-accel"));
    g_assert_true(sk_qemu_caps_has_option(caps, "sandbox"));
    g_assert_nonnull(sk_qemu_caps_machine(caps, "q35"));
}

static void
test_caps(void)
{
    on_worker(ask_caps, NULL);
    sk_qemu_caps_forget();
}

static void
work_bare(gpointer data, gpointer unused)
{
    Case *it = data;
    g_autoptr(GError) error = NULL;
    SkQmpStatus status;
    g_assert_true(sk_qmp_query_status(it->qmp, &status, &error));
    g_assert_false(sk_qmp_run(it->qmp, "no-such-command", NULL, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_QEMU);
    g_test_message("%s", error->message);
}

static void
test_bare(void)
{
    Case it;
    case_begin(&it, bare);
    on_worker(work_bare, &it);
    case_end(&it);
}

static void
work_machine(gpointer data, gpointer unused)
{
    Case *it = data;
    g_autoptr(GError) error = NULL;
    SkQmpStatus status;
    guint64 bytes = 0;
    guint now = 0, maximum = 0;
    const char *const keys[] = { "ctrl", "alt", "delete", NULL };

    g_assert_true(sk_qmp_query_status(it->qmp, &status, &error));
    g_assert_false(status.running);
    g_assert_cmpstr(status.status, ==, "prelaunch");
    g_assert_true(sk_qmp_query_balloon(it->qmp, &bytes, &error));
    g_assert_cmpuint(bytes, ==, 64 << 20);
    g_assert_true(sk_qmp_set_balloon(it->qmp, 32 << 20, &error));
    g_assert_true(sk_qmp_query_vcpus(it->qmp, &now, &maximum, &error));
    g_assert_cmpuint(now, ==, 1);
    g_assert_cmpuint(maximum, ==, 3);
    g_assert_true(sk_qmp_set_vcpus(it->qmp, 3, 0, &now, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(now, ==, 3);
    g_assert_false(sk_qmp_set_vcpus(it->qmp, 4, 0, &now, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_UNSUPPORTED);
    g_clear_error(&error);
    g_assert_true(sk_qmp_plug_memory(it->qmp, "dimm0", 128 << 20, &error));
    g_assert_no_error(error);
    g_assert_false(sk_qmp_plug_memory(it->qmp, "dimm1", 999, &error));
    g_test_message("%s", error->message);
    g_clear_error(&error);
    g_assert_true(sk_qmp_do(it->qmp, SK_QMP_CONT, &error));
    g_assert_true(sk_qmp_query_status(it->qmp, &status, &error));
    g_assert_true(status.running);
    g_assert_true(sk_qmp_send_key(it->qmp, keys, 0, &error));
    g_assert_true(sk_qmp_do(it->qmp, SK_QMP_RESET, &error));
    g_assert_true(sk_qmp_do(it->qmp, SK_QMP_STOP, &error));
    g_assert_no_error(error);
}

static void
work_display(gpointer data, gpointer unused)
{
    Case *it = data;
    g_autoptr(GError) error = NULL;
    SkVncInfo vnc;
    g_assert_true(sk_qmp_set_password(it->qmp, "vnc", "geheim", &error));
    g_assert_true(sk_qmp_set_password(it->qmp, "vnc", NULL, &error));
    g_assert_true(sk_qmp_query_vnc(it->qmp, &vnc, &error));
    g_assert_no_error(error);
    g_assert_true(vnc.enabled);
    g_assert_cmpstr(vnc.host, ==, "vnc.sock");
    g_assert_cmpuint(vnc.port, ==, 0);
    sk_vnc_info_clear(&vnc);
    g_autoptr(GBytes) picture = sk_qmp_screendump(it->qmp, NULL, 0, &error);
    g_assert_no_error(error);
    g_assert_cmpmem(g_bytes_get_data(picture, NULL), 4, "\x89PNG", 4);
}

static SkQmpStep *
step(GPtrArray *steps, const char *execute, json_t *arguments, const char *undo, json_t *undo_arguments)
{
    SkQmpStep *it = g_new0(SkQmpStep, 1);
    *it = (SkQmpStep) { execute, arguments, SK_FD_NONE, undo, undo_arguments };
    g_ptr_array_add(steps, it);
    return it;
}

static void
work_disk(gpointer data, gpointer unused)
{
    Case *it = data;
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) media = g_ptr_array_new_with_free_func((GDestroyNotify) sk_qmp_step_free);
    g_autoptr(SkPlug) disk = g_new0(SkPlug, 1);
    disk->steps = g_ptr_array_new_with_free_func((GDestroyNotify) sk_qmp_step_free);
    disk->device = g_strdup("virtio-disk1");

    g_autoptr(GPtrArray) stats = sk_qmp_query_block_stats(it->qmp, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(stats->len, ==, 2);
    g_assert_cmpstr(((SkBlockStats *) stats->pdata[0])->device, ==, "cd0");
    g_assert_cmpstr(((SkBlockStats *) stats->pdata[1])->device, ==, "virtio-disk0");

    step(media, "blockdev-add", json_pack("{s:s, s:s, s:i, s:b}", "driver", "null-co", "node-name", "iso", "size", 65536, "read-only", 1), NULL, NULL);
    step(media, "blockdev-open-tray", json_pack("{s:s}", "id", "cd0"), NULL, NULL);
    step(media, "blockdev-remove-medium", json_pack("{s:s}", "id", "cd0"), NULL, NULL);
    step(media, "blockdev-insert-medium", json_pack("{s:s, s:s}", "id", "cd0", "node-name", "iso"), NULL, NULL);
    step(media, "blockdev-close-tray", json_pack("{s:s}", "id", "cd0"), NULL, NULL);
    g_assert_true(sk_qmp_run_steps(it->qmp, media, 0, &error));
    g_assert_no_error(error);

    step(disk->steps, "blockdev-add", json_pack("{s:s, s:s, s:i}", "driver", "null-co", "node-name", "vdb", "size", 65536),
         "blockdev-del", json_pack("{s:s}", "node-name", "vdb"));
    SkQmpStep *plug = step(disk->steps, "device_add", json_pack("{s:s, s:s, s:s, s:s}", "driver", "virtio-blk-pci", "id",
                           "virtio-disk1", "drive", "vdb", "bus", "nowhere"), "device_del", json_pack("{s:s}", "id", "virtio-disk1"));
    g_assert_false(sk_qmp_attach(it->qmp, disk, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_QEMU);
    g_test_message("%s", error->message);
    g_clear_error(&error);
    json_object_set_new(plug->arguments, "bus", json_string("port1"));
    g_assert_true(sk_qmp_attach(it->qmp, disk, &error));
    g_assert_no_error(error);

    /* No guest runs that could let go: a clear error, everything stays, also the second time. */
    for (guint i = 0; i < 2; i++) {
        g_assert_false(sk_qmp_detach(it->qmp, disk, 50, &error));
        g_assert_error(error, SK_ERROR, SK_ERROR_TIMEOUT);
        g_test_message("%s", error->message);
        g_clear_error(&error);
    }
    g_assert_false(sk_qmp_device_del(it->qmp, "nothing", 0, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_QEMU);
}

static void
work_latency(gpointer data, gpointer unused)
{
    Case *it = data;
    SkQmpStatus status;
    gint64 begin = g_get_monotonic_time();
    for (guint i = 0; i < 100; i++)
        g_assert_true(sk_qmp_query_status(it->qmp, &status, NULL));
    g_test_message("a command from a worker: %.0f us", (gdouble) (g_get_monotonic_time() - begin) / 100);
    begin = g_get_monotonic_time();
    for (guint i = 0; i < 20; i++) {
        g_autofree char *pad = g_strnfill(1000, 'x');
        g_assert_false(sk_qmp_run(it->qmp, pad, NULL, NULL));
    }
    g_test_message("1,000 bytes more: %.0f us", (gdouble) (g_get_monotonic_time() - begin) / 20);
}

static void
test_machine(void)
{
    Case it;
    case_begin(&it, q35);
    on_worker(work_latency, &it);
    on_worker(work_machine, &it);
    on_worker(work_display, &it);
    on_worker(work_disk, &it);
    case_end(&it);
}

/* As after a restart of the daemon: found by pid and start time, spoken to over the same socket. */
static void
work_take_back(gpointer data, gpointer unused)
{
    Case *it = data;
    g_autoptr(GError) error = NULL;
    SkQmpStatus status;
    g_autoptr(SkQemuProcess) found = sk_qemu_process_adopt("real", sk_qemu_process_pid(it->process),
                                                           sk_qemu_process_start_time(it->process), it->log, &error);
    g_assert_no_error(error);
    sk_qmp_close(it->qmp);
    g_object_unref(it->qmp);
    it->qmp = sk_qmp_connect(it->monitor, "real", &error);
    g_assert_no_error(error);
    g_assert_true(sk_qmp_query_status(it->qmp, &status, &error));
    g_assert_no_error(error);
    g_assert_cmpstr(status.status, ==, "prelaunch");
}

static void
test_take_back(void)
{
    Case it;
    case_begin(&it, q35);
    on_worker(work_take_back, &it);
    case_end(&it);
}

/* A guest's serial port goes to the log whether or not anybody is connected. */
static void
work_serial(gpointer data, gpointer unused)
{
    Case *it = data;
    g_autoptr(GError) error = NULL;
    guint64 from, end = 0;
    g_assert_true(sk_qmp_do(it->qmp, SK_QMP_CONT, &error));
    g_autoptr(json_t) said = sk_qmp_call(it->qmp, "human-monitor-command", json_pack("{s:s}", "command-line", "o /b 0x3f8 0x41"), 0, &error);
    g_assert_no_error(error);
    g_autoptr(GBytes) bytes = sk_console_log_read(it->console, 0, 4096, &from, &end, &error);
    g_assert_no_error(error);
    g_assert_nonnull(memchr(g_bytes_get_data(bytes, NULL), 'A', g_bytes_get_size(bytes)));
}

static void
test_serial(void)
{
    Case it;
    case_begin(&it, q35);
    on_worker(work_serial, &it);
    case_end(&it);
}

static void
work_dies(gpointer data, gpointer unused)
{
    Case *it = data;
    g_autoptr(GError) error = NULL;
    g_assert_false(sk_qmp_wait_ready(it->qmp, 0, &error));
    sk_qemu_process_explain(it->process, &error);
    g_assert_error(error, SK_ERROR, SK_ERROR_QEMU);
    g_test_message("%s", error->message);
    g_assert_nonnull(strstr(error->message, "ended with exit code 1: " QEMU ": -device rocket: 'rocket' is not a valid"));
}

static void
test_dies(void)
{
    Case it;
    case_begin(&it, broken);
    on_worker(work_dies, &it);
    case_end(&it);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    sk_thread_init();
    g_autofree char *found = g_find_program_in_path(QEMU);
    if (found == NULL) {
        g_print("1..0 # SKIP " QEMU " is not installed\n");
        return 0;
    }
    g_test_add_func("/real/caps", test_caps);
    g_test_add_func("/real/bare", test_bare);
    g_test_add_func("/real/machine", test_machine);
    g_test_add_func("/real/take-back", test_take_back);
    g_test_add_func("/real/serial", test_serial);
    g_test_add_func("/real/dies", test_dies);
    return g_test_run();
}
