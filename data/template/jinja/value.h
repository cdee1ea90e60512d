// What a template computes with: Python's values, as many of its types as jinja2's expressions meet.
// A Value is two words: a number, or a counted handle on an object of one rendering's Heap. Objects do not change once
// they are made, but for those that jinja2 lets a template change (Changing).
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "data/template/jinja/text.h"

namespace hone::data::jinja {

class Heap;
class Runtime;
struct Arguments;

enum class Type : uint8_t {
  missing,  // a variable that has no value; never seen by a template, which sees `undefined`
  undefined,
  none,
  boolean,
  integer,
  floating,
  string,
  list,
  tuple,
  dict,
  range,
  view,      // of a dict: keys(), values(), items()
  iterator,  // can be walked once
  name_space,
  function,
  loop,
  cycler,
  activation  // of a function: its variables
};

class Object {
 public:
  virtual ~Object() = default;
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;

 protected:
  Object() = default;

 private:
  friend class Value;
  friend class Heap;
  Heap* heap_ = nullptr;  // none: a constant of the template, shared by threads and never counted
  size_t bytes_ = 0;
  int64_t handles_ = 0;
};

class Value {
 public:
  Value() = default;  // missing
  static Value none() { return Value(Type::none, nullptr); }
  static Value boolean(bool value);
  static Value integer(int64_t value);
  static Value floating(double value);
  Value(Type type, Object* object) : type_(type) {
    data_.object = object;
    hold();
  }
  Value(const Value& other) : type_(other.type_), data_(other.data_) { hold(); }
  Value(Value&& other) noexcept : type_(other.type_), data_(other.data_) { other.type_ = Type::missing; }
  Value& operator=(Value other) noexcept {
    std::swap(type_, other.type_), std::swap(data_, other.data_);
    return *this;
  }
  ~Value() { drop(); }

  Type type() const { return type_; }
  bool is(Type type) const { return type_ == type; }
  bool number() const { return type_ >= Type::boolean && type_ <= Type::floating; }  // Python's bool is an int
  bool whole() const { return type_ == Type::boolean || type_ == Type::integer; }
  bool sequence() const { return type_ == Type::list || type_ == Type::tuple; }
  bool given() const { return type_ != Type::missing; }
  bool as_boolean() const { return data_.integer != 0; }
  int64_t as_integer() const { return data_.integer; }  // of a boolean 0 or 1
  double as_floating() const { return type_ == Type::floating ? data_.floating : double(data_.integer); }
  template <class T>
  T& as() const {
    return static_cast<T&>(*data_.object);
  }
  Object* object() const { return counted() ? data_.object : nullptr; }
  const Text& text() const;
  const std::vector<Value>& items() const;  // of a list or a tuple

 private:
  bool counted() const { return type_ >= Type::string || type_ == Type::undefined; }
  void hold() {
    if (counted() && data_.object && data_.object->heap_) ++data_.object->handles_;
  }
  void drop() noexcept {
    if (counted() && data_.object && data_.object->heap_ && --data_.object->handles_ == 0) bury(data_.object);
  }
  static void bury(Object* object) noexcept;
  Type type_ = Type::missing;
  union {
    int64_t integer;
    double floating;
    Object* object;
  } data_ = {0};
};

struct String : Object {
  explicit String(Text text, bool markup = false) : text(std::move(text)), markup(markup) {}
  Text text;
  bool markup;  // |safe and |escape make one: what is added to it is escaped
};
struct Undefined : Object {
  explicit Undefined(std::string message) : message(std::move(message)) {}
  std::string message;
};
struct Sequence : Object {
  explicit Sequence(std::vector<Value> items, bool group = false) : items(std::move(items)), group(group) {}
  std::vector<Value> items;
  bool group;  // a pair of groupby: has the attributes `grouper` and `list`
};
inline const Text& Value::text() const { return as<String>().text; }
inline const std::vector<Value>& Value::items() const { return as<Sequence>().items; }

// Python's dict: keys in the order of their coming, 1 and 1.0 and True the same key.
struct Dict : Object {
  using Entry = std::pair<Value, Value>;
  const Value* find(const Value& key) const;  // a key that cannot be one is a Problem
  const Value* find(std::string_view key) const;
  void set(Value key, Value value);
  const std::vector<Entry>& entries() const { return entries_; }
  void clear() { entries_.clear(), index_.clear(); }

