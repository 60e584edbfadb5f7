/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* XML that is hostile, too large or too deep; what is kept when a definition is replaced. */
#include <string.h>
#include <sys/resource.h>

#include "base/error.h"
#include "codec/xml/xml.h"

#define HEAD "<domain type='qemu'><name>a</name><memory>1048576</memory><os><type>hvm</type></os>"

static void
assert_refused(const char *text, gssize length, SkError code, const char *word)
{
    g_autoptr(GError) error = NULL;
    g_assert_null(sk_xml_domain_parse(text, length, &error));
    g_assert_error(error, SK_ERROR, (gint) code);
    if (strstr(error->message, word) == NULL)
        g_error("\"%s\" has not \"%s\" in it", error->message, word);
}

/* -- bombs --------------------------------------------------------------------------------------------------------- */

static void
test_entities(void)
{
    assert_refused("<!DOCTYPE d [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;&a;'>]><domain type='qemu'><name>&b;</name></domain>", -1,
                   SK_ERROR_XML, "document type");
    assert_refused("<!DOCTYPE d [<!ENTITY f SYSTEM 'file:///etc/hostname'>]><domain type='qemu'><name>&f;</name></domain>", -1,
                   SK_ERROR_XML, "document type");
    assert_refused("<!DOCTYPE d SYSTEM 'http://127.0.0.1:1/x.dtd'><domain/>", -1, SK_ERROR_XML, "document type");
    assert_refused("<domain type='qemu'><name>&undeclared;</name></domain>", -1, SK_ERROR_XML, "not well formed");
}

static void
test_size(void)
{
    gsize size = 100 << 20;
    g_autofree char *text = g_malloc(size);
    memset(text, ' ', size);
    memcpy(text, HEAD, strlen(HEAD));
    assert_refused(text, (gssize) size, SK_ERROR_TOO_LARGE, "4 MiB");
}

/* An opening part, so many times a part, and an ending. */
static char *
repeat(const char *head, const char *part, guint count, const char *tail)
{
    GString *text = g_string_new(head);
    for (guint i = 0; i < count; i++)
        g_string_append(text, part);
    g_string_append(text, tail);
    return g_string_free(text, FALSE);
}

static void
test_depth(void)
{
    g_autofree char *deep = repeat(HEAD, "<x>", 100000, "");
    assert_refused(deep, -1, SK_ERROR_TOO_LARGE, "nested");
}

static void
test_many(void)
{
    g_autofree char *devices = repeat(HEAD "<devices>", "<disk type='file'><source file='/a'/><target dev='vda'/></disk>", 10000, "</devices></domain>");
    assert_refused(devices, -1, SK_ERROR_XML, "more than 256 disks");
    g_autofree char *elements = repeat(HEAD, "<x/>", 200000, "</domain>");
    assert_refused(elements, -1, SK_ERROR_TOO_LARGE, "elements");
    g_autoptr(GString) attributes = g_string_new("<domain");
    for (guint i = 0; i < 1000; i++)
        g_string_append_printf(attributes, " a%u=''", i);
    g_string_append(attributes, "/>");
    assert_refused(attributes->str, -1, SK_ERROR_TOO_LARGE, "attributes");
}

/* What keeps parsers busy for minutes that compare them with each other, also where it stands where nobody looks for it. */
static void
test_attributes(void)
{
    static const struct {
        const char *head;
        SkError code;
    } heads[] = {
        { "<domain", SK_ERROR_TOO_LARGE }, { "<domain><x y='>' ", SK_ERROR_TOO_LARGE }, { "<domain><!-- ' --><x ", SK_ERROR_TOO_LARGE },
        { "<domain><![CDATA['\">]]><x ", SK_ERROR_TOO_LARGE }, { "<domain><x/><y><z\n", SK_ERROR_TOO_LARGE },
        { "<domain><x y='<z ", SK_ERROR_XML }, { "<?xml version='1.0'><domain ", SK_ERROR_XML }, { "<? <domain ", SK_ERROR_XML },
        { "<!DOCTYPE d [ <!-- ' --> ]><domain ", SK_ERROR_XML },
    };
    g_autoptr(GString) attributes = g_string_new(NULL);
    for (guint i = 0; attributes->len < (4 << 20) - 100; i++)
        g_string_append_printf(attributes, " a%x=''", i);
    for (guint i = 0; i < G_N_ELEMENTS(heads); i++) {
        g_autofree char *text = g_strconcat(heads[i].head, attributes->str, "/>", NULL);
        assert_refused(text, -1, heads[i].code, heads[i].code == SK_ERROR_TOO_LARGE ? "too many attributes" : "XML");
    }
}

