// SPDX-License-Identifier: MIT
// Whether a model is an encoder, which embeds and never produces tokens: without an output matrix its embedding is not
// tied, only looked up. The same names as in src/model/describe-model.ts (llama-arch.cpp, 0.7.0).
#include "preload.h"

#include <string.h>

static const char *const encoders[] = {
    "bert",        "clip",       "eurobert", "gemma-embedding", "gemma-embedding2", "jina-bert-v2", "jina-bert-v3",
    "llama-embed", "modern-bert", "neo-bert", "nomic-bert",      "nomic-bert-moe",   "t5encoder",    "wavtokenizer-dec",
};

/* Key, type and value as a GGUF has them, in this machine's byte order: length (uint64), text, 8 (a string), length, text. */
static const char key[] = "general.architecture";
enum { KEY = sizeof key - 1, STRING = 8 };

bool ns_header_is_encoder(const char *header, size_t length) {
    const uint64_t key_length = KEY;
    char entry[8 + KEY];
    uint32_t type;
    uint64_t value_length;
    memcpy(entry, &key_length, 8);
    memcpy(entry + 8, key, KEY);
    const char *found = memmem(header, length, entry, sizeof entry);
    if (!found) return false;
    const char *at = found + sizeof entry;
    const size_t left = length - (size_t)(at - header);
    if (left < sizeof type + sizeof value_length) return false;
    memcpy(&type, at, sizeof type);
    memcpy(&value_length, at + sizeof type, sizeof value_length);
    at += sizeof type + sizeof value_length;
    if (type != STRING || value_length > left - sizeof type - sizeof value_length) return false;
    for (size_t i = 0; i < sizeof encoders / sizeof *encoders; i++)
        if (strlen(encoders[i]) == value_length && memcmp(encoders[i], at, (size_t)value_length) == 0) return true;
    return false;
}
