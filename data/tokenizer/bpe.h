// Byte-pair encoding: a piece of text becomes symbols, one a character, and the pair of lowest rank is merged until no
// pair has one (Sennrich et al. 2016, "Neural Machine Translation of Rare Words with Subword Units"; order and
// fall-backs as in Hugging Face tokenizers). Characters that no token, no byte fall-back and no unknown token covers
// are left out, as in the library.
#pragma once
#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/tokenizer/merges.h"
#include "data/tokenizer/unicode.h"
#include "data/tokenizer/word_model.h"
#include "kernels/host/json.h"

namespace hone::data {

class Bpe : public WordModel {
 public:
  // The object under "model", and what its pieces are made of. Errors (ExitCode::input): dropout, ids that occur twice
  // or are out of range, a merge of unknown tokens.
  Bpe(const JsonView& model, Alphabet alphabet);
  // Tokens in the byte-level alphabet, as tiktoken has them: two neighbours that are a token together become it, that
  // of the lowest id first; a piece that is a token is that token. The vocabulary has all 256 bytes.
  explicit Bpe(Vocabulary tokens);

 protected:
  void encode_word(std::string_view word, std::vector<int32_t>& ids, std::vector<uint32_t>* ends,
                   Scratch& scratch) const override;
  size_t end_of_word(std::string_view piece, size_t begin) const override;

 private:
  void read_vocabulary(const JsonView& model);
  void read_merges(const JsonView& model);
  void find_characters();
  bool may_join(char32_t left, char32_t right) const;
  bool is_known(char32_t point) const;
  void start_word(std::string_view word, Scratch& scratch) const;
  void start(std::string_view piece, Scratch& scratch) const;
  CodePoint symbol_at(std::string_view piece, size_t at) const;
  std::optional<int32_t> id_of_character(std::string_view character, bool first, bool last, Scratch& scratch) const;
  std::optional<int32_t> whole_piece(std::string_view piece) const;
  int32_t unknown_id() const;

  Alphabet alphabet_;
  Merges merges_;
  Merges joints_;  // characters between which some merge joins: the last of its left token, the first of its right
  std::array<int32_t, 256> byte_ids_{};         // of "<0x00>" …, -1 where absent
  std::array<int32_t, 0x800> character_ids_{};  // of one-character tokens, -1 where absent
  std::array<int32_t, 256> letter_ids_{};       // of the byte-level letters, -1 where absent
  std::optional<std::string> unknown_;
  std::string prefix_, suffix_;  // of a character inside a word, and of the last one
  bool fuse_unknown_ = false, byte_fallback_ = false, whole_pieces_ = false;
  bool grows_ = true;  // every merge makes a longer token out of two
};

// "<0x0A>", the token of a byte where bytes stand in for unknown characters.
std::string byte_token(unsigned char byte);

}  // namespace hone::data
