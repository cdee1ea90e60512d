#include "data/tokenizer/bpe.h"

#include <algorithm>
#include <cstdio>

#include "data/tokenizer/unicode.h"
#include "kernels/host/text.h"

namespace hone::data {

namespace {
constexpr size_t kFew = 32;  // symbols that are merged without a heap

uint64_t pair_key(int32_t left, int32_t right) { return uint64_t(uint32_t(left)) << 32 | uint32_t(right); }

// Lowest rank first, then leftmost: the order in which merges happen.
struct Later {
  bool operator()(const Bpe::Scratch::Candidate& a, const Bpe::Scratch::Candidate& b) const {
    return a.rank != b.rank ? a.rank > b.rank : a.place > b.place;
  }
};
}  // namespace

size_t MergeTable::slot_of(uint64_t key) const {
  uint64_t mixed = key * 0x9E3779B97F4A7C15u;
  mixed ^= mixed >> 32;
  const size_t mask = slots_.size() - 1;
  size_t slot = size_t(mixed) & mask;
  while (slots_[slot].key != key && slots_[slot].key != UINT64_MAX) slot = (slot + 1) & mask;
  return slot;
}
void MergeTable::reserve(size_t merges) {
  size_t size = 16;
  while (size < 2 * merges) size *= 2;
  slots_.assign(size, {});
}
void MergeTable::set(int32_t left, int32_t right, Merge merge) {
  const uint64_t key = pair_key(left, right);
  slots_[slot_of(key)] = {key, merge};
}
const MergeTable::Merge* MergeTable::find(int32_t left, int32_t right) const {
  const Slot& slot = slots_[slot_of(pair_key(left, right))];
  return slot.key == UINT64_MAX ? nullptr : &slot.merge;
}

Bpe::Bpe(const JsonView& model, Alphabet alphabet) : alphabet_(alphabet) {
  const std::string type = model.text_or("type", "BPE");
  require(type == "BPE", ExitCode::input, model.where(), ": ", model.path(), ".type: expected \"BPE\", got \"",
          excerpt(type), "\". hone reads BPE tokenizers only; choose a model that has one");
  if (const auto dropout = model.find("dropout"); dropout && dropout->as_number() != 0) {
    fail(ExitCode::input, model.where(), ": ", model.path(),
         ".dropout: expected null, got a number. Merges left out at random cannot be repeated; set it to null");
  }
  unknown_ = model.has("unk_token") ? std::optional(model.text("unk_token")) : std::nullopt;
  prefix_ = model.text_or("continuing_subword_prefix", "");
  suffix_ = model.text_or("end_of_word_suffix", "");
  fuse_unknown_ = model.boolean_or("fuse_unk", false);
  byte_fallback_ = model.boolean_or("byte_fallback", false);
  whole_pieces_ = model.boolean_or("ignore_merges", false);
  read_vocabulary(model);
  read_merges(model);
}

void Bpe::read_vocabulary(const JsonView& model) {
  const JsonView entries = model.at("vocab");
  const Json& vocab = entries.value();
  if (!vocab.is_object()) entries.wrong("an object of tokens and ids");
  for (auto entry = vocab.begin(); entry != vocab.end(); ++entry) {
    const bool whole = entry.value().is_number_unsigned();
    const uint64_t id = whole ? entry.value().get<uint64_t>() : 0;
    require(whole && id <= uint64_t(Vocabulary::kLargestId), ExitCode::input, entries.where(), ": ", entries.path(),
            "[\"", excerpt(entry.key()), "\"]: expected an id from 0 to ", Vocabulary::kLargestId, ", got ",
            whole ? std::to_string(id) : "no whole number");
    require(vocabulary_.add(entry.key(), int32_t(id)), ExitCode::input, entries.where(), ": ", entries.path(), "[\"",
            excerpt(entry.key()), "\"]: expected an id of its own, got ", id,
            ", which another token has. Take tokenizer.json from the model's publisher again");
  }
  for (int byte = 0; byte < 256; ++byte) {
    std::array<char, 8> name{};
    std::snprintf(name.data(), name.size(), "<0x%02X>", unsigned(byte));
    byte_ids_[size_t(byte)] = vocabulary_.id(name.data()).value_or(-1);
  }
  for (char32_t point = 0; point < character_ids_.size(); ++point) {
    std::string character;
    append_utf8(character, point);
    character_ids_[point] = vocabulary_.id(character).value_or(-1);
  }
  for (size_t byte = 0; byte < letter_ids_.size(); ++byte)
    letter_ids_[byte] = character_ids_[byte_level_letter(static_cast<unsigned char>(byte))];
}

void Bpe::read_merges(const JsonView& model) {
  const JsonView list = model.at("merges");
  const Json& merges = list.value();
  if (!merges.is_array()) list.wrong("a list of merges");
  merges_.reserve(merges.size());
  joints_.reserve(merges.size());
  uint32_t rank = 0;
  for (size_t i = 0; i < merges.size(); ++i) {
    const Json& merge = merges[i];
    const auto wrong = [&](const auto&... what) {
      fail(ExitCode::input, list.where(), ": ", list.path(), "[", i, "]: expected ", what...,
           ". Take tokenizer.json from the model's publisher again");
    };
    std::string_view left, right;
    if (merge.is_string()) {
      const std::string_view text = merge.get_ref<const std::string&>();
      if (text.starts_with("#version")) continue;  // once the head of merges.txt
      const size_t space = text.find(' ');
      if (space == std::string_view::npos || text.find(' ', space + 1) != std::string_view::npos)
        wrong("two tokens with one space between, got \"", excerpt(text), "\"");
      left = text.substr(0, space), right = text.substr(space + 1);
    } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
      left = merge[0].get_ref<const std::string&>(), right = merge[1].get_ref<const std::string&>();
    } else {
      wrong("a text \"a b\" or a list [\"a\", \"b\"], got neither");
    }
    const auto id = [&](std::string_view token) {
      const std::optional<int32_t> found = vocabulary_.id(token);
      if (!found) wrong("tokens of the vocabulary, got \"", excerpt(token), "\", which is not in it");
      return *found;
    };
    const int32_t left_id = id(left), right_id = id(right);
    if (!right.starts_with(prefix_))
      wrong("a second token that begins with \"", excerpt(prefix_), "\", got \"", excerpt(right), "\"");
    const int32_t joined = id(std::string(left).append(right.substr(prefix_.size())));
    merges_.set(left_id, right_id, {rank++, joined});
    grows_ = grows_ && !left.empty() && right.size() > prefix_.size();
    if (!left.empty() && !right.empty()) {
      const CodePoint last = code_point_before(left, left.size()), first = code_point_at(right, 0);
      joints_.set(int32_t(last.value), int32_t(first.value), {});
    }
  }
}

