#include "data/tokenizer/normalizer.h"

#include <algorithm>

#include "data/tokenizer/base64.h"
#include "data/tokenizer/byte_level.h"
#include "data/tokenizer/charsmap.h"
#include "data/tokenizer/pattern.h"
#include "data/tokenizer/unicode.h"

namespace hone::data {

namespace {
// A change that takes each character for itself, or each stretch up to a mark.
template <class Change>
void change_each(NormalizedText& it, Change change) {
  std::string result;
  result.reserve(it.text.size());
  const std::string_view text = it.text;
  size_t at = 0;
  for (uint32_t& mark : it.marks) {
    if (at < mark) result += change(text.substr(at, mark - at));
    at = mark;
    mark = uint32_t(result.size());
  }
  result += change(text.substr(at));
  it.text = std::move(result);
}

// The same of a change that may leave characters out: without its first one a text no longer stands for the input's
// start.
template <class Change>
void filter_each(NormalizedText& it, Change change) {
  if (it.text.empty()) return;
  it.at_start = it.at_start && !change(std::string_view(it.text).substr(0, code_point_at(it.text, 0).length)).empty();
  change_each(it, change);
}

// Where a stretch's first `size` bytes end in its normal form, by characters as in the library: a mark between
// characters that become one stands for what comes after it, and characters that change places take no marks with them.
size_t end_in_normal_form(std::string_view stretch, size_t size, const std::string& whole, NormalForm form) {
  const std::string part = normal_form(stretch.substr(0, size), form);
  size_t end = 0;
  for (size_t at = 0; at < part.size() && end < whole.size(); at += code_point_at(part, at).length)
    end += code_point_at(whole, end).length;
  return end;
}

// The same as normal_form of the whole text, stretch by stretch: between the marks, and around each mark at which the
// text must not be cut.
void normalize_marked(NormalizedText& it, NormalForm form) {
  constexpr size_t kLongest = 1024;  // of a stretch that is looked into; nobody writes more marks on one letter
  const std::string_view text = it.text;
  std::string result;
  size_t at = 0;  // of the text, where the result ends
  const auto add_until = [&](size_t end) {
    if (at < end) result += normal_form(text.substr(at, end - at), form);
    at = std::max(at, end);
  };
  for (size_t i = 0; i < it.marks.size();) {
    size_t begin = it.marks[i];
    while (begin > at && begin < text.size() && !starts_normal_form(text, begin, form))
      begin -= code_point_before(text, begin).length;
    add_until(begin);
    if (begin == it.marks[i]) {
      it.marks[i++] = uint32_t(result.size());
      continue;
    }
    size_t end = it.marks[i];
    while (end < text.size() && !starts_normal_form(text, end, form)) end += code_point_at(text, end).length;
    const std::string_view stretch = text.substr(begin, end - begin);
    const std::string whole = normal_form(stretch, form);
    for (; i < it.marks.size() && it.marks[i] < end; ++i) {
      const size_t before = it.marks[i] - begin;
      it.marks[i] = uint32_t(result.size());
      if (stretch.size() <= kLongest) it.marks[i] += uint32_t(end_in_normal_form(stretch, before, whole, form));
    }
    result += whole;
    at = end;
  }
  add_until(text.size());
  it.text = std::move(result);
}

Normalizer form(NormalForm form) {
  return [form](NormalizedText& it) {
    if (keeps_normal_form(it.text, form)) return;
    if (it.marks.empty()) {
      it.text = normal_form(it.text, form);
    } else {
      normalize_marked(it, form);
    }
  };
}

Normalizer strip(bool left, bool right) {
  return [left, right](NormalizedText& it) {
    size_t begin = 0, end = it.text.size();
    while (right && end > 0) {
      const CodePoint last = code_point_before(std::string_view(it.text).substr(0, end), end);
      if (!is_white_space(last.value)) break;
      end -= last.length;
    }
    while (left && begin < end) {
      const CodePoint first = code_point_at(it.text, begin);
      if (!is_white_space(first.value)) break;
      begin += first.length;
    }
    it.at_start = it.at_start && begin == 0;
    it.text = it.text.substr(begin, end - begin);
    for (uint32_t& mark : it.marks) mark = uint32_t(std::clamp<size_t>(mark, begin, end) - begin);
  };
}

Normalizer replace(Pattern pattern, std::string content) {
  return [pattern = std::move(pattern), content = std::move(content)](NormalizedText& it) {
    std::vector<Range> matches;
    pattern.find(it.text, matches);
    if (matches.empty()) return;
    size_t size = it.text.size();
    for (const Range match : matches) size += content.size() - (match.end - match.begin);  // may wrap, and back
    it.check_growth(size);
    std::string result;
    result.reserve(size);
    size_t at = 0;
    auto mark = it.marks.begin();
    const auto carry_until = [&](size_t end, bool copied) {
      for (; mark != it.marks.end() && *mark < end; ++mark) *mark = uint32_t(result.size() + (copied ? *mark - at : 0));
    };
    for (const Range match : matches) {
      carry_until(match.begin, true);
      result.append(it.text, at, match.begin - at);
      carry_until(match.end, false);
      result += content;
      at = match.end;
    }
    carry_until(it.text.size() + 1, true);
    result.append(it.text, at);
    // What replaces several characters stands for the last of them.
    const Range first = matches.front();
    if (first.begin == 0 && first.end > (content.empty() ? 0 : code_point_at(it.text, 0).length)) it.at_start = false;
    it.text = std::move(result);
  };
}
// Character by character; an empty result leaves it out.
template <class Edit>
std::string edited(std::string_view text, Edit edit) {
  std::string result;
  result.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const CodePoint point = code_point_at(text, at);
    edit(result, point.value, text.substr(at, point.length));
    at += point.length;
  }
  return result;
}

bool within(char32_t point, char32_t first, char32_t last) { return point >= first && point <= last; }

// As SentencePiece's rules for translation have it: no control characters, other white space as a space.
std::string nmt(std::string_view text) {
  return edited(text, [](std::string& to, char32_t point, std::string_view bytes) {
    const bool control = within(point, 1, 8) || point == 0x0B || within(point, 0x0E, 0x1F) || point == 0x7F ||
                         point == 0x8F || point == 0x9F;
    const bool space = point == 9 || point == 0x0A || point == 0x0C || point == 0x0D || point == 0x1680 ||
                       within(point, 0x200B, 0x200F) || point == 0x2028 || point == 0x2029 || point == 0x2581 ||
                       point == 0xFEFF || point == 0xFFFD;
    if (!control) to += space ? " " : bytes;
  });
}

std::string without_marks(std::string_view text) {
  return edited(text, [](std::string& to, char32_t point, std::string_view bytes) {
    if (!is_combining_mark(point)) to += bytes;
  });
}

Normalizer bert(const JsonView& view) {
  const bool lower = view.boolean_or("lowercase", true), accents = view.boolean_or("strip_accents", lower);
  const bool clean = view.boolean_or("clean_text", true), ideographs = view.boolean_or("handle_chinese_chars", true);
  return [lower, accents, clean, ideographs](NormalizedText& it) {
    if (clean) {
      filter_each(it, [](std::string_view text) {
        return edited(text, [](std::string& to, char32_t point, std::string_view bytes) {
          if (point == 0 || point == 0xFFFD || is_control(point)) return;
          to += is_white_space(point) ? " " : bytes;
        });
      });
    }
    if (ideographs) {
      change_each(it, [](std::string_view text) {
        return edited(text, [](std::string& to, char32_t point, std::string_view bytes) {
          const bool apart = within(point, 0x4E00, 0x9FFF) || within(point, 0x3400, 0x4DBF) ||
                             within(point, 0x20000, 0x2A6DF) || within(point, 0x2A700, 0x2B73F) ||
                             within(point, 0x2B740, 0x2B81F) || within(point, 0x2B920, 0x2CEAF) ||
                             within(point, 0xF900, 0xFAFF) || within(point, 0x2F800, 0x2FA1F);
          apart ? to.append(" ").append(bytes).append(" ") : to.append(bytes);
        });
      });
    }
    if (accents) {
      form(NormalForm::nfd)(it);
      filter_each(it, [](std::string_view text) {
        return edited(text, [](std::string& to, char32_t point, std::string_view bytes) {
          if (!is_nonspacing_mark(point)) to += bytes;
        });
      });
    }
    if (lower) change_each(it, lower_case);
  };
}

// SentencePiece's table, as the library applies it: to a grapheme of up to five bytes as a whole, where an entry begins
// with it, else to each of its characters.
Normalizer precompiled(const JsonView& view) {
  const JsonView field = view.at("precompiled_charsmap");
  const std::optional<std::string> bytes = base64_bytes(field.as_text());
  if (!bytes) field.wrong("a table in base 64");
  return [charsmap = Charsmap(*bytes, view.where() + ": " + view.path())](NormalizedText& it) {
    const std::string_view text = it.text;
    std::string result;
    result.reserve(text.size());
    auto mark = it.marks.begin();
    const auto add = [&](std::string_view add, size_t end) {
      for (; mark != it.marks.end() && *mark < end; ++mark) *mark = uint32_t(result.size());
      result += add;
      it.check_growth(result.size());
    };
    for (size_t at = 0; at < text.size();) {
      const size_t end = end_of_grapheme(text, at);
      const auto whole = end - at < 6 ? charsmap.shortest(text.substr(at, end - at), 0) : std::nullopt;
      if (whole) add(whole->text, end), at = end;
      while (at < end) {
        const std::string_view character = text.substr(at, code_point_at(text, at).length);
        const auto found = charsmap.shortest(character, 0);
        at += character.size();
        add(found ? found->text : character, at);
      }
    }
    add("", text.size() + 1);
    it.text = std::move(result);
  };
}
}  // namespace

