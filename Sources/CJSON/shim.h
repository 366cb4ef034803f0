#include <json-c/json.h>

// json-c's iteration macros are not importable; a member is read through the linked hash entries.
static inline const struct lh_entry *alora_json_first_member(const struct json_object *object) {
  return lh_table_head(json_object_get_object(object));
}
static inline const struct lh_entry *alora_json_next_member(const struct lh_entry *entry) { return lh_entry_next(entry); }
static inline const char *alora_json_member_key(const struct lh_entry *entry) { return (const char *)lh_entry_k(entry); }
static inline struct json_object *alora_json_member_value(const struct lh_entry *entry) {
  return (struct json_object *)lh_entry_v(entry);
}
