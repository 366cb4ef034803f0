#include <yaml.h>

// An event's payload is a union in C; these read the members that belong to the event's type.
static inline const unsigned char *alora_yaml_scalar_bytes(const yaml_event_t *event) { return event->data.scalar.value; }
static inline size_t alora_yaml_scalar_byte_count(const yaml_event_t *event) { return event->data.scalar.length; }
static inline int alora_yaml_scalar_is_plain(const yaml_event_t *event) {
  return event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}
