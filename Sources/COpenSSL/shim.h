#pragma once
// The door to libcrypto and libssl: what Swift can import directly, and one-line functions for what are macros in C.
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/dh.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/objects.h>
#include <openssl/param_build.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

// MARK: libcrypto macros

// BIO_get_mem_data
static inline long te_bio_mem_data(BIO *bio, char **data) { return BIO_get_mem_data(bio, data); }
// EVP_PKEY_PUBLIC_KEY, EVP_PKEY_KEYPAIR
static inline int te_selection_public(void) { return EVP_PKEY_PUBLIC_KEY; }
static inline int te_selection_keypair(void) { return EVP_PKEY_KEYPAIR; }
// BN_num_bytes
static inline int te_bn_num_bytes(const BIGNUM *number) { return BN_num_bytes(number); }
// OPENSSL_free
static inline void te_free(void *memory) { OPENSSL_free(memory); }
// EVP_RSA_gen, EVP_EC_gen (variadic underneath)
static inline EVP_PKEY *te_rsa_generate(unsigned int bits) { return EVP_RSA_gen(bits); }
static inline EVP_PKEY *te_ec_generate(const char *curve) { return EVP_EC_gen(curve); }
static inline EVP_PKEY *te_pkey_generate(const char *type) { return EVP_PKEY_Q_keygen(NULL, NULL, type); }

// EVP_MAC_init for HMAC; the parameters point to their names, so they are made here.
static inline int te_hmac_init(EVP_MAC_CTX *context, const unsigned char *key, size_t count, const char *digest) {
  OSSL_PARAM parameters[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)digest, 0),
                             OSSL_PARAM_construct_end()};
  return EVP_MAC_init(context, key, count, parameters);
}

// MARK: X.509 macros

// XN_FLAG_RFC2253
static inline unsigned long te_name_flags(void) { return XN_FLAG_RFC2253; }

static inline int te_general_name_count(const GENERAL_NAMES *names) { return sk_GENERAL_NAME_num(names); }
static inline const GENERAL_NAME *te_general_name(const GENERAL_NAMES *names, int index) {
  return sk_GENERAL_NAME_value(names, index);
}
// The bytes of a dNSName or iPAddress; NULL for other kinds.
static inline const unsigned char *te_general_name_bytes(const GENERAL_NAME *name, int *kind, int *length) {
  *kind = name->type;
  if (name->type != GEN_DNS && name->type != GEN_IPADD) return NULL;
  const ASN1_STRING *text = name->type == GEN_DNS ? (const ASN1_STRING *)name->d.dNSName
                                                 : (const ASN1_STRING *)name->d.iPAddress;
  *length = ASN1_STRING_length(text);
  return ASN1_STRING_get0_data(text);
}
// Seconds since 1970; 0 when the time cannot be read.
static inline int64_t te_unix_time(const ASN1_TIME *time) {
  struct tm parts;
  if (time == NULL || ASN1_TIME_to_tm(time, &parts) != 1) return 0;
  return (int64_t)timegm(&parts);
}
static inline void te_general_names_free(GENERAL_NAMES *names) { GENERAL_NAMES_free(names); }
// SSL_CTX_add1_chain_cert
static inline int te_ctx_add_chain_certificate(SSL_CTX *context, X509 *certificate) {
  return (int)SSL_CTX_add1_chain_cert(context, certificate);
}

// MARK: libssl macros

static inline void te_ctx_set_modes(SSL_CTX *context) {
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
}
static inline void te_ctx_set_options(SSL_CTX *context) {
  SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                   SSL_OP_PRIORITIZE_CHACHA | SSL_OP_SINGLE_ECDH_USE);
}
static inline int te_ctx_set_min_version(SSL_CTX *context, int version) {
  return (int)SSL_CTX_set_min_proto_version(context, version);
}
static inline int te_ctx_set_groups(SSL_CTX *context, const char *list) {
  return (int)SSL_CTX_set1_groups_list(context, list);
}
static inline void te_ctx_set_session_cache_off(SSL_CTX *context) {
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
}
// ERR_GET_LIB, ERR_GET_REASON
static inline int te_error_library(unsigned long code) { return ERR_GET_LIB(code); }
static inline int te_error_reason(unsigned long code) { return ERR_GET_REASON(code); }
static inline int te_set_host_name(SSL *ssl, const char *name) { return (int)SSL_set_tlsext_host_name(ssl, name); }

// MARK: The BIO of the TLS engine

// Records come from and go to memory that the caller lends for one call; nothing is copied into a memory BIO. Output that finds
// no room goes to `spill`, so writing never blocks. Reading answers "retry" when empty, never 0, which would mean the end.
typedef struct te_bio_state {
  const uint8_t *input;
  size_t input_left;
  uint8_t *output;
  size_t output_room;
  size_t output_used;
  uint8_t *spill;
  size_t spill_used;
  size_t spill_room;
} te_bio_state;

static inline int te_bio_read(BIO *bio, char *into, int wanted) {
  te_bio_state *state = (te_bio_state *)BIO_get_data(bio);
  BIO_clear_retry_flags(bio);
  if (state == NULL || state->input_left == 0) {
    BIO_set_retry_read(bio);
    return -1;
  }
  if (wanted <= 0) return -1;
  size_t count = (size_t)wanted < state->input_left ? (size_t)wanted : state->input_left;
  memcpy(into, state->input, count);
  state->input += count;
  state->input_left -= count;
  return (int)count;
}

static inline int te_bio_write(BIO *bio, const char *from, int length) {
  te_bio_state *state = (te_bio_state *)BIO_get_data(bio);
  BIO_clear_retry_flags(bio);
  if (state == NULL || length <= 0) return -1;
  size_t count = (size_t)length;
  size_t direct = 0;
  if (state->spill_used == 0) {  // the order of the bytes: once spilt, everything goes behind it
    size_t room = state->output_room - state->output_used;
    direct = count < room ? count : room;
    if (direct > 0) memcpy(state->output + state->output_used, from, direct);
    state->output_used += direct;
  }
  size_t rest = count - direct;
  if (rest > 0) {
    if (state->spill_room - state->spill_used < rest) {
      size_t room = state->spill_used + rest;
      room = room < 4096 ? 4096 : room + room / 2;
      uint8_t *grown = (uint8_t *)realloc(state->spill, room);
      if (grown == NULL) return -1;
      state->spill = grown;
      state->spill_room = room;
    }
    memcpy(state->spill + state->spill_used, from + direct, rest);
    state->spill_used += rest;
  }
  return length;
}

static inline long te_bio_control(BIO *bio, int command, long number, void *pointer) {
  (void)bio;
  (void)number;
  (void)pointer;
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

static inline int te_bio_create(BIO *bio) {
  BIO_set_init(bio, 1);
  return 1;
}

static inline BIO_METHOD *te_bio_method_new(void) {
  BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "TunnelEdge");
  if (method == NULL) return NULL;
  if (!BIO_meth_set_read(method, te_bio_read) || !BIO_meth_set_write(method, te_bio_write) ||
      !BIO_meth_set_ctrl(method, te_bio_control) || !BIO_meth_set_create(method, te_bio_create)) {
    BIO_meth_free(method);
    return NULL;
  }
  return method;
}
