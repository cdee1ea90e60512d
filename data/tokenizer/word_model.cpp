#include "data/tokenizer/word_model.h"

#include <array>

#include "kernels/host/error.h"

namespace hone::data {

void WordModel::encode_short(const PieceMemory::Key& key, std::string_view piece, std::vector<int32_t>& ids,
                             Scratch& scratch) const {
  if (scratch.memory.recall(key, ids)) return;
  const size_t before = ids.size();
  encode_word(piece, ids, nullptr, scratch);
  scratch.memory.keep(key, std::span(ids).subspan(before));
}

// Words are short and come again.
void WordModel::encode_long(std::string_view piece, std::vector<int32_t>& ids, Scratch& scratch) const {
  require(piece.size() < size_t(INT32_MAX), ExitCode::input,
          "[tokenizer] a text of 2 GiB or more without a place to split it. Split it into shorter rows");
  for (size_t begin = 0; begin < piece.size();) {
    const size_t end = end_of_word(piece, begin);
    const std::string_view word = piece.substr(begin, end - begin);
    // A whole piece may be another token than the same bytes inside of a longer one, so only what was cut is
    // remembered.
    if (word.size() <= PieceMemory::kLongestPiece) {
      encode_short(PieceMemory::Key(word), word, ids, scratch);
    } else {
      encode_word(word, ids, nullptr, scratch);
    }
    begin = end;
  }
}

void WordModel::encode(std::string_view text, std::span<const Range> pieces, std::vector<int32_t>& ids,
                       Scratch& scratch) const {
  const auto piece_of = [&](Range range) { return text.substr(range.begin, range.end - range.begin); };
  std::array<PieceMemory::Key, 16> keys;
  for (size_t begin = 0; begin < pieces.size(); begin += keys.size()) {
    const size_t count = std::min(keys.size(), pieces.size() - begin);
    for (size_t i = 0; i < count; ++i) {
      const std::string_view piece = piece_of(pieces[begin + i]);
      if (piece.size() > PieceMemory::kLongestPiece) continue;
      keys[i] = PieceMemory::Key(piece);
      scratch.memory.expect(keys[i]);
    }
    for (size_t i = 0; i < count; ++i) {
      const std::string_view piece = piece_of(pieces[begin + i]);
      if (piece.size() <= PieceMemory::kLongestPiece) {
        encode_short(keys[i], piece, ids, scratch);
      } else {
        encode_long(piece, ids, scratch);
      }
    }
  }
}

void WordModel::encode_marked(std::string_view piece, std::span<const uint32_t> places, std::vector<int32_t>& ids,
                              std::vector<size_t>& tokens, Scratch& scratch) const {
  size_t next = 0;  // place
  std::vector<uint32_t> ends;
  const bool is_long = piece.size() > PieceMemory::kLongestPiece;
  for (size_t begin = 0; begin < piece.size();) {
    const size_t end = is_long ? end_of_word(piece, begin) : piece.size();
    const std::string_view word = piece.substr(begin, end - begin);
    for (; next < places.size() && places[next] <= begin; ++next) tokens.push_back(ids.size());
    const size_t first = ids.size();
    if (next == places.size() || places[next] >= end) {
      if (word.size() <= PieceMemory::kLongestPiece) {
        encode_short(PieceMemory::Key(word), word, ids, scratch);
      } else {
        encode_word(word, ids, nullptr, scratch);
      }
    } else {
      ends.clear();
      encode_word(word, ids, &ends, scratch);
      size_t token = 0;
      for (; next < places.size() && places[next] < end; ++next) {
        while (token < ends.size() && begin + ends[token] <= places[next]) ++token;
        tokens.push_back(first + token);
      }
    }
    begin = end;
  }
}

}  // namespace hone::data
