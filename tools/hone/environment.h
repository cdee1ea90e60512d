// What the program's surroundings say about where its lines go. The only place that reads environment variables:
// TERM, NO_COLOR, COLUMNS, LC_ALL, LC_CTYPE, LANG.
#pragma once
#include "trainer/report/progress.h"

namespace hone::tools {

// Of standard output. A terminal without cursor movement (TERM=dumb or none) is treated as a file, of its own width.
trainer::Screen standard_output(bool quiet = false);

// Lines of the terminal that standard output is; 46 where it is none.
int screen_lines();

}  // namespace hone::tools
