// What stands beside a tokenizer's file: tokenizer_config.json, and where that has no "added_tokens_decoder" also
// special_tokens_map.json and added_tokens.json, as transformers' AutoTokenizer has them.
//   const TokenizerConfig config("models/llama");
//   config.add_bos                                  // true where "add_bos_token" says so
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "data/tokenizer/added_tokens.h"
#include "kernels/host/file.h"

namespace hone::data {

struct TokenizerConfig {
  // A missing file is an empty one. Errors (ExitCode::input): broken files, values of other kinds than expected.
  explicit TokenizerConfig(const fs::path& folder);

  struct Named {  // "bos_token", "eos_token" …, and of one model "image_token" …
    std::string name;
    std::optional<AddedToken> token;  // empty: null. Its id is not known here
    std::string where;
  };
  const Named* named(std::string_view name) const;

  std::optional<bool> add_bos, add_eos;  // of tokenizer.json its post-processor decides instead
  std::optional<bool> legacy, add_prefix_space;
  std::vector<Named> specials;     // tokens of a role or another name, and additional ones, which have none
  std::vector<AddedToken> tokens;  // of "added_tokens_decoder" and added_tokens.json, by id
  std::string where;
};

// The id of "bos_token" or "eos_token" where the configuration does not name one: from generation_config.json, else
// config.json.
std::optional<int32_t> id_of_model_config(const fs::path& folder, const std::string& name);

// What transformers adds to the tokens of a tokenizer's file: those of the configuration that are not there, with other
// flags, or not special though they have a role. `id_of` gives the id of a token that the file has. Errors
// (ExitCode::input): a new token whose id is not the next one, `next`.
void add_configured_tokens(const TokenizerConfig& config, std::vector<AddedToken>& tokens, int64_t next,
                           const std::function<std::optional<int32_t>(const std::string&)>& id_of);

}  // namespace hone::data