int32_t Bpe::unknown_id() const {
  const std::optional<int32_t> id = vocabulary_.id(*unknown_);
  require(id.has_value(), ExitCode::input, "[tokenizer] model.unk_token \"", excerpt(*unknown_),
          "\" is needed for a character that the vocabulary lacks, and is not in the vocabulary itself");
  return *id;
}

std::optional<int32_t> Bpe::id_of_character(std::string_view character, bool first, bool last, Scratch& scratch) const {
  if ((first || prefix_.empty()) && (!last || suffix_.empty())) {
    if (const char32_t point = code_point_at(character, 0).value; point < character_ids_.size()) {
      const int32_t id = character_ids_[point];
      return id < 0 ? std::nullopt : std::optional(id);
    }
    return vocabulary_.id(character);
  }
  scratch.text.assign(first ? "" : prefix_).append(character).append(last ? suffix_ : "");
  return vocabulary_.id(scratch.text);
}

void Bpe::start(std::string_view piece, Scratch& scratch) const {
  auto& symbols = scratch.symbols;
  symbols.clear();
  const auto add = [&](int32_t id, size_t size) {
    const int32_t place = int32_t(symbols.size());
    if (place > 0) symbols.back().after = place;
    symbols.push_back({id, uint32_t(size), place - 1, -1, true});
  };
  // An unknown character waits for the next known one. Bytes that stand in for a character do not flush it: the library
  // has them first.
  std::optional<int32_t> unknown;
  size_t unknown_size = 0;
  for (size_t at = 0; at < piece.size();) {
    const size_t length = code_point_at(piece, at).length;
    const bool first = at == 0, last = at + length == piece.size();
    const std::string_view character = piece.substr(at, length);
    at += length;
    if (const std::optional<int32_t> id = id_of_character(character, first, last, scratch)) {
      if (unknown) add(*unknown, unknown_size), unknown.reset();
      add(*id, length);
      continue;
    }
    if (byte_fallback_) {
      const std::string bytes = (first ? "" : prefix_) + std::string(character) + (last ? suffix_ : "");
      const auto id = [&](char byte) { return byte_ids_[static_cast<unsigned char>(byte)]; };
      if (std::all_of(bytes.begin(), bytes.end(), [&](char byte) { return id(byte) >= 0; })) {
        for (const char byte : bytes) add(id(byte), 1);
        continue;
      }
    }
    if (!unknown_) continue;
    if (unknown && !fuse_unknown_) add(*unknown, unknown_size);
    unknown_size = length + (unknown && fuse_unknown_ ? unknown_size : 0);
    unknown = unknown_id();
  }
  if (unknown) add(*unknown, unknown_size);
}

