// Which variable a name means. jinja2 compiles a template into Python functions, and its rules follow from that: a
// loop's body, a macro, {% with %} … each have a scope; a scope's variables begin as copies of those around it, so what
// is set inside stays inside; a macro sees the variables around it as they are when it is called. After jinja2's
// idtracking.py and compiler.py.
#pragma once
#include "data/template/jinja/nodes.h"

namespace hone::data::jinja {

// Fills in every `variable`, `scope`, `function` and `undefined`. Errors (SyntaxProblem): what jinja2 refuses when it
// compiles: an unknown filter or test where it surely is used, {% break %} outside of a loop.
void resolve_scopes(Tree& tree);

}  // namespace hone::data::jinja
