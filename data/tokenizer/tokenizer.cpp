#include "data/tokenizer/tokenizer.h"

#include <algorithm>

#include "data/tokenizer/parts.h"
#include "kernels/host/text.h"

namespace hone::data {

Tokenizer Tokenizer::load(const fs::path& folder_or_file) {
  fs::path path = folder_or_file;
  if (fs::is_directory(path)) {
    path /= "tokenizer.json";
    for (const char* other : {"tokenizer.model", "tekken.json"})
      if (!fs::exists(path) && fs::exists(folder_or_file / other)) path = folder_or_file / other;
  }
  return Tokenizer(load_tokenizer(path));
}

namespace {
constexpr size_t kLongestText = size_t(256) << 20;

void check_text(std::string_view text) {
  require(text.size() <= kLongestText, ExitCode::input, "[tokenizer] expected a text of at most ",
          bytes_text(kLongestText), ", got ", bytes_text(text.size()), ". Split it into shorter rows");
  require(valid_utf8(text), ExitCode::input,
          "[tokenizer] expected a text in UTF-8, got other bytes. Convert the text to UTF-8");
}
}  // namespace

std::vector<int32_t> Tokenizer::encode(std::string_view text, SpecialTokens special) const {
  check_text(text);
  const Range all{0, uint32_t(text.size())};
  return encode_text(*parts_, text, special == SpecialTokens::parse ? std::span<const Range>() : std::span(&all, 1), {})
      .ids;
}

MarkedIds Tokenizer::encode_marked(std::string_view text, std::span<const Range> plain,
                                   std::span<const uint32_t> places, std::span<const int32_t> controls) const {
  check_text(text);
  for (size_t i = 0; i < plain.size(); ++i)
    require(
        plain[i].begin <= plain[i].end && plain[i].end <= text.size() && (i == 0 || plain[i - 1].end <= plain[i].begin),
        "[tokenizer] plain ranges must ascend within the text");
  std::vector<uint32_t> starts(places.begin(), places.end());
  for (size_t i = 0; i < starts.size(); ++i) {
    require(starts[i] <= text.size() && (i == 0 || starts[i - 1] <= starts[i]),
            "[tokenizer] places must ascend within the text");
    while (starts[i] < text.size() && (static_cast<unsigned char>(text[starts[i]]) & 0xC0) == 0x80) --starts[i];
  }
  return encode_text(*parts_, text, plain, starts, controls);
}

std::string Tokenizer::decode(std::span<const int32_t> ids, bool skip_special) const {
  const auto is_left_out = [&](int32_t id, const std::string& token) {
    if (!skip_special || !parts_->special_by_string) return skip_special && is_special(id);
    const std::optional<int32_t> own = parts_->added->id(token);
    return own && is_special(*own);
  };
  std::vector<std::string> tokens;
  for (const int32_t id : ids) {
    const std::string* normalised = parts_->added->decoded(id);
    const std::string* token = normalised ? normalised : parts_->token(id);
    if (token && !is_left_out(id, *token)) tokens.push_back(*token);
  }
  if (parts_->decoder) parts_->decoder(tokens);
  std::string text;
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (i > 0 && !parts_->decoder) text += ' ';  // without a decoder, tokens are words
    text += tokens[i];
  }
  return text;
}

std::vector<int32_t> Tokenizer::prefix() const { return parts_->around.prefix; }
std::vector<int32_t> Tokenizer::suffix() const { return parts_->around.suffix; }
std::optional<int32_t> Tokenizer::id(std::string_view token) const { return parts_->id(token); }
std::string Tokenizer::token(int32_t id) const {
  const std::string* token = parts_->token(id);
  return token ? *token : std::string();
}
std::optional<int32_t> Tokenizer::bos() const { return parts_->bos; }
std::optional<int32_t> Tokenizer::eos() const { return parts_->eos; }
bool Tokenizer::is_special(int32_t id) const { return parts_->added->is_special(id); }
bool Tokenizer::is_added(int32_t id) const { return parts_->added->has(id); }
int64_t Tokenizer::vocabulary() const {
  return std::max(parts_->model->vocabulary().largest_id(), parts_->added->largest_id()) + 1;
}
const std::string& Tokenizer::hash() const { return parts_->hash; }

}  // namespace hone::data
