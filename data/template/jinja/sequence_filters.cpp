// Filters on what can be walked through.
#include <algorithm>
#include <unordered_map>

#include "data/template/jinja/characters.h"
#include "data/template/jinja/methods.h"
#include "data/template/jinja/strings.h"
#include "data/tokenizer/unicode.h"

namespace hone::data::jinja {

Value attribute_path(Runtime& runtime, Value item, const Value& path, const Value* otherwise) {
  const auto step = [&](const Value& part) {
    item = get_item(runtime, item, part);
    if (otherwise && !otherwise->is(Type::none) && item.is(Type::undefined)) item = *otherwise;
  };
  if (path.is(Type::none)) return item;
  if (!path.is(Type::string)) {
    step(path);
    return item;
  }
  const std::string_view text = path.text().bytes();
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find('.', begin), text.size());
    const std::string_view part = text.substr(begin, end - begin);
    const bool digits = !part.empty() && part.find_first_not_of("0123456789") == std::string_view::npos;
    if (digits)
      step(Value::integer(python_integer(part, 10).value_or(0)));
    else
      step(begin == 0 && end == text.size() ? path : substring(runtime, path.text(), begin, end));
    begin = end + 1;
  }
  return item;
}

Value without_case(Runtime& runtime, const Value& value) {
  return value.is(Type::string) ? in_case(runtime, value.text(), int(Case::lower)) : value;
}

