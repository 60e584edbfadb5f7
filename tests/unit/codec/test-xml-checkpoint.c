/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <domaincheckpoint> and <domainbackup>: requests, what is told, and what is refused. */
#include <string.h>

#include "base/error.h"
#include "codec/xml/checkpoint.h"

static void
test_request(void)
{
    g_autoptr(GError) error = NULL;
    SkCheckpointCreate *body = sk_xml_checkpoint_parse_request("<domaincheckpoint/>", -1, &error);
    g_assert_no_error(error);
    g_assert_true(body->name == NULL && body->disks == NULL);
    sk_value_free(&sk_checkpoint_create_type, body);

    body = sk_xml_checkpoint_parse_request("<domaincheckpoint><name>c</name><description>d</description><creationTime>7</creationTime><parent><name>p</name></parent>"
                                           "<disks><disk name='vda'/><disk name='/b.qcow2' checkpoint='bitmap' bitmap='m' size='9'/>"
                                           "<disk name='vdc' checkpoint='no'/></disks><domain><uuid>x</uuid></domain></domaincheckpoint>", -1, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(body->disks->len, ==, 3);
    const SkCheckpointWish *first = body->disks->pdata[0], *second = body->disks->pdata[1], *third = body->disks->pdata[2];
    g_assert_true(first->kind == SK_CHECKPOINT_BITMAP && first->bitmap == NULL && third->kind == SK_CHECKPOINT_LEFT_OUT);
    g_assert_cmpstr(second->target, ==, "/b.qcow2");
    g_assert_cmpstr(second->bitmap, ==, "m");
    sk_value_free(&sk_checkpoint_create_type, body);
}

static void
test_comes_back(void)
{
    static const char told[] =
        "<domaincheckpoint>\n  <name>c</name>\n  <description>d</description>\n  <parent>\n    <name>p</name>\n  </parent>\n"
        "  <creationTime>1795261056</creationTime>\n  <disks>\n    <disk name='vda' checkpoint='bitmap' bitmap='c'/>\n"
        "    <disk name='sda' checkpoint='no'/>\n  </disks>\n</domaincheckpoint>\n";
    g_autoptr(GError) error = NULL;
    SkCheckpoint *checkpoint = sk_xml_checkpoint_parse(told, -1, &error);
    g_assert_no_error(error);
    g_autofree char *text = sk_xml_checkpoint_format(checkpoint, FALSE, NULL);
    g_assert_cmpstr(text, ==, told);
    ((SkCheckpointDisk *) checkpoint->disks->pdata[0])->size = 65536;
    g_autofree char *sized = sk_xml_checkpoint_format(checkpoint, TRUE, NULL);
    g_assert_nonnull(strstr(sized, "bitmap='c' size='65536'/>"));
    sk_value_free(&sk_checkpoint_type, checkpoint);
}

static void
test_backup_comes_back(void)
{
    static const char *const told[] = {
        "<domainbackup mode='push'>\n  <disks>\n    <disk name='vda' backup='yes' type='file'>\n      <driver type='raw'/>\n      <target file='/b.raw'/>\n"
        "    </disk>\n    <disk name='vdb' backup='no'/>\n  </disks>\n</domainbackup>\n",
        "<domainbackup mode='pull'>\n  <incremental>c</incremental>\n  <server transport='unix' socket='/s'/>\n  <disks>\n"
        "    <disk name='vda' backup='yes' type='file' exportname='e' exportbitmap='m'/>\n"
        "    <disk name='vdb' backup='yes' type='block' backupmode='full'>\n      <driver type='qcow2'/>\n      <scratch dev='/dev/x'/>\n    </disk>\n"
        "    <disk name='vdc' backup='yes' type='file' backupmode='incremental' incremental='b'/>\n  </disks>\n</domainbackup>\n",
        "<domainbackup mode='pull'>\n  <server transport='tcp' name='localhost' port='10809'/>\n</domainbackup>\n",
    };
    for (guint i = 0; i < G_N_ELEMENTS(told); i++) {
        g_autoptr(GError) error = NULL;
        SkBackup *backup = sk_xml_backup_parse(told[i], -1, &error);
        g_assert_no_error(error);
        g_autofree char *text = sk_xml_backup_format(backup);
        g_assert_cmpstr(text, ==, told[i]);
        sk_value_free(&sk_backup_type, backup);
    }
}

static void
test_backup_usual(void)
{
    g_autoptr(GError) error = NULL;
    SkBackup *backup = sk_xml_backup_parse("<domainbackup mode='pull'><server name='127.0.0.1'/></domainbackup>", -1, &error);
    g_assert_no_error(error);
    g_assert_true(backup->server->transport == SK_BACKUP_TCP && backup->server->port == 0 && backup->disks == NULL);
    sk_value_free(&sk_backup_type, backup);
    backup = sk_xml_backup_parse("<domainbackup><disks><disk name='vda' type='file'><target file='/b'><seclabel model='dac' relabel='no'/></target></disk></disks>"
                                 "</domainbackup>", -1, &error);
    g_assert_no_error(error);
    const SkBackupDisk *disk = backup->disks->pdata[0];
    g_assert_true(!backup->pull && disk->format == SK_FORMAT_QCOW2 && disk->mode == SK_BACKUP_AS_ALL && !disk->left_out);
    sk_value_free(&sk_backup_type, backup);
}

typedef struct {
    const char *text, *words;
} Refused;

static void
test_refused(void)
{
    static const Refused cases[] = {
        { "<domain/>", "domaincheckpoint" }, { "<domaincheckpoint><mystery/></domaincheckpoint>", "mystery" },
        { "<domaincheckpoint><disks><disk checkpoint='no'/></disks></domaincheckpoint>", "name" },
        { "<domaincheckpoint><disks><disk name='vda' checkpoint='maybe'/></disks></domaincheckpoint>", "maybe" },
        { "<domaincheckpoint><name>a/b</name></domaincheckpoint>", "a/b" },
        { "<domaincheckpoint><disks><disk name='vda' bitmap='a b'/></disks></domaincheckpoint>", "a b" },
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) request = NULL, told = NULL;
        g_assert_null(sk_xml_checkpoint_parse_request(cases[i].text, -1, &request));
        g_assert_nonnull(strstr(request->message, cases[i].words));
        g_assert_null(sk_xml_checkpoint_parse(cases[i].text, -1, &told));
    }
}

