#include "recipes/read.h"

#include <algorithm>
#include <tuple>

#include "kernels/host/error.h"
#include "kernels/host/text.h"
#include "recipes/fields.h"

namespace hone::recipes {

namespace {
// Values are shown shortened: a recipe may hold a long prompt.
std::string printable(std::string_view text) {
  constexpr size_t kMost = 60;
  size_t end = std::min(text.size(), kMost);
  while (end < text.size() && (text[end] & 0xC0) == 0x80) --end;  // not inside a character
  std::string out(text.substr(0, end));
  for (char& c : out)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';  // nothing that moves a terminal's cursor
  return out + (end < text.size() ? "…" : "");
}
std::string got(const Node& node) {
  switch (node.kind) {
    case NodeKind::null:
      return "nothing; leave the key out for its default";
    case NodeKind::list:
      return "a list";
    case NodeKind::map:
      return "a map of keys";
    case NodeKind::scalar:
      break;
  }
  return "\"" + printable(node.text) + "\"" + (node.quoted ? ", text because of its quotes" : "");
}

// "010" is 8 in some YAML readers and 10 in others.
bool ambiguous(std::string_view digits) {
  if (!digits.empty() && (digits[0] == '-' || digits[0] == '+')) digits.remove_prefix(1);
  return digits.size() > 1 && digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9';
}

std::string outside(const About& about, double value) {
  if (value < about.least) return "at least " + to_text(about.least);
  if (value <= about.above) return "more than " + to_text(about.above);
  if (value > about.most) return "at most " + to_text(about.most);
  if (value >= about.below) return "less than " + to_text(about.below);
  return {};
}

class Reader {
 public:
  explicit Reader(Reading& reading) : reading_(reading) {}

  // Fills a struct of fields from a map. Keys that no field has are problems.
  template <class Section>
  void section(const Node& node, const std::string& path, Section& section) {
    if (node.kind != NodeKind::map) {
      if (node.kind != NodeKind::null || path.empty()) wrong(node, path, "keys of this section");
      return;
    }
    std::vector<std::string> names;
    const auto visit = [&](const char* name, auto& value, const About& about) {
      names.push_back(name);
      if (const Node* child = node.find(name)) field(*child, path + "." + name, value, about);
    };
    for_each_field(section, visit);
    unknown_keys(node, path, names);
  }

  void top(const Node& node) {
    if (node.kind != NodeKind::map) {
      if (node.kind != NodeKind::null)
        add(node.place, "recipe", "expected the sections model, adapter, data, training, output, got " + got(node));
      return;
    }
    std::vector<std::string> names;
    for_each_section(reading_.recipe, [&](const char* name, auto& value, const char*) {
      names.push_back(name);
      if (const Node* child = node.find(name)) {
        reading_.given.emplace(name, child->place);
        section(*child, name, value);
      }
    });
    unknown_keys(node, "", names);
  }

 private:
  Reading& reading_;

  void add(Place place, const std::string& path, std::string text) {
    reading_.problems.push_back({place, path, std::move(text)});
  }
  void wrong(const Node& node, const std::string& path, std::string_view expected) {
    add(node.place, path, joined("expected ", expected, ", got ", got(node)));
  }

  void unknown_keys(const Node& node, const std::string& path, const std::vector<std::string>& names) {
    for (const Member& member : node.members) {
      if (std::find(names.begin(), names.end(), member.key) != names.end()) continue;
      std::string text = "unknown key";
      if (const std::string better = elsewhere(path, member.key); !better.empty()) {
        text += "; did you mean " + better + "?";
      } else if (const auto name = nearest(member.key, names)) {
        text += "; did you mean " + *name + "?";
      }
      const std::string key = printable(member.key);
      add(member.place, path.empty() ? key : path + "." + key, text);
    }
  }
  // The full name of a key that was written into the wrong section.
  std::string elsewhere(const std::string& path, const std::string& key) const {
    std::string found;
    for_each_section(reading_.recipe, [&](const char* name, const auto& section, const char*) {
      if (path == name || (path.find('[') != std::string::npos)) return;
      for_each_field(section, [&](const char* field, const auto&, const About&) {
        if (key == field && found.empty()) found = std::string(name) + "." + field;
      });
    });
    return found;
  }