void NormalizedText::check_growth(size_t size) const {
  require(size <= limit, ExitCode::input, "[tokenizer] a text grows to ", size, " bytes when it is normalised, ", limit,
          " is the limit. Use the tokenizer's file of the model's publisher");
}

void fail_unknown_type(const JsonView& part, std::string_view known) {
  fail(ExitCode::input, part.where(), ": ", part.path(), ".type: expected one of ", known, ", got \"",
       excerpt(part.text("type")),
       "\". hone does not know this kind; choose a model whose tokenizer uses the known ones");
}

Normalizer read_normalizer(const JsonView& normalizer) {
  const std::string& type = normalizer.text("type");
  if (type == "NFC") return form(NormalForm::nfc);
  if (type == "NFD") return form(NormalForm::nfd);
  if (type == "NFKC") return form(NormalForm::nfkc);
  if (type == "NFKD") return form(NormalForm::nfkd);
  if (type == "Lowercase") return [](NormalizedText& it) { change_each(it, lower_case); };
  if (type == "Strip")
    return strip(normalizer.at("strip_left").as_boolean(), normalizer.at("strip_right").as_boolean());
  if (type == "Replace") return replace(Pattern::read(normalizer.at("pattern")), normalizer.text("content"));
  if (type == "Prepend") {
    return [text = normalizer.text("prepend")](NormalizedText& it) {
      it.check_growth(it.text.size() + text.size());
      if (it.text.empty()) return;
      it.text.insert(0, text);
      for (uint32_t& mark : it.marks)
        if (mark > 0) mark += uint32_t(text.size());
    };
  }
  if (type == "Nmt") return [](NormalizedText& it) { filter_each(it, nmt); };
  if (type == "StripAccents") return [](NormalizedText& it) { filter_each(it, without_marks); };
  if (type == "ByteLevel") return [](NormalizedText& it) { change_each(it, byte_level_text); };
  if (type == "BertNormalizer") return bert(normalizer);
  if (type == "Precompiled") return precompiled(normalizer);
  if (type == "Sequence") {
    std::vector<Normalizer> parts;
    for (const JsonView& part : normalizer.at("normalizers").items()) parts.push_back(read_normalizer(part));
    return [parts = std::move(parts)](NormalizedText& it) {
      for (const Normalizer& part : parts) part(it);
    };
  }
  fail_unknown_type(normalizer,
                    "NFC, NFD, NFKC, NFKD, Lowercase, Strip, StripAccents, Prepend, Replace, ByteLevel, Nmt, "
                    "Precompiled, BertNormalizer, Sequence");
}

}  // namespace hone::data
