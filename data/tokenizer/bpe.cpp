#include "data/tokenizer/bpe.h"

#include <algorithm>

#include "data/tokenizer/unicode.h"
#include "kernels/host/text.h"

namespace hone::data {

std::string byte_token(unsigned char byte) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  return std::string("<0x") + kDigits[byte >> 4] + kDigits[byte & 15] + '>';
}

Bpe::Bpe(const JsonView& model, Alphabet alphabet) : alphabet_(alphabet) {
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

Bpe::Bpe(Vocabulary tokens) : alphabet_(Alphabet::bytes), whole_pieces_(true) {
  vocabulary_ = std::move(tokens);
  find_characters();
  merges_.reserve(size_t(vocabulary_.size()) * 4);
  for (int64_t id = 0; id <= vocabulary_.largest_id(); ++id) {
    const std::string* token = vocabulary_.token(id);
    if (!token) continue;
    const std::string_view text = *token;
    for (size_t at = code_point_at(text, 0).length; at < text.size(); at += code_point_at(text, at).length) {
      const std::optional<int32_t> left = vocabulary_.id(text.substr(0, at)), right = vocabulary_.id(text.substr(at));
      if (left && right) merges_.set(*left, *right, {uint32_t(id), int32_t(id)});
    }
  }
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
  find_characters();
}

void Bpe::find_characters() {
  for (size_t byte = 0; byte < byte_ids_.size(); ++byte)
    byte_ids_[byte] = vocabulary_.id(byte_token(static_cast<unsigned char>(byte))).value_or(-1);
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
  for (Symbol& symbol : scratch.symbols) symbol.size = 1;  // each was a byte, whatever its letter's length
}

void Bpe::encode_word(std::string_view word, std::vector<int32_t>& ids, std::vector<uint32_t>* ends,
                      Scratch& scratch) const {
  if (const std::optional<int32_t> whole = whole_piece(word)) {
    ids.push_back(*whole);
    if (ends) ends->push_back(uint32_t(word.size()));
    return;
  }
  const auto letter = [&](char byte) { return letter_ids_[static_cast<unsigned char>(byte)]; };
  const bool plain = !ends && grows_ && prefix_.empty() && suffix_.empty();
  std::array<int32_t, Merges::kFew> few;
  if (alphabet_ == Alphabet::bytes && plain && word.size() <= few.size() &&
      std::all_of(word.begin(), word.end(), [&](char byte) { return letter(byte) >= 0; })) {
    std::transform(word.begin(), word.end(), few.begin(), letter);
    ids.insert(ids.end(), few.data(), few.data() + merges_.merge_few({few.data(), word.size()}));
    return;
  }
  start_word(word, scratch);
  const auto& symbols = scratch.symbols;
  if (plain && symbols.size() <= few.size()) {
    std::transform(symbols.begin(), symbols.end(), few.begin(), [](const auto& symbol) { return symbol.id; });
    ids.insert(ids.end(), few.data(), few.data() + merges_.merge_few({few.data(), symbols.size()}));
    return;
  }
  merges_.merge(scratch);
  uint32_t at = 0;
  for (const Symbol& symbol : symbols) {
    if (!symbol.alive) continue;
    ids.push_back(symbol.id);
    at += symbol.size;
    if (ends) ends->push_back(at);
  }
}

std::optional<int32_t> Bpe::whole_piece(std::string_view piece) const {
  if (!whole_pieces_) return {};
  return alphabet_ == Alphabet::bytes ? vocabulary_.id(byte_level_text(piece)) : vocabulary_.id(piece);
}

// Where there is no pre-tokenizer, a piece is a whole text. It is cut where no merge can ever join: between known
// characters that stand side by side in no merge.
size_t Bpe::end_of_word(std::string_view piece, size_t begin) const {
  if (whole_pieces_ || !prefix_.empty() || !suffix_.empty()) return piece.size();
  CodePoint before = symbol_at(piece, begin);
  for (size_t at = begin + before.length; at < piece.size();) {
    const CodePoint now = symbol_at(piece, at);
    if (!may_join(before.value, now.value) && is_known(before.value) && is_known(now.value)) return at;
    before = now;
    at += now.length;
  }
  return piece.size();
}

}  // namespace hone::data
