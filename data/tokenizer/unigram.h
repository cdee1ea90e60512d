// A unigram model: of all ways to take a piece apart into tokens, the one with the largest sum of scores (Kudo 2018,
// "Subword Regularization"), found from left to right by dynamic programming.
#pragma once
#include <optional>
#include <vector>

#include "data/tokenizer/model.h"
#include "data/tokenizer/trie.h"

namespace hone::data {

struct UnigramToken {
  std::string text;
  double score;
  // A token may be one that text never becomes (a control token, a byte), or one that text always becomes.
  enum class Use { normal, never, always } use = Use::normal;
};

class Unigram : public Model {
 public:
  // Ties and roundings as each library has them: Hugging Face tokenizers adds scores as doubles, takes the penalty of
  // an unknown character from the least of all scores, and looks what became unknown up once more; SentencePiece rounds
  // each sum to a float, and leaves tokens that are no text out of the least score.
  enum class Arithmetic { huggingface, sentencepiece };
  Unigram(const std::vector<UnigramToken>& tokens, std::optional<int32_t> unknown, bool byte_fallback, Arithmetic how);
  // The object under "model" of tokenizer.json.
  static std::unique_ptr<Unigram> read(const JsonView& model, Alphabet alphabet);

  void encode(std::string_view text, std::span<const Range> pieces, std::vector<int32_t>& ids,
              Scratch& scratch) const override;
  void encode_marked(std::string_view piece, std::span<const uint32_t> places, std::vector<int32_t>& ids,
                     std::vector<size_t>& tokens, Scratch& scratch) const override;

 private:
  void find_best(std::string_view piece, Scratch& scratch) const;
  void encode_text(std::string_view text, std::vector<int32_t>& ids, std::vector<uint32_t>* ends,
                   Scratch& scratch) const;
  void encode_piece(std::string_view piece, std::vector<int32_t>& ids, std::vector<uint32_t>* ends,
                    Scratch& scratch) const;

  Arithmetic how_;
  Alphabet alphabet_ = Alphabet::characters;
  Trie trie_;
  std::vector<double> scores_;
  std::vector<bool> always_;
  double unknown_score_ = 0;
  std::optional<int32_t> unknown_;
  std::vector<int32_t> bytes_;  // ids of the 256 byte tokens; empty without
};

}  // namespace hone::data
