// Methods of dict, list, tuple …, and the way to all of them.
#include "data/template/jinja/methods.h"

#include <algorithm>
#include <unordered_map>

#include "data/template/jinja/interpreter.h"

namespace hone::data::jinja {
namespace {

Value view(Runtime& runtime, const Value& dict, DictView::Kind kind) {
  return Value(Type::view, runtime.heap.make<DictView>(0, dict, kind));
}

constexpr Builtin kDict[] = {
    {"items", "self /", [](Runtime& runtime, Bound& a) { return view(runtime, a[0], DictView::items); }},
    {"keys", "self /", [](Runtime& runtime, Bound& a) { return view(runtime, a[0], DictView::keys); }},
    {"values", "self /", [](Runtime& runtime, Bound& a) { return view(runtime, a[0], DictView::values); }},
    {"get", "self key default? /",
     [](Runtime&, Bound& a) {
       const Value* found = a[0].as<Dict>().find(a[1]);
       return found ? *found : a.given(2) ? a[2] : Value::none();
     }},
    {"copy", "self /", [](Runtime&, Bound& a) { return a[0]; }},
    {"fromkeys", "self iterable value? /",
     [](Runtime& runtime, Bound& a) {
       auto* made = runtime.heap.make<Dict>(0);
       Value value(Type::dict, made);
       each(runtime, a[1], [&](const Value& key) {
         runtime.heap.grow(*made, 4 * sizeof(Value));
         made->set(key, a.given(2) ? a[2] : Value::none());
         return true;
       });
       return value;
     }},
};

Value index_in(Runtime& runtime, Bound& a) {
  const auto& items = a[0].items();
  const int64_t size = int64_t(items.size());
  const auto place = [&](size_t i, int64_t otherwise) {
    int64_t at = whole_number(a, i, "an index", otherwise);
    if (at < 0) at = std::max<int64_t>(0, at + size);
    return std::min(at, size);
  };
  for (int64_t i = place(2, 0), end = place(3, size); i < end; ++i)
    if (identical(items[size_t(i)], a[1]) || equal(runtime, items[size_t(i)], a[1])) return Value::integer(i);
  throw Problem("index(): the item is not in the list");
}
Value count_in(Runtime& runtime, Bound& a) {
  return Value::integer(std::count_if(a[0].items().begin(), a[0].items().end(), [&](const Value& item) {
    return identical(item, a[1]) || equal(runtime, item, a[1]);
  }));
}

constexpr Builtin kList[] = {
    {"index", "self value start? end? /", index_in},
    {"count", "self value /", count_in},
    {"copy", "self /", [](Runtime&, Bound& a) { return a[0]; }},
};
constexpr Builtin kTuple[] = {
    {"index", "self value start? end? /", index_in},
    {"count", "self value /", count_in},
};
constexpr Builtin kFloat[] = {
    {"conjugate", "self /", [](Runtime&, Bound& a) { return a[0]; }},
    {"is_integer", "self /",
     [](Runtime&, Bound& a) {
       const double value = a[0].as_floating();
       return Value::boolean(value - value == 0 && double(int64_t(value)) == value);
     }},
};
constexpr Builtin kInteger[] = {
    {"conjugate", "self /", [](Runtime&, Bound& a) { return Value::integer(a[0].as_integer()); }},
    {"bit_length", "self /",
     [](Runtime&, Bound& a) {
       const int64_t value = a[0].as_integer();
       uint64_t rest = value < 0 ? 0 - uint64_t(value) : uint64_t(value);
       int64_t bits = 0;
       for (; rest; rest >>= 1) ++bits;
       return Value::integer(bits);
     }},
};
constexpr Builtin kLoop[] = {
    {"cycle", "self *",
     [](Runtime&, Bound& a) {
       const auto& items = a.rest.positional;
       if (items.empty() || !a.rest.named.empty()) throw Problem("loop.cycle() takes what it cycles through");
       return items[size_t(a[0].as<Loop>().index0) % items.size()];
     }},
    {"changed", "self *",
     [](Runtime& runtime, Bound& a) {
       auto& loop = a[0].as<Loop>();
       const Value now = runtime.heap.tuple(a.rest.positional);
       if (loop.last_changed.given() && equal(runtime, loop.last_changed, now)) return Value::boolean(false);
       loop.last_changed = now;
       return Value::boolean(true);
     }},
};
constexpr Builtin kCycler[] = {
    {"next", "self /",
     [](Runtime&, Bound& a) {
       auto& cycler = a[0].as<Cycler>();
       const Value item = cycler.items[cycler.at];
       cycler.at = (cycler.at + 1) % cycler.items.size();
       return item;
     }},
    {"reset", "self /",
     [](Runtime&, Bound& a) {
       a[0].as<Cycler>().at = 0;
       return Value::none();
     }},
};

using Table = std::unordered_map<std::string_view, const Builtin*>;
Table table(std::initializer_list<std::span<const Builtin>> parts) {
  Table made;
  for (const auto& part : parts)
    for (const Builtin& builtin : part) made.emplace(builtin.name, &builtin);
  return made;
}
const Builtin* in(const Table& table, std::string_view name) {
  const auto at = table.find(name);
  return at == table.end() ? nullptr : at->second;
}

}  // namespace

const Builtin* find_method(Type type, std::string_view name) {
  static const Table strings = table({string_methods()}), dict = table({kDict}), list = table({kList}),
                     tuple = table({kTuple}), floating = table({kFloat}), integer = table({kInteger}),
                     loop = table({kLoop}), cycler = table({kCycler});
  switch (type) {
    case Type::string:
      return in(strings, name);
    case Type::dict:
      return in(dict, name);
    case Type::list:
      return in(list, name);
    case Type::tuple:
      return in(tuple, name);
    case Type::floating:
      return in(floating, name);
    case Type::boolean:
    case Type::integer:
      return in(integer, name);
    case Type::loop:
      return in(loop, name);
    case Type::cycler:
      return in(cycler, name);
    default:
      return nullptr;
  }
}

const Builtin* find_filter(std::string_view name) {
  static const Table filters = table({text_filters(), number_filters(), sequence_filters(), select_filters()});
  return in(filters, name);
}

}  // namespace hone::data::jinja
