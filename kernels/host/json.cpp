#include "kernels/host/json.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "kernels/host/file.h"
#include "kernels/host/text.h"

namespace hone {

namespace {
// Builds the value while watching depth and duplicate keys, which the library's own parser lets pass.
template <class Value>
class StrictBuilder final : public nlohmann::json_sax<Value> {
  using Base = nlohmann::json_sax<Value>;
  using typename Base::binary_t, typename Base::number_float_t, typename Base::number_integer_t,
      typename Base::number_unsigned_t, typename Base::string_t;

 public:
  StrictBuilder(Value& root, std::string_view where, const JsonLimits& limits)
      : builder_(root, true), where_(where), limits_(limits) {}
  bool null() override { return counted() && builder_.null(); }
  bool boolean(bool value) override { return counted() && builder_.boolean(value); }
  bool number_integer(number_integer_t value) override { return counted() && builder_.number_integer(value); }
  bool number_unsigned(number_unsigned_t value) override { return counted() && builder_.number_unsigned(value); }
  bool number_float(number_float_t value, const string_t& text) override {
    const bool whole = std::is_same_v<Value, OrderedJson> && text.find_first_of(".eE") == string_t::npos;
    if (!whole) return counted() && builder_.number_float(value, text);
    binary_t digits(std::vector<uint8_t>(text.begin(), text.end()));  // beyond 64 bits: rounded, it would be another
    return counted() && builder_.binary(digits);
  }
  bool string(string_t& value) override { return counted() && builder_.string(value); }
  bool binary(binary_t& value) override { return builder_.binary(value); }
  bool start_object(size_t count) override {
    keys_.emplace_back();
    deeper();
    return counted() && builder_.start_object(count);
  }
  bool key(string_t& value) override {
    require(keys_.back().insert(value).second, ExitCode::input, where_, ": a key occurs twice in one object");
    require(keys_.back().size() <= limits_.keys, ExitCode::input, where_, ": an object of more than ", limits_.keys,
            " keys");
    return builder_.key(value);
  }
  bool end_object() override {
    keys_.pop_back();
    --level_;
    return builder_.end_object();
  }
  bool start_array(size_t count) override {
    deeper();
    return counted() && builder_.start_array(count);
  }
  bool end_array() override {
    --level_;
    return builder_.end_array();
  }
  bool parse_error(size_t position, const std::string&, const nlohmann::detail::exception&) override {
    fail(ExitCode::input, where_, ": not valid JSON, at byte ", position);
  }