/* Quotes that are no attributes' are nobody's business. */
static void
test_quotes(void)
{
    static const char *const parts[][3] = { { HEAD "<!-- ", "<x a='", " --></domain>" }, { HEAD "<title>", "\"'", "</title></domain>" },
                                            { HEAD "<title><![CDATA[", "<x a='", "]]></title></domain>" } };
    for (guint i = 0; i < G_N_ELEMENTS(parts); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *text = repeat(parts[i][0], parts[i][1], 500, parts[i][2]);
        SkDomainSpec *spec = sk_xml_domain_parse(text, -1, &error);
        g_assert_true(spec != NULL || g_error_matches(error, SK_ERROR, SK_ERROR_XML));
        g_assert_true(spec != NULL || strstr(error->message, "title") != NULL);
        sk_value_free(&sk_domain_spec_type, spec);
    }
    assert_refused("<\0d\0/\0>\0", 8, SK_ERROR_XML, "UTF-8");
}

/* Each of many has a place that could be told, but nobody asks for it. */
static void
test_many_of_a_list(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = repeat("<network><name>n</name><ip address='10.0.0.1' prefix='8'><dhcp>", "<host mac='52:54:00:00:00:01' ip='10.0.0.2'/>", 90000,
                                   "</dhcp></ip></network>");
    g_assert_null(sk_xml_network_parse(text, -1, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_XML);
    g_assert_nonnull(strstr(error->message, "at most 4096"));
}

/* What stands between the root and the metadata is declared where it is used; comments and white space stay. */
static void
test_metadata(void)
{
    static const struct {
        const char *domain, *uri, *kept;
    } cases[] = {
        { "<domain type='qemu' xmlns:a='urn:a'>", "urn:a", "<a:x xmlns:a='urn:a' b='1' a:c='&lt;'>t <b/><!-- c --></a:x>" },
        { "<domain type='qemu' xmlns:a='urn:a' xmlns:b='urn:b'>", "urn:a", "<a:x xmlns:a='urn:a'>\n  <a:y xmlns:a='urn:b'>\n    <a:z/>\n  </a:y>\n</a:x>" },
        { "<domain type='qemu'>", "urn:d", "<x xmlns='urn:d'>\n  <y xmlns=''/>\n</x>" },
    };
    static const char *const given[] = { "<a:x b='1' a:c='&#60;'>t <b/><!-- c --><?p?></a:x>", "<a:x><a:y xmlns:a='urn:b'><a:z/></a:y></a:x>",
                                         "<x xmlns='urn:d'><y xmlns=''></y></x>" };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *text = g_strconcat(cases[i].domain, HEAD + strlen("<domain type='qemu'>"), "<metadata>", given[i], "</metadata></domain>", NULL);
        SkDomainSpec *spec = sk_xml_domain_parse(text, -1, &error);
        g_assert_no_error(error);
        g_assert_cmpstr(g_hash_table_lookup(spec->metadata, cases[i].uri), ==, cases[i].kept);
        g_autofree char *written = sk_xml_domain_format(spec, NULL);
        SkDomainSpec *again = sk_xml_domain_parse(written, -1, &error);
        g_assert_no_error(error);
        g_assert_cmpstr(g_hash_table_lookup(again->metadata, cases[i].uri), ==, cases[i].kept);
        sk_value_free(&sk_domain_spec_type, again);
        sk_value_free(&sk_domain_spec_type, spec);
    }
}

