// Linked into the command only: see allocation.c. Nothing of it is called by name.
#ifndef ALORA_ALLOCATION_H
#define ALORA_ALLOCATION_H
#endif
