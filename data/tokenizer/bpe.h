// Byte-pair encoding: a piece of text becomes symbols, one a character, and the pair of lowest rank is merged until no
// pair has one (Sennrich et al. 2016, "Neural Machine Translation of Rare Words with Subword Units"; order and
// fall-backs as in Hugging Face tokenizers).
//   const Bpe bpe(view.at("model"));
//   Bpe::Scratch scratch;
//   bpe.encode("Ġthere", ids, scratch);             // appends to ids
#pragma once
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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
  // The object under "model". A missing "type" is BPE. Errors (ExitCode::input): another type, dropout, ids that occur
  // twice or are out of range, a merge of unknown tokens.
  explicit Bpe(const JsonView& model);
  Bpe(Bpe&&) noexcept;
  ~Bpe();

  struct Scratch {  // memory that one thread uses again and again
    struct Symbol {
      int32_t id;
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
  // Appends the ids of a piece. Characters that no token, no byte fall-back and no unknown token covers are left out,
  // as in the library. Short pieces are remembered; safe to call from several threads.
  void encode(std::string_view piece, std::vector<int32_t>& ids, Scratch& scratch) const;

  const Vocabulary& vocabulary() const { return vocabulary_; }

 private:
  void read_vocabulary(const JsonView& model);
  void read_merges(const JsonView& model);
  bool may_join(char32_t left, char32_t right) const;
  bool is_known(char32_t point) const;
  void encode_word(std::string_view word, std::vector<int32_t>& ids, Scratch& scratch) const;
  void start(std::string_view piece, Scratch& scratch) const;
  void merge(Scratch& scratch) const;
  std::optional<int32_t> id_of_character(std::string_view character, bool first, bool last, Scratch& scratch) const;
  int32_t unknown_id() const;

  class Memory;  // pieces and their ids
  Vocabulary vocabulary_;
  MergeTable merges_;
  MergeTable joints_;  // characters between which some merge joins: the last of its left token, the first of its right
  std::array<int32_t, 256> byte_ids_{};         // of "<0x00>" …, -1 where absent
  std::array<int32_t, 0x800> character_ids_{};  // of one-character tokens, -1 where absent
  std::optional<std::string> unknown_;
  std::string prefix_, suffix_;  // of a character inside a word, and of the last one
  bool fuse_unknown_ = false, byte_fallback_ = false, whole_pieces_ = false;
  std::unique_ptr<Memory> memory_;
};

}  // namespace hone::data