 private:
  size_t place(const Value& key, size_t hash) const;
  std::vector<Entry> entries_;
  std::unordered_multimap<size_t, size_t> index_;  // from 9 entries on
};
struct IntegerRange : Object {
  IntegerRange(int64_t start, int64_t stop, int64_t step, int64_t count)
      : start(start), stop(stop), step(step), count(count) {}
  int64_t start, stop, step, count;
  // Unsigned, as the end of a slice may lie beyond what an int64_t holds.
  int64_t at(int64_t index) const { return int64_t(uint64_t(start) + uint64_t(index) * uint64_t(step)); }
};
struct DictView : Object {
  enum Kind { keys, values, items };
  DictView(Value dict, Kind kind) : dict(std::move(dict)), kind(kind) {}
  Value dict;
  Kind kind;
};
struct Iterator : Object {
  virtual bool next(Runtime&, Value& item) = 0;
};
struct Callable : Object {
  virtual Value call(Runtime&, Arguments&) = 0;
  virtual Value attribute(Runtime&, std::string_view) { return {}; }  // missing where there is none
  virtual std::string repr() const { return "<function>"; }
};

// What may come to hold itself: emptied when the rendering ends.
class Changing : public Object {
 public:
  ~Changing() override;
  virtual void clear() noexcept = 0;

 private:
  friend class Heap;
  Changing *before_ = nullptr, *after_ = nullptr;
};
struct Namespace : Changing {
  Dict attributes;
  void clear() noexcept override { attributes.clear(); }
};
struct Cycler : Changing {
  explicit Cycler(std::vector<Value> items) : items(std::move(items)) {}
  std::vector<Value> items;
  size_t at = 0;
  void clear() noexcept override { items.clear(); }
};

// One rendering's objects: how much memory they take is limited.
class Heap {
 public:
  explicit Heap(size_t limit) : limit_(limit) {}
  ~Heap();
  template <class T, class... A>
  T* make(size_t extra, A&&... arguments) {
    take(sizeof(T) + extra);
    T* object = nullptr;
    try {
      object = new T(std::forward<A>(arguments)...);
    } catch (...) {
      live_ -= sizeof(T) + extra;
      throw;
    }
    Object* base = object;
    base->heap_ = this, base->bytes_ = sizeof(T) + extra;
    if constexpr (std::is_base_of_v<Changing, T>) join(object);
    return object;
  }
  void grow(Object& object, size_t bytes);  // it holds more than when it was made

  Value text(Text text, bool markup = false);
  Value text(std::string text) { return this->text(Text(std::move(text))); }
  Value list(std::vector<Value> items);
  Value tuple(std::vector<Value> items);

 private:
  friend class Value;
  friend class Changing;
  void take(size_t bytes);
  void join(Changing* object);
  void bury(Object* object) noexcept;
  size_t live_ = 0, limit_;
  Changing* changing_ = nullptr;
  std::vector<Object*> graves_;  // one after another: what holds what holds what may be deep
  bool digging_ = false;
};

// A constant of a template: immortal, its owner keeps it.
struct Constants {
  Value text(Text text);
  Value undefined(std::string message);
  std::vector<std::unique_ptr<Object>> objects;
};

std::string_view type_name(const Value& value);  // Python's
bool truth(const Value& value);
size_t hash(const Value& value);
bool same_key(const Value& a, const Value& b);   // for hashable values
bool identical(const Value& a, const Value& b);  // Python's `is`

}  // namespace hone::data::jinja
