#include <oniguruma.h>

// Macros that take addresses are not importable.
static inline OnigEncoding alora_onig_utf8(void) { return ONIG_ENCODING_UTF8; }
static inline OnigSyntaxType *alora_onig_python(void) { return ONIG_SYNTAX_PYTHON; }
static inline OnigSyntaxType *alora_onig_oniguruma(void) { return ONIG_SYNTAX_ONIGURUMA; }
static inline int alora_onig_error_text(UChar *buffer, int code, const OnigErrorInfo *info) {
  return onig_error_code_to_str(buffer, code, info);
}
