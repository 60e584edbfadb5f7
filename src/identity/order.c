/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Orders as text. */
#include "identity/order.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define N(array) (sizeof(array) / sizeof *(array))

static const struct {
    const char *name;
    unsigned n_words;
} verbs[SK_IDENTITY_N_VERBS] = {
    [SK_IDENTITY_SEED] = { "seed", 1 },       [SK_IDENTITY_TIME] = { "time", 1 },       [SK_IDENTITY_HOSTNAME] = { "hostname", 1 },
    [SK_IDENTITY_MACHINE_ID] = { "machine-id", 1 }, [SK_IDENTITY_MAC] = { "mac", 2 },   [SK_IDENTITY_ADDRESS] = { "address", 2 },
    [SK_IDENTITY_GATEWAY] = { "gateway", 1 }, [SK_IDENTITY_FILE] = { "file", 3 },       [SK_IDENTITY_REMOVE] = { "remove", 1 },
    [SK_IDENTITY_HUP] = { "hup", 1 },
};

const char *
sk_identity_verb_name(SkIdentityVerb verb)
{
    return verbs[verb].name;
}

/* Takes the next word of a line; NULL: none. */
static char *
take_word(char **line)
{
    char *word = *line + strspn(*line, " ");
    if (*word == '\0')
        return NULL;
    char *end = word + strcspn(word, " ");
    *line = *end == '\0' ? end : end + 1;
    *end = '\0';
    return word;
}

static int
find_verb(const char *name, SkIdentityVerb *out)
{
    for (unsigned i = 0; i < N(verbs); i++)
        if (strcmp(verbs[i].name, name) == 0) {
            *out = (SkIdentityVerb) i;
            return 1;
        }
    return 0;
}

static int
parse_line(char *line, SkIdentityStep *out, const char **out_why)
{
    const char *name = take_word(&line), *word;
    memset(out, 0, sizeof *out);
    if (name == NULL || !find_verb(name, &out->verb)) {
        *out_why = "unknown";
        return -1;
    }
    while (out->n_words < SK_IDENTITY_MAX_WORDS && (word = take_word(&line)) != NULL)
        out->words[out->n_words++] = word;
    if (out->n_words == verbs[out->verb].n_words)
        return 1;
    *out_why = "too many words, or too few";
    return -1;
}

int
sk_identity_next(char **text, SkIdentityStep *out, const char **out_why)
{
    *text += strspn(*text, "\n");
    if (**text == '\0')
        return 0;
    char *line = *text, *end = line + strcspn(line, "\n");
    *text = *end == '\0' ? end : end + 1;
    *end = '\0';
    return parse_line(line, out, out_why);
}

static int
digit(char letter)
{
    return letter >= '0' && letter <= '9' ? letter - '0' : letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : letter >= 'A' && letter <= 'F' ? letter - 'A' + 10 : -1;
}

long
sk_identity_parse_hex(const char *hex, uint8_t *out, size_t room)
{
    size_t length = strlen(hex);
    if (length % 2 != 0 || length / 2 > room)
        return -1;
    for (size_t i = 0; i < length; i += 2) {
        int high = digit(hex[i]), low = digit(hex[i + 1]);
        if (high < 0 || low < 0)
            return -1;
        out[i / 2] = (uint8_t) (high << 4 | low);
    }
    return (long) (length / 2);
}

int
sk_identity_parse_mac(const char *text, uint8_t out[6])
{
    if (strlen(text) != 17)
        return -1;
    for (unsigned i = 0; i < 6; i++) {
        int high = digit(text[3 * i]), low = digit(text[3 * i + 1]);
        if (high < 0 || low < 0 || (i < 5 && text[3 * i + 2] != ':'))
            return -1;
        out[i] = (uint8_t) (high << 4 | low);
    }
    return 0;
}

int
sk_identity_parse_address(const char *text, uint32_t *out_address, uint32_t *out_mask)
{
    char address[INET_ADDRSTRLEN];
    const char *slash = strchr(text, '/');
    struct in_addr parsed;
    char *end = NULL;
    if (slash == NULL || (size_t) (slash - text) >= sizeof address)
        return -1;
    memcpy(address, text, (size_t) (slash - text));
    address[slash - text] = '\0';
    unsigned long prefix = slash[1] >= '0' && slash[1] <= '9' ? strtoul(slash + 1, &end, 10) : 33;
    if (prefix > 32 || *end != '\0' || inet_pton(AF_INET, address, &parsed) != 1)
        return -1;
    *out_address = parsed.s_addr;
    *out_mask = htonl(prefix == 0 ? 0 : (uint32_t) (0xffffffffu << (32 - prefix)));
    return 0;
}