void Bpe::merge(Scratch& scratch) const {
  auto& symbols = scratch.symbols;
  auto& heap = scratch.heap;
  heap.clear();
  const auto candidate = [&](int32_t place) -> std::optional<Scratch::Candidate> {
    const Scratch::Symbol& symbol = symbols[size_t(place)];
    if (symbol.after < 0) return {};
    const MergeTable::Merge* merge = merges_.find(symbol.id, symbols[size_t(symbol.after)].id);
    if (!merge) return {};
    return Scratch::Candidate{merge->rank, place, merge->id};
  };
  const auto offer = [&](int32_t place) {
    if (const auto found = candidate(place)) {
      heap.push_back(*found);
      std::push_heap(heap.begin(), heap.end(), Later());
    }
  };
  for (int32_t place = 0; place + 1 < int32_t(symbols.size()); ++place)
    if (const auto found = candidate(place)) heap.push_back(*found);
  std::make_heap(heap.begin(), heap.end(), Later());
  while (!heap.empty()) {
    const Scratch::Candidate best = heap.front();
    std::pop_heap(heap.begin(), heap.end(), Later());
    heap.pop_back();
    Scratch::Symbol& symbol = symbols[size_t(best.place)];
    if (!symbol.alive) continue;
    const auto now = candidate(best.place);
    if (!now || now->id != best.id) continue;  // the pair has changed since
    Scratch::Symbol& right = symbols[size_t(symbol.after)];
    symbol.id = best.id;
    symbol.size += right.size;
    symbol.after = right.after;
    right.alive = false;
    if (right.after >= 0) symbols[size_t(right.after)].before = best.place;
    if (symbol.before >= 0) offer(symbol.before);
    offer(best.place);
  }
}

// The same merges, of so few symbols that to look at all pairs is faster than a heap. Only where merges grow: there, a
// pair that makes the same token as before is the same pair, so no candidate is stale in the library's sense alone.
size_t Bpe::merge_few(std::span<int32_t> symbols) const {
  constexpr uint64_t kNone = UINT64_MAX;
  std::array<uint64_t, kFew> pairs;  // of a symbol and the next one: rank, then what they become
  size_t count = symbols.size();
  const auto look = [&](size_t at) {
    const MergeTable::Merge* merge = merges_.find(symbols[at], symbols[at + 1]);
    pairs[at] = merge ? uint64_t(merge->rank) << 32 | uint32_t(merge->id) : kNone;
  };
  for (size_t at = 0; at + 1 < count; ++at) look(at);
  while (count > 1) {
    const size_t best = size_t(std::min_element(pairs.begin(), pairs.begin() + long(count) - 1) - pairs.begin());
    if (pairs[best] == kNone) break;
    symbols[best] = int32_t(uint32_t(pairs[best]));
    --count;
    for (size_t at = best + 1; at < count; ++at) symbols[at] = symbols[at + 1];
    for (size_t at = best + 1; at + 1 < count; ++at) pairs[at] = pairs[at + 1];
    if (best + 1 < count) look(best);
    if (best > 0) look(best - 1);
  }
  return count;
}

bool Bpe::may_join(char32_t left, char32_t right) const { return joints_.find(int32_t(left), int32_t(right)); }

bool Bpe::is_known(char32_t point) const {
  if (point < character_ids_.size()) return character_ids_[point] >= 0;
  std::string character;
  append_utf8(character, point);
  return vocabulary_.id(character).has_value();
}

// What merges see there: a character, or a byte's letter (and how many bytes of the piece it is).
CodePoint Bpe::symbol_at(std::string_view piece, size_t at) const {
  if (alphabet_ == Alphabet::characters) return code_point_at(piece, at);
  return {byte_level_letter(static_cast<unsigned char>(piece[at])), 1};
}

void Bpe::start_word(std::string_view word, Scratch& scratch) const {
  if (alphabet_ == Alphabet::characters) return start(word, scratch);
  start(byte_level_text(word), scratch);
  for (Scratch::Symbol& symbol : scratch.symbols) symbol.size = 1;  // each was a byte, whatever its letter's length
}

