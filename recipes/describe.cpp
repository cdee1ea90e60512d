// What keys mean, as text for people and as JSON for programs.
#include <algorithm>
#include <cmath>

#include "kernels/host/error.h"
#include "kernels/host/text.h"
#include "recipes/fields.h"

namespace hone::recipes {

namespace {
struct Entry {
  std::string key, type, standard, limits, meaning;
  std::vector<std::string> choices;
  Json standard_json;
};

template <class T>
std::string type_of() {
  if constexpr (std::same_as<T, int64_t>) return "integer";
  if constexpr (std::same_as<T, double>) return "number";
  if constexpr (std::same_as<T, Limit>) return "number";
  if constexpr (std::same_as<T, CheckSection>) return "section";
  if constexpr (std::same_as<T, bool>) return "true or false";
  if constexpr (std::same_as<T, std::string>) return "text";
  if constexpr (std::same_as<T, SaveEvery>) return "steps or time";
  if constexpr (std::same_as<T, TargetModules>) return "text or list of text";
  if constexpr (std::same_as<T, std::vector<std::string>>) return "list of text";
  if constexpr (std::same_as<T, Paths>) return "text or list of text";
  if constexpr (std::same_as<T, Renames>) return "map of text";
  if constexpr (std::same_as<T, std::vector<DataFile>>) return "list of files";
  if constexpr (std::is_enum_v<T>) return "choice";
}

std::string limits_of(const About& about) {
  std::string text;
  const auto add = [&](const char* word, double limit) {
    if (std::abs(limit) < std::numeric_limits<double>::infinity())
      text += (text.empty() ? "" : ", ") + std::string(word) + " " + to_text(limit);
  };
  add("at least", about.least);
  add("more than", about.above);
  if (about.most != kMany) add("at most", about.most);
  add("less than", about.below);
  return text;
}

std::string text_of(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_float()) return to_text(value.get<double>());
  return value.dump();
}

std::vector<Entry> entries() {
  std::vector<Entry> all;
  const Recipe standard;
  const Json values = to_json(standard);
  const auto add = [&](const std::string& key, const auto& value, const About& about, const Json& json) {
    using T = std::remove_cvref_t<decltype(value)>;
    Entry entry{key, type_of<T>(), {}, limits_of(about), about.meaning, {}, json};
    if constexpr (std::is_enum_v<T>) entry.choices.assign(kWords<T>.begin(), kWords<T>.end());
    if (!json.empty()) entry.standard = text_of(json);
    all.push_back(std::move(entry));
  };
  for_each_section(standard, [&](const char* section, const auto& fields, const char*) {
    for_each_field(fields, [&](const std::string& name, const auto& value, const About& about) {
      const std::string key = section + ("." + name);
      add(key, value, about, values[section][name]);
      if constexpr (std::same_as<std::remove_cvref_t<decltype(value)>, CheckSection>) {
        all.back().standard.clear();  // an object of nothing
        for_each_field(value, [&](const char* inner, const Limit& limit, const About& inner_about) {
          add(key + "." + inner, limit, inner_about, nullptr);
        });
      }
      if constexpr (std::same_as<std::remove_cvref_t<decltype(value)>, std::vector<DataFile>>) {
        const DataFile file;
        for_each_field(file, [&](const char* inner, const auto& field, const About& inner_about) {
          add(key + "[]." + inner, field, inner_about, nullptr);
        });
      }
    });
  });
  return all;
}

// "chatml, llama3 or plain" is the type of a choice.
std::string kind(const Entry& entry) {
  std::string text = entry.choices.empty() ? entry.type : "";
  for (size_t i = 0; i < entry.choices.size(); ++i) text += (i ? " | " : "") + entry.choices[i];
  return text + (entry.limits.empty() ? "" : ", " + entry.limits);
}

std::string wrapped(const std::string& text, size_t indent, size_t width = 100) {
  std::string out(indent, ' ');
  size_t column = indent;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find(' ', at), text.size());
    if (column > indent && column + 1 + end - at > width) {
      out += "\n" + std::string(indent, ' ');
      column = indent;
    } else if (column > indent) {
      out += ' ';
      ++column;
    }
    out.append(text, at, end - at);
    column += end - at;
    at = end + 1;
  }
  return out + "\n";
}

std::string text_of(const Entry& entry) {
  std::string head = entry.key + "   " + kind(entry);
  if (!entry.standard.empty()) head += "   default: " + entry.standard;
  return head + "\n" + wrapped(entry.meaning, 4);
}
// Those that a section's or a key's name means; all for no name.
std::vector<Entry> chosen(std::string_view name) {
  std::vector<Entry> all = entries(), found;
  std::vector<std::string> names;
  for (Entry& entry : all) {
    const std::string section = entry.key.substr(0, entry.key.find('.'));
    const std::string leaf = entry.key.substr(entry.key.rfind('.') + 1);
    names.insert(names.end(), {section, leaf, entry.key});
    const std::string list = entry.key.substr(0, entry.key.find('['));  // "data.train" means its entries' keys too
    const bool below = entry.key.starts_with(std::string(name) + ".") ||
                       entry.key.find("." + std::string(name) + ".") != entry.key.npos;
    if (name.empty() || name == leaf || name == entry.key || name == list || below) found.push_back(std::move(entry));
  }
  const auto near = nearest(name, names);
  require(!found.empty(), ExitCode::usage, "no section or key is called ", name,
          near ? "; did you mean " + *near + "?" : "", "  (hone recipe --describe lists every key)");
  return found;
}
}  // namespace

std::string describe(std::string_view section_or_key) {
  const std::vector<Entry> found = chosen(section_or_key);
  std::string text;
  const Recipe standard;
  for_each_section(standard, [&](const std::string& section, const auto&, const char* meaning) {
    if (section_or_key.empty() || section_or_key == section)
      text += (text.empty() ? "" : "\n") + section + ": " + meaning + "\n\n";
    for (const Entry& entry : found)
      if (entry.key.starts_with(section + ".")) text += text_of(entry);
  });
  return text;
}

Json describe_json(std::string_view section_or_key) {
  Json list = Json::array();
  for (const Entry& entry : chosen(section_or_key)) {
    Json& json = list.emplace_back(
        Json{{"key", entry.key}, {"type", entry.type}, {"default", entry.standard_json}, {"meaning", entry.meaning}});
    if (!entry.choices.empty()) json["choices"] = entry.choices;
    if (!entry.limits.empty()) json["limits"] = entry.limits;
  }
  return list;
}

}  // namespace hone::recipes
