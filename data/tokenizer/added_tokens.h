// Tokens that are found in text as whole strings before anything else happens to it: first those that are searched in
// the raw text, then, in the normalised pieces between, those with "normalized": true. Leftmost-longest, without
// overlap.
//   AddedTokens added(read_added_tokens(file, model.vocabulary()), normalizer, "tokenizer.json");
//   for (const TokenSearch::Part& part : added.raw().split("Hi<|im_end|>", {})) …      // "Hi", then id 2
#pragma once
#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "data/tokenizer/normalizer.h"
#include "data/tokenizer/pattern.h"
#include "data/tokenizer/vocabulary.h"

namespace hone::data {

struct AddedToken {
  std::string content;
  int32_t id;
  bool single_word, lstrip, rstrip, normalized, special;
};

// The strings to search for, as a tree of their bytes.
class TokenSearch {
 public:
  TokenSearch() : nodes_(1) {}
  void add(std::string_view text, const AddedToken& token);  // where the text is there already, the first stays

  struct Part {
    Range range;
    const AddedToken* token;  // null: text between
  };
  // Covers the text with parts, in order. lstrip and rstrip take white space to the token. In the ranges `plain`
  // (ascending, apart) special tokens, and those of `controls`, are text; they still end the search for shorter ones
  // where they stand, as in the library, but never beyond the range.
  std::vector<Part> split(std::string_view text, std::span<const Range> plain,
                          std::span<const int32_t> controls = {}) const;
  bool empty() const { return nodes_.size() == 1; }

 private:
  struct Node {
    std::vector<std::pair<unsigned char, uint32_t>> next;  // few a node
    const AddedToken* token = nullptr;
  };
  // The longest token there, and where it ends; of special ones those that end up to `limit`.
  const AddedToken* longest_at(std::string_view text, size_t at, size_t limit, std::span<const int32_t> controls,
                               size_t& end) const;
  std::vector<Node> nodes_;
  std::array<uint32_t, 256> first_{};  // node after a first byte, 0 where none
};

class AddedTokens {
 public:
  // Errors (ExitCode::input): `where` and a token that normalises to nothing.
  AddedTokens(const std::vector<AddedToken>& tokens, const Normalizer& normalizer, const std::string& where);

  const TokenSearch& raw() const { return raw_; }
  const TokenSearch& normalized() const { return normalized_; }
  std::optional<int32_t> id(std::string_view content) const { return contents_.id(content); }
  const std::string* token(int32_t id) const { return contents_.token(id); }
  int64_t largest_id() const { return contents_.largest_id(); }
  // What decoding starts from where that is not the token's content: the content of a "normalized" token, normalised.
  const std::string* decoded(int32_t id) const {
    const auto found = decoded_.find(id);
    return found == decoded_.end() ? nullptr : &found->second;
  }
  bool is_special(int32_t id) const { return special_.contains(id); }
  bool has(int32_t id) const {
    return std::any_of(tokens_.begin(), tokens_.end(), [&](const auto& t) { return t->id == id; });
  }

 private:
  std::vector<std::unique_ptr<AddedToken>> tokens_;
  Vocabulary contents_;
  std::unordered_set<int32_t> special_;
  std::unordered_map<int32_t, std::string> decoded_;
  TokenSearch raw_, normalized_;
};

// "added_tokens" of tokenizer.json. Errors (ExitCode::input): a token twice, an id that is not the token's (or, for a
// new one, not the next free one, which the library would give it).
std::vector<AddedToken> read_added_tokens(const JsonView& file, const Vocabulary& model);

// One token of a list or of "added_tokens_decoder".
AddedToken read_added_token(const JsonView& view, int64_t id);

}  // namespace hone::data
