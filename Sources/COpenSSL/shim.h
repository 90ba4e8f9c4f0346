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
#include <openssl/ocsp.h>
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
// The bytes of a dNSName, rfc822Name, uniformResourceIdentifier or iPAddress; NULL for other kinds.
static inline const unsigned char *te_general_name_bytes(const GENERAL_NAME *name, int *kind, int *length) {
  const ASN1_STRING *text = NULL;
  *kind = name->type;
  switch (name->type) {
    case GEN_DNS: text = (const ASN1_STRING *)name->d.dNSName; break;
    case GEN_EMAIL: text = (const ASN1_STRING *)name->d.rfc822Name; break;
    case GEN_URI: text = (const ASN1_STRING *)name->d.uniformResourceIdentifier; break;
    case GEN_IPADD: text = (const ASN1_STRING *)name->d.iPAddress; break;
  }
  if (text == NULL) return NULL;
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

// MARK: Certificates of clients

static inline int te_x509_count(const STACK_OF(X509) *list) { return list == NULL ? 0 : sk_X509_num(list); }
static inline X509 *te_x509_at(const STACK_OF(X509) *list, int index) { return sk_X509_value(list, index); }
static inline STACK_OF(X509) *te_x509_list_new(void) { return sk_X509_new_null(); }
// The list holds a reference of its own.
static inline int te_x509_list_add(STACK_OF(X509) *list, X509 *certificate) {
  return X509_add_cert(list, certificate, X509_ADD_FLAG_UP_REF);
}
static inline void te_x509_list_free(STACK_OF(X509) *list) { sk_X509_pop_free(list, X509_free); }

// An authority without a revocation list among ours cannot revoke; one whose list cannot be used, or is out of date, can.
static inline int te_revocation_callback(int is_good, X509_STORE_CTX *context) {
  if (is_good || X509_STORE_CTX_get_error(context) != X509_V_ERR_UNABLE_TO_GET_CRL) return is_good;
  X509 *current = X509_STORE_CTX_get_current_cert(context);
  if (current == NULL) return 0;
  STACK_OF(X509_CRL) *lists = X509_STORE_CTX_get1_crls(context, X509_get_issuer_name(current));
  int has_list = lists != NULL && sk_X509_CRL_num(lists) > 0;
  sk_X509_CRL_pop_free(lists, X509_CRL_free);
  if (has_list) return 0;
  X509_STORE_CTX_set_error(context, X509_V_OK);
  return 1;
}
static inline void te_store_set_revocation_callback(X509_STORE *store) {
  X509_STORE_set_verify_cb(store, te_revocation_callback);
}
// X509_V_FLAG_*: every certificate of the store is a trust anchor; revocation lists are asked for the whole chain.
static inline int te_store_set_flags(X509_STORE *store, int checks_revocation) {
  unsigned long flags = X509_V_FLAG_PARTIAL_CHAIN;
  if (checks_revocation) flags |= X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL;
  return X509_STORE_set_flags(store, flags);
}
// The certificate whose handshake this is.
static inline SSL *te_verified_connection(X509_STORE_CTX *context) {
  return (SSL *)X509_STORE_CTX_get_ex_data(context, SSL_get_ex_data_X509_STORE_CTX_idx());
}

// MARK: OCSP

// What the response says of the certificate with this issuer: V_OCSP_CERTSTATUS_*, -1 when it does not name it, -2 when it
// is no successful response. `issuer` may be NULL: then the serial number alone is compared.
static inline int te_ocsp_status(const unsigned char *der, long count, X509 *leaf, X509 *issuer, int64_t *next_update) {
  int found = -2;
  OCSP_BASICRESP *basic = NULL;
  const unsigned char *cursor = der;
  OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &cursor, count);
  *next_update = 0;
  if (response == NULL || cursor != der + count || OCSP_response_status(response) != OCSP_RESPONSE_STATUS_SUCCESSFUL)
    goto done;
  basic = OCSP_response_get1_basic(response);
  if (basic == NULL) goto done;
  found = -1;
  for (int index = 0; index < OCSP_resp_count(basic); index++) {
    OCSP_SINGLERESP *single = OCSP_resp_get0(basic, index);
    const OCSP_CERTID *id = OCSP_SINGLERESP_get0_id(single);
    ASN1_INTEGER *serial = NULL;
    ASN1_OBJECT *digest = NULL;
    if (OCSP_id_get0_info(NULL, &digest, NULL, &serial, (OCSP_CERTID *)id) != 1) continue;
    if (ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(leaf)) != 0) continue;
    if (issuer != NULL) {
      const EVP_MD *algorithm = EVP_get_digestbyobj(digest);
      OCSP_CERTID *wanted = algorithm == NULL ? NULL : OCSP_cert_to_id(algorithm, leaf, issuer);
      int is_same = wanted != NULL && OCSP_id_cmp(wanted, id) == 0;
      OCSP_CERTID_free(wanted);
      if (!is_same) continue;
    }
    ASN1_GENERALIZEDTIME *next = NULL;
    found = OCSP_single_get0_status(single, NULL, NULL, NULL, &next);
    struct tm parts;
    if (next != NULL && ASN1_TIME_to_tm(next, &parts) == 1) *next_update = (int64_t)timegm(&parts);
    break;
  }
done:
  OCSP_BASICRESP_free(basic);
  OCSP_RESPONSE_free(response);
  return found;
}
// SSL_CTX_set_tlsext_status_cb, SSL_set_tlsext_status_ocsp_resp: the connection frees its copy.
static inline void te_ctx_set_status_callback(SSL_CTX *context, int (*callback)(SSL *, void *), void *argument) {
  SSL_CTX_set_tlsext_status_cb(context, callback);
  SSL_CTX_set_tlsext_status_arg(context, argument);
}
static inline int te_set_ocsp_response(SSL *ssl, const unsigned char *bytes, size_t count) {
  unsigned char *copy = (unsigned char *)OPENSSL_memdup(bytes, count);
  if (copy == NULL) return 0;
  return (int)SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)count);
}

// MARK: libssl macros

static inline void te_ctx_set_max_cert_list(SSL_CTX *context, long count) { SSL_CTX_set_max_cert_list(context, count); }

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