static void
test_backup_refused(void)
{
    static const Refused cases[] = {
        { "<domain/>", "domainbackup" }, { "<domainbackup><mystery/></domainbackup>", "mystery" }, { "<domainbackup mode='shove'/>", "shove" },
        { "<domainbackup mode='pull'/>", "server" }, { "<domainbackup><server name='x'/></domainbackup>", "server" },
        { "<domainbackup mode='pull'><server transport='unix'/></domainbackup>", "path" },
        { "<domainbackup mode='pull'><server transport='unix' socket='/s' tls='yes'/></domainbackup>", "TLS" },
        { "<domainbackup mode='pull'><server/></domainbackup>", "address" },
        { "<domainbackup><disks><disk name='vda' type='network'/></disks></domainbackup>", "network" },
        { "<domainbackup><disks><disk name='vda' type='block'/></disks></domainbackup>", "target" },
        { "<domainbackup><disks><disk name='vda' type='file'><target/></disk></disks></domainbackup>", "file" },
        { "<domainbackup><disks><disk name='vda' type='file' exportname='e'/></disks></domainbackup>", "pull" },
        { "<domainbackup><disks><disk name='vda' backupmode='half'/></disks></domainbackup>", "half" },
        { "<domainbackup><disks><disk name='vda' backupmode='incremental'/></disks></domainbackup>", "checkpoint" },
        { "<domainbackup><disks><disk name='vda' backupmode='full' incremental='c'/></disks></domainbackup>", "full" },
        { "<domainbackup mode='pull'><server transport='unix' socket='/s'/><disks><disk name='vda'><driver type='raw'/></disk></disks></domainbackup>", "qcow2" },
        { "<domainbackup><disks><disk name='vda'><target file='/t'><encryption format='luks'/></target></disk></disks></domainbackup>", "encryption" },
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(sk_xml_backup_parse(cases[i].text, -1, &error));
        if (strstr(error->message, cases[i].words) == NULL)
            g_error("%s: %s", cases[i].text, error->message);
    }
}

int
main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/xml-checkpoint/request", test_request);
    g_test_add_func("/xml-checkpoint/comes-back", test_comes_back);
    g_test_add_func("/xml-checkpoint/refused", test_refused);
    g_test_add_func("/xml-backup/comes-back", test_backup_comes_back);
    g_test_add_func("/xml-backup/usual", test_backup_usual);
    g_test_add_func("/xml-backup/refused", test_backup_refused);
    return g_test_run();
}
