// Filters that apply another filter or a test to every item: map, select, reject, selectattr, rejectattr. What they
// make is walked through once, and an item is looked at when it is asked for.
#include "data/template/jinja/methods.h"

namespace hone::data::jinja {
namespace {

struct Lazy : Iterator {
  Lazy(Value source, Arguments arguments) : source(std::move(source)), arguments(std::move(arguments)) {}
  bool next(Runtime& runtime, Value& item) override {
    const Deeper deeper(runtime);
    if (!begun) {
      begun = true;
      empty = !truth(source);  // so that what is false need not be something to walk through
      if (empty) return false;
      prepare();
      source = iterate(runtime, source);
    }
    return !empty && step(runtime, item);
  }
  virtual void prepare() = 0;
  virtual bool step(Runtime& runtime, Value& item) = 0;

 protected:
  Value apply(Runtime& runtime, const Builtin& builtin, const Value& item, size_t from) const {
    Arguments all;
    all.positional.push_back(item);
    for (size_t i = from; i < arguments.positional.size(); ++i) all.positional.push_back(arguments.positional[i]);
    all.named = arguments.named;
    return call_builtin(runtime, builtin, std::move(all));
  }
  Value source;
  Arguments arguments;
  bool begun = false, empty = false;
};

struct Map : Lazy {
  using Lazy::Lazy;
  void prepare() override {
    if (!arguments.positional.empty()) {
      filter = find_filter(text_of(arguments.positional[0], "a filter's name").bytes());
      if (!filter) throw Problem("map: no filter has that name");
      return;
    }
    for (const auto& [key, value] : arguments.named) {
      if (key.text().bytes() == "attribute")
        attribute = value;
      else if (key.text().bytes() == "default")
        otherwise = value;
      else
        throw Problem("map: expected attribute and default");
    }
    if (!attribute.given()) throw Problem("map: expected a filter's name or an attribute");
  }
  bool step(Runtime& runtime, Value& item) override {
    Value from;
    if (!jinja::next(runtime, source, from)) return false;
    item = filter ? apply(runtime, *filter, from, 1)
                  : attribute_path(runtime, from, attribute, otherwise.given() ? &otherwise : nullptr);
    return true;
  }
  const Builtin* filter = nullptr;
  Value attribute, otherwise;
};

struct Select : Lazy {
  Select(Value source, Arguments arguments, bool by_attribute, bool wanted)
      : Lazy(std::move(source), std::move(arguments)), by_attribute(by_attribute), wanted(wanted) {}
  void prepare() override {
    const size_t name = by_attribute ? 1 : 0;
    if (arguments.positional.size() < name) throw Problem("selectattr, rejectattr: expected an attribute's name");
    if (arguments.positional.size() == name) return;
    test = find_test(text_of(arguments.positional[name], "a test's name").bytes());
    if (!test) throw Problem("select, reject: no test has that name");
  }
  bool step(Runtime& runtime, Value& item) override {
    while (jinja::next(runtime, source, item)) {
      const Value tested = by_attribute ? attribute_path(runtime, item, arguments.positional[0]) : item;
      if (truth(test ? apply(runtime, *test, tested, by_attribute ? 2 : 1) : tested) == wanted) return true;
    }
    return false;
  }
  bool by_attribute, wanted;
  const Builtin* test = nullptr;
};

template <bool by_attribute, bool wanted>
Value select(Runtime& runtime, Bound& a) {
  return Value(Type::iterator, runtime.heap.make<Select>(256, a[0], std::move(a.rest), by_attribute, wanted));
}

constexpr Builtin kFilters[] = {
    {"map", "value *",
     [](Runtime& runtime, Bound& a) {
       return Value(Type::iterator, runtime.heap.make<Map>(256, a[0], std::move(a.rest)));
     }},
    {"reject", "value *", select<false, false>},
    {"rejectattr", "value *", select<true, false>},
    {"select", "value *", select<false, true>},
    {"selectattr", "value *", select<true, true>},
};

}  // namespace

std::span<const Builtin> select_filters() { return kFilters; }

}  // namespace hone::data::jinja
