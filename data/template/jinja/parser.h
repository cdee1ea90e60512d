// Tokens into a tree: jinja2's grammar with transformers' extensions (break, continue, generation).
#pragma once
#include "data/template/jinja/lexer.h"
#include "data/template/jinja/nodes.h"

namespace hone::data::jinja {

// Errors: SyntaxProblem. `depth`: how deep tags and brackets may nest.
Tree parse_tree(std::string_view source, int depth);

}  // namespace hone::data::jinja
