#include "data/tokenizer/tekken.h"

#include <array>

#include "data/tokenizer/base64.h"
#include "data/tokenizer/byte_level.h"
#include "data/tokenizer/unicode.h"

namespace hone::data {

namespace {
// Files before version 8 do not list them.
constexpr auto kFirstSpecials = std::to_array<const char*>({"<unk>",
                                                            "<s>",
                                                            "</s>",
                                                            "[INST]",
                                                            "[/INST]",
                                                            "[AVAILABLE_TOOLS]",
                                                            "[/AVAILABLE_TOOLS]",
                                                            "[TOOL_RESULTS]",
                                                            "[/TOOL_RESULTS]",
                                                            "[TOOL_CALLS]",
                                                            "[IMG]",
                                                            "<pad>",
                                                            "[IMG_BREAK]",
                                                            "[IMG_END]",
                                                            "[PREFIX]",
                                                            "[MIDDLE]",
                                                            "[SUFFIX]",
                                                            "[SYSTEM_PROMPT]",
                                                            "[/SYSTEM_PROMPT]",
                                                            "[TOOL_CONTENT]"});

std::vector<std::string> read_specials(const JsonView& file, int64_t count) {
  std::vector<std::string> names(size_t(count), "");
  if (const auto list = file.find("special_tokens")) {
    for (const JsonView& item : list->items()) {
      std::string& name = names[size_t(item.integer("rank", 0, count - 1))];
      if (!name.empty()) item.wrong("a rank of its own");
      name = item.text("token_str");
      if (name.empty()) item.at("token_str").wrong("a text that is not empty");
    }
  } else {
    for (size_t i = 0; i < std::min(names.size(), kFirstSpecials.size()); ++i) names[i] = kFirstSpecials[i];
  }
  for (size_t i = 0; i < names.size(); ++i)
    if (names[i].empty()) names[i] = "<SPECIAL_" + std::to_string(i) + ">";
  return names;
}
}  // namespace

Tekken read_tekken(const JsonView& file) {
  const JsonView config = file.at("config"), list = file.at("vocab");
  const Json& entries = list.value();
  if (!entries.is_array()) list.wrong("a list of tokens");
  const auto specials_listed = file.find("special_tokens");
  const int64_t listed = specials_listed ? int64_t(specials_listed->items().size()) : int64_t(kFirstSpecials.size());
  const int64_t specials = config.integer_or("default_num_special_tokens", listed, 0, Vocabulary::kLargestId / 2);
  if (listed > specials && specials_listed)
    config.at("default_num_special_tokens")
        .wrong(joined("at least ", listed, ", as many as special_tokens has").c_str());
  const int64_t size =
      config.integer_or("default_vocab_size", specials + int64_t(entries.size()), specials, Vocabulary::kLargestId);
  const int64_t count = size - specials;
  if (count > int64_t(entries.size()))
    config.at("default_vocab_size")
        .wrong(joined("at most ", specials + int64_t(entries.size()), ", all tokens").c_str());

  Tekken tekken{Pattern::regex(config.text("pattern"), file.where() + ": config.pattern"), {}, {}};
  for (int64_t i = 0; i < count; ++i) {
    const JsonView entry(entries[size_t(i)], file.where(), joined("vocab[", i, "]"));
    if (entry.integer("rank", 0) != i) entry.at("rank").wrong(joined(i, ", the token's place").c_str());
    const std::optional<std::string> bytes = base64_bytes(entry.text("token_bytes"));
    if (!bytes || bytes->empty()) entry.at("token_bytes").wrong("bytes in base 64");
    if (!tekken.vocabulary.add(byte_level_text(*bytes), int32_t(specials + i))) entry.wrong("each token once");
  }
  for (int byte = 0; byte < 256; ++byte) {
    const char one = char(byte);
    if (!tekken.vocabulary.id(byte_level_text({&one, 1}))) list.wrong("a token for each of the 256 bytes");
  }
  int32_t id = 0;
  for (std::string& name : read_specials(file, specials))
    tekken.special.push_back({std::move(name), id++, false, false, false, false, true});
  return tekken;
}

}  // namespace hone::data
