#include "../shared/exact.h"
#include "vector.h"

// The order matters: the shared body is written in terms of the vector above.
#include "../shared/table.h"
#include "../shared/recurrent.inc.h"