void Bpe::merge_word(std::string_view word, std::vector<int32_t>& ids, Scratch& scratch) const {
  const auto letter = [&](char byte) { return letter_ids_[static_cast<unsigned char>(byte)]; };
  const bool plain = grows_ && prefix_.empty() && suffix_.empty();
  std::array<int32_t, kFew> few;
  if (alphabet_ == Alphabet::bytes && plain && word.size() <= kFew &&
      std::all_of(word.begin(), word.end(), [&](char byte) { return letter(byte) >= 0; })) {
    std::transform(word.begin(), word.end(), few.begin(), letter);
    ids.insert(ids.end(), few.data(), few.data() + merge_few({few.data(), word.size()}));
    return;
  }
  start_word(word, scratch);
  const auto& symbols = scratch.symbols;
  if (plain && symbols.size() <= kFew) {
    std::transform(symbols.begin(), symbols.end(), few.begin(), [](const auto& symbol) { return symbol.id; });
    ids.insert(ids.end(), few.data(), few.data() + merge_few({few.data(), symbols.size()}));
    return;
  }
  merge(scratch);
  for (const Scratch::Symbol& symbol : symbols)
    if (symbol.alive) ids.push_back(symbol.id);
}

// A part of a piece that is long, or a piece without a place in the memory.
void Bpe::encode_word(std::string_view word, std::vector<int32_t>& ids, Scratch& scratch) const {
  // With whole_pieces_ a piece may be another token than the same letters inside of a longer one: both are not mixed.
  if (word.size() > PieceMemory::kLongestPiece || whole_pieces_) return merge_word(word, ids, scratch);
  encode_short(PieceMemory::Key(word), word, ids, scratch);
}

void Bpe::encode_short(const PieceMemory::Key& key, std::string_view piece, std::vector<int32_t>& ids,
                       Scratch& scratch) const {
  if (scratch.memory.recall(key, ids)) return;
  const size_t before = ids.size();
  if (const std::optional<int32_t> whole = whole_piece(piece)) {
    ids.push_back(*whole);
  } else {
    merge_word(piece, ids, scratch);
  }
  scratch.memory.keep(key, std::span(ids).subspan(before));
}

std::optional<int32_t> Bpe::whole_piece(std::string_view piece) const {
  if (!whole_pieces_) return {};
  return alphabet_ == Alphabet::bytes ? vocabulary_.id(byte_level_text(piece)) : vocabulary_.id(piece);
}

// Where there is no pre-tokenizer, a piece is a whole text. It is cut where no merge can ever join: between known
// characters that stand side by side in no merge. The result is the same; words are short and come again.
void Bpe::each_word(std::string_view piece, auto do_word) const {
  require(piece.size() < size_t(INT32_MAX), ExitCode::input,
          "[tokenizer] a text of 2 GiB or more without a place to split it. Split it into shorter rows");
  if (!prefix_.empty() || !suffix_.empty()) return do_word(piece);
  CodePoint before = symbol_at(piece, 0);
  size_t begin = 0;
  for (size_t at = before.length; at < piece.size();) {
    const CodePoint now = symbol_at(piece, at);
    if (!may_join(before.value, now.value) && is_known(before.value) && is_known(now.value)) {
      do_word(piece.substr(begin, at - begin));
      begin = at;
    }
    before = now;
    at += now.length;
  }
  do_word(piece.substr(begin));
}

void Bpe::encode_long(std::string_view piece, std::vector<int32_t>& ids, Scratch& scratch) const {
  if (const std::optional<int32_t> whole = whole_piece(piece)) return ids.push_back(*whole);
  if (!prefix_.empty() || !suffix_.empty()) return merge_word(piece, ids, scratch);
  each_word(piece, [&](std::string_view word) { encode_word(word, ids, scratch); });
}

void Bpe::encode_marked(std::string_view piece, std::span<const uint32_t> places, std::vector<int32_t>& ids,
                        std::vector<size_t>& tokens, Scratch& scratch) const {
  if (const std::optional<int32_t> whole = whole_piece(piece)) {
    tokens.insert(tokens.end(), places.size(), ids.size());
    return ids.push_back(*whole);
  }
  size_t next = 0, begin = 0;  // the next place; where the word begins
  const auto do_word = [&](std::string_view word) {
    const size_t end = begin + word.size();
    for (; next < places.size() && places[next] <= begin; ++next) tokens.push_back(ids.size());
    if (next == places.size() || places[next] >= end) {
      encode_word(word, ids, scratch);
    } else {  // its tokens are made here, with the bytes that each stands for
      start_word(word, scratch);
      merge(scratch);
      size_t at = begin;
      for (const Scratch::Symbol& symbol : scratch.symbols) {
        if (!symbol.alive) continue;
        at += symbol.size;
        for (; next < places.size() && places[next] < at; ++next) tokens.push_back(ids.size());
        ids.push_back(symbol.id);
      }
      for (; next < places.size() && places[next] < end; ++next) tokens.push_back(ids.size());
    }
    begin = end;
  };
  if (piece.size() <= PieceMemory::kLongestPiece) {
    do_word(piece);
  } else {
    each_word(piece, do_word);
  }
}

void Bpe::encode(std::string_view text, std::span<const Range> pieces, std::vector<int32_t>& ids,
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

}  // namespace hone::data
