// Stubs of GSSAPI functions. Debian's static ZeroMQ requires Kerberos, of which Debian has no static archive, for an
// authentication that daft never uses. Each stub reports that no mechanism is available. Linked only into the `daft`
// that tools/archives.sh prepares.
#include <gssapi/gssapi.h>

gss_OID GSS_C_NT_HOSTBASED_SERVICE = GSS_C_NO_OID;
gss_OID GSS_C_NT_USER_NAME = GSS_C_NO_OID;

static OM_uint32 unavailable(OM_uint32 *minor) {
  *minor = 0;
  return GSS_S_UNAVAILABLE;
}

OM_uint32 gss_acquire_cred(OM_uint32 *minor, gss_name_t name, OM_uint32 seconds, gss_OID_set mechanisms,
                           gss_cred_usage_t usage, gss_cred_id_t *credential, gss_OID_set *actual_mechanisms,
                           OM_uint32 *actual_seconds) {
  return unavailable(minor);
}

OM_uint32 gss_init_sec_context(OM_uint32 *minor, gss_cred_id_t credential, gss_ctx_id_t *context, gss_name_t target,
                               gss_OID mechanism, OM_uint32 flags, OM_uint32 seconds,
                               gss_channel_bindings_t bindings, gss_buffer_t input, gss_OID *actual_mechanism,
                               gss_buffer_t output, OM_uint32 *actual_flags, OM_uint32 *actual_seconds) {
  return unavailable(minor);
}

OM_uint32 gss_accept_sec_context(OM_uint32 *minor, gss_ctx_id_t *context, gss_cred_id_t credential,
                                 gss_buffer_t input, gss_channel_bindings_t bindings, gss_name_t *source,
                                 gss_OID *mechanism, gss_buffer_t output, OM_uint32 *flags, OM_uint32 *seconds,
                                 gss_cred_id_t *delegated) {
  return unavailable(minor);
}

OM_uint32 gss_delete_sec_context(OM_uint32 *minor, gss_ctx_id_t *context, gss_buffer_t output) {
  return unavailable(minor);
}

OM_uint32 gss_import_name(OM_uint32 *minor, gss_buffer_t input, gss_OID type, gss_name_t *name) {
  return unavailable(minor);
}

OM_uint32 gss_display_name(OM_uint32 *minor, gss_name_t name, gss_buffer_t output, gss_OID *type) {
  return unavailable(minor);
}

OM_uint32 gss_wrap(OM_uint32 *minor, gss_ctx_id_t context, int is_confidential, gss_qop_t protection,
                   gss_buffer_t input, int *was_confidential, gss_buffer_t output) {
  return unavailable(minor);
}

OM_uint32 gss_unwrap(OM_uint32 *minor, gss_ctx_id_t context, gss_buffer_t input, gss_buffer_t output,
                     int *was_confidential, gss_qop_t *protection) {
  return unavailable(minor);
}

OM_uint32 gss_release_buffer(OM_uint32 *minor, gss_buffer_t buffer) { return unavailable(minor); }
OM_uint32 gss_release_cred(OM_uint32 *minor, gss_cred_id_t *credential) { return unavailable(minor); }
OM_uint32 gss_release_name(OM_uint32 *minor, gss_name_t *name) { return unavailable(minor); }
