#include "data/tokenizer/unigram.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "data/tokenizer/bpe.h"
#include "data/tokenizer/unicode.h"

namespace hone::data {

namespace {
constexpr double kUnknownPenalty = 10;

// A score, written in the fewest digits that say it, as the library's reader of JSON (serde_json) has it: as a whole
// number, times or divided by a power of ten, each step rounded. That may be the next double to the one that was
// written, and ties decide ids.
double score_as_read(double score) {
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.begin(), text.end(), std::abs(score), std::chars_format::scientific).ptr;
  uint64_t digits = 0;
  int exponent = 0;
  for (const char* at = text.begin(); at != end; ++at) {
    if (*at == 'e') {
      exponent += std::atoi(at + 1);
      break;
    }
    if (*at == '.') {
      exponent = int(at + 1 - std::find(at, static_cast<const char*>(end), 'e'));
    } else {
      digits = digits * 10 + uint64_t(*at - '0');
    }
  }
  double value = double(digits);
  for (; exponent < -308; exponent += 308) value /= 1e308;
  double power = 0;
  const std::string written = "1e" + std::to_string(std::abs(exponent));
  std::from_chars(written.data(), written.data() + written.size(), power);
  value = exponent < 0 ? value / power : value * power;
  return score < 0 ? -value : value;
}
}  // namespace

Unigram::Unigram(const std::vector<UnigramToken>& tokens, std::optional<int32_t> unknown, bool byte_fallback,
                 Arithmetic how)
    : how_(how), unknown_(unknown) {
  double least = INFINITY;
  for (size_t i = 0; i < tokens.size(); ++i) {
    const UnigramToken& token = tokens[i];
    vocabulary_.put(token.text, int32_t(i));
    scores_.push_back(token.score);
    always_.push_back(token.use == UnigramToken::Use::always);
    if (token.use != UnigramToken::Use::never && !token.text.empty()) trie_.add(token.text, int32_t(i));
    if (how_ == Arithmetic::huggingface || token.use == UnigramToken::Use::normal) least = std::min(least, token.score);
  }
  unknown_score_ =
      how_ == Arithmetic::huggingface ? least - kUnknownPenalty : double(float(least) - float(kUnknownPenalty));
  if (!byte_fallback) return;
  for (int byte = 0; byte < 256; ++byte)
    bytes_.push_back(vocabulary_.id(byte_token(static_cast<unsigned char>(byte))).value_or(-1));
}

std::unique_ptr<Unigram> Unigram::read(const JsonView& model, Alphabet alphabet) {
  const JsonView list = model.at("vocab");
  const Json& entries = list.value();
  if (!entries.is_array() || entries.size() > size_t(Vocabulary::kLargestId)) list.wrong("a list of tokens and scores");
  std::vector<UnigramToken> tokens;
  tokens.reserve(entries.size());
  for (const Json& entry : entries) {
    if (!entry.is_array() || entry.size() != 2 || !entry[0].is_string() || !entry[1].is_number() ||
        !std::isfinite(entry[1].get<double>()))
      fail(ExitCode::input, list.where(), ": ", list.path(), "[", tokens.size(),
           "]: expected a token and its score. Take tokenizer.json from the model's publisher again");
    tokens.push_back({entry[0].get<std::string>(), score_as_read(entry[1].get<double>())});
  }
  std::optional<int32_t> unknown;
  if (model.has("unk_id")) {
    if (tokens.empty()) list.wrong("at least the unknown token");
    unknown = int32_t(model.integer("unk_id", 0, int64_t(tokens.size()) - 1));
  }
  auto made =
      std::make_unique<Unigram>(tokens, unknown, model.boolean_or("byte_fallback", false), Arithmetic::huggingface);
  made->alphabet_ = alphabet;
  return made;
}

