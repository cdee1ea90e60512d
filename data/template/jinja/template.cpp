#include "data/template/jinja/template.h"

#include "data/template/jinja/interpreter.h"
#include "data/template/jinja/parser.h"

namespace hone::data::jinja {
namespace {

constexpr size_t kLargestSource = size_t(1) << 20;

// JSON as values; texts stay where they are.
Value converted(Runtime& runtime, const OrderedJson& json, uint8_t origin) {
  runtime.step();
  const Deeper deeper(runtime);
  switch (json.type()) {
    case OrderedJson::value_t::boolean:
      return Value::boolean(json.get<bool>());
    case OrderedJson::value_t::number_integer:
      return Value::integer(json.get<int64_t>());
    case OrderedJson::value_t::number_unsigned: {
      const auto number = json.get<uint64_t>();
      if (number > uint64_t(INT64_MAX)) throw Problem("a whole number of more than 64 bits in the data");
      return Value::integer(int64_t(number));
    }
    case OrderedJson::value_t::number_float:
      return Value::floating(json.get<double>());
    case OrderedJson::value_t::string:
      return runtime.heap.text(Text::borrowed(json.get_ref<const std::string&>(), origin));
    case OrderedJson::value_t::array: {
      std::vector<Value> items;
      items.reserve(json.size());
      for (const OrderedJson& item : json) items.push_back(converted(runtime, item, origin));
      return runtime.heap.list(std::move(items));
    }
    case OrderedJson::value_t::object: {
      auto* dict = runtime.heap.make<Dict>(json.size() * 4 * sizeof(Value));
      Value value(Type::dict, dict);
      for (const auto& [key, item] : json.items()) {
        const bool trusted = key == "role" && item.is_string();
        dict->set(runtime.heap.text(Text::borrowed(key, origin)),
                  converted(runtime, item, trusted ? uint8_t(kTemplate) : origin));
      }
      return value;
    }
    case OrderedJson::value_t::binary:  // as parse_ordered_json has them
      throw Problem("a whole number of more than 64 bits in the data");
    default:
      return Value::none();
  }
}

}  // namespace

Template Template::parse(std::string_view source, std::string name, const Limits& limits) {
  require(source.size() <= kLargestSource, ExitCode::input, name, ": expected a template of at most 1 MiB, got ",
          source.size(), " bytes");
  try {
    return Template(name, std::make_shared<const Tree>(parse_tree(source, limits.depth)));
  } catch (const SyntaxProblem& problem) {
    fail(ExitCode::input, name, ":", problem.line, ": ", problem.what());
  }
}

bool Template::has_generation() const { return tree_->has_generation; }

Rendering Template::render(const OrderedJson& data, const OrderedJson& variables, const Settings& settings) const {
  require(data.is_object() && variables.is_object(), "a template's data and variables are objects");
  const Limits& limits = settings.limits;
  Runtime runtime(limits.steps, limits.depth, limits.output, settings.now);
  Interpreter interpreter(*tree_, runtime);
  try {
    std::vector<Value> given;
    for (const std::string& variable : tree_->names) {
      if (const auto at = data.find(variable); at != data.end())
        given.push_back(converted(runtime, *at, variable == "role" ? kTemplate : kData));
      else if (const auto trusted = variables.find(variable); trusted != variables.end())
        given.push_back(converted(runtime, *trusted, kTemplate));
      else
        given.push_back(find_global(runtime, variable));
    }
    const Text text = interpreter.run(std::move(given));
    return {std::string(text.bytes()), text.ranges(kData), text.ranges(kGenerated)};
  } catch (const Problem& problem) {
    fail(ExitCode::input, name_, ":", interpreter.line(), ": ", problem.what());
  }
}

}  // namespace hone::data::jinja
