// A model that may take a long piece apart into words, and remembers what short ones became.
#pragma once
#include "data/tokenizer/model.h"

namespace hone::data {

class WordModel : public Model {
 public:
  void encode(std::string_view text, std::span<const Range> pieces, std::vector<int32_t>& ids,
              Scratch& scratch) const final;
  void encode_marked(std::string_view piece, std::span<const uint32_t> places, std::vector<int32_t>& ids,
                     std::vector<size_t>& tokens, Scratch& scratch) const final;

 protected:
  // Appends the ids of a word, and with `ends` where each token ends in it.
  virtual void encode_word(std::string_view word, std::vector<int32_t>& ids, std::vector<uint32_t>* ends,
                           Scratch& scratch) const = 0;
  // Where the word that begins at `begin` of a long piece ends: nothing joins over that place, so that the words' ids
  // are those of the piece.
  virtual size_t end_of_word(std::string_view piece, size_t begin) const = 0;

 private:
  void encode_short(const PieceMemory::Key& key, std::string_view piece, std::vector<int32_t>& ids,
                    Scratch& scratch) const;
  void encode_long(std::string_view piece, std::vector<int32_t>& ids, Scratch& scratch) const;
};

}  // namespace hone::data
