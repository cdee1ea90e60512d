// SentencePiece's table of replacements ("precompiled_charsmap"): the number of a trie's bytes, the trie as a double
// array (Yata's darts-clone, unit by unit in 32 bits), and the replacements, each ended by a zero byte.
//   const Charsmap charsmap(bytes, "tokenizer.model: normalizer_spec");
//   charsmap.longest("ﬁne", 0);                     // {3, "fi"}
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hone::data {

class Charsmap {
 public:
  struct Replacement {
    size_t length;  // bytes that it stands for
    std::string_view text;
  };
  // `where` opens every message. Errors (ExitCode::input): a table that is cut, or replacements that are not UTF-8.
  Charsmap(std::string_view bytes, const std::string& where);

  // Of the entries with which the text goes on at a place, the longest, or the shortest.
  std::optional<Replacement> longest(std::string_view text, size_t at) const { return find(text, at, false); }
  std::optional<Replacement> shortest(std::string_view text, size_t at) const { return find(text, at, true); }

 private:
  std::optional<Replacement> find(std::string_view text, size_t at, bool first) const;
  std::vector<uint32_t> units_;
  std::string replacements_;
};

}  // namespace hone::data
