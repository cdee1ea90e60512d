#include "data/tokenizer/decoder.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "data/tokenizer/byte_level.h"
#include "data/tokenizer/normalizer.h"
#include "data/tokenizer/pattern.h"
#include "data/tokenizer/unicode.h"
#include "kernels/host/text.h"

namespace hone::data {

namespace {
using Strings = std::vector<std::string>;

void fuse(Strings& tokens) {
  std::string all;
  for (const std::string& token : tokens) all += token;
  tokens = {std::move(all)};
}

void decode_byte_level(Strings& tokens) {
  std::string bytes;
  for (const std::string& token : tokens)
    if (!bytes_of_byte_level(token, bytes)) bytes += token;
  tokens = {lossy_utf8(bytes)};
}

void decode_byte_fallback(Strings& tokens) {
  Strings result;
  std::string bytes;
  const auto flush = [&] {
    if (bytes.empty()) return;
    if (valid_utf8(bytes)) {
      result.push_back(bytes);
    } else {
      result.insert(result.end(), bytes.size(), "\uFFFD");
    }
    bytes.clear();
  };
  for (std::string& token : tokens) {
    if (const std::optional<char> byte = fallback_byte(token)) {
      bytes += *byte;
    } else {
      flush();
      result.push_back(std::move(token));
    }
  }
  flush();
  tokens = std::move(result);
}

std::string one_character(const JsonView& view) {
  const std::string& text = view.as_text();
  if (text.empty() || code_point_at(text, 0).length != text.size()) view.wrong("one character");
  return text;
}

Decoder strip(const std::string& content, int64_t start, int64_t stop) {
  return [content, start, stop](Strings& tokens) {
    for (std::string& token : tokens) {
      std::string_view rest = token;
      for (int64_t i = 0; i < start && rest.starts_with(content); ++i) rest.remove_prefix(content.size());
      for (int64_t i = 0; i < stop && rest.ends_with(content); ++i) rest.remove_suffix(content.size());
      token = std::string(rest);
    }
  };
}

void replace_all(std::string& text, const Pattern& pattern, std::string_view content) {
  std::vector<Range> matches;
  pattern.find(text, matches);
  std::string result;
  size_t at = 0;
  for (const Range match : matches) {
    result.append(text, at, match.begin - at).append(content);
    at = match.end;
  }
  text = result.append(text, at);
}

Decoder metaspace(const JsonView& view) {
  const std::string replacement = one_character(view.at("replacement"));
  const bool prefixed =
      view.text_or("prepend_scheme", "always") != "never" && view.boolean_or("add_prefix_space", true);
  return [pattern = Pattern::literal(replacement, view.where()), prefixed](Strings& tokens) {
    for (size_t i = 0; i < tokens.size(); ++i) replace_all(tokens[i], pattern, i == 0 && prefixed ? "" : " ");
  };
}
void replace_text(std::string& text, std::string_view from, std::string_view to) {
  if (from.empty()) return;
  std::string result;
  size_t at = 0;
  for (size_t found; (found = text.find(from, at)) != std::string::npos; at = found + from.size())
    result.append(text, at, found - at).append(to);
  text = result.append(text, at);
}

// English as it is written: spaces before signs and shortened words go.
void clean_up(std::string& text) {
  constexpr std::array<std::pair<const char*, const char*>, 11> kEdits{{{" .", "."},
                                                                        {" ?", "?"},
                                                                        {" !", "!"},
                                                                        {" ,", ","},
                                                                        {" ' ", "'"},
                                                                        {" n't", "n't"},
                                                                        {" 'm", "'m"},
                                                                        {" do not", " don't"},
                                                                        {" 's", "'s"},
                                                                        {" 've", "'ve"},
                                                                        {" 're", "'re"}}};
  for (const auto& [from, to] : kEdits) replace_text(text, from, to);
}

Decoder word_piece(std::string prefix, bool cleans) {
  return [prefix = std::move(prefix), cleans](Strings& tokens) {
    for (size_t i = 0; i < tokens.size(); ++i) {
      if (i > 0) tokens[i] = tokens[i].starts_with(prefix) ? tokens[i].substr(prefix.size()) : " " + tokens[i];
      if (cleans) clean_up(tokens[i]);
    }
  };
}

Decoder ctc(std::string pad, std::string delimiter, bool cleans) {
  return [pad = std::move(pad), delimiter = std::move(delimiter), cleans](Strings& tokens) {
    tokens.erase(std::unique(tokens.begin(), tokens.end()), tokens.end());
    for (std::string& token : tokens) {
      replace_text(token, pad, "");
      if (cleans) clean_up(token), replace_text(token, delimiter, " ");
    }
    std::erase_if(tokens, [](const std::string& token) { return token.empty(); });
  };
}
}  // namespace

// "<0x0A>" is the byte 10; both digits may be of either case.
std::optional<char> fallback_byte(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return {};
  std::string_view digits = token.substr(3, 2);
  if (digits[0] == '+') digits.remove_prefix(1);  // Rust's from_str_radix takes a sign
  unsigned value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  if (error != std::errc() || end != digits.data() + digits.size()) return {};
  return char(value);
}

Decoder byte_level_decoder() { return decode_byte_level; }

Decoder read_decoder(const JsonView& view) {
  const std::string& type = view.text("type");
  if (type == "ByteLevel") return decode_byte_level;
  if (type == "ByteFallback") return decode_byte_fallback;
  if (type == "Fuse") return fuse;
  if (type == "Metaspace") return metaspace(view);
  if (type == "Strip")
    return strip(one_character(view.at("content")), view.integer("start", 0, 1000), view.integer("stop", 0, 1000));
  if (type == "Replace") {
    return [pattern = Pattern::read(view.at("pattern")), content = view.text("content")](Strings& tokens) {
      for (std::string& token : tokens) replace_all(token, pattern, content);
    };
  }
  if (type == "BPEDecoder") {
    return [suffix = Pattern::literal(view.text_or("suffix", "</w>"), view.where())](Strings& tokens) {
      for (size_t i = 0; i < tokens.size(); ++i) replace_all(tokens[i], suffix, i + 1 == tokens.size() ? "" : " ");
    };
  }
  if (type == "WordPiece") return word_piece(view.text_or("prefix", "##"), view.boolean_or("cleanup", true));
  if (type == "CTC") {
    return ctc(view.text_or("pad_token", "<pad>"), view.text_or("word_delimiter_token", "|"),
               view.boolean_or("cleanup", true));
  }
  if (type == "Sequence") {
    std::vector<Decoder> parts;
    for (const JsonView& part : view.at("decoders").items()) parts.push_back(read_decoder(part));
    return [parts = std::move(parts)](Strings& tokens) {
      for (const Decoder& part : parts) part(tokens);
    };
  }
  fail_unknown_type(view,
                    "ByteLevel, ByteFallback, Fuse, Strip, Replace, Metaspace, BPEDecoder, WordPiece, CTC, Sequence");
}

}  // namespace hone::data
