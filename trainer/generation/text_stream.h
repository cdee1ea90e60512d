// The text of tokens as they are made, in pieces that are valid UTF-8.
//   TextStream text(tokenizer, {"\nUser:"});
//   for (…) { std::cout << text.add(id); if (text.stopped()) break; }
//   std::cout << text.finish();
#pragma once
#include <span>
#include <string>
#include <vector>

#include "data/tokenizer/tokenizer.h"

namespace hone::trainer {

// All pieces together are the tokens' text without special tokens, up to the first of `stops`. Held back until more is
// known: a character of which not all bytes are there, and what may become one of `stops`. Bytes that never become a
// character are U+FFFD.
class TextStream {
 public:
  explicit TextStream(const data::Tokenizer& tokenizer, std::vector<std::string> stops = {})
      : tokenizer_(tokenizer), stops_(std::move(stops)) {}
  std::string add(int32_t id);
  std::string finish();
  bool stopped() const { return stopped_; }  // a text of `stops` came; nothing more will be given

 private:
  std::string decode(std::span<const int32_t> ids) const { return tokenizer_.decode(ids, true); }
  std::string until_stop(const std::string& text, bool last);
  const data::Tokenizer& tokenizer_;
  std::vector<std::string> stops_;
  std::vector<int32_t> ids_;  // the last ones: what a token's text is depends on the one before it
  std::string shown_, held_;  // the text of ids_ that was given on; what may be the beginning of a stop
  bool stopped_ = false;
};

}  // namespace hone::trainer
