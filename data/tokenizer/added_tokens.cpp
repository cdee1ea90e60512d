#include "data/tokenizer/added_tokens.h"

#include <algorithm>

#include "data/tokenizer/unicode.h"

namespace hone::data {

void TokenSearch::add(std::string_view text, const AddedToken& token) {
  uint32_t node = 0;
  for (const char byte : text) {
    const auto letter = static_cast<unsigned char>(byte);
    auto& next = nodes_[node].next;
    const auto found = std::find_if(next.begin(), next.end(), [&](const auto& edge) { return edge.first == letter; });
    if (found != next.end()) {
      node = found->second;
    } else {
      const uint32_t made = uint32_t(nodes_.size());
      next.emplace_back(letter, made);
      if (node == 0) first_[letter] = made;
      nodes_.emplace_back();
      node = made;
    }
  }
  if (!nodes_[node].token) nodes_[node].token = &token;
}

namespace {
bool is_control(const AddedToken& token, std::span<const int32_t> controls) {
  return token.special || std::find(controls.begin(), controls.end(), token.id) != controls.end();
}
}  // namespace

const AddedToken* TokenSearch::longest_at(std::string_view text, size_t at, size_t limit,
                                          std::span<const int32_t> controls, size_t& end) const {
  const AddedToken* best = nullptr;
  for (uint32_t node = first_[static_cast<unsigned char>(text[at])]; node != 0;) {
    ++at;
    const AddedToken* token = nodes_[node].token;
    if (token && (at <= limit || !is_control(*token, controls))) best = token, end = at;
    if (at == text.size()) break;
    const auto& next = nodes_[node].next;
    const auto letter = static_cast<unsigned char>(text[at]);
    const auto found = std::find_if(next.begin(), next.end(), [&](const auto& edge) { return edge.first == letter; });
    node = found == next.end() ? 0 : found->second;
  }
  return best;
}

std::vector<TokenSearch::Part> TokenSearch::split(std::string_view text, std::span<const Range> plain,
                                                  std::span<const int32_t> controls) const {
  std::vector<Part> parts;
  size_t done = 0;  // where the last token, with the white space that it took, ended
  for (size_t at = 0;;) {
    while (at < text.size() && first_[static_cast<unsigned char>(text[at])] == 0) ++at;
    if (at == text.size()) break;
    while (!plain.empty() && plain.front().end <= at) plain = plain.subspan(1);
    const bool in_plain = !plain.empty() && plain.front().begin <= at;
    const size_t limit = plain.empty() || in_plain ? text.size() : plain.front().begin;
    size_t end = 0;
    const AddedToken* token = longest_at(text, at, limit, controls, end);
    if (!token) {
      ++at;
      continue;
    }
    size_t begin = at;
    at = end;
    if (in_plain && is_control(*token, controls)) {
      at = std::min<size_t>(end, plain.front().end);
      continue;
    }
    if (token->single_word) {
      const bool word_before = begin > 0 && is_word(code_point_before(text, begin).value);
      const bool word_after = end < text.size() && is_word(code_point_at(text, end).value);
      if (word_before || word_after) continue;
    }
    if (token->lstrip) {
      while (begin > 0) {
        const CodePoint before = code_point_before(text, begin);
        if (!is_white_space(before.value)) break;
        begin -= before.length;
      }
      begin = std::max(begin, done);
    }
    while (token->rstrip && end < text.size()) {
      const CodePoint after = code_point_at(text, end);
      if (!is_white_space(after.value)) break;
      end += after.length;
    }
    if (done < begin) parts.push_back({{uint32_t(done), uint32_t(begin)}, nullptr});
    if (begin < end) parts.push_back({{uint32_t(begin), uint32_t(end)}, token});
    done = end;
  }
  if (done < text.size()) parts.push_back({{uint32_t(done), uint32_t(text.size())}, nullptr});
  return parts;
}

AddedToken read_added_token(const JsonView& view, int64_t id) {
  const bool special = view.boolean_or("special", false);
  return {view.text("content"),
          int32_t(id),
          view.boolean_or("single_word", false),
          view.boolean_or("lstrip", false),
          view.boolean_or("rstrip", false),
          view.boolean_or("normalized", !special),
          special};
}

std::vector<AddedToken> read_added_tokens(const JsonView& file, const Vocabulary& model) {
  std::vector<AddedToken> tokens;
  const auto list = file.find("added_tokens");
  if (!list) return tokens;
  int64_t next = model.size();  // the id of the next new token
  std::unordered_set<std::string> seen;
  std::unordered_set<int64_t> given;
  for (const JsonView& view : list->items()) {
    const AddedToken token = read_added_token(view, view.integer("id", 0, Vocabulary::kLargestId));
    const auto wrong = [&](const auto&... what) {
      fail(ExitCode::input, view.where(), ": ", view.path(), ": ", what...,
           ". Take tokenizer.json from the model's publisher again");
    };
    if (token.content.empty()) wrong("expected a token with content, got an empty one");
    if (!seen.insert(token.content).second)
      wrong("expected each added token once, got \"", excerpt(token.content), "\" again");
    const std::optional<int32_t> own = model.id(token.content);
    const int64_t id = own ? *own : next++;
    if (id != token.id)
      wrong("expected the id ", id, " for \"", excerpt(token.content),
            "\" (its own, or the next one after the vocabulary), got ", token.id);
    if (id > Vocabulary::kLargestId) wrong("expected ids up to ", Vocabulary::kLargestId, ", got ", id);
    if (!own && (model.token(id) || !given.insert(id).second))
      wrong("expected an id of its own for \"", excerpt(token.content), "\", got ", id, ", which another token has");
    tokens.push_back(token);
  }
  return tokens;
}

AddedTokens::AddedTokens(const std::vector<AddedToken>& tokens, const Normalizer& normalizer,
                         const std::string& where) {
  for (const AddedToken& token : tokens) {
    contents_.put(token.content, token.id);
    if (token.special) special_.insert(token.id);
    tokens_.push_back(std::make_unique<AddedToken>(token));
  }
  for (const bool special : {true, false}) {  // of two that normalise to the same text, a special one wins
    for (const auto& token : tokens_) {
      if (token->special != special) continue;
      if (!token->normalized) {
        raw_.add(token->content, *token);
        continue;
      }
      NormalizedText text(token->content, false);
      if (normalizer) normalizer(text);
      require(!text.text.empty(), ExitCode::input, where, ": added token \"", excerpt(token->content),
              "\" normalises to nothing, so it could not be found. Set its \"normalized\" to false");
      normalized_.add(text.text, *token);
      if (text.text != token->content) decoded_.emplace(token->id, std::move(text.text));
    }
  }
}

}  // namespace hone::data