 private:
  void deeper() {
    require(++level_ <= limits_.depth, ExitCode::input, where_, ": nested deeper than ", limits_.depth, " levels");
  }
  bool counted() {
    require(++values_ <= limits_.values, ExitCode::input, where_, ": more than ", limits_.values, " values");
    return true;
  }
  nlohmann::detail::json_sax_dom_parser<Value> builder_;
  std::string_view where_;
  const JsonLimits& limits_;
  int level_ = 0;
  size_t values_ = 0;
  std::vector<std::set<std::string>> keys_;
};

std::string kind_of(const Json& value) {
  if (value.is_object()) return "an object";
  if (value.is_array()) return "a list";
  if (value.is_string()) return "a text";
  if (value.is_boolean()) return value.get<bool>() ? "true" : "false";
  if (value.is_null()) return "null";
  return value.dump();
}
}  // namespace

namespace {
template <class Value>
Value parsed(std::string_view text, std::string_view where, const JsonLimits& limits) {
  require(text.size() <= limits.bytes, ExitCode::input, where, ": ", text.size(), " bytes of JSON, the limit is ",
          limits.bytes);
  require(!text.starts_with("\xEF\xBB\xBF"), ExitCode::input, where,
          ": begins with a byte-order mark; save it as UTF-8 without one");
  require(text.find('\0') == std::string_view::npos, ExitCode::input, where, ": contains a NUL byte");
  Value value;
  StrictBuilder<Value> builder(value, where, limits);
  require(Value::sax_parse(text.begin(), text.end(), &builder), ExitCode::input, where, ": not valid JSON");
  return value;
}
}  // namespace

Json parse_json(std::string_view text, std::string_view where, const JsonLimits& limits) {
  return parsed<Json>(text, where, limits);
}

OrderedJson parse_ordered_json(std::string_view text, std::string_view where, JsonLimits limits) {
  limits.keys = std::min(limits.keys, size_t(4096));  // they are looked for one by one
  return parsed<OrderedJson>(text, where, limits);
}

Json read_json(const std::filesystem::path& path, const JsonLimits& limits) {
  return parse_json(read_text(path, limits.bytes), path.string(), limits);
}

bool JsonView::has(std::string_view key) const { return find(key).has_value(); }

std::optional<JsonView> JsonView::find(std::string_view key) const {
  if (!value_->is_object()) wrong("an object");
  const auto found = value_->find(std::string(key));
  if (found == value_->end() || found->is_null()) return {};
  return JsonView(*found, where_, path_.empty() ? std::string(key) : path_ + "." + std::string(key));
}

JsonView JsonView::at(std::string_view key) const {
  std::optional<JsonView> found = find(key);
  const std::string inside = path_.empty() ? "" : path_ + ".";
  require(found.has_value(), ExitCode::input, where_, ": ", inside, key, " is missing");
  return *found;
}

std::vector<JsonView> JsonView::items() const {
  if (!value_->is_array()) wrong("a list");
  std::vector<JsonView> views;
  for (size_t i = 0; i < value_->size(); ++i)
    views.emplace_back((*value_)[i], where_, path_ + "[" + std::to_string(i) + "]");
  return views;
}

std::vector<std::pair<std::string, JsonView>> JsonView::members() const {
  if (!value_->is_object()) wrong("an object");
  std::vector<std::pair<std::string, JsonView>> views;
  for (auto it = value_->begin(); it != value_->end(); ++it)
    views.emplace_back(it.key(), JsonView(it.value(), where_, path_.empty() ? it.key() : path_ + "." + it.key()));
  return views;
}

int64_t JsonView::as_integer(int64_t least, int64_t most) const {
  const bool fits =
      value_->is_number_integer() && !(value_->is_number_unsigned() && value_->get<uint64_t>() > uint64_t(INT64_MAX));
  if (fits)
    if (const int64_t number = value_->get<int64_t>(); number >= least && number <= most) return number;
  const bool bounded = least != INT64_MIN || most != INT64_MAX;
  wrong(bounded ? joined("a whole number from ", least, " to ", most) : std::string("a whole number"));
}

double JsonView::as_number() const {
  if (!value_->is_number() || !std::isfinite(value_->get<double>())) wrong("a number");
  return value_->get<double>();
}

bool JsonView::as_boolean() const {
  if (!value_->is_boolean()) wrong("true or false");
  return value_->get<bool>();
}

const std::string& JsonView::as_text() const {
  if (!value_->is_string()) wrong("a text");
  return value_->get_ref<const std::string&>();
}

int64_t JsonView::integer_or(std::string_view key, int64_t otherwise, int64_t least, int64_t most) const {
  const std::optional<JsonView> found = find(key);
  return found ? found->as_integer(least, most) : otherwise;
}
double JsonView::number_or(std::string_view key, double otherwise) const {
  const std::optional<JsonView> found = find(key);
  return found ? found->as_number() : otherwise;
}
bool JsonView::boolean_or(std::string_view key, bool otherwise) const {
  const std::optional<JsonView> found = find(key);
  return found ? found->as_boolean() : otherwise;
}
std::string JsonView::text_or(std::string_view key, std::string_view otherwise) const {
  const std::optional<JsonView> found = find(key);
  return found ? found->as_text() : std::string(otherwise);
}

void JsonView::wrong(std::string_view expected) const {
  fail(ExitCode::input, where_, ": ", path_.empty() ? "the top level" : path_, ": expected ", expected, ", got ",
       kind_of(*value_));
}

}  // namespace hone
