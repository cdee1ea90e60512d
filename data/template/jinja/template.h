// Chat templates: the Jinja program that a model brings along (chat_template.jinja, tokenizer_config.json), rendered as
// transformers renders it: jinja2's sandbox with trim_blocks and lstrip_blocks, loop controls, {% generation %}.
//   const auto chat = jinja::Template::parse(source, "chat_template.jinja");
//   const jinja::Rendering row = chat.render({{"messages", messages}}, {{"bos_token", "<s>"}});
//   row.text;        // "<s>[INST] Hi [/INST] Hello!"
//   row.data;        // where "Hi" and "Hello!" stand: what looks like a special token there is text
//   row.generation;  // what {% generation %} wrote: what an answer is
// A template comes from elsewhere: it cannot reach anything but what it is given, and its time, its memory and the
// depth of its calls are limited. README.md says what is supported.
#pragma once
#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/tokenizer/pattern.h"
#include "kernels/host/json.h"

namespace hone::data::jinja {

struct Limits {
  int64_t steps = 10'000'000;        // nodes evaluated, items walked through, and one for each 32 bytes copied or so
  int depth = 200;                   // of brackets and tags, of macros that call macros, of lists in lists
  size_t output = size_t(64) << 20;  // bytes of a text; all values together take up to four times that
};

struct Settings {
  Limits limits;
  std::optional<std::tm> now;  // what strftime_now(format) formats; without it that function is undefined
};

struct Rendering {
  std::string text;               // valid UTF-8
  std::vector<Range> data;        // bytes of `text` that came out of `data`: ascending, apart
  std::vector<Range> generation;  // bytes that {% generation %} … {% endgeneration %} wrote: ascending, apart
};

struct Tree;

// Immutable; may be rendered from several threads at a time.
class Template {
 public:
  // `source`: valid UTF-8. `name` opens every message. Errors (ExitCode::input): name, line, what was expected.
  static Template parse(std::string_view source, std::string name, const Limits& limits = {});
  bool has_generation() const;  // whether it has a {% generation %} tag
  // `data`: an object (messages, tools, documents …) whose strings are marked, keys too, except for the values of keys
  // called "role", with which templates write their special tokens. `variables`: an object that is trusted (bos_token,
  // add_generation_prompt …). Of a name that both have, data's value is taken.
  // Errors (ExitCode::input) name the template and a line; text of the data in a message of the template's own
  // (raise_exception) is left out.
  Rendering render(const OrderedJson& data, const OrderedJson& variables, const Settings& settings = {}) const;

 private:
  Template(std::string name, std::shared_ptr<const Tree> tree) : name_(std::move(name)), tree_(std::move(tree)) {}
  std::string name_;
  std::shared_ptr<const Tree> tree_;
};

}  // namespace hone::data::jinja
