#include "data/template/jinja/value.h"

#include <cmath>
#include <functional>

namespace hone::data::jinja {

Value Value::boolean(bool value) {
  Value made;
  made.type_ = Type::boolean, made.data_.integer = value;
  return made;
}
Value Value::integer(int64_t value) {
  Value made;
  made.type_ = Type::integer, made.data_.integer = value;
  return made;
}
Value Value::floating(double value) {
  Value made;
  made.type_ = Type::floating, made.data_.floating = value;
  return made;
}
void Value::bury(Object* object) noexcept { object->heap_->bury(object); }

// --- Dict

namespace {
constexpr size_t kIndexFrom = 9;
}

size_t Dict::place(const Value& key, size_t hash) const {
  if (index_.empty()) {
    for (size_t i = 0; i < entries_.size(); ++i)
      if (same_key(entries_[i].first, key)) return i;
    return SIZE_MAX;
  }
  const auto [first, last] = index_.equal_range(hash);
  for (auto at = first; at != last; ++at)
    if (same_key(entries_[at->second].first, key)) return at->second;
  return SIZE_MAX;
}

const Value* Dict::find(const Value& key) const {
  const size_t at = place(key, hash(key));
  return at == SIZE_MAX ? nullptr : &entries_[at].second;
}

const Value* Dict::find(std::string_view key) const {
  const auto is_key = [&](const Value& value) { return value.is(Type::string) && value.text().bytes() == key; };
  if (index_.empty()) {
    for (const auto& [name, value] : entries_)
      if (is_key(name)) return &value;
    return nullptr;
  }
  const auto [first, last] = index_.equal_range(std::hash<std::string_view>{}(key));
  for (auto at = first; at != last; ++at)
    if (is_key(entries_[at->second].first)) return &entries_[at->second].second;
  return nullptr;
}

void Dict::set(Value key, Value value) {
  const size_t code = hash(key), at = place(key, code);
  if (at != SIZE_MAX) {
    entries_[at].second = std::move(value);
    return;
  }
  entries_.emplace_back(std::move(key), std::move(value));
  if (entries_.size() == kIndexFrom) {
    for (size_t i = 0; i < kIndexFrom; ++i) index_.emplace(hash(entries_[i].first), i);
  } else if (entries_.size() > kIndexFrom) {
    index_.emplace(code, entries_.size() - 1);
  }
}

// --- Heap

Changing::~Changing() {
  if (before_) before_->after_ = after_;
  if (after_) after_->before_ = before_;
}

void Heap::take(size_t bytes) {
  if (bytes > limit_ || live_ > limit_ - bytes)
    throw Problem("values of more than " + std::to_string(limit_ >> 20) + " MiB at a time, the limit");
  live_ += bytes;
}

void Heap::grow(Object& object, size_t bytes) {
  take(bytes);
  object.bytes_ += bytes;
}

// The first of the list has no `before_`, so it is a guard that never leaves.
namespace {
struct Guard : Changing {
  void clear() noexcept override {}
};
}  // namespace

void Heap::join(Changing* object) {
  if (!changing_) changing_ = new Guard;
  object->before_ = changing_, object->after_ = changing_->after_;
  if (changing_->after_) changing_->after_->before_ = object;
  changing_->after_ = object;
}

void Heap::bury(Object* object) noexcept {
  graves_.push_back(object);
  if (digging_) return;
  digging_ = true;
  while (!graves_.empty()) {
    Object* next = graves_.back();
    graves_.pop_back();
    live_ -= next->bytes_;
    delete next;
  }
  digging_ = false;
}

Heap::~Heap() {
  if (!changing_) return;
  std::vector<Changing*> all;
  for (Changing* object = changing_->after_; object; object = object->after_) all.push_back(object);
  for (Changing* object : all) ++object->handles_;
  for (Changing* object : all) object->clear();
  for (Changing* object : all)
    if (--object->handles_ == 0) bury(object);
  delete changing_;
}

Value Heap::text(Text text, bool markup) {
  const size_t bytes = text.memory();
  return Value(Type::string, make<String>(bytes, std::move(text), markup));
}
Value Heap::list(std::vector<Value> items) {
  const size_t bytes = items.capacity() * sizeof(Value);
  return Value(Type::list, make<Sequence>(bytes, std::move(items)));
}
Value Heap::tuple(std::vector<Value> items) {
  const size_t bytes = items.capacity() * sizeof(Value);
  return Value(Type::tuple, make<Sequence>(bytes, std::move(items)));
}

Value Constants::text(Text text) {
  objects.push_back(std::make_unique<String>(std::move(text)));
  auto& made = static_cast<String&>(*objects.back());
  made.text.length();  // counted now: threads share it
  return Value(Type::string, &made);
}
Value Constants::undefined(std::string message) {
  objects.push_back(std::make_unique<Undefined>(std::move(message)));
  return Value(Type::undefined, objects.back().get());
}

// --- what Python says of any value

std::string_view type_name(const Value& value) {
  switch (value.type()) {
    case Type::missing:
    case Type::undefined:
      return "Undefined";
    case Type::none:
      return "NoneType";
    case Type::boolean:
      return "bool";
    case Type::integer:
      return "int";
    case Type::floating:
      return "float";
    case Type::string:
      return "str";
    case Type::list:
      return "list";
    case Type::tuple:
      return "tuple";
    case Type::dict:
      return "dict";
    case Type::range:
      return "range";
    case Type::view:
      return "dict view";
    case Type::iterator:
      return "iterator";
    case Type::name_space:
      return "namespace";
    case Type::function:
      return "function";
    case Type::loop:
      return "loop";
    case Type::cycler:
      return "cycler";
    case Type::activation:
      break;
  }
  return "object";
}

bool truth(const Value& value) {
  switch (value.type()) {
    case Type::missing:
    case Type::undefined:
    case Type::none:
      return false;
    case Type::boolean:
    case Type::integer:
      return value.as_integer() != 0;
    case Type::floating:
      return value.as_floating() != 0;
    case Type::string:
      return !value.text().empty();
    case Type::list:
    case Type::tuple:
      return !value.items().empty();
    case Type::dict:
      return !value.as<Dict>().entries().empty();
    case Type::range:
      return value.as<IntegerRange>().count > 0;
    case Type::view:
      return truth(value.as<DictView>().dict);
    default:
      return true;
  }
}

namespace {

void require_key(const Value& value) {
  if (value.is(Type::list) || value.is(Type::dict) || value.is(Type::view))
    throw Problem("unhashable type: '" + std::string(type_name(value)) + "'");
}

size_t mixed(size_t seed, size_t value) { return seed ^ (value + 0x9E3779B97F4A7C15u + (seed << 6) + (seed >> 2)); }

}  // namespace

// Tuples as keys nest as deep as the template that wrote them or the data; Interpreter's values are no deeper than a
// template can make them in its steps, so the depth is limited here.
namespace {
size_t hash_at(const Value& value, int depth) {
  require_key(value);
  switch (value.type()) {
    case Type::boolean:
    case Type::integer:
      return std::hash<int64_t>{}(value.as_integer());
    case Type::floating: {
      const double number = value.as_floating();
      if (std::floor(number) == number && std::fabs(number) < 9e18) return std::hash<int64_t>{}(int64_t(number));
      return std::hash<double>{}(number);
    }
    case Type::string:
      return std::hash<std::string_view>{}(value.text().bytes());
    case Type::tuple: {
      if (depth > 100) throw Problem("a tuple nested too deep to be a key");
      size_t code = value.items().size();
      for (const Value& item : value.items()) code = mixed(code, hash_at(item, depth + 1));
      return code;
    }
    case Type::range: {
      const auto& range = value.as<IntegerRange>();
      return mixed(std::hash<int64_t>{}(range.start), std::hash<int64_t>{}(range.count));
    }
    case Type::missing:
    case Type::undefined:
    case Type::none:
      return size_t(value.type()) * 0x9E3779B97F4A7C15u;
    default:
      return std::hash<Object*>{}(value.object());
  }
}
}  // namespace

size_t hash(const Value& value) { return hash_at(value, 0); }

bool same_key(const Value& a, const Value& b) {
  if (a.number() && b.number()) {
    if (a.whole() && b.whole()) return a.as_integer() == b.as_integer();
    return a.as_floating() == b.as_floating();
  }
  if (a.type() != b.type()) return false;
  switch (a.type()) {
    case Type::string:
      return a.text().bytes() == b.text().bytes();
    case Type::missing:
    case Type::undefined:
    case Type::none:
      return true;
    case Type::tuple: {
      const auto &x = a.items(), &y = b.items();
      if (x.size() != y.size()) return false;
      for (size_t i = 0; i < x.size(); ++i)
        if (!same_key(x[i], y[i])) return false;
      return true;
    }
    case Type::range: {
      const auto &x = a.as<IntegerRange>(), &y = b.as<IntegerRange>();
      return x.count == y.count && (x.count == 0 || (x.start == y.start && (x.count == 1 || x.step == y.step)));
    }
    default:
      return a.object() == b.object();
  }
}

bool identical(const Value& a, const Value& b) {
  if (a.type() != b.type()) return false;
  switch (a.type()) {
    case Type::missing:
    case Type::none:
      return true;
    case Type::boolean:
    case Type::integer:
      return a.as_integer() == b.as_integer();
    case Type::floating:
      return a.as_floating() == b.as_floating();
    case Type::string:
      return a.object() == b.object() || (a.text().size() < 2 && a.text().bytes() == b.text().bytes());
    default:
      return a.object() == b.object();
  }
}

}  // namespace hone::data::jinja
