// A record of a data file seen through the names of its fields. Errors (ExitCode::input) have no place and name keys
// alone, never values.
//   const RecordView record(json, names, R"({"instruction": …, "output": …})");
//   record.text("instruction");             // "instruction is missing; expected {…}; did you mean intsruction?"
#pragma once
#include <map>
#include <string>
#include <string_view>

#include "kernels/host/error.h"
#include "kernels/host/json.h"

namespace hone::data {

// What the data has other names for.
struct Names {
  std::map<std::string, std::string, std::less<>> fields;  // the kind's name of a field → the data's
  std::map<std::string, std::string, std::less<>> roles;   // the data's name of a role → user, assistant …
  bool operator==(const Names&) const = default;
};

std::string_view kind_of(const OrderedJson& value);  // "an object", "a list", "a text" …
[[noreturn]] void wrong(const auto&... parts) { fail(ExitCode::input, parts...); }

// All are valid while the record, the names and the schema are.
class RecordView {
 public:
  RecordView(const OrderedJson& record, const Names& names, std::string_view schema, std::string path = {});

  const OrderedJson& json() const { return *record_; }
  const Names& names() const { return *names_; }
  bool has(std::string_view field) const { return find(field) != nullptr; }
  const OrderedJson* find(std::string_view field) const;  // null where it is absent or null
  const OrderedJson& at(std::string_view field) const;
  const std::string& text(std::string_view field) const;
  std::string text_or(std::string_view field, std::string_view otherwise) const;
  const OrderedJson& list(std::string_view field) const;
  RecordView item(std::string_view field, size_t index) const;  // of a list: an object

  std::string_view key(std::string_view field) const;  // what the record calls it
  std::string place(std::string_view field) const;     // "messages[3].content"
  [[noreturn]] void missing(std::string_view field) const;

 private:
  const OrderedJson* record_;
  const Names* names_;
  std::string_view schema_;
  std::string path_;
};

}  // namespace hone::data
