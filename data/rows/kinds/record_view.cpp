#include "data/rows/kinds/record_view.h"

#include <algorithm>
#include <vector>

#include "kernels/host/text.h"

namespace hone::data {

std::string_view kind_of(const OrderedJson& value) {
  if (value.is_object()) return "an object";
  if (value.is_array()) return "a list";
  if (value.is_string()) return "a text";
  if (value.is_boolean()) return "true or false";
  return value.is_null() ? "null" : "a number";
}

RecordView::RecordView(const OrderedJson& record, const Names& names, std::string_view schema, std::string path)
    : record_(&record), names_(&names), schema_(schema), path_(std::move(path)) {
  if (!record.is_object()) wrong(path_, path_.empty() ? "" : ": ", "expected an object, got ", kind_of(record));
}

std::string_view RecordView::key(std::string_view field) const {
  const auto named = names_->fields.find(field);
  return named == names_->fields.end() ? field : named->second;
}

std::string RecordView::place(std::string_view field) const {
  return joined(path_, path_.empty() ? "" : ".", key(field));
}

const OrderedJson* RecordView::find(std::string_view field) const {
  const std::string_view name = key(field);
  for (auto member = record_->begin(); member != record_->end(); ++member)
    if (member.key() == name) return member->is_null() ? nullptr : &*member;
  return nullptr;
}

void RecordView::missing(std::string_view field) const {
  std::vector<std::string> keys;
  for (auto member = record_->begin(); member != record_->end() && keys.size() < 100; ++member)
    if (member.key().size() <= 40 && member.key() != key(field)) keys.push_back(member.key());
  const auto near = nearest(key(field), keys);
  std::string hint;
  if (near) {
    hint = "; did you mean " + *near + "?";
  } else if (!keys.empty()) {
    for (size_t i = 0; i < std::min<size_t>(keys.size(), 6); ++i) hint += (i ? ", " : "; the record has ") + keys[i];
    if (keys.size() > 6) hint += " …";
  }
  for (char& c : hint)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';  // nothing that moves a terminal's cursor
  wrong(place(field), " is missing; expected ", schema_, hint);
}

const OrderedJson& RecordView::at(std::string_view field) const {
  const OrderedJson* value = find(field);
  if (!value) missing(field);
  return *value;
}

const std::string& RecordView::text(std::string_view field) const {
  const OrderedJson& value = at(field);
  if (!value.is_string()) wrong(place(field), ": expected a text, got ", kind_of(value));
  return value.get_ref<const std::string&>();
}

std::string RecordView::text_or(std::string_view field, std::string_view otherwise) const {
  return has(field) ? text(field) : std::string(otherwise);
}

const OrderedJson& RecordView::list(std::string_view field) const {
  const OrderedJson& value = at(field);
  if (!value.is_array()) wrong(place(field), ": expected a list, got ", kind_of(value));
  return value;
}

RecordView RecordView::item(std::string_view field, size_t index) const {
  return {list(field)[index], *names_, schema_, joined(place(field), "[", index, "]")};
}

}  // namespace hone::data
