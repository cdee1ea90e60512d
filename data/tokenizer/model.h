// What turns pieces of text into ids: byte-pair encoding or a unigram model.
//   const std::unique_ptr<const Model> model = read_model(view.at("model"), Alphabet::bytes);
//   Scratch scratch;
//   model->encode("Hi there", {{0, 2}, {2, 8}}, ids, scratch);     // appends the ids of "Hi" and " there"
// Const functions may be called from several threads, each with a scratch of its own.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "data/tokenizer/byte_level.h"
#include "data/tokenizer/piece_memory.h"
#include "data/tokenizer/range.h"
#include "data/tokenizer/vocabulary.h"
#include "kernels/host/json.h"

namespace hone::data {

struct Symbol {  // of byte-pair encoding: what a stretch of a piece has become so far
  int32_t id;
  uint32_t size;          // bytes of the piece
  int32_t before, after;  // places of its neighbours, -1 where none
  bool alive;
};

struct Scratch {  // memory that one thread uses again and again, with one model
  PieceMemory memory;
  struct Candidate {
    uint32_t rank;
    int32_t place;
    int32_t id;
  };
  struct Step {  // of the best way through a piece, from its end
    int32_t id;
    uint32_t begin, end;
  };
  struct Best {  // way to a place
    double score;
    int32_t id;
    uint32_t begin;
  };
  std::vector<Symbol> symbols;
  std::vector<Candidate> heap;
  std::vector<Best> best;
  std::vector<Step> steps;
  std::unordered_map<int32_t, std::pair<int32_t, int32_t>> made_of;
  std::string text;
};

class Model {
 public:
  virtual ~Model() = default;
  const Vocabulary& vocabulary() const { return vocabulary_; }

  // Appends the ids of the pieces of a text.
  virtual void encode(std::string_view text, std::span<const Range> pieces, std::vector<int32_t>& ids,
                      Scratch& scratch) const = 0;
  // The same for one piece, with places in it (ascending, from 1 to its size - 1): adds to `tokens` for each the index
  // in ids of the token that holds that byte, or of the next one.
  virtual void encode_marked(std::string_view piece, std::span<const uint32_t> places, std::vector<int32_t>& ids,
                             std::vector<size_t>& tokens, Scratch& scratch) const = 0;

 protected:
  Vocabulary vocabulary_;
};

// The object under "model" of tokenizer.json, and what its pieces are made of. A missing "type" is BPE, or Unigram
// where the vocabulary is a list. Errors (ExitCode::input): another type, ids that occur twice or are out of range.
std::unique_ptr<const Model> read_model(const JsonView& model, Alphabet alphabet);

}  // namespace hone::data
