// Text to ids and back: from tokenizer.json as the Hugging Face tokenizers library does it, from tokenizer.model as
// SentencePiece, from Mistral's tekken.json as tiktoken.
//   const Tokenizer tokenizer = Tokenizer::load("models/qwen2.5");
//   const std::vector<int32_t> ids = tokenizer.encode("Hello<|im_end|>");
//   tokenizer.decode(ids);                          // "Hello<|im_end|>"
// Reads BPE and unigram models. All const functions may be called from several threads.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/tokenizer/range.h"
#include "kernels/host/file.h"

namespace hone::data {

// parse: strings of special tokens become their ids; text: they are ordinary text, as the library has it with
// encode_special_tokens (added tokens that are not special are still found).
enum class SpecialTokens { parse, text };

struct MarkedIds {
  std::vector<int32_t> ids;
  std::vector<size_t> tokens;  // for each place the index of the token that holds that byte of the text
};

struct TokenizerParts;

class Tokenizer {
 public:
  // The file itself, or the model folder that holds it: tokenizer.json, else tokenizer.model, else tekken.json. Of
  // tokenizer_config.json, special_tokens_map.json and added_tokens.json beside it what transformers' AutoTokenizer
  // honours: added tokens, tokens of a role, add_bos_token, add_eos_token. At most 64 MiB. Errors (ExitCode::input):
  // what is not there, broken, or of a kind that hone does not know.
  static Tokenizer load(const fs::path& folder_or_file);

  // No start or end token is added. The text is valid UTF-8 (else an error, ExitCode::input) of at most 256 MiB.
  std::vector<int32_t> encode(std::string_view text, SpecialTokens special = SpecialTokens::parse) const;
  // As encode(text, SpecialTokens::parse), but where a special token's string overlaps one of the ranges `plain` of the
  // text (ascending, apart) it is ordinary text: so content cannot make control tokens. Of added tokens that are not
  // special those of `controls` are treated alike. `places` are ascending byte
  // positions, at most text.size(); a place in a character is its first byte. The token of a place is the library's
  // char_to_token(place); where no token covers the place, the next one, and ids.size() after the last token.
  MarkedIds encode_marked(std::string_view text, std::span<const Range> plain, std::span<const uint32_t> places,
                          std::span<const int32_t> controls = {}) const;
  // As the library's decode(ids, skip_special_tokens=skip_special). Ids without a token are left out.
  std::string decode(std::span<const int32_t> ids, bool skip_special = false) const;

  // What the post-processor adds before and after one sequence with add_special_tokens=True. tokenizer.model and
  // tekken.json have none: there add_bos_token and add_eos_token of the configuration decide.
  std::vector<int32_t> prefix() const;
  std::vector<int32_t> suffix() const;

  std::optional<int32_t> id(std::string_view token) const;
  std::string token(int32_t id) const;  // empty where there is none
  // From tokenizer_config.json (where null there: none), else from the ids of generation_config.json or config.json
  // (the first, of a list).
  std::optional<int32_t> bos() const;
  std::optional<int32_t> eos() const;
  bool is_special(int32_t id) const;
  bool is_added(int32_t id) const;  // one that is found in text as a whole string
  int64_t vocabulary() const;       // largest id + 1
  const std::string& hash() const;  // xxh3 of the file's bytes, 32 digits

 private:
  explicit Tokenizer(std::shared_ptr<const TokenizerParts> parts) : parts_(std::move(parts)) {}
  std::shared_ptr<const TokenizerParts> parts_;
};

}  // namespace hone::data