/* An attribute may need the declaration that the element no longer does. */
static void
test_metadata_prefix(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *wrapped = sk_xml_metadata_wrap("<x y='1'><z/></x>", "k", "urn:k", &error);
    g_assert_no_error(error);
    g_assert_cmpstr(wrapped, ==, "<k:x xmlns:k='urn:k' y='1'>\n  <z/>\n</k:x>");
    g_autofree char *bare = sk_xml_metadata_unwrap(wrapped, "urn:k", &error);
    g_assert_cmpstr(bare, ==, "<x y='1'>\n  <z/>\n</x>");
    g_autofree char *used = sk_xml_metadata_unwrap("<k:x xmlns:k='urn:k' k:y='1'/>", "urn:k", &error);
    g_assert_cmpstr(used, ==, "<x xmlns:k='urn:k' k:y='1'/>");
    static const char *const prefixes[] = { "a", "", "1", "b c", "xml", "k='urn:z' l" };
    for (guint i = 0; i < G_N_ELEMENTS(prefixes); i++) {
        g_autoptr(GError) refused = NULL;
        g_assert_null(sk_xml_metadata_wrap("<x xmlns:a='urn:a'/>", prefixes[i], "urn:k", &refused));
        g_assert_error(refused, SK_ERROR, SK_ERROR_INVALID);
    }
}

static void
test_broken(void)
{
    static const char *const texts[] = { "", " ", "<", "<domain", "<domain/", "\xff\xfe", "<domain type='qemu'>", "<a/><b/>", "<domain>\xc3(</domain>", "<domain a='1' a='2'/>" };
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
        assert_refused(texts[i], -1, SK_ERROR_XML, "XML");
    assert_refused("<domain\0>", 9, SK_ERROR_XML, "XML");
    assert_refused("<network/>", -1, SK_ERROR_XML, "begins with <network>");
}

/* -- what XML has no place for ---------------------------------------------------------------------------------------- */

static void
test_keep(void)
{
    g_autoptr(GError) error = NULL;
    const char *text = HEAD "<devices><interface type='network'><source network='n'/><mac address='52:54:00:00:00:01'/></interface>"
                            "<graphics type='vnc' passwd='secret'/></devices></domain>";
    SkDomainSpec *old = sk_xml_domain_parse(text, -1, &error);
    g_assert_no_error(error);
    old->autostart = TRUE;
    old->tags = g_strsplit("web,db", ",", -1);
    ((SkInterface *) old->interfaces->pdata[0])->ipv4 = g_strdup("10.0.0.5");
    g_autofree char *without = sk_xml_domain_format(old, NULL);
    g_assert_null(strstr(without, "secret"));
    SkDomainSpec *spec = sk_xml_domain_parse(without, -1, &error);
    g_assert_no_error(error);
    sk_xml_domain_keep(old, spec);
    g_assert_true(sk_value_equal(&sk_domain_spec_type, old, spec));
    sk_value_free(&sk_domain_spec_type, spec);
    sk_value_free(&sk_domain_spec_type, old);
}

gint
main(gint argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/xml/entities", test_entities);
    g_test_add_func("/xml/size", test_size);
    g_test_add_func("/xml/depth", test_depth);
    g_test_add_func("/xml/many", test_many);
    g_test_add_func("/xml/metadata", test_metadata);
    g_test_add_func("/xml/metadata-prefix", test_metadata_prefix);
    g_test_add_func("/xml/broken", test_broken);
    g_test_add_func("/xml/attributes", test_attributes);
    g_test_add_func("/xml/quotes", test_quotes);
    g_test_add_func("/xml/many-of-a-list", test_many_of_a_list);
    g_test_add_func("/xml/keep", test_keep);
    return g_test_run();
}
