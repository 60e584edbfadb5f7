/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <domainsnapshot>: requests, what is told, and what is refused. */
#include <string.h>

#include "base/error.h"
#include "codec/xml/snapshot.h"

static SkSnapshotCreate *
request(const char *text, gboolean *memory)
{
    g_autoptr(GError) error = NULL;
    SkSnapshotCreate *body = sk_xml_snapshot_parse_request(text, -1, memory, &error);
    g_assert_no_error(error);
    return body;
}

static void
test_request(void)
{
    gboolean memory = FALSE;
    SkSnapshotCreate *body = request("<domainsnapshot/>", &memory);
    g_assert_true(memory && body->name == NULL && body->disks == NULL);
    sk_value_free(&sk_snapshot_create_type, body);

    body = request("<domainsnapshot><name>s</name><state>running</state><creationTime>7</creationTime><parent><name>p</name></parent><memory snapshot='no'/>"
                   "<disks><disk name='vda' snapshot='external'><driver type='qcow2'/><source file='/o'/></disk><disk name='vdb'/>"
                   "<disk name='/c.qcow2' snapshot='no'/></disks><domain><uuid>x</uuid></domain></domainsnapshot>", &memory);
    g_assert_true(!memory && body->disks->len == 2);
    const SkSnapshotWish *first = body->disks->pdata[0], *second = body->disks->pdata[1];
    g_assert_cmpstr(first->overlay, ==, "/o");
    g_assert_cmpint(first->kind, ==, SK_SNAPSHOT_EXTERNAL);
    g_assert_cmpstr(second->target, ==, "/c.qcow2");
    g_assert_cmpint(second->kind, ==, SK_SNAPSHOT_LEFT_OUT);
    sk_value_free(&sk_snapshot_create_type, body);
}

static void
test_comes_back(void)
{
    static const char told[] =
        "<domainsnapshot>\n  <name>s</name>\n  <description>d</description>\n  <state>paused</state>\n  <parent>\n    <name>p</name>\n  </parent>\n"
        "  <creationTime>1795261056</creationTime>\n  <memory snapshot='external' file='/m'/>\n  <disks>\n    <disk name='vda' snapshot='internal'/>\n"
        "    <disk name='vdb' snapshot='external' type='file'>\n      <driver type='qcow2'/>\n      <source file='/o'/>\n    </disk>\n"
        "    <disk name='sda' snapshot='no'/>\n  </disks>\n</domainsnapshot>\n";
    g_autoptr(GError) error = NULL;
    SkSnapshot *snapshot = sk_xml_snapshot_parse(told, -1, &error);
    g_assert_no_error(error);
    g_assert_cmpint(snapshot->state, ==, SK_DOMAIN_PAUSED);
    g_assert_cmpstr(snapshot->parent, ==, "p");
    g_autofree char *text = sk_xml_snapshot_format(snapshot, NULL);
    g_assert_cmpstr(text, ==, told);
    sk_value_free(&sk_snapshot_type, snapshot);
}

/* One that ran and has no memory is told of as libvirt does. */
static void
test_without_memory(void)
{
    SkSnapshot snapshot = { .name = (char *) "s", .state = SK_DOMAIN_RUNNING };
    g_autofree char *text = sk_xml_snapshot_format(&snapshot, NULL);
    g_assert_nonnull(strstr(text, "<state>disk-snapshot</state>"));
    SkSnapshot *again = sk_xml_snapshot_parse(text, -1, NULL);
    g_assert_cmpint(again->state, ==, SK_DOMAIN_RUNNING);
    sk_value_free(&sk_snapshot_type, again);
}

static void
test_refused(void)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        { "<domain/>", "domainsnapshot" }, { "<domainsnapshot><mystery/></domainsnapshot>", "mystery" },
        { "<domainsnapshot><memory snapshot='maybe'/></domainsnapshot>", "maybe" },
        { "<domainsnapshot><memory snapshot='external'/></domainsnapshot>", "file" },
        { "<domainsnapshot><disks><disk snapshot='no'/></disks></domainsnapshot>", "name" },
        { "<domainsnapshot><disks><disk name='vda' snapshot='manual'/></disks></domainsnapshot>", "others" },
        { "<domainsnapshot><disks><disk name='vda' type='network'/></disks></domainsnapshot>", "network" },
        { "<domainsnapshot><disks><disk name='vda'><driver type='raw'/></disk></disks></domainsnapshot>", "raw" },
        { "<domainsnapshot><name>a/b</name></domainsnapshot>", "slash" },
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(sk_xml_snapshot_parse_request(cases[i].text, -1, NULL, &error));
        if (strstr(error->message, cases[i].words) == NULL)
            g_error("%s: %s", cases[i].text, error->message);
    }
    g_autoptr(GError) error = NULL;
    g_assert_null(sk_xml_snapshot_parse("<domainsnapshot><name>s</name><state>asleep</state></domainsnapshot>", -1, &error));
    g_assert_nonnull(strstr(error->message, "asleep"));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/codec/xml-snapshot/request", test_request);
    g_test_add_func("/codec/xml-snapshot/comes-back", test_comes_back);
    g_test_add_func("/codec/xml-snapshot/without-memory", test_without_memory);
    g_test_add_func("/codec/xml-snapshot/refused", test_refused);
    return g_test_run();
}