namespace {

// What a filter orders or compares by: an attribute, strings in one case.
Value key_of(Runtime& runtime, const Value& item, const Value& attribute, bool case_sensitive) {
  Value key = attribute.given() ? attribute_path(runtime, item, attribute) : item;
  return case_sensitive ? key : without_case(runtime, key);
}

template <bool greatest>
Value extreme(Runtime& runtime, Bound& a) {
  Value best, best_key;
  each(runtime, a[0], [&](const Value& item) {
    Value key = key_of(runtime, item, a[2], flag(a, 1));
    if (!best.given() || (greatest ? less(runtime, best_key, key) : less(runtime, key, best_key)))
      best = item, best_key = std::move(key);
    return true;
  });
  return best.given() ? best : undefined(runtime, "there is no least or greatest item, the sequence is empty");
}

Value sort(Runtime& runtime, Bound& a) {
  const bool case_sensitive = flag(a, 2);
  std::vector<Value> paths;  // "a,b": by a, then by b
  if (a.given(3) && a[3].is(Type::string)) {
    const Text& text = a[3].text();
    for (size_t begin = 0; begin <= text.size();) {
      const size_t end = std::min(text.bytes().find(',', begin), text.size());
      paths.push_back(substring(runtime, text, begin, end));
      begin = end + 1;
    }
  } else {
    paths.push_back(a[3]);
  }
  std::vector<std::pair<Value, Value>> keyed;
  each(runtime, a[0], [&](const Value& item) {
    std::vector<Value> keys;
    for (const Value& path : paths) keys.push_back(key_of(runtime, item, path, case_sensitive));
    keyed.emplace_back(runtime.heap.list(std::move(keys)), item);
    return true;
  });
  sort_values(runtime, keyed, whole_number(a, 1, "reverse", 0) != 0);
  std::vector<Value> items;
  for (auto& [key, item] : keyed) items.push_back(std::move(item));
  return runtime.heap.list(std::move(items));
}

Value dict_sort(Runtime& runtime, Bound& a) {
  if (!a[0].is(Type::dict)) type_problem("dictsort: expected a dict, got", a[0]);
  const std::string_view by = a.given(2) ? text_of(a[2], "by").bytes() : "key";
  if (by != "key" && by != "value") throw Problem("dictsort: by is 'key' or 'value'");
  std::vector<std::pair<Value, Value>> keyed;
  for (const auto& [key, value] : a[0].as<Dict>().entries())
    keyed.emplace_back(key_of(runtime, by == "key" ? key : value, {}, flag(a, 1)), runtime.heap.tuple({key, value}));
  sort_values(runtime, keyed, whole_number(a, 3, "reverse", 0) != 0);
  std::vector<Value> items;
  for (auto& [key, item] : keyed) items.push_back(std::move(item));
  return runtime.heap.list(std::move(items));
}

Value group_by(Runtime& runtime, Bound& a) {
  const bool case_sensitive = flag(a, 3);
  const Value* otherwise = a.given(2) ? &a[2] : nullptr;
  std::vector<std::pair<Value, Value>> keyed;
  each(runtime, a[0], [&](const Value& item) {
    Value key = attribute_path(runtime, item, a[1], otherwise);
    keyed.emplace_back(case_sensitive ? key : without_case(runtime, key), item);
    return true;
  });
  sort_values(runtime, keyed, false);
  std::vector<Value> groups;
  for (size_t begin = 0; begin < keyed.size();) {
    size_t end = begin;
    std::vector<Value> items;
    while (end < keyed.size() && (end == begin || equal(runtime, keyed[begin].first, keyed[end].first)))
      items.push_back(keyed[end++].second);
    Value key = case_sensitive ? keyed[begin].first : attribute_path(runtime, items[0], a[1], otherwise);
    const Value list = runtime.heap.list(std::move(items));
    std::vector<Value> pair{std::move(key), list};
    groups.emplace_back(Type::tuple, runtime.heap.make<Sequence>(2 * sizeof(Value), std::move(pair), true));
    begin = end;
  }
  return runtime.heap.list(std::move(groups));
}

Value sum(Runtime& runtime, Bound& a) {
  Value total = a.given(2) ? a[2] : Value::integer(0);
  if (total.is(Type::string)) throw Problem("sum: strings are joined by join");
  each(runtime, a[0], [&](const Value& item) {
    const bool whole = !a.given(1) || a[1].is(Type::none);
    total = arithmetic(runtime, Arithmetic::add, total, whole ? item : attribute_path(runtime, item, a[1]));
    return true;
  });
  return total;
}

bool reversible(const Value& value) {
  switch (value.type()) {
    case Type::string:
    case Type::list:
    case Type::tuple:
    case Type::dict:
    case Type::view:
    case Type::range:
    case Type::undefined:
      return true;
    default:
      return false;
  }
}

Value last(Runtime& runtime, Bound& a) {
  if (!reversible(a[0])) type_problem("last: expected a sequence, got", a[0]);
  if (!truth(a[0])) return undefined(runtime, "there is no last item, the sequence is empty");
  if (a[0].is(Type::dict)) return a[0].as<Dict>().entries().back().first;
  if (a[0].is(Type::view)) return collect(runtime, a[0]).back();
  return get_item(runtime, a[0], Value::integer(-1));
}

Value reverse(Runtime& runtime, Bound& a) {
  if (a[0].is(Type::string)) return slice(runtime, a[0], Value::none(), Value::none(), Value::integer(-1));
  std::vector<Value> items = collect(runtime, a[0]);
  std::reverse(items.begin(), items.end());
  Value list = runtime.heap.list(std::move(items));
  return reversible(a[0]) ? iterate(runtime, list) : list;
}

// What jinja2 makes step by step, a generator: here its items are made at once. It can be walked once either way.
Value generated(Runtime& runtime, std::vector<Value> items) {
  return iterate(runtime, runtime.heap.list(std::move(items)));
}

Value batch(Runtime& runtime, Bound& a) {
  const int64_t count = a[1].is(Type::floating) ? int64_t(a[1].as_floating()) : whole_number(a[1], "linecount");
  std::vector<Value> rows, row;
  const bool fill = a.given(2) && !a[2].is(Type::none);
  each(runtime, a[0], [&](const Value& item) {
    if (int64_t(row.size()) == count) {
      rows.push_back(runtime.heap.list(std::move(row)));
      row.clear();
    }
    row.push_back(item);
    return true;
  });
  if (!row.empty()) {
    if (fill && int64_t(row.size()) < count) {
      runtime.step(count);
      row.resize(size_t(count), a[2]);
    }
    rows.push_back(runtime.heap.list(std::move(row)));
  }
  return generated(runtime, std::move(rows));
}

Value slices(Runtime& runtime, Bound& a) {
  const std::vector<Value> items = collect(runtime, a[0]);
  const int64_t count = whole_number(a[1], "slices"), size = int64_t(items.size());
  if (count == 0) throw Problem("slice: expected a number of slices above 0");
  if (count < 0) return generated(runtime, {});
  const int64_t each_has = size / count, extra = size % count;
  std::vector<Value> rows;
  int64_t begin = 0;
  for (int64_t i = 0; i < count; ++i) {
    runtime.step();
    const int64_t end = begin + each_has + (i < extra);
    std::vector<Value> row(items.begin() + long(begin), items.begin() + long(end));
    if (a.given(2) && !a[2].is(Type::none) && i >= extra) row.push_back(a[2]);
    rows.push_back(runtime.heap.list(std::move(row)));
    begin = end;
  }
  return generated(runtime, std::move(rows));
}

struct Unique : Iterator {
  Unique(Value source, Value attribute, bool case_sensitive)
      : source(std::move(source)), attribute(std::move(attribute)), case_sensitive(case_sensitive) {}
  bool next(Runtime& runtime, Value& item) override {
    const Deeper deeper(runtime);
    if (!source.is(Type::iterator)) source = iterate(runtime, source);
    while (jinja::next(runtime, source, item)) {
      const Value key = key_of(runtime, item, attribute, case_sensitive);
      if (seen.find(key)) continue;
      runtime.heap.grow(*this, 4 * sizeof(Value));
      seen.set(key, Value::none());
      return true;
    }
    return false;
  }
  Value source, attribute;
  bool case_sensitive;
  Dict seen;
};

struct Items : Iterator {
  explicit Items(Value dict) : dict(std::move(dict)) {}
  bool next(Runtime& runtime, Value& item) override {
    if (dict.is(Type::undefined)) return false;
    if (!dict.is(Type::dict)) type_problem("items: expected a dict, got", dict);
    const auto& entries = dict.as<Dict>().entries();
    if (at >= entries.size()) return false;
    item = runtime.heap.tuple({entries[at].first, entries[at].second});
    ++at;
    return true;
  }
  Value dict;
  size_t at = 0;
};

Value first(Runtime& runtime, Bound& a) {
  Value item;
  if (next(runtime, iterate(runtime, a[0]), item)) return item;
  return undefined(runtime, "there is no first item, the sequence is empty");
}

Value otherwise(Runtime&, Bound& a) {
  static Constants constants;
  static const Value empty = constants.text(Text());
  const bool missing = a[0].is(Type::undefined) || (flag(a, 2) && !truth(a[0]));
  return !missing ? a[0] : a.given(1) ? a[1] : empty;
}

Value count(Runtime& runtime, Bound& a) { return Value::integer(length(runtime, a[0])); }

constexpr Builtin kFilters[] = {
    {"attr", "obj name",
     [](Runtime& runtime, Bound& a) {
       require_defined(a[0]);
       Value own = own_attribute(runtime, a[0], text_of(a[1], "an attribute's name").bytes());
       return own.given() ? own : undefined(runtime, "there is no such attribute");
     }},
    {"batch", "value linecount fill_with?", batch},
    {"count", "obj /", count},
    {"d", "value default_value? boolean?", otherwise},
    {"default", "value default_value? boolean?", otherwise},
    {"dictsort", "value case_sensitive? by? reverse?", dict_sort},
    {"first", "seq", first},
    {"groupby", "value attribute default? case_sensitive?", group_by},
    {"items", "value",
     [](Runtime& runtime, Bound& a) { return Value(Type::iterator, runtime.heap.make<Items>(0, a[0])); }},
    {"last", "seq", last},
    {"length", "obj /", count},
    {"list", "value", [](Runtime& runtime, Bound& a) { return runtime.heap.list(collect(runtime, a[0])); }},
    {"max", "value case_sensitive? attribute?", extreme<true>},
    {"min", "value case_sensitive? attribute?", extreme<false>},
    {"reverse", "value", reverse},
    {"slice", "value slices fill_with?", slices},
    {"sort", "value reverse? case_sensitive? attribute?", sort},
    {"sum", "iterable attribute? start?", sum},
    {"unique", "value case_sensitive? attribute?",
     [](Runtime& runtime, Bound& a) {
       return Value(Type::iterator, runtime.heap.make<Unique>(0, a[0], a[2], flag(a, 1)));
     }},
};

}  // namespace

std::span<const Builtin> sequence_filters() { return kFilters; }

}  // namespace hone::data::jinja
