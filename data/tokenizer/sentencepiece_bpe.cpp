#include "data/tokenizer/sentencepiece_bpe.h"

#include <algorithm>
#include <functional>

#include "data/tokenizer/bpe.h"

namespace hone::data {

namespace {
using Type = SentencePieceFile::Type;

bool is_text(Type type) { return type == Type::normal || type == Type::user_defined || type == Type::unused; }

bool is_one_character(std::string_view text) { return code_point_at(text, 0).length == text.size(); }
}  // namespace

SentencePieceBpe::SentencePieceBpe(const SentencePieceFile& file)
    : pieces_(int32_t(file.pieces.size())), unknown_(file.unknown) {
  for (size_t id = 0; id < file.pieces.size(); ++id) {
    const auto& [text, score, type] = file.pieces[id];
    vocabulary_.put(text, int32_t(id));
    if (type == Type::user_defined) {
      user_defined_.add(text, int32_t(id));
      starts_user_defined_[static_cast<unsigned char>(text[0])] = true;
    }
    if (type == Type::unused) {
      unused_.resize(file.pieces.size());
      unused_[id] = true;
    }
  }
  if (file.byte_fallback) {
    for (int byte = 0; byte < 256; ++byte) bytes_.push_back(-1);
    for (size_t id = 0; id < file.pieces.size(); ++id) {
      if (file.pieces[id].type != Type::byte) continue;
      for (int byte = 0; byte < 256; ++byte)
        if (file.pieces[id].text == byte_token(static_cast<unsigned char>(byte))) bytes_[size_t(byte)] = int32_t(id);
    }
  }
  find_symbols(file);
  find_merges(file);
}

void SentencePieceBpe::find_symbols(const SentencePieceFile& file) {
  for (const bool as_text : {true, false}) {
    for (size_t id = 0; id < file.pieces.size(); ++id) {
      const auto& [text, score, type] = file.pieces[id];
      if (is_text(type) == as_text && is_one_character(text))
        symbols_.emplace(code_point_at(text, 0).value, int32_t(id));
    }
  }
  int32_t next = pieces_;
  for (const auto& [text, score, type] : file.pieces) {
    if (!is_text(type)) continue;
    for (size_t at = 0; at < text.size();) {
      const CodePoint point = code_point_at(text, at);
      at += point.length;
      if (symbols_.emplace(point.value, next).second) ++next;
    }
  }
  others_ = next;
  near_symbols_.fill(others_);
  for (const auto& [point, symbol] : symbols_)
    if (point < near_symbols_.size()) near_symbols_[point] = symbol;
}

void SentencePieceBpe::find_merges(const SentencePieceFile& file) {
  std::vector<float> scores;  // each once, the largest first: a score's place is its rank
  std::unordered_map<std::string_view, int32_t> ids;
  for (size_t id = 0; id < file.pieces.size(); ++id) {
    if (!is_text(file.pieces[id].type)) continue;
    ids.emplace(file.pieces[id].text, int32_t(id));
    scores.push_back(file.pieces[id].score);
  }
  std::sort(scores.begin(), scores.end(), std::greater());
  scores.erase(std::unique(scores.begin(), scores.end()), scores.end());
  const auto symbol = [&](std::string_view text) {
    if (is_one_character(text)) return symbol_of(code_point_at(text, 0).value);
    const auto found = ids.find(text);
    return found == ids.end() ? -1 : found->second;
  };
  for (const auto& [piece, id] : ids) {
    const float score = file.pieces[size_t(id)].score;
    const auto place = std::lower_bound(scores.begin(), scores.end(), score, std::greater());
    const uint32_t rank = uint32_t(place - scores.begin());
    for (size_t at = code_point_at(piece, 0).length; at < piece.size(); at += code_point_at(piece, at).length) {
      const int32_t left = symbol(piece.substr(0, at)), right = symbol(piece.substr(at));
      if (left < 0 || right < 0) continue;
      merges_.set(left, right, {rank, id});
      joints_.set(int32_t(code_point_before(piece, at).value), int32_t(code_point_at(piece, at).value), {});
    }
  }
}

int32_t SentencePieceBpe::symbol_of(char32_t point) const {
  if (point < near_symbols_.size()) return near_symbols_[point];
  const auto found = symbols_.find(point);
  return found == symbols_.end() ? others_ : found->second;
}

size_t SentencePieceBpe::user_defined_at(std::string_view text, size_t at, int32_t& id) const {
  if (!starts_user_defined_[static_cast<unsigned char>(text[at])]) return 0;
  size_t length = 0;
  user_defined_.each_prefix(text, at, [&](int32_t value, size_t end) { id = value, length = end - at; });
  return length;
}

size_t SentencePieceBpe::end_of_word(std::string_view piece, size_t begin) const {
  int32_t id = 0;
  CodePoint before = code_point_at(piece, begin);
  size_t at = begin;
  if (const size_t length = user_defined_at(piece, begin, id)) return begin + length;
  const auto known = [&](char32_t point) { return symbol_of(point) < pieces_; };
  for (at += before.length; at < piece.size();) {
    if (user_defined_at(piece, at, id) > 0) return at;
    const CodePoint now = code_point_at(piece, at);
    if (!joints_.find(int32_t(before.value), int32_t(now.value)) && known(before.value) && known(now.value)) return at;
    before = now;
    at += now.length;
  }
  return piece.size();
}

// The ids of a symbol once all is merged: a piece, the pieces that one of type "unused" was made of, or what stands for
// an unknown character.
void SentencePieceBpe::add(const Symbol& symbol, std::string_view text, uint32_t at, std::vector<int32_t>& ids,
                           std::vector<uint32_t>* ends, const Scratch& scratch) const {
  const auto end = [&](uint32_t place) {
    if (ends) ends->push_back(place);
  };
  if (symbol.id < 0) {
    ids.push_back(~symbol.id);
    return end(at + symbol.size);
  }
  if (symbol.id < pieces_ && symbol.id != unknown_) {
    if (!unused_.empty() && unused_[size_t(symbol.id)]) {
      if (const auto parts = scratch.made_of.find(symbol.id); parts != scratch.made_of.end()) {
        const auto bytes_of = [&](int32_t id, std::string_view rest) {
          return uint32_t(id < pieces_ ? vocabulary_.token(id)->size() : code_point_at(rest, 0).length);
        };
        const auto [left, right] = parts->second;
        const uint32_t size = bytes_of(left, text.substr(at));
        add({left, size, -1, -1, true}, text, at, ids, ends, scratch);
        return add({right, symbol.size - size, -1, -1, true}, text, at + size, ids, ends, scratch);
      }
    }
    ids.push_back(symbol.id);
    return end(at + symbol.size);
  }
  if (bytes_.empty()) {
    ids.push_back(unknown_);
    return end(at + symbol.size);
  }
  for (uint32_t i = 0; i < symbol.size; ++i) {
    ids.push_back(bytes_[static_cast<unsigned char>(text[at + i])]);
    end(at + i + 1);
  }
}

void SentencePieceBpe::encode_word(std::string_view word, std::vector<int32_t>& ids, std::vector<uint32_t>* ends,
                                   Scratch& scratch) const {
  auto& symbols = scratch.symbols;
  symbols.clear();
  for (size_t at = 0; at < word.size();) {
    Symbol symbol{0, 0, int32_t(symbols.size()) - 1, -1, true};
    int32_t id = 0;
    if (const size_t length = user_defined_at(word, at, id)) {
      symbol.id = ~id, symbol.size = uint32_t(length);
    } else {
      const CodePoint point = code_point_at(word, at);
      symbol.id = symbol_of(point.value), symbol.size = point.length;
    }
    at += symbol.size;
    if (!symbols.empty()) symbols.back().after = int32_t(symbols.size());
    symbols.push_back(symbol);
  }
  if (!ends && unused_.empty() && symbols.size() <= Merges::kFew) {
    std::array<int32_t, Merges::kFew> few;
    std::transform(symbols.begin(), symbols.end(), few.begin(), [](const Symbol& symbol) { return symbol.id; });
    const size_t count = merges_.merge_few({few.data(), symbols.size()});
    if (std::all_of(few.data(), few.data() + count,
                    [&](int32_t id) { return id >= 0 && id < pieces_ && id != unknown_; })) {
      ids.insert(ids.end(), few.data(), few.data() + count);
      return;
    }
  }
  scratch.made_of.clear();
  merges_.merge(scratch, unused_.empty() ? nullptr : &unused_);
  uint32_t at = 0;
  bool after_unknown = false;  // unknown characters side by side are one unknown token
  for (const Symbol& symbol : symbols) {
    if (!symbol.alive) continue;
    const bool unknown = symbol.id >= pieces_ || symbol.id == unknown_;
    if (unknown && after_unknown && bytes_.empty()) {
      if (ends) ends->back() = at + symbol.size;
    } else {
      add(symbol, word, at, ids, ends, scratch);
    }
    after_unknown = unknown;
    at += symbol.size;
  }
}

}  // namespace hone::data
