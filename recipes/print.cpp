// A recipe as YAML and as JSON.
#include <algorithm>

#include "kernels/host/error.h"
#include "kernels/host/text.h"
#include "recipes/fields.h"

namespace hone::recipes {

namespace {
// Plain where nothing could read it as anything but this text, in double quotes else.
std::string yaml_text(const std::string& text) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const auto plain = [&](char c) {
    return letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.' || c == '/';
  };
  const auto is_word = [&](const char* word) {
    return std::equal(text.begin(), text.end(), word, word + std::char_traits<char>::length(word),
                      [](char a, char b) { return (a | 0x20) == b; });
  };
  constexpr std::array kWordsOfYaml{"null", "true", "false", "yes", "no", "on", "off", "y", "n"};
  if (!text.empty() && (letter(text[0]) || text[0] == '/') && std::all_of(text.begin(), text.end(), plain) &&
      std::none_of(kWordsOfYaml.begin(), kWordsOfYaml.end(), is_word))
    return text;
  std::string quoted = "\"";
  for (const char32_t c : utf32_from(text)) {
    constexpr const char* kDigits = "0123456789abcdef";
    if (c == '"' || c == '\\') {
      quoted += {'\\', char(c)};
    } else if (c == '\n') {
      quoted += "\\n";
    } else if (c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x2028 || c == 0x2029 || c == 0xFEFF) {
      quoted += "\\u";
      for (int shift = 12; shift >= 0; shift -= 4) quoted += kDigits[c >> shift & 15];
    } else {
      append_utf8(quoted, c);
    }
  }
  return quoted + "\"";
}

std::string yaml_of(int64_t value) { return std::to_string(value); }
std::string yaml_of(double value) { return to_text(value); }
std::string yaml_of(bool value) { return value ? "true" : "false"; }
std::string yaml_of(const std::string& value) { return yaml_text(value); }
std::string yaml_of(const SaveEvery& value) { return interval_text(value); }
template <class E>
requires std::is_enum_v<E> std::string yaml_of(E value) { return word_of(value); }
std::string yaml_of(const Paths& paths) {
  if (paths.list.size() == 1) return yaml_text(paths.list[0]);
  std::string text;
  for (const std::string& path : paths.list) text += (text.empty() ? "" : ", ") + yaml_text(path);
  return "[" + text + "]";
}
std::string yaml_of(const Renames& names) {
  std::string text;
  for (const auto& [from, to] : names) text += (text.empty() ? "" : ", ") + yaml_text(from) + ": " + yaml_text(to);
  return "{" + text + "}";
}
// The fields of a file but for those that are as always.
template <class Visit>
void for_each_written(const DataFile& file, Visit&& visit) {
  const DataFile standard;
  for_each_field(file, [&](const std::string& name, const auto& value, const About&) {
    bool usual = name != "path" && name != "type";
    for_each_field(standard, [&](const std::string& other, const auto& always, const About&) {
      if constexpr (std::same_as<decltype(value), decltype(always)>) usual &= other != name || value == always;
    });
    if (!usual) visit(name, value);
  });
}
std::string yaml_of(const DataFile& file) {
  std::string text;
  for_each_written(file, [&](const std::string& name, const auto& value) {
    text += (text.empty() ? "{" : ", ") + name + ": " + yaml_of(value);
  });
  return text + "}";
}
std::string yaml_of(const Limit& limit) { return limit ? to_text(*limit) : ""; }
std::string yaml_of(const CheckSection& check) {
  std::string text;
  for_each_field(check, [&](const char* name, const Limit& limit, const About&) {
    if (limit) text += "\n    " + std::string(name) + ": " + yaml_of(limit);
  });
  return text;
}
template <class T>
std::string yaml_of(const std::vector<T>& values) {
  std::string text;
  for (const T& value : values) text += "\n    - " + yaml_of(value);
  return text;
}
std::string yaml_of(const TargetModules& value) {
  return std::visit([](const auto& held) { return yaml_of(held); }, value);
}

template <class T>
bool is_empty(const T& value) {
  if constexpr (requires { value.empty(); }) return value.empty();
  return false;
}

template <class T>
Json json_of(const T& value) {
  if constexpr (std::is_enum_v<T>) {
    return word_of(value);
  } else if constexpr (std::same_as<T, Limit>) {
    return value ? Json(*value) : Json();
  } else if constexpr (std::same_as<T, CheckSection>) {
    Json limits = Json::object();
    for_each_field(value, [&](const char* name, const Limit& limit, const About&) { limits[name] = json_of(limit); });
    return limits;
  } else if constexpr (std::same_as<T, SaveEvery>) {
    return value.steps > 0 ? Json(value.steps) : Json(interval_text(value));
  } else if constexpr (std::same_as<T, TargetModules>) {
    return std::visit([](const auto& held) { return Json(held); }, value);
  } else if constexpr (std::same_as<T, Paths>) {
    return value.list.size() == 1 ? Json(value.list[0]) : Json(value.list);
  } else if constexpr (std::same_as<T, Renames>) {
    Json names = Json::object();
    for (const auto& [from, to] : value) names[from] = to;
    return names;
  } else if constexpr (std::same_as<T, std::vector<DataFile>>) {
    Json files = Json::array();
    for (const DataFile& file : value)
      for_each_written(file, [&, &entry = files.emplace_back(Json::object())](
                                 const std::string& name, const auto& field) { entry[name] = json_of(field); });
    return files;
  } else {
    return value;
  }
}
}  // namespace

std::string interval_text(const SaveEvery& every) {
  if (every.steps > 0) return std::to_string(every.steps);
  const auto seconds = int64_t(every.seconds);
  if (seconds % 3600 == 0) return joined(seconds / 3600, "h");
  if (seconds % 60 == 0) return joined(seconds / 60, "min");
  return joined(seconds, "s");
}

std::string to_yaml(const Recipe& recipe) {
  std::string text;
  for_each_section(recipe, [&](const std::string& section, const auto& values, const char*) {
    text += section + ":\n";
    for_each_field(values, [&](const std::string& name, const auto& value, const About&) {
      // batch_tokens excludes these two.
      const bool excluded = recipe.training.batch_tokens > 0 && section == "training" &&
                            (name == "micro_batch_size" || name == "gradient_accumulation_steps");
      if (is_empty(value) || excluded) return;
      const std::string written = yaml_of(value);
      text += "  " + name + (written.starts_with('\n') ? ":" : ": ") + written + "\n";
    });
  });
  return text;
}

Json to_json(const Recipe& recipe) {
  Json json = Json::object();
  for_each_section(recipe, [&](const char* section, const auto& values, const char*) {
    Json& entry = json[section] = Json::object();
    for_each_field(values, [&](const char* name, const auto& value, const About&) { entry[name] = json_of(value); });
  });
  return json;
}

}  // namespace hone::recipes
