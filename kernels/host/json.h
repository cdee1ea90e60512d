// Strict JSON over nlohmann/json: one value, UTF-8, no byte-order mark, no NUL, no duplicate key, limited depth and
// size.
//   const Json config = parse_json(text, "config.json");
//   const JsonView view(config, "config.json");
//   const int64_t layers = view.integer("num_hidden_layers", 1, 10000);   // config.json: num_hidden_layers: expected …
#pragma once
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/host/error.h"

namespace hone {

using Json = nlohmann::json;                 // keys sorted
using OrderedJson = nlohmann::ordered_json;  // keys as written, where their order is part of what is written

struct JsonLimits {
  size_t bytes = size_t(256) << 20;
  int depth = 64;
  size_t values =
      SIZE_MAX;  // numbers, texts, lists, objects … in all: short ones take many times their bytes in memory
  size_t keys = SIZE_MAX;  // of one object
};
// `where` opens every message: a file name, "data.jsonl:12". Errors carry ExitCode::input and a byte offset, never the
// content.
Json parse_json(std::string_view text, std::string_view where, const JsonLimits& limits = {});
// The same with the keys in their order, at most 4,096 an object: for what is printed again as it was written. A whole
// number that 64 bits do not hold is not rounded but binary: its digits.
OrderedJson parse_ordered_json(std::string_view text, std::string_view where, JsonLimits limits = {});
Json read_json(const std::filesystem::path& path, const JsonLimits& limits = {});

// A value with the place it came from: typed getters that name the key, what was expected and what came.
class JsonView {
 public:
  JsonView(const Json& value, std::string where, std::string path = {})
      : value_(&value), where_(std::move(where)), path_(std::move(path)) {}
  const Json& value() const { return *value_; }
  const std::string& where() const { return where_; }
  const std::string& path() const { return path_; }  // keys and indices from the top, "added_tokens[3].id"

  bool has(std::string_view key) const;                           // there, and not null
  JsonView at(std::string_view key) const;                        // an error when absent
  std::optional<JsonView> find(std::string_view key) const;       // empty when absent or null
  std::vector<JsonView> items() const;                            // of an array
  std::vector<std::pair<std::string, JsonView>> members() const;  // of an object

  int64_t as_integer(int64_t least = INT64_MIN, int64_t most = INT64_MAX) const;  // a JSON integer, not 1.0
  double as_number() const;                                                       // integer or floating point, finite
  bool as_boolean() const;
  const std::string& as_text() const;

  int64_t integer(std::string_view key, int64_t least = INT64_MIN, int64_t most = INT64_MAX) const {
    return at(key).as_integer(least, most);
  }
  double number(std::string_view key) const { return at(key).as_number(); }
  const std::string& text(std::string_view key) const { return at(key).as_text(); }
  int64_t integer_or(std::string_view key, int64_t otherwise, int64_t least = INT64_MIN,
                     int64_t most = INT64_MAX) const;
  double number_or(std::string_view key, double otherwise) const;
  bool boolean_or(std::string_view key, bool otherwise) const;
  std::string text_or(std::string_view key, std::string_view otherwise) const;

  [[noreturn]] void wrong(std::string_view expected) const;  // "<where>: <path>: expected <expected>, got <kind>"

 private:
  const Json* value_;
  std::string where_, path_;
};

}  // namespace hone
