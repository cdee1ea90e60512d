// Byte-pair encoding: a piece of text becomes symbols, one a character, and the pair of lowest rank is merged until no
// pair has one (Sennrich et al. 2016, "Neural Machine Translation of Rare Words with Subword Units"; order and
// fall-backs as in Hugging Face tokenizers).
//   const Bpe bpe(view.at("model"), Alphabet::bytes);
//   Bpe::Scratch scratch;
//   bpe.encode("Hi there", {{0, 2}, {2, 8}}, ids, scratch);     // appends the ids of "Hi" and "Ġthere"
#pragma once
#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/tokenizer/byte_level.h"
#include "data/tokenizer/pattern.h"
#include "data/tokenizer/piece_memory.h"
#include "data/tokenizer/unicode.h"
#include "data/tokenizer/vocabulary.h"
#include "kernels/host/json.h"

namespace hone::data {

// Two ids → the rank of their merge and what they become. Open addressing, never more than half full.
class MergeTable {
 public:
  struct Merge {
    uint32_t rank;
    int32_t id;
  };
  void reserve(size_t merges);
  void set(int32_t left, int32_t right, Merge merge);  // a pair that is there gets the new merge
  const Merge* find(int32_t left, int32_t right) const;

 private:
  struct Slot {
    uint64_t key = UINT64_MAX;
    Merge merge{};
  };
  size_t slot_of(uint64_t key) const;
  std::vector<Slot> slots_;
};

class Bpe {
 public:
  // The object under "model", and what its pieces are made of. A missing "type" is BPE. Errors (ExitCode::input):
  // another type, dropout, ids that occur twice or are out of range, a merge of unknown tokens.
  Bpe(const JsonView& model, Alphabet alphabet);

  struct Scratch {  // memory that one thread uses again and again, with one Bpe
    PieceMemory memory;
    struct Symbol {
      int32_t id;
      uint32_t size;          // bytes of the piece
      int32_t before, after;  // places, -1 where none
      bool alive;
    };
    struct Candidate {
      uint32_t rank;
      int32_t place;
      int32_t id;
    };
    std::vector<Symbol> symbols;
    std::vector<Candidate> heap;
    std::string text;
  };
  // Appends the ids of the pieces of a text. Characters that no token, no byte fall-back and no unknown token covers
  // are left out, as in the library. Safe to call from several threads, each with a scratch of its own.
  void encode(std::string_view text, std::span<const Range> pieces, std::vector<int32_t>& ids, Scratch& scratch) const;

  // The same for one piece, with places in it (ascending, from 1 to its size - 1): adds to `tokens` for each the index
  // in ids of the token that holds that byte, or of the next one.
  void encode_marked(std::string_view piece, std::span<const uint32_t> places, std::vector<int32_t>& ids,
                     std::vector<size_t>& tokens, Scratch& scratch) const;

  const Vocabulary& vocabulary() const { return vocabulary_; }

 private:
  void read_vocabulary(const JsonView& model);
  void read_merges(const JsonView& model);
  bool may_join(char32_t left, char32_t right) const;
  bool is_known(char32_t point) const;
  void encode_short(const PieceMemory::Key& key, std::string_view piece, std::vector<int32_t>& ids,
                    Scratch& scratch) const;
  void each_word(std::string_view piece, auto do_word) const;
  void encode_long(std::string_view piece, std::vector<int32_t>& ids, Scratch& scratch) const;
  void encode_word(std::string_view word, std::vector<int32_t>& ids, Scratch& scratch) const;
  void merge_word(std::string_view word, std::vector<int32_t>& ids, Scratch& scratch) const;
  void start_word(std::string_view word, Scratch& scratch) const;
  void start(std::string_view piece, Scratch& scratch) const;
  void merge(Scratch& scratch) const;
  size_t merge_few(std::span<int32_t> symbols) const;
  CodePoint symbol_at(std::string_view piece, size_t at) const;
  std::optional<int32_t> id_of_character(std::string_view character, bool first, bool last, Scratch& scratch) const;
  std::optional<int32_t> whole_piece(std::string_view piece) const;
  int32_t unknown_id() const;

  Alphabet alphabet_;
  Vocabulary vocabulary_;
  MergeTable merges_;
  MergeTable joints_;  // characters between which some merge joins: the last of its left token, the first of its right
  std::array<int32_t, 256> byte_ids_{};         // of "<0x00>" …, -1 where absent
  std::array<int32_t, 0x800> character_ids_{};  // of one-character tokens, -1 where absent
  std::array<int32_t, 256> letter_ids_{};       // of the byte-level letters, -1 where absent
  std::optional<std::string> unknown_;
  std::string prefix_, suffix_;  // of a character inside a word, and of the last one
  bool fuse_unknown_ = false, byte_fallback_ = false, whole_pieces_ = false;
  bool grows_ = true;  // every merge makes a longer token out of two
};

}  // namespace hone::data
