#include <algorithm>

#include "data/tokenizer/bpe.h"
#include "data/tokenizer/parts.h"
#include "data/tokenizer/sentencepiece.h"
#include "data/tokenizer/tekken.h"
#include "data/tokenizer/tokenizer_config.h"
#include "data/tokenizer/unicode.h"
#include "kernels/host/hash.h"
#include "kernels/host/json.h"

namespace hone::data {

namespace {
constexpr size_t kLargestFile = size_t(64) << 20;
// Of JSON: a token is one, a merge up to three. The largest vocabularies there are have 2 million; a file of nothing
// but short values would take twenty times its bytes in memory.
constexpr size_t kMostValues = size_t(4) << 20;

using Parts = TokenizerParts;

// The id of a role's token: the configuration of the tokenizer first, then those of the model, then the file's own.
std::optional<int32_t> id_of_role(const Parts& parts, const TokenizerConfig& config, const fs::path& folder,
                                  const std::string& role, const std::string& own) {
  if (const TokenizerConfig::Named* named = config.named(role)) {
    if (!named->token) return {};
    const std::optional<int32_t> id = parts.id(named->token->content);
    require(id.has_value(), ExitCode::input, named->where, ": ", role, ": expected a token of the tokenizer, got \"",
            excerpt(named->token->content), "\". Add it to the tokenizer's file, or correct ", role);
    return id;
  }
  const std::optional<int32_t> id = id_of_model_config(folder, role);
  return id || own.empty() ? id : parts.id(own);
}

void finish(Parts& parts, const std::vector<AddedToken>& tokens, const TokenizerConfig& config, const fs::path& file,
            const std::string& bos, const std::string& eos) {
  parts.added = std::make_unique<AddedTokens>(tokens, parts.normalizer, file.string());
  parts.bos = id_of_role(parts, config, file.parent_path(), "bos_token", bos);
  parts.eos = id_of_role(parts, config, file.parent_path(), "eos_token", eos);
}

// What stands around a sequence, of files that do not say it themselves.
void surround(Parts& parts, const TokenizerConfig& config) {
  if (config.add_bos.value_or(false) && parts.bos) parts.around.prefix = {*parts.bos};
  if (config.add_eos.value_or(false) && parts.eos) parts.around.suffix = {*parts.eos};
}

void load_json(const JsonView& file, const TokenizerConfig& config, const fs::path& path, Parts& parts) {
  const std::string version = file.text_or("version", "1.0");
  require(version == "1.0", ExitCode::input, path.string(), ": version: expected \"1.0\", got \"", excerpt(version),
          "\". Save it again with a current Hugging Face tokenizers library");
  if (file.has("normalizer")) parts.normalizer = read_normalizer(file.at("normalizer"));
  if (file.has("pre_tokenizer")) parts.pre_tokenizer = read_pre_tokenizer(file.at("pre_tokenizer"));
  parts.model = read_model(file.at("model"), parts.pre_tokenizer.alphabet);
  if (file.has("decoder")) parts.decoder = read_decoder(file.at("decoder"));
  if (file.has("post_processor")) parts.around = read_post_processor(file.at("post_processor"));
  std::vector<AddedToken> tokens = read_added_tokens(file, parts.model->vocabulary());
  int64_t next = parts.model->vocabulary().size();
  for (const AddedToken& token : tokens) next = std::max<int64_t>(next, token.id + 1);
  add_configured_tokens(config, tokens, next,
                        [&](const std::string& text) { return parts.model->vocabulary().id(text); });
  finish(parts, tokens, config, path, "", "");
  parts.special_by_string = true;
}

void load_sentencepiece(std::string_view bytes, const TokenizerConfig& config, const fs::path& path, Parts& parts) {
  using Type = SentencePieceFile::Type;
  SentencePieceFile file = read_sentencepiece(bytes, path.string());
  std::vector<AddedToken> tokens;
  const auto add = [&](AddedToken token) {
    token.normalized = false;  // searched in raw text, as transformers does around SentencePiece
    const auto there = std::find_if(tokens.begin(), tokens.end(), [&](const auto& it) { return it.id == token.id; });
    there == tokens.end() ? tokens.push_back(std::move(token)) : void(*there = std::move(token));
  };
  std::unordered_map<std::string_view, int32_t> ids;
  for (size_t id = 0; id < file.pieces.size(); ++id) {
    const auto& [text, score, type] = file.pieces[id];
    ids.emplace(text, int32_t(id));
    if (type == Type::control || type == Type::unknown) add({text, int32_t(id), false, false, false, false, true});
  }
  for (const AddedToken& token : config.tokens) {
    const auto own = ids.find(token.content);
    require(own == ids.end() || own->second == token.id, ExitCode::input, config.where, ": added_tokens_decoder[\"",
            token.id, "\"]: expected the id ", own == ids.end() ? 0 : own->second, " for \"", excerpt(token.content),
            "\", as tokenizer.model has it. Take both files from one publisher, or correct the id");
    add(token);
  }
  for (const TokenizerConfig::Named& special : config.specials) {
    if (!special.token) continue;
    const std::string& content = special.token->content;
    const auto added =
        std::find_if(tokens.begin(), tokens.end(), [&](const auto& it) { return it.content == content; });
    if (added != tokens.end()) {
      added->special = true;
    } else if (const auto own = ids.find(content); own != ids.end()) {
      AddedToken token = *special.token;
      token.id = own->second, token.special = true;
      add(std::move(token));
    }
  }
  // A piece that the configuration makes special must come of nothing but the search for such tokens.
  for (const AddedToken& token : tokens)
    if (token.special && size_t(token.id) < file.pieces.size() &&
        file.pieces[size_t(token.id)].type == Type::user_defined)
      file.pieces[size_t(token.id)].type = Type::control;

  const DummyPrefix prefix{.at_start = config.add_prefix_space.value_or(true),
                           .after_tokens = config.legacy.value_or(false)};
  parts.normalizer = sentencepiece_normalizer(file, prefix);
  parts.model = sentencepiece_model(file);
  parts.decoder = sentencepiece_decoder(file, prefix);
  finish(parts, tokens, config, path, file.bos_id < 0 ? "" : file.bos, file.eos_id < 0 ? "" : file.eos);
  surround(parts, config);
}

void load_tekken(const JsonView& file, const TokenizerConfig& config, const fs::path& path, Parts& parts) {
  Tekken tekken = read_tekken(file);
  parts.pre_tokenizer = byte_level_pre_tokenizer(std::move(tekken.pattern));
  parts.model = std::make_unique<Bpe>(std::move(tekken.vocabulary));
  parts.decoder = byte_level_decoder();
  finish(parts, tekken.special, config, path, "<s>", "</s>");
  surround(parts, config);
}
}  // namespace

std::optional<int32_t> TokenizerParts::id(std::string_view token) const {
  const std::optional<int32_t> known = added->id(token);
  return known ? known : model->vocabulary().id(token);
}

const std::string* TokenizerParts::token(int32_t id) const {
  const std::string* known = added->token(id);
  return known ? known : model->vocabulary().token(id);
}

std::shared_ptr<const TokenizerParts> load_tokenizer(const fs::path& path) {
  const std::string bytes = read_text(path, kLargestFile);
  const TokenizerConfig config(path.parent_path());
  const auto parts = std::make_shared<TokenizerParts>();
  parts->hash = xxh3_of(bytes);
  if (path.extension() == ".model") {
    load_sentencepiece(bytes, config, path, *parts);
    return parts;
  }
  const Json json = parse_json(bytes, path.string(), {.bytes = kLargestFile, .depth = 32, .values = kMostValues});
  const JsonView file(json, path.string());
  const bool tekken = path.filename().string().find("tekken") != std::string::npos;
  tekken ? load_tekken(file, config, path, *parts) : load_json(file, config, path, *parts);
  return parts;
}

}  // namespace hone::data