  template <class T>
  void field(const Node& node, const std::string& path, T& value, const About& about) {
    reading_.given.emplace(path, node.place);
    read(node, path, value, about);
  }

  void read(const Node& node, const std::string& path, int64_t& value, const About& about) {
    const auto number = node.quoted || ambiguous(node.text) ? std::nullopt : parse_integer(node.text);
    if (node.kind != NodeKind::scalar || !number) return wrong(node, path, "an integer");
    if (const std::string limit = outside(about, double(*number)); !limit.empty()) return wrong(node, path, limit);
    value = *number;
  }
  void read(const Node& node, const std::string& path, double& value, const About& about) {
    const auto number = node.quoted || ambiguous(node.text) ? std::nullopt : parse_number(node.text);
    if (node.kind != NodeKind::scalar || !number) return wrong(node, path, "a number");
    if (const std::string limit = outside(about, *number); !limit.empty()) return wrong(node, path, limit);
    value = *number;
  }
  void read(const Node& node, const std::string& path, Limit& value, const About& about) {
    double number = 0;
    const size_t before = reading_.problems.size();
    read(node, path, number, about);
    if (reading_.problems.size() == before) value = number;
  }
  void read(const Node& node, const std::string& path, CheckSection& value, const About&) {
    section(node, path, value);
  }
  void read(const Node& node, const std::string& path, bool& value, const About&) {
    if (node.kind != NodeKind::scalar || node.quoted || (node.text != "true" && node.text != "false"))
      return wrong(node, path, "true or false");
    value = node.text == "true";
  }
  void read(const Node& node, const std::string& path, std::string& value, const About&) {
    if (node.kind != NodeKind::scalar) return wrong(node, path, "text");
    value = node.text;
  }
  template <class E>
  requires std::is_enum_v<E>
  void read(const Node& node, const std::string& path, E& value, const About&) {
    const std::vector<std::string> words(kWords<E>.begin(), kWords<E>.end());
    const auto at = std::find(words.begin(), words.end(), node.text);
    if (node.kind == NodeKind::scalar && at != words.end()) {
      value = E(at - words.begin());
      return;
    }
    std::string text = "expected ";
    for (size_t i = 0; i < words.size(); ++i) text += (i == 0 ? "" : i + 1 < words.size() ? ", " : " or ") + words[i];
    text += ", got " + got(node);
    if (const auto word = nearest(node.text, words); word && node.kind == NodeKind::scalar)
      text += "; did you mean " + *word + "?";
    add(node.place, path, text);
  }
  void read(const Node& node, const std::string& path, SaveEvery& value, const About&) {
    constexpr const char* kExpected = "a number of steps, or a time such as 30min, 2h, 45s, at least 1";
    if (node.kind != NodeKind::scalar) return wrong(node, path, kExpected);
    const size_t digits = std::min(node.text.find_first_not_of("0123456789"), node.text.size());
    const int64_t count =
        ambiguous(node.text) ? 0 : parse_integer(std::string_view(node.text).substr(0, digits)).value_or(0);
    const std::string unit = node.text.substr(digits);
    const int seconds = unit == "s" ? 1 : unit == "min" ? 60 : unit == "h" ? 3600 : 0;
    if (count < 1 || double(count) > kMany || (seconds == 0 && (!unit.empty() || node.quoted)))
      return wrong(node, path, kExpected);
    value = seconds == 0 ? SaveEvery{count, 0} : SaveEvery{0, double(count) * seconds};
  }
  void read(const Node& node, const std::string& path, std::vector<std::string>& value, const About&) {
    list(node, path, value, "a list of text", [&](const Node& item, const std::string& name, std::string& text) {
      if (item.kind != NodeKind::scalar) return wrong(item, name, "text");
      text = item.text;
    });
  }
  void read(const Node& node, const std::string& path, Paths& value, const About& about) {
    if (node.kind == NodeKind::scalar)
      value = node.text;
    else if (node.kind == NodeKind::list)
      read(node, path, value.list, about);
    else
      wrong(node, path, "a file, a pattern, or a list of them");
  }
  void read(const Node& node, const std::string& path, Renames& value, const About&) {
    if (node.kind != NodeKind::map) return wrong(node, path, "a map such as {messages: dialog}");
    value.clear();
    for (const Member& member : node.members) {
      if (member.value.kind != NodeKind::scalar || member.value.text.empty())
        wrong(member.value, path + "." + printable(member.key), "text");
      else
        value.emplace_back(member.key, member.value.text);
    }
  }
  void read(const Node& node, const std::string& path, TargetModules& value, const About& about) {
    if (node.kind != NodeKind::scalar && node.kind != NodeKind::list)
      return wrong(node, path, "all-linear, a list of names, or a regular expression");
    if (node.kind == NodeKind::scalar) {
      value = node.text;
    } else {
      read(node, path, value.emplace<std::vector<std::string>>(), about);
    }
  }
  void read(const Node& node, const std::string& path, std::vector<DataFile>& value, const About&) {
    list(node, path, value, "a list such as [{path: data/a.jsonl, type: messages}]",
         [&](const Node& item, const std::string& name, DataFile& file) {
           if (item.kind != NodeKind::map) return wrong(item, name, "{path: …, type: …}");
           section(item, name, file);
           if (!item.find("path")) add(item.place, name + ".path", "missing: which file?");
           if (!item.find("type"))
             add(item.place, name + ".type",
                 "missing: messages, alpaca, completion, text … (hone recipe --describe type)");
         });
  }
  template <class T, class ReadItem>
  void list(const Node& node, const std::string& path, std::vector<T>& value, std::string_view expected,
            ReadItem&& read_item) {
    if (node.kind != NodeKind::list) return wrong(node, path, expected);
    value.assign(node.items.size(), T{});
    for (size_t i = 0; i < node.items.size(); ++i) {
      const std::string name = joined(path, "[", i, "]");
      reading_.given.emplace(name, node.items[i].place);
      read_item(node.items[i], name, value[i]);
    }
  }
};
}  // namespace

void Reading::take(const Node& top) { Reader(*this).top(top); }

bool Reading::told(const std::string& path) const {
  return std::any_of(problems.begin(), problems.end(),
                     [&](const Problem& problem) { return problem.path.starts_with(path); });
}

void Reading::problem(const std::string& path, std::string text) {
  auto at = given.find(path);
  if (at == given.end()) {
    at = given.find(path.substr(0, path.find('.')));
    if (at != given.end() && at->second.override_index >= 0) at = given.end();  // not the fault of the override
  }
  problems.push_back({at == given.end() ? Place{} : at->second, path, std::move(text)});
}

namespace {
struct Step {
  std::string name;
  std::vector<size_t> indices;
};
Step step_from(std::string_view text) {
  Step step{std::string(text.substr(0, text.find('['))), {}};
  text.remove_prefix(step.name.size());
  while (!step.name.empty() && text.starts_with('[')) {
    const size_t end = text.find(']');
    const auto index = end == text.npos ? std::nullopt : parse_integer(text.substr(1, end - 1));
    if (!index || *index < 0) break;
    step.indices.push_back(size_t(*index));
    text.remove_prefix(end + 1);
  }
  if (step.name.empty() || !text.empty())
    throw YamlFault{{{}, {}, "expected a key such as training.seed or data.train[0].path before the ="}};
  return step;
}
// What is left out may be filled; something else may not be replaced by what it is not.
void become(Node& node, NodeKind kind, const Place& place) {
  if (node.kind == NodeKind::null) node.kind = kind, node.place = place;
  if (node.kind != kind)
    throw YamlFault{{{}, {}, joined("the recipe has no ", kind == NodeKind::map ? "keys" : "list", " there")}};
}
}  // namespace

void apply_override(Node& top, std::string_view path, Node value) {
  const Place place = value.place;
  Node* node = &top;
  for (size_t at = 0; at <= path.size();) {
    const size_t end = std::min(path.find('.', at), path.size());
    const Step step = step_from(path.substr(at, end - at));
    become(*node, NodeKind::map, place);
    Node* child = node->find(step.name);
    if (!child) {
      node->members.push_back({step.name, place, {}});
      child = &node->members.back().value;
      child->place = place;
    }
    node = child;
    for (const size_t index : step.indices) {
      become(*node, NodeKind::list, place);
      if (index > node->items.size())
        throw YamlFault{
            {{},
             {},
             joined("the list has ", node->items.size(), " entries, the next one is [", node->items.size(), "]")}};
      if (index == node->items.size()) {
        node->items.emplace_back();
        node->items.back().place = place;
      }
      node = &node->items[index];
    }
    at = end + 1;
  }
  *node = std::move(value);
}

namespace {
void set_place(Node& node, const Place& place) {
  node.place = place;
  for (Node& item : node.items) set_place(item, place);
  for (Member& member : node.members) member.place = place, set_place(member.value, place);
}

void apply(Node& top, const std::string& text, int index, std::vector<Problem>& problems) {
  Place place;
  place.override_index = index;
  try {
    const size_t equals = text.find('=');
    if (equals == text.npos) throw YamlFault{{{}, {}, "expected key=value"}};
    Node value = parse_yaml(std::string_view(text).substr(equals + 1));
    set_place(value, place);
    apply_override(top, std::string_view(text).substr(0, equals), std::move(value));
  } catch (const YamlFault& fault) {
    problems.push_back({place, {}, fault.problem.text});
  }
}

std::string line_of(const Problem& problem, const fs::path& file, std::span<const std::string> overrides) {
  const int index = problem.place.override_index;
  if (index < 0) {
    const std::string path = problem.path.empty() ? "" : problem.path + "   ";
    return joined(file.string(), ":", problem.place.line, ":", problem.place.column, "   ", path, problem.text);
  }
  const std::string& text = overrides[size_t(index)];
  // The path is said where the override's own key does not say it.
  const bool said = problem.path.empty() || text.substr(0, text.find('=')) == problem.path;
  return joined("--set ", text.size() > 120 ? text.substr(0, text.find('=')).substr(0, 120) + "=…" : text, "   ",
                said ? "" : problem.path + "   ", problem.text);
}

[[noreturn]] void refuse(std::vector<Problem> problems, const fs::path& file, std::span<const std::string> overrides) {
  std::stable_sort(problems.begin(), problems.end(), [](const Problem& a, const Problem& b) {
    return std::tie(a.place.override_index, a.place.line, a.place.column) <
           std::tie(b.place.override_index, b.place.line, b.place.column);
  });
  constexpr size_t kMost = 50;
  std::string text;
  for (size_t i = 0; i < std::min(problems.size(), kMost); ++i) text += line_of(problems[i], file, overrides) + "\n";
  if (problems.size() > kMost) text += joined("and ", problems.size() - kMost, " more\n");
  fail(ExitCode::usage, text, problems.size(), problems.size() == 1 ? " problem" : " problems",
       ", nothing was started.  (hone recipe --describe lists every key)");
}
}  // namespace

Recipe read_recipe(const fs::path& file, std::span<const std::string> overrides, Needs needs) {
  std::string text;
  try {
    text = read_text(file, kYamlBytes);
  } catch (const Error& error) {  // a recipe that cannot be read is a mistake in the command, not in data
    if (error.code() != ExitCode::input) throw;
    fail(ExitCode::usage, error.what());
  }
  Reading reading;
  try {
    Node top = parse_yaml(text);
    for (size_t i = 0; i < overrides.size(); ++i) apply(top, overrides[i], int(i), reading.problems);
    reading.take(top);
  } catch (const YamlFault& fault) {
    refuse({fault.problem}, file, overrides);
  }
  if (reading.recipe.output.dir.empty()) reading.recipe.output.dir = (fs::path("runs") / file.stem()).string();
  check(reading, needs);
  if (!reading.problems.empty()) refuse(std::move(reading.problems), file, overrides);
  return std::move(reading.recipe);
}

}  // namespace hone::recipes
