// The words of the call, as the system gave them to the process.
#ifndef ALORA_ARGUMENTS_H
#define ALORA_ARGUMENTS_H

/// The number of words, the program's name included; 0 if the C library doesn't pass them on.
int alora_argument_count(void);

/// A word: 0 is the program's name. NULL outside of the count. Valid as long as the process runs.
const char *alora_argument(int index);

#endif
