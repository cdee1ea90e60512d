#include "data/tokenizer/tokenizer_config.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "data/tokenizer/unicode.h"
#include "kernels/host/json.h"

namespace hone::data {

namespace {
constexpr size_t kLargestFile = size_t(64) << 20, kMostValues = size_t(4) << 20;
constexpr auto kRoles = std::to_array<const char*>(
    {"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"});

std::optional<Json> read_beside(const fs::path& folder, const char* name) {
  const fs::path path = folder / name;
  if (!fs::exists(path)) return {};
  Json json = read_json(path, {.bytes = kLargestFile, .values = kMostValues});
  if (!json.is_object()) return {};
  return json;
}

// A token as a text or as an object with flags.
AddedToken read_token(const JsonView& view) {
  if (view.value().is_object()) return read_added_token(view, -1);
  return {view.as_text(), -1, false, false, false, false, true};
}

void read_roles(const JsonView& view, std::vector<TokenizerConfig::Named>& specials) {
  const auto known = [&](const std::string& name) {
    return std::any_of(specials.begin(), specials.end(), [&](const auto& s) { return s.name == name; });
  };
  for (const char* role : kRoles) {
    const auto entry = view.value().find(role);
    if (entry == view.value().end() || known(role)) continue;
    TokenizerConfig::Named named{role, {}, view.where()};
    if (!entry->is_null()) named.token = read_token(JsonView(*entry, view.where(), role));
    specials.push_back(std::move(named));
  }
  // Those of one model ("image_token"): in an object of their own, or beside the roles.
  const auto add = [&](const std::string& name, const JsonView& token) {
    if (!known(name)) specials.push_back({name, read_token(token), view.where()});
  };
  for (const char* list : {"additional_special_tokens", "extra_special_tokens"}) {
    const auto entry = view.find(list);
    if (!entry) continue;
    if (entry->value().is_array()) {
      for (const JsonView& item : entry->items()) specials.push_back({"", read_token(item), view.where()});
    } else if (entry->value().is_object()) {
      for (const auto& [name, item] : entry->members()) add(name, item);
    }
  }
  for (const auto& [name, item] : view.members())
    if (name.ends_with("_token") && (item.value().is_string() || item.value().contains("content"))) add(name, item);
  if (const auto own = view.find("model_specific_special_tokens"); own && own->value().is_object())
    for (const auto& [name, item] : own->members()) add(name, item);
}

}  // namespace

TokenizerConfig::TokenizerConfig(const fs::path& folder) : where((folder / "tokenizer_config.json").string()) {
  const Json json = read_beside(folder, "tokenizer_config.json").value_or(Json::object());
  const JsonView view(json, where);
  const auto flag = [&](const char* name) {
    return view.has(name) ? std::optional(view.at(name).as_boolean()) : std::nullopt;
  };
  add_bos = flag("add_bos_token"), add_eos = flag("add_eos_token");
  legacy = flag("legacy"), add_prefix_space = flag("add_prefix_space");
  // Where added tokens are listed here, the older files beside are not asked; else they come first.
  if (const auto list = view.find("added_tokens_decoder")) {
    for (const auto& [key, item] : list->members()) {
      int64_t id = -1;
      const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
      if (error != std::errc() || end != key.data() + key.size() || id < 0 || id > Vocabulary::kLargestId)
        item.wrong("an id as the key");
      AddedToken token = read_added_token(item, id);
      if (!token.content.empty()) tokens.push_back(std::move(token));
    }
  } else {
    if (const std::optional<Json> map = read_beside(folder, "special_tokens_map.json"))
      read_roles(JsonView(*map, (folder / "special_tokens_map.json").string()), specials);
    if (const std::optional<Json> added = read_beside(folder, "added_tokens.json")) {
      const JsonView of_added(*added, (folder / "added_tokens.json").string());
      for (const auto& [content, item] : of_added.members())
        if (!content.empty())
          tokens.push_back(
              {content, int32_t(item.as_integer(0, Vocabulary::kLargestId)), false, false, false, false, false});
    }
  }
  read_roles(view, specials);
  std::stable_sort(tokens.begin(), tokens.end(), [](const AddedToken& a, const AddedToken& b) { return a.id < b.id; });
}

const TokenizerConfig::Named* TokenizerConfig::named(std::string_view name) const {
  const auto found = std::find_if(specials.begin(), specials.end(), [&](const Named& it) { return it.name == name; });
  return found == specials.end() ? nullptr : &*found;
}

std::optional<int32_t> id_of_model_config(const fs::path& folder, const std::string& name) {
  for (const char* config_name : {"generation_config.json", "config.json"}) {
    const std::optional<Json> config = read_beside(folder, config_name);
    if (!config) continue;
    const JsonView view(*config, (folder / config_name).string());
    const auto entry = view.find(name + "_id");
    if (!entry) continue;
    if (!entry->value().is_array()) return int32_t(entry->as_integer(0, Vocabulary::kLargestId));
    if (const auto ids = entry->items(); !ids.empty()) return int32_t(ids[0].as_integer(0, Vocabulary::kLargestId));
  }
  return {};
}

void add_configured_tokens(const TokenizerConfig& config, std::vector<AddedToken>& tokens, int64_t next,
                           const std::function<std::optional<int32_t>(const std::string&)>& id_of) {
  std::unordered_map<std::string, size_t> places;
  for (size_t i = 0; i < tokens.size(); ++i) places.emplace(tokens[i].content, i);
  const auto add = [&](const AddedToken& token) {
    if (const auto place = places.find(token.content); place != places.end()) {
      AddedToken& there = tokens[place->second];
      const int32_t id = there.id;
      const bool special = there.special || token.special;
      there = token;
      there.id = id, there.special = special;
      return;
    }
    const std::optional<int32_t> own = id_of(token.content);
    if (!own && token.id < 0) return;  // only named: without an id of its own no model knows it
    const int64_t id = own ? *own : next++;
    require(token.id < 0 || id == token.id, ExitCode::input, config.where, ": added_tokens_decoder[\"", token.id,
            "\"]: expected the id ", id, " for \"", excerpt(token.content),
            "\" (its own, or the next one of the tokenizer), got ", token.id,
            ". Take both files from one publisher, or correct the id");
    places.emplace(token.content, tokens.size());
    tokens.push_back(token);
    tokens.back().id = int32_t(id);
  };
  for (const AddedToken& token : config.tokens) add(token);
  for (const TokenizerConfig::Named& special : config.specials)
    if (special.token && !special.token->content.empty() && !places.contains(special.token->content)) {
      AddedToken token = *special.token;
      token.special = true;
      add(token);
    }
}

}  // namespace hone::data
