// Tables of built-ins, each in the file of its concern.
#pragma once
#include <span>

#include "data/template/jinja/runtime.h"

namespace hone::data::jinja {

std::span<const Builtin> string_methods();
std::span<const Builtin> text_filters();
std::span<const Builtin> number_filters();
std::span<const Builtin> sequence_filters();
std::span<const Builtin> select_filters();

bool in_one_case(std::string_view text, bool upper);
// Attributes by path, "a.b.0"; as the filters' parameter `attribute` has it.
Value attribute_path(Runtime& runtime, Value item, const Value& path, const Value* otherwise = nullptr);
Value without_case(Runtime& runtime, const Value& value);  // strings in lower case, for comparing

}  // namespace hone::data::jinja
