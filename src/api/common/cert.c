/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The certificate of the first start. */
#include "api/common/cert.h"

#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/undo.h"

#define YEARS 10
#define MAX_ADDRESSES 64

static void
clear_crt(gnutls_x509_crt_t *crt)
{
    if (*crt != NULL)
        gnutls_x509_crt_deinit(*crt);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(gnutls_x509_crt_t, clear_crt)

static void
clear_key(gnutls_x509_privkey_t *key)
{
    if (*key != NULL)
        gnutls_x509_privkey_deinit(*key);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(gnutls_x509_privkey_t, clear_key)

static gboolean
made(gint result, const char *what, GError **error)
{
    if (result >= 0)
        return TRUE;
    return sk_fail(error, SK_ERROR_HOST, "cannot make the certificate (%s): %s", what, gnutls_strerror(result));
}

static gint
add_ip(gnutls_x509_crt_t crt, const void *bytes, guint length)
{
    return gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, bytes, length, GNUTLS_FSAN_APPEND);
}

static gint
add_name(gnutls_x509_crt_t crt, const char *name)
{
    return gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, name, (guint) strlen(name), GNUTLS_FSAN_APPEND);
}

/* An address in the form of its family's struct; link-local ones mean nothing to a client elsewhere. */
static void
add_sockaddr(gnutls_x509_crt_t crt, const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        add_ip(crt, &((const struct sockaddr_in *) address)->sin_addr, 4);
    } else if (address->sa_family == AF_INET6) {
        const struct in6_addr *ip = &((const struct sockaddr_in6 *) address)->sin6_addr;
        if (!IN6_IS_ADDR_LINKLOCAL(ip))
            add_ip(crt, ip, 16);
    }
}

/* Names and addresses the host may be called by. */
static gboolean
add_names(gnutls_x509_crt_t crt, const char *address, GError **error)
{
    struct ifaddrs *list = NULL;
    guint8 ip[16];
    const char *host = g_get_host_name();
    gboolean ok = made(gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, host, (guint) strlen(host)), "name", error) &&
                  made(add_name(crt, host), "host name", error) && made(add_name(crt, "localhost"), "localhost", error);
    if (!ok)
        return FALSE;
    if (address != NULL && inet_pton(AF_INET, address, ip) == 1)
        add_ip(crt, ip, 4);
    else if (address != NULL && inet_pton(AF_INET6, address, ip) == 1)
        add_ip(crt, ip, 16);
    if (getifaddrs(&list) < 0)
        return TRUE;
    guint count = 0;
    for (const struct ifaddrs *at = list; at != NULL && count < MAX_ADDRESSES; at = at->ifa_next, count++) {
        if (at->ifa_addr != NULL)
            add_sockaddr(crt, at->ifa_addr);
    }
    freeifaddrs(list);
    return TRUE;
}

static gboolean
fill(gnutls_x509_crt_t crt, gnutls_x509_privkey_t key, const char *address, GError **error)
{
    guint8 serial[16];
    time_t now = time(NULL);
    if (!made(gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof serial), "serial number", error))
        return FALSE;
    serial[0] = (serial[0] & 0x7f) | 0x40; /* positive, and of full length */
    return made(gnutls_x509_crt_set_version(crt, 3), "version", error) &&
           made(gnutls_x509_crt_set_serial(crt, serial, sizeof serial), "serial number", error) &&
           made(gnutls_x509_crt_set_activation_time(crt, now - 3600), "time", error) &&
           made(gnutls_x509_crt_set_expiration_time(crt, now + YEARS * 365L * 86400), "time", error) &&
           made(gnutls_x509_crt_set_key(crt, key), "key", error) && add_names(crt, address, error) &&
           made(gnutls_x509_crt_set_basic_constraints(crt, 1, 0), "constraints", error) &&
           made(gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_DIGITAL_SIGNATURE | GNUTLS_KEY_KEY_CERT_SIGN), "usage", error) &&
           made(gnutls_x509_crt_set_key_purpose_oid(crt, GNUTLS_KP_TLS_WWW_SERVER, 0), "purpose", error) &&
           made(gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0), "signature", error);
}

static gboolean
write_pem(const char *path, gnutls_datum_t *pem, GError **error)
{
    gboolean ok = sk_fs_write(path, pem->data, pem->size, 0600, error);
    gnutls_memset(pem->data, 0, pem->size);
    gnutls_free(pem->data);
    return ok;
}

/* The key first: a certificate is only there with its key. */
static gboolean
write_both(const char *cert_path, const char *key_path, gnutls_x509_crt_t crt, gnutls_x509_privkey_t key, GError **error)
{
    gnutls_datum_t pem;
    if (!made(gnutls_x509_privkey_export2_pkcs8(key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, &pem), "key file", error) ||
        !write_pem(key_path, &pem, error))
        return FALSE;
    if (!sk_fault("rest/cert", error) && made(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &pem), "file", error) &&
        write_pem(cert_path, &pem, error))
        return TRUE;
    sk_fs_remove(key_path, NULL);
    return FALSE;
}

gboolean
sk_cert_ensure(const char *cert_path, const char *key_path, const char *address, GError **error)
{
    gboolean have_cert = g_file_test(cert_path, G_FILE_TEST_EXISTS), have_key = g_file_test(key_path, G_FILE_TEST_EXISTS);
    if (have_cert && have_key)
        return TRUE;
    if (have_cert)
        return sk_fail(error, SK_ERROR_HOST, "certificate \"%s\" has no key: \"%s\" is missing; put it there or remove the certificate",
                       cert_path, key_path);
    /* A key alone is what a crash between the two writes leaves: a new pair replaces it. */
    g_auto(gnutls_x509_crt_t) crt = NULL;
    g_auto(gnutls_x509_privkey_t) key = NULL;
    guint curve = GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1);
    return made(gnutls_x509_crt_init(&crt), "start", error) && made(gnutls_x509_privkey_init(&key), "start", error) &&
           made(gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA, curve, 0), "key", error) &&
           fill(crt, key, address, error) && write_both(cert_path, key_path, crt, key, error);
}
