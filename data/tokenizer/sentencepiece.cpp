#include "data/tokenizer/sentencepiece.h"

#include <algorithm>

#include "data/tokenizer/sentencepiece_bpe.h"
#include "data/tokenizer/trie.h"
#include "data/tokenizer/unicode.h"
#include "data/tokenizer/unigram.h"
#include "kernels/host/text.h"

namespace hone::data {

namespace {
constexpr std::string_view kSpaceSign = "\u2581";  // ▁
using Type = SentencePieceFile::Type;

// What the normaliser makes of a text's beginning, and how many bytes of it that is.
struct Unit {
  std::string_view text;
  size_t length;
};

class Units {
 public:
  explicit Units(const SentencePieceFile& file) : charsmap_(file.charsmap) {
    for (const SentencePieceFile::Piece& piece : file.pieces)
      if (piece.type == Type::user_defined) user_defined_.add(piece.text, 0);
  }
  Unit at(std::string_view text, size_t at) const {
    if (!user_defined_.empty()) {  // stays as it is
      size_t length = 0;
      user_defined_.each_prefix(text, at, [&](int32_t, size_t end) { length = end - at; });
      if (length > 0) return {text.substr(at, length), length};
    }
    if (charsmap_)
      if (const auto found = charsmap_->longest(text, at)) return {found->text, found->length};
    const size_t length = code_point_at(text, at).length;
    return {text.substr(at, length), length};
  }

 private:
  std::shared_ptr<const Charsmap> charsmap_;
  Trie user_defined_;
};
}  // namespace

Normalizer sentencepiece_normalizer(const SentencePieceFile& file, DummyPrefix prefix) {
  const bool wanted = file.add_dummy_prefix && prefix.at_start, everywhere = prefix.after_tokens;
  const bool remove = file.remove_extra_whitespaces, at_end = file.space_at_end;
  const std::string space(file.escape_whitespaces ? kSpaceSign : " ");
  return [units = Units(file), wanted, everywhere, remove, at_end, space](NormalizedText& it) {
    const std::string_view text = it.text;
    std::string result;
    size_t at = 0;
    auto mark = it.marks.begin();
    const auto carry = [&](size_t end) {
      for (; mark != it.marks.end() && *mark < end; ++mark) *mark = uint32_t(result.size());
    };
    while (remove && at < text.size()) {
      const Unit unit = units.at(text, at);
      if (unit.text != " ") break;
      at += unit.length;
    }
    if (at == text.size()) {
      it.text.clear();
      std::fill(it.marks.begin(), it.marks.end(), 0);
      return;
    }
    carry(at + 1);
    const bool prefixed = wanted && (it.at_start || everywhere);
    if (prefixed && !at_end) result += space;
    bool after_space = remove;
    while (at < text.size()) {
      const Unit unit = units.at(text, at);
      carry(at + unit.length);
      std::string_view add = unit.text;
      while (after_space && add.starts_with(' ')) add.remove_prefix(1);
      for (const char c : add) c == ' ' ? result += space : result += c;
      if (!add.empty()) after_space = add.back() == ' ';
      if (!remove) after_space = false;
      at += unit.length;
      it.check_growth(result.size());
    }
    carry(text.size() + 1);
    while (remove && result.ends_with(space)) result.resize(result.size() - space.size());
    for (uint32_t& place : it.marks) place = std::min(place, uint32_t(result.size()));
    if (prefixed && at_end) result += space;
    it.text = std::move(result);
  };
}

std::unique_ptr<const Model> sentencepiece_model(const SentencePieceFile& file) {
  if (file.algorithm == SentencePieceFile::Algorithm::bpe) return std::make_unique<SentencePieceBpe>(file);
  std::vector<UnigramToken> tokens;
  for (const auto& [text, score, type] : file.pieces) {
    const bool is_text = type == Type::normal || type == Type::user_defined;
    tokens.push_back({text, score,
                      type == Type::user_defined ? UnigramToken::Use::always
                      : is_text                  ? UnigramToken::Use::normal
                                                 : UnigramToken::Use::never});
  }
  return std::make_unique<Unigram>(tokens, file.unknown, file.byte_fallback, Unigram::Arithmetic::sentencepiece);
}

Decoder sentencepiece_decoder(const SentencePieceFile& file, DummyPrefix prefix) {
  const bool strips = (file.add_dummy_prefix && prefix.at_start) || file.remove_extra_whitespaces;
  const std::string unknown = file.pieces[size_t(file.unknown)].text;
  return [strips, all = file.remove_extra_whitespaces, unknown, surface = file.unknown_surface,
          has_bytes = file.byte_fallback](std::vector<std::string>& tokens) {
    std::string text, bytes;
    const auto flush = [&] {  // what is not UTF-8 becomes one sign a byte
      for (size_t at = 0; at < bytes.size();) {
        size_t length = 1;
        while (length < 4 && at + length < bytes.size() && !valid_utf8(std::string_view(bytes).substr(at, length)))
          ++length;
        const std::string_view character = std::string_view(bytes).substr(at, length);
        const bool valid = valid_utf8(character);
        text += valid ? character : "\uFFFD";
        at += valid ? length : 1;
      }
      bytes.clear();
    };
    bool stripped = false;
    for (const std::string& token : tokens) {
      const bool capital = token.find_first_of("abcdef") == std::string::npos;  // "<0x0a>" is a text, not a byte
      if (const std::optional<char> byte = has_bytes && capital ? fallback_byte(token) : std::nullopt) {
        bytes += *byte;
        continue;
      }
      flush();
      if (token == unknown) {
        text += surface;
        continue;
      }
      std::string_view rest = token;
      if (strips && !stripped && text.empty() && rest.starts_with(kSpaceSign)) {
        rest.remove_prefix(kSpaceSign.size());
        stripped = !all;
      }
      for (size_t at = 0; at < rest.size();) {
        const size_t sign = std::min(rest.find(kSpaceSign, at), rest.size());
        text += rest.substr(at, sign - at);
        if (sign < rest.size()) text += ' ';
        at = sign + kSpaceSign.size();
      }
    }
    flush();
    tokens = {std::move(text)};
  };
}

}  // namespace hone::data
