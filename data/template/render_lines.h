// Conversations in, what a model sees and learns of them out: `hone render`.
#pragma once
#include <istream>
#include <ostream>

#include "data/template/chat_template.h"

namespace hone::data {

// Lines of JSON: {"messages", "tools", "add_generation_prompt"} and any other keys, which are the template's variables.
//
// `json`: a line each, {"text", "ids", "learned"} (learned: 0 or 1 a token), or {"error"} where a row has no rendering;
// with "problem" where what is learned of it is not all;
// else, for people, the text with learned parts in «…», then the ids. Lines out come in the order of lines in.
void render_lines(const ChatTemplate&, const Learn&, std::istream& in, std::ostream& out, bool json);

}  // namespace hone::data
