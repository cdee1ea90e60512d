#include "data/tokenizer/pre_tokenizer.h"

#include <algorithm>

#include "data/tokenizer/normalizer.h"
#include "data/tokenizer/splitters/splitter.h"
#include "data/tokenizer/unicode.h"
#include "data/tokenizer/unicode_scripts.h"
#include "kernels/host/text.h"

namespace hone::data {

namespace {
enum class Behavior { removed, isolated, merged_with_previous, merged_with_next, contiguous };
Behavior read_behavior(const JsonView& view) {
  const std::string& name = view.as_text();
  if (name == "Removed") return Behavior::removed;
  if (name == "Isolated") return Behavior::isolated;
  if (name == "MergedWithPrevious") return Behavior::merged_with_previous;
  if (name == "MergedWithNext") return Behavior::merged_with_next;
  if (name == "Contiguous") return Behavior::contiguous;
  view.wrong("\"Removed\", \"Isolated\", \"MergedWithPrevious\", \"MergedWithNext\" or \"Contiguous\"");
}

// Fills the matches in a piece, from left to right.
using Finder = std::function<void(std::string_view piece, std::vector<Range>& matches)>;

struct Part {
  Range range;
  bool match;
};

// What is between and in the matches, in order; inverted, the two change roles.
void cover(size_t size, const std::vector<Range>& matches, bool invert, std::vector<Part>& parts) {
  parts.clear();
  uint32_t at = 0;
  for (const Range match : matches) {
    if (match.begin > at) parts.push_back({{at, match.begin}, invert});
    parts.push_back({match, !invert});
    at = match.end;
  }
  if (at < size) parts.push_back({{at, uint32_t(size)}, invert});
}

void join(std::vector<Part>& parts, Behavior behavior) {
  std::vector<Part> joined;
  bool after_match = false;
  const auto each = [&](const Part& part, auto extend) {
    if (part.match && !after_match && !joined.empty()) {
      extend(joined.back().range, part.range);
    } else {
      joined.push_back(part);
    }
    after_match = part.match;
  };
  if (behavior == Behavior::contiguous) {
    for (const Part& part : parts) {
      if (!joined.empty() && joined.back().match == part.match) {
        joined.back().range.end = part.range.end;
      } else {
        joined.push_back(part);
      }
    }
  } else if (behavior == Behavior::merged_with_previous) {
    for (const Part& part : parts) each(part, [](Range& to, Range add) { to.end = add.end; });
  } else {
    for (auto part = parts.rbegin(); part != parts.rend(); ++part)
      each(*part, [](Range& to, Range add) { to.begin = add.begin; });
    std::reverse(joined.begin(), joined.end());
  }
  parts = std::move(joined);
}

Cut split(Finder find, Behavior behavior, bool invert = false) {
  return [find = std::move(find), behavior, invert](PreTokens& tokens) {
    std::vector<Range> pieces, matches;
    std::vector<Part> parts;
    for (size_t i = 0; i < tokens.pieces.size(); ++i) {
      const std::string_view piece = tokens.piece(i);
      matches.clear();
      find(piece, matches);
      cover(piece.size(), matches, invert, parts);
      if (behavior != Behavior::removed && behavior != Behavior::isolated) join(parts, behavior);
      for (const Part& part : parts) {
        if ((part.match && behavior == Behavior::removed) || part.range.begin == part.range.end) continue;
        pieces.push_back({tokens.pieces[i].begin + part.range.begin, tokens.pieces[i].begin + part.range.end});
      }
    }
    tokens.pieces = std::move(pieces);
  };
}

Finder each_match(Pattern pattern) {
  return [pattern = std::move(pattern)](std::string_view piece, std::vector<Range>& matches) {
    pattern.find(piece, matches);
  };
}

// Every code point of a class is a match of its own.
Finder each_point(std::function<bool(char32_t)> belongs) {
  return [belongs = std::move(belongs)](std::string_view piece, std::vector<Range>& matches) {
    for (uint32_t at = 0; at < piece.size();) {
      const CodePoint point = code_point_at(piece, at);
      if (belongs(point.value)) matches.push_back({at, at + point.length});
      at += point.length;
    }
  };
}

// Runs of word characters, and runs of what is neither a word character nor white space.
void find_words_and_signs(std::string_view piece, std::vector<Range>& matches) {
  int before = 0;  // white space
  for (uint32_t at = 0; at < piece.size();) {
    const CodePoint point = code_point_at(piece, at);
    const int kind = is_word(point.value) ? 1 : is_white_space(point.value) ? 0 : 2;
    if (kind != 0 && kind == before) {
      matches.back().end += point.length;
    } else if (kind != 0) {
      matches.push_back({at, at + point.length});
    }
    before = kind;
    at += point.length;
  }
}

// Runs of one script; characters of any script go with those before them.
void find_scripts(std::string_view piece, std::vector<Range>& matches) {
  uint8_t last = 0;
  for (uint32_t at = 0; at < piece.size();) {
    const CodePoint point = code_point_at(piece, at);
    const uint8_t script = script_of(point.value);
    if (script != 0 && script != last) matches.push_back({at, at}), last = script;
    at += point.length;
    if (!matches.empty()) matches.back().end = at;
  }
}

Finder each_length(int64_t length) {
  return [length](std::string_view piece, std::vector<Range>& matches) {
    int64_t count = 0;
    for (uint32_t at = 0; at < piece.size();) {
      const uint32_t bytes = code_point_at(piece, at).length;
      if (count++ % length == 0) matches.push_back({at, at});
      at += bytes;
      matches.back().end = at;
    }
  };
}

// Rebuilds the text piece by piece: `opening` returns what is put before a piece, told whether it opens the input, and
// `append` adds to a text what a stretch becomes, character by character.
template <class Opening, class Append>
void rewrite(PreTokens& tokens, Opening opening, Append append) {
  std::string text;
  text.reserve(tokens.text.size() + tokens.text.size() / 2);
  const bool starts = tokens.at_start && !tokens.pieces.empty() && tokens.pieces.front().begin == 0;
  auto mark = tokens.marks.begin();
  for (size_t i = 0; i < tokens.pieces.size(); ++i) {
    const std::string_view piece = tokens.piece(i);
    const auto [old_begin, old_end] = tokens.pieces[i];
    const uint32_t begin = uint32_t(text.size());
    for (; mark != tokens.marks.end() && *mark <= old_begin; ++mark) *mark = begin;
    text += opening(piece, starts && i == 0);
    size_t at = 0;
    for (; mark != tokens.marks.end() && *mark < old_end; ++mark) {
      append(text, piece.substr(at, *mark - old_begin - at));
      at = *mark - old_begin;
      *mark = uint32_t(text.size());
    }
    append(text, piece.substr(at));
    require(text.size() < UINT32_MAX, ExitCode::input,
            "[tokenizer] a text of 4 GiB or more; split it into shorter rows");
    tokens.pieces[i] = {begin, uint32_t(text.size())};
  }
  for (; mark != tokens.marks.end(); ++mark) *mark = uint32_t(text.size());
  tokens.text = std::move(text);
  tokens.at_start = starts;
}

// Leaves the last step, from bytes to letters, to who takes the pieces.
PreTokenizer byte_level(const JsonView& view) {
  const bool prefix = view.at("add_prefix_space").as_boolean();
  Cut cut;
  if (view.boolean_or("use_regex", true)) cut = split(&split_gpt2, Behavior::isolated);
  return {[prefix, cut = std::move(cut)](PreTokens& tokens) {
            if (prefix) {
              rewrite(
                  tokens, [](std::string_view piece, bool) { return piece.starts_with(' ') ? "" : " "; },
                  [](std::string& text, std::string_view stretch) { text += stretch; });
            }
            if (cut) cut(tokens);
          },
          Alphabet::bytes};
}

// For what comes after it in a sequence: the letters themselves.
Cut with_letters(PreTokenizer part) {
  if (part.alphabet == Alphabet::characters) return std::move(part.cut);
  return [cut = std::move(part.cut)](PreTokens& tokens) {
    cut(tokens);
    rewrite(
        tokens, [](std::string_view, bool) { return ""; },
        [](std::string& text, std::string_view stretch) { text += byte_level_text(stretch); });
  };
}

Cut metaspace(const JsonView& view) {
  const std::string& replacement = view.text("replacement");
  const bool one = !replacement.empty() && code_point_at(replacement, 0).length == replacement.size();
  if (!one) view.at("replacement").wrong("one character");
  std::string scheme = view.text_or("prepend_scheme", "always");
  if (!view.boolean_or("add_prefix_space", scheme != "never")) scheme = "never";  // how it was once written
  if (scheme != "always" && scheme != "first" && scheme != "never")
    view.at("prepend_scheme").wrong("\"always\", \"first\" or \"never\"");
  Cut cut;
  if (view.boolean_or("split", true))
    cut = split(each_match(Pattern::literal(replacement, view.where())), Behavior::merged_with_next);
  return [replacement, scheme, cut = std::move(cut)](PreTokens& tokens) {
    const auto opening = [&](std::string_view piece, bool opens) -> std::string_view {
      const bool wanted = scheme == "always" || (scheme == "first" && opens);
      const bool put = wanted && !piece.starts_with(' ') && !piece.starts_with(replacement);
      return put ? std::string_view(replacement) : std::string_view();
    };
    rewrite(tokens, opening, [&](std::string& text, std::string_view stretch) {
      for (const char c : stretch) c == ' ' ? text += replacement : text += c;
    });
    if (cut) cut(tokens);
  };
}
}  // namespace

PreTokenizer byte_level_pre_tokenizer(Pattern pattern) {
  return {split(each_match(std::move(pattern)), Behavior::isolated), Alphabet::bytes};
}

PreTokenizer read_pre_tokenizer(const JsonView& view) {
  const std::string& type = view.text("type");
  if (type == "ByteLevel") return byte_level(view);
  if (type == "Metaspace") return {metaspace(view)};
  if (type == "Split") {
    return {split(each_match(Pattern::read(view.at("pattern"))), read_behavior(view.at("behavior")),
                  view.boolean_or("invert", false))};
  }
  if (type == "Digits")
    return {split(each_point(is_numeric),
                  view.boolean_or("individual_digits", false) ? Behavior::isolated : Behavior::contiguous)};
  if (type == "Punctuation") {
    const auto behavior = view.find("behavior");
    return {split(each_point(is_punctuation), behavior ? read_behavior(*behavior) : Behavior::isolated)};
  }
  if (type == "BertPreTokenizer") {
    return {[spaces = split(each_point(is_white_space), Behavior::removed),
             signs = split(each_point(is_punctuation), Behavior::isolated)](PreTokens& tokens) {
      spaces(tokens);
      signs(tokens);
    }};
  }
  if (type == "UnicodeScripts") return {split(find_scripts, Behavior::removed, true)};
  if (type == "FixedLength") return {split(each_length(view.integer_or("length", 5, 1)), Behavior::isolated)};
  if (type == "Whitespace") return {split(find_words_and_signs, Behavior::removed, true)};
  if (type == "WhitespaceSplit") return {split(each_point(is_white_space), Behavior::removed)};
  if (type == "CharDelimiterSplit")
    return {
        split(each_match(Pattern::literal(view.text("delimiter"), view.where() + ": " + view.path() + ".delimiter")),
              Behavior::removed)};
  if (type == "Sequence") {
    std::vector<Cut> cuts;
    PreTokenizer last;
    for (const JsonView& part : view.at("pretokenizers").items()) {
      if (last.cut) cuts.push_back(with_letters(std::move(last)));
      last = read_pre_tokenizer(part);
    }
    if (last.cut) cuts.push_back(std::move(last.cut));
    return {[cuts = std::move(cuts)](PreTokens& tokens) {
              for (const Cut& cut : cuts) cut(tokens);
            },
            last.alphabet};
  }
  fail_unknown_type(
      view,
      "ByteLevel, Split, Metaspace, Digits, Whitespace, WhitespaceSplit, Punctuation, CharDelimiterSplit, "
      "BertPreTokenizer, UnicodeScripts, FixedLength, Sequence");
}

}  // namespace hone::data
