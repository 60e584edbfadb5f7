/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which of QEMU's nodes is a disk's image, and what bitmaps it has. */
#include "engine/qmp/bitmap.h"

static const char nodes_text[] =
    "[{'node-name':'vda','drv':'throttle','file':'json:{}'},"
    "{'node-name':'mirror7','drv':'qcow2','file':'/dev/fdset/9','image':{'virtual-size':1048576},"
    "'dirty-bitmaps':[{'name':'c1','count':65536,'persistent':true},{'name':'c2','count':0,'persistent':true,'inconsistent':true}]},"
    "{'node-name':'mirror7-file','drv':'file','file':'/dev/fdset/9'},"
    "{'node-name':'vdb-0','drv':'qcow2','file':'/dev/fdset/3'},{'node-name':'vdb-0-file','drv':'file','file':'/dev/fdset/3'},"
    "{'node-name':'vdb-10','drv':'qcow2','file':'/dev/fdset/5'},{'node-name':'vdb-2','drv':'raw','file':'/dev/fdset/4'}]";
static const char sets_text[] = "[{'fdset-id':9,'fds':[{'fd':1,'opaque':'rw:/d/a.qcow2'}]},{'fdset-id':3,'fds':[]},"
                                "{'fdset-id':4,'fds':[{'fd':2,'opaque':'ro:/d/b.qcow2'}]}]";

static json_t *
parse(const char *text)
{
    g_autofree char *quoted = g_strdelimit(g_strdup(text), "'", '"');
    json_t *value = json_loads(quoted, 0, NULL);
    g_assert_nonnull(value);
    return value;
}

static void
test_image(void)
{
    g_autoptr(json_t) nodes = parse(nodes_text), sets = parse(sets_text);
    /* By its file, whatever its name has become. */
    g_autoptr(SkQmpImage) image = sk_qmp_parse_image(nodes, sets, "vda", "/d/a.qcow2");
    g_assert_cmpstr(image->name, ==, "mirror7");
    g_assert_cmpstr(image->driver, ==, "qcow2");
    g_assert_cmpuint(image->size, ==, 1048576);
    const SkQmpBitmap *first = sk_qmp_image_bitmap(image, "c1"), *second = sk_qmp_image_bitmap(image, "c2");
    g_assert_true(first->bytes == 65536 && first->persistent && !first->inconsistent && second->inconsistent);
    g_assert_null(sk_qmp_image_bitmap(image, "c3"));
    /* Else the topmost one that is named after the disk. */
    g_autoptr(SkQmpImage) top = sk_qmp_parse_image(nodes, sets, "vdb", "/d/b.qcow2");
    g_assert_cmpstr(top->name, ==, "vdb-10");
    g_assert_cmpuint(top->bitmaps->len, ==, 0);
    g_assert_null(sk_qmp_parse_image(nodes, sets, "vdc", "/d/c.qcow2"));
    g_assert_null(sk_qmp_parse_image(nodes, sets, "vd", NULL));
}

int
main(int argc, char *argv[])
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/bitmap/image", test_image);
    return g_test_run();
}
