// tokenizer.model, the file of Google's SentencePiece: its pieces, its normaliser and its two algorithms.
//   const SentencePieceFile file = read_sentencepiece(bytes, "tokenizer.model");
//   const Normalizer normalize = sentencepiece_normalizer(file, {});       // "a b" → "▁a▁b"
//   const auto model = sentencepiece_model(file);
// The ids of a text are those of SentencePiece's Encode. The format: sentencepiece_model.proto of version 0.2.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/tokenizer/charsmap.h"
#include "data/tokenizer/decoder.h"
#include "data/tokenizer/model.h"
#include "data/tokenizer/normalizer.h"

namespace hone::data {

struct SentencePieceFile {
  enum class Type { normal = 1, unknown = 2, control = 3, user_defined = 4, unused = 5, byte = 6 };
  struct Piece {
    std::string text;
    float score = 0;
    Type type = Type::normal;
  };
  enum class Algorithm { unigram = 1, bpe = 2 };

  std::vector<Piece> pieces;  // a piece's place is its id
  Algorithm algorithm = Algorithm::unigram;
  int32_t unknown = -1;  // always there
  bool byte_fallback = false, space_at_end = false;
  std::string bos = "<s>", eos = "</s>", unknown_surface = " \u2047 ";
  int32_t bos_id = 1, eos_id = 2;  // -1: the model has none
  std::shared_ptr<const Charsmap> charsmap;
  bool add_dummy_prefix = true, remove_extra_whitespaces = true, escape_whitespaces = true;
};

// Errors (ExitCode::input): a file that is cut, pieces that are empty, twice or not UTF-8, no unknown piece, bytes that
// are missing where they stand in for characters, an algorithm other than unigram and BPE.
SentencePieceFile read_sentencepiece(std::string_view bytes, const std::string& where);

struct DummyPrefix {
  bool at_start = true;       // where the file asks for one
  bool after_tokens = false;  // also where text goes on after an added token
};
Normalizer sentencepiece_normalizer(const SentencePieceFile& file, DummyPrefix prefix);
std::unique_ptr<const Model> sentencepiece_model(const SentencePieceFile& file);
// As SentencePiece's Decode; control pieces, where they are given, show as what they are called.
Decoder sentencepiece_decoder(const SentencePieceFile& file, DummyPrefix prefix);

}  // namespace hone::data
