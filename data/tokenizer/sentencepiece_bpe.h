// Byte-pair encoding as SentencePiece has it: no list of merges, but any two neighbours that are a piece together
// become it, the piece of the largest score first. Bytes stand in for unknown characters only after all merges.
#pragma once
#include <array>
#include <unordered_map>
#include <vector>

#include "data/tokenizer/merges.h"
#include "data/tokenizer/sentencepiece.h"
#include "data/tokenizer/trie.h"
#include "data/tokenizer/word_model.h"

namespace hone::data {

class SentencePieceBpe : public WordModel {
 public:
  explicit SentencePieceBpe(const SentencePieceFile& file);

 protected:
  void encode_word(std::string_view word, std::vector<int32_t>& ids, std::vector<uint32_t>* ends,
                   Scratch& scratch) const override;
  size_t end_of_word(std::string_view piece, size_t begin) const override;

 private:
  size_t user_defined_at(std::string_view text, size_t at, int32_t& id) const;  // bytes; 0 where there is none
  int32_t symbol_of(char32_t point) const;
  void find_symbols(const SentencePieceFile& file);
  void find_merges(const SentencePieceFile& file);
  void add(const Symbol& symbol, std::string_view text, uint32_t at, std::vector<int32_t>& ids,
           std::vector<uint32_t>* ends, const Scratch& scratch) const;

  // Symbols are pieces, then characters of pieces that are no piece themselves, then all others as one. What a user
  // defined never merges: there the symbol is the complement of the id.
  Merges merges_;
  Merges joints_;  // characters between which some merge joins
  std::array<int32_t, 0x800> near_symbols_{};
  std::unordered_map<char32_t, int32_t> symbols_;
  int32_t pieces_ = 0, others_ = 0;  // first symbol that is no piece; the symbol of all other characters
  Trie user_defined_;
  std::array<bool, 256> starts_user_defined_{};
  std::vector<bool> unused_;  // by piece; empty where none is
  std::vector<int32_t> bytes_;
  int32_t unknown_ = 0;
};

}  // namespace hone::data