void Unigram::find_best(std::string_view piece, Scratch& scratch) const {
  constexpr uint32_t kNowhere = UINT32_MAX;
  require(piece.size() < size_t(INT32_MAX), ExitCode::input,
          "[tokenizer] a text of 2 GiB or more without a place to split it. Split it into shorter rows");
  auto& best = scratch.best;
  best.assign(piece.size() + 1, {0, 0, kNowhere});
  const bool in_floats = how_ == Arithmetic::sentencepiece;
  const auto offer = [&](size_t end, double score, std::optional<int32_t> id, size_t begin) {
    if (in_floats) score = double(float(score));
    Scratch::Best& there = best[end];
    if (there.begin != kNowhere && score <= there.score) return;
    require(id.has_value(), ExitCode::input,
            "[tokenizer] a character that the vocabulary lacks, and model.unk_id is missing");
    there = {score, *id, uint32_t(begin)};
  };
  for (size_t begin = 0; begin < piece.size();) {
    const double till_here = best[begin].score;
    const size_t length = code_point_at(piece, begin).length;
    bool single = false;
    trie_.each_prefix(piece, begin, [&](int32_t id, size_t end) {
      // What always becomes a token scores the better the longer it is, whatever its own score is.
      const double score = always_[size_t(id)] ? double(float(0.1 * double(end - begin - 1))) : scores_[size_t(id)];
      offer(end, score + till_here, id, begin);
      single = single || end - begin == length;
    });
    if (!single) offer(begin + length, unknown_score_ + till_here, unknown_, begin);
    begin += length;
  }
  scratch.steps.clear();
  for (size_t end = piece.size(); end > 0;) {
    const Scratch::Best& step = best[end];
    // Unknown characters side by side are one unknown token.
    if (unknown_ && step.id == *unknown_ && !scratch.steps.empty() && scratch.steps.back().id == *unknown_) {
      scratch.steps.back().begin = step.begin;
    } else {
      scratch.steps.push_back({step.id, step.begin, uint32_t(end)});
    }
    end = step.begin;
  }
}

void Unigram::encode_piece(std::string_view piece, std::vector<int32_t>& ids, std::vector<uint32_t>* ends,
                           Scratch& scratch) const {
  if (alphabet_ == Alphabet::bytes) {
    const std::string letters = byte_level_text(piece);
    encode_text(letters, ids, ends, scratch);
    if (!ends) return;
    uint32_t at = 0, bytes = 0;  // a letter was a byte
    for (uint32_t& end : *ends) {
      for (; at < end; ++at) bytes += (static_cast<unsigned char>(letters[at]) & 0xC0) != 0x80;
      end = bytes;
    }
    return;
  }
  encode_text(piece, ids, ends, scratch);
}

void Unigram::encode_text(std::string_view piece, std::vector<int32_t>& ids, std::vector<uint32_t>* ends,
                          Scratch& scratch) const {
  find_best(piece, scratch);
  for (auto step = scratch.steps.rbegin(); step != scratch.steps.rend(); ++step) {
    int32_t id = step->id;
    if (unknown_ && id == *unknown_) {
      const std::string_view text = piece.substr(step->begin, step->end - step->begin);
      const std::optional<int32_t> known =
          how_ == Arithmetic::huggingface ? vocabulary_.id(text) : std::optional<int32_t>();
      const auto byte_id = [&](char byte) { return bytes_[static_cast<unsigned char>(byte)]; };
      if (known) {
        id = *known;
      } else if (!bytes_.empty() && std::all_of(text.begin(), text.end(), [&](char b) { return byte_id(b) >= 0; })) {
        for (size_t i = 0; i < text.size(); ++i) {
          ids.push_back(byte_id(text[i]));
          if (ends) ends->push_back(step->begin + uint32_t(i) + 1);
        }
        continue;
      }
    }
    ids.push_back(id);
    if (ends) ends->push_back(step->end);
  }
}

void Unigram::encode(std::string_view text, std::span<const Range> pieces, std::vector<int32_t>& ids,
                     Scratch& scratch) const {
  for (const Range range : pieces) {
    const std::string_view piece = text.substr(range.begin, range.end - range.begin);
    if (piece.size() > PieceMemory::kLongestPiece) {
      encode_piece(piece, ids, nullptr, scratch);
      continue;
    }
    const PieceMemory::Key key(piece);
    if (scratch.memory.recall(key, ids)) continue;
    const size_t before = ids.size();
    encode_piece(piece, ids, nullptr, scratch);
    scratch.memory.keep(key, std::span(ids).subspan(before));
  }
}

void Unigram::encode_marked(std::string_view piece, std::span<const uint32_t> places, std::vector<int32_t>& ids,
                            std::vector<size_t>& tokens, Scratch& scratch) const {
  const size_t first = ids.size();
  std::vector<uint32_t> ends;
  encode_piece(piece, ids, &ends, scratch);
  size_t token = 0;
  for (const uint32_t place : places) {
    while (token < ends.size() && ends[token] <= place) ++token;
    tokens.push_back(first + token);
  }
}

}  // namespace hone::data
