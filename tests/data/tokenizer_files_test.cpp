// What stands beside a tokenizer's file, and hostile tokenizer.model and tekken.json.
#include <gtest/gtest.h>

#include <cstring>

#include "data/tokenizer/base64.h"
#include "data/tokenizer/sentencepiece.h"
#include "data/tokenizer/tokenizer.h"
#include "kernels/host/json.h"
#include "tests/support/environment.h"

namespace hone::test {
namespace {

using data::SpecialTokens;
using data::Tokenizer;
using Ids = std::vector<int32_t>;

// A message of protocol buffers, field by field.
struct Message {
  std::string bytes;
  void number(uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes += char(value | 0x80);
    bytes += char(value);
  }
  Message& integer(uint32_t field, uint64_t value) {
    number(field << 3);
    number(value);
    return *this;
  }
  Message& text(uint32_t field, std::string_view value) {
    number(field << 3 | 2);
    number(value.size());
    bytes += value;
    return *this;
  }
  Message& floating(uint32_t field, float value) {
    number(field << 3 | 5);
    char raw[4];
    std::memcpy(raw, &value, 4);
    bytes.append(raw, 4);
    return *this;
  }
};

Message& piece(Message& model, std::string_view text, float score, int type) {
  Message made;
  made.text(1, text).floating(2, score).integer(3, uint64_t(type));
  return model.text(1, made.bytes);
}

constexpr int kNormal = 1, kUnknown = 2, kControl = 3, kUserDefined = 4;
constexpr int kUnigram = 1, kBpe = 2;

// <unk> <s> </s> <x> ▁ a b ab ▁ab: ids 0 to 8.
Message small_model(int algorithm, const char* last = nullptr) {
  Message model;
  piece(model, "<unk>", 0, kUnknown), piece(model, "<s>", 0, kControl), piece(model, "</s>", 0, kControl);
  piece(model, "<x>", 0, kUserDefined), piece(model, "▁", -3, kNormal), piece(model, "a", -4, kNormal);
  piece(model, "b", -5, kNormal), piece(model, "ab", -1, kNormal), piece(model, "▁ab", -2, kNormal);
  if (last) piece(model, last, -1, kNormal);
  Message trainer, normalizer;
  trainer.integer(3, uint64_t(algorithm));
  normalizer.integer(4, 0);
  return model.text(2, trainer.bytes).text(3, normalizer.bytes);
}

TEST(SentencePiece, TokensBesideTheModel) {
  const TemporaryFolder folder;
  const fs::path model = folder.write("tokenizer.model", small_model(kBpe).bytes);
  const Tokenizer bare = Tokenizer::load(folder.path());
  EXPECT_EQ(bare.bos(), 1);
  EXPECT_EQ(bare.eos(), 2);
  EXPECT_TRUE(bare.prefix().empty());
  EXPECT_EQ(bare.encode("ab"), (Ids{8}));
  EXPECT_EQ(bare.encode("ab</s>ab"), (Ids{8, 2, 7}));
  EXPECT_EQ(bare.encode("ab<x>ab"), (Ids{8, 3, 7}));  // not a token of the search: SentencePiece itself finds it
  EXPECT_EQ(bare.encode("</s>", SpecialTokens::text), (Ids{4, 0}));  // unknown characters are one token
  EXPECT_EQ(bare.decode(Ids{8, 2, 7}), "ab</s>ab");
  EXPECT_EQ(bare.decode(Ids{8, 2, 7}, true), "abab");
  EXPECT_EQ(bare.decode(Ids{8, 0}), "ab \u2047 ");
  EXPECT_EQ(bare.vocabulary(), 9);

  folder.write("added_tokens.json", R"({"<new>": 9, "<other>": 10})");
  folder.write("special_tokens_map.json", R"({"eos_token": "<new>", "additional_special_tokens": ["<x>"]})");
  folder.write("tokenizer_config.json",
               R"({"add_bos_token": true, "legacy": true, "bos_token": {"content": "<s>"}, "eos_token": "</s>"})");
  const Tokenizer full = Tokenizer::load(model);
  EXPECT_EQ(full.eos(), 9);
  EXPECT_EQ(full.prefix(), (Ids{1}));
  EXPECT_EQ(full.vocabulary(), 11);
  EXPECT_EQ(full.encode("ab</s>ab"), (Ids{8, 2, 8}));  // legacy: each part has the dummy prefix
  EXPECT_EQ(full.encode("ab<other>ab<new>"), (Ids{8, 10, 8, 9}));
  EXPECT_TRUE(full.is_special(9) && full.is_special(3) && !full.is_special(10));
  EXPECT_EQ(full.encode("<x>"), (Ids{3}));
  EXPECT_EQ(full.encode("<x>", SpecialTokens::text), (Ids{4, 0}));  // special now: content cannot make it
  EXPECT_EQ(full.decode(full.encode("ab<other>ab<new>")), "ab<other> ab<new>");
  folder.write("tokenizer_config.json", R"({"eos_token": "</s>", "added_tokens_decoder":
      {"10": {"content": "<other>", "lstrip": true, "rstrip": true}}})");  // now the older files are not asked
  EXPECT_EQ(Tokenizer::load(model).eos(), 2);
  EXPECT_EQ(Tokenizer::load(model).encode("ab <other> ab"), (Ids{8, 10, 7}));

  folder.write("tokenizer_config.json", R"({"add_prefix_space": false, "added_tokens_decoder":
      {"6": {"content": "<six>", "special": true}}})");
  folder.write("added_tokens.json", "{}");
  folder.write("special_tokens_map.json", "{}");
  const Tokenizer renamed = Tokenizer::load(model);
  EXPECT_EQ(renamed.encode("ab<six>"), (Ids{7, 6}));
  EXPECT_EQ(renamed.token(6), "<six>");
  EXPECT_EQ(renamed.id("<six>"), 6);
  folder.write("tokenizer_config.json", R"({"added_tokens_decoder": {"6": {"content": "<s>"}}})");
  EXPECT_THROW(Tokenizer::load(model), Error);
}

// As sentencepiece 0.2.3 decodes a model that learned the text "<0x0a>".
TEST(SentencePiece, BytesHaveCapitalDigits) {
  data::SentencePieceFile file = data::read_sentencepiece(small_model(kBpe).bytes, "model");
  file.byte_fallback = true;
  std::vector<std::string> tokens{"a", "<0x0a>", "<0x0A>", "<0xE2>", "<0x82>", "<0xAC>"};
  data::sentencepiece_decoder(file, {})(tokens);
  std::string text;
  for (const std::string& token : tokens) text += token;
  EXPECT_EQ(text, "a<0x0a>\n€");
}

TEST(SentencePiece, RefusesHostileFiles) {
  const std::string whole = small_model(kBpe).bytes;
  const auto refused = [](const std::string& bytes, const std::string& message) {
    try {
      data::read_sentencepiece(bytes, "model");
      ADD_FAILURE() << "was read; expected " << message;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::input);
      EXPECT_NE(std::string(error.what()).find(message), std::string::npos) << error.what();
    }
  };
  EXPECT_EQ(data::read_sentencepiece(whole, "model").pieces.size(), 9u);
  refused("", "a piece for what is unknown");
  refused("\x0a", "a file that is cut");
  refused(std::string("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "all bytes of a field");
  refused(std::string("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), "at most 64 bits");
  refused("\x0b", "a kind that is in use");
  refused(whole + piece(*std::make_unique<Message>(), "ab", 0, kNormal).bytes, "each piece once, got \"ab\" again");
  refused(whole + piece(*std::make_unique<Message>(), "", 0, kNormal).bytes, "a piece of text in UTF-8, got none");
  refused(whole + piece(*std::make_unique<Message>(), "\xff", 0, kNormal).bytes, "got other bytes");
  refused(whole + piece(*std::make_unique<Message>(), "c", NAN, kNormal).bytes, "a finite score");
  refused(whole + piece(*std::make_unique<Message>(), "c", 0, 7).bytes, "type: expected 1 to 6, got 7");
  refused(whole + piece(*std::make_unique<Message>(), "c", 0, kUnknown).bytes, "got two");
  refused(whole + Message().text(2, Message().integer(3, 4).bytes).bytes,
          "model_type: expected 1 (unigram) or 2 (BPE), got 4");
  refused(whole + Message().text(2, Message().integer(35, 1).bytes).bytes, "256 byte pieces, got none for <0x00>");
  refused(whole + Message().text(3, Message().text(2, "abc").bytes).bytes,
          "precompiled_charsmap: expected at least 4 bytes");
  refused(whole + Message().text(3, Message().text(2, std::string("\x08\0\0\0abcd", 8)).bytes).bytes,
          "a trie of at most 4");
  refused(whole + Message().text(5, Message().text(2, "x").bytes).bytes, "no replacements of the decoder's own");
  for (size_t size = 0; size < whole.size(); ++size) {  // a file that is cut anywhere is refused, or a smaller model
    try {
      data::sentencepiece_model(data::read_sentencepiece(std::string_view(whole).substr(0, size), "model"));
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::input);
    }
  }
}

// A table whose entries lead out of it, or around in it.
TEST(SentencePiece, HostileTablesEnd) {
  for (uint32_t seed = 1; seed < 400; ++seed) {
    std::string table("\x40\0\0\0", 4);
    uint32_t state = seed * 2654435761u;
    for (int i = 0; i < 64; ++i) state = state * 1664525 + 1013904223, table += char(state >> 24);
    table += std::string("x\0yz\0", 5);
    Message normalizer;
    normalizer.text(2, table);
    const std::string bytes = small_model(kUnigram).bytes + Message().text(3, normalizer.bytes).bytes;
    const data::SentencePieceFile file = data::read_sentencepiece(bytes, "model");
    data::NormalizedText text("ab a \u00e9\u4e00 <x>", true);
    data::sentencepiece_normalizer(file, {})(text);
    EXPECT_LT(text.text.size(), 1000u);
  }
}

TEST(Unigram, TakesTheLargestSumAndFusesTheUnknown) {  // by hand
  const TemporaryFolder folder;
  const Tokenizer tokenizer = Tokenizer::load(folder.write("tokenizer.model", small_model(kUnigram).bytes));
  EXPECT_EQ(tokenizer.encode("abab"), (Ids{8, 7}));
  EXPECT_EQ(tokenizer.encode("ba"), (Ids{4, 6, 5}));
  EXPECT_EQ(tokenizer.encode("aééb"), (Ids{4, 5, 0, 6}));
  EXPECT_EQ(tokenizer.encode("<x>b"), (Ids{4, 3, 6}));
  const std::vector<uint32_t> places{0, 1, 2, 3};
  EXPECT_EQ(tokenizer.encode_marked("abab", {}, places).tokens, (std::vector<size_t>{0, 0, 1, 1}));
}

TEST(Tekken, RefusesHostileFiles) {
  const TemporaryFolder folder;
  Json whole;
  whole["config"] = {{"pattern", "a+|[^a]+"}, {"default_num_special_tokens", 4}, {"default_vocab_size", 261}};
  static constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (int byte = 0; byte < 256; ++byte) {
    const std::string text{kDigits[byte >> 2], kDigits[(byte & 3) << 4], '=', '='};
    whole["vocab"].push_back({{"rank", byte}, {"token_bytes", text}, {"token_str", nullptr}});
  }
  whole["vocab"].push_back({{"rank", 256}, {"token_bytes", "YWE="}});
  whole["special_tokens"] = {{{"rank", 1}, {"token_str", "<s>"}}, {{"rank", 2}, {"token_str", "</s>"}}};
  const Tokenizer tokenizer = Tokenizer::load(folder.write("tekken.json", whole.dump()));
  EXPECT_EQ(tokenizer.bos(), 1);
  EXPECT_EQ(tokenizer.encode("aaab<s>"), (Ids{260, 4 + 'a', 4 + 'b', 1}));
  EXPECT_EQ(tokenizer.token(3), "<SPECIAL_3>");
  EXPECT_EQ(tokenizer.decode(Ids{260, 2, 4 + 0xC3, 4 + 0xA9}), "aa</s>é");
  const auto refused = [&](const char* patch, const std::string& message) {
    Json file = whole;
    file.merge_patch(parse_json(patch, "patch"));
    try {
      Tokenizer::load(folder.write("tekken.json", file.dump()));
      ADD_FAILURE() << "was read; expected " << message;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::input);
      EXPECT_NE(std::string(error.what()).find(message), std::string::npos) << error.what();
    }
  };
  refused(R"({"config": {"default_vocab_size": 300}})", "default_vocab_size: expected at most 261");
  refused(R"({"config": {"default_vocab_size": 259}})", "a token for each of the 256 bytes");
  refused(R"({"config": {"default_num_special_tokens": 1}})", "expected at least 2");
  refused(R"({"config": {"pattern": "(a"}})", "config.pattern: expected a regular expression");
  refused(R"({"special_tokens": [{"rank": 7, "token_str": "x"}]})", "special_tokens[0].rank");
  refused(R"({"special_tokens": [{"rank": 0, "token_str": "x"}, {"rank": 0, "token_str": "y"}]})", "a rank of its own");
  refused(R"({"vocab": [{"rank": 1, "token_bytes": "YWE="}], "config": {"default_vocab_size": 5}})",
          "rank: expected 0");
  refused(R"({"vocab": [{"rank": 0, "token_bytes": "YW"}], "config": {"default_vocab_size": 5}})", "bytes in base 64");
}

TEST(TokenizerConfig, AddsWhatAutoTokenizerAdds) {
  const TemporaryFolder folder;
  folder.write("tokenizer.json", R"({"version": "1.0",
      "added_tokens": [{"id": 3, "content": "<s>", "special": true, "normalized": false}],
      "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2, "<r>": 4}, "merges": [["a", "b"]], "unk_token": "a"}})");
  EXPECT_THROW(Tokenizer::load(folder.path()), Error);  // 3 is the next id only where the vocabulary has three tokens
  folder.write("tokenizer.json", R"({"version": "1.0",
      "added_tokens": [{"id": 4, "content": "<s>", "special": true, "normalized": false}],
      "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2, "<r>": 3}, "merges": [["a", "b"]]}})");
  EXPECT_EQ(Tokenizer::load(folder.path()).encode("ab <s>ab"), (Ids{2, 4, 2}));
  folder.write("tokenizer_config.json",
               R"({"eos_token": "<r>", "bos_token": "<s>", "add_bos_token": true, "add_eos_token": true,
      "added_tokens_decoder": {"4": {"content": "<s>", "special": true, "lstrip": true},
                               "5": {"content": "<t>", "special": false, "normalized": false}}})");
  const Tokenizer tokenizer = Tokenizer::load(folder.path());
  EXPECT_EQ(tokenizer.encode("ab <s>ab<t><r>"), (Ids{2, 4, 2, 5, 3}));
  EXPECT_EQ(tokenizer.encode("<s><t><r>", SpecialTokens::text), (Ids{5}));  // the others are text, of unknown letters
  EXPECT_TRUE(tokenizer.is_special(3) && tokenizer.is_special(4) && !tokenizer.is_special(5));
  EXPECT_TRUE(tokenizer.prefix().empty() && tokenizer.suffix().empty());  // the file's post-processor alone decides
  folder.write("tokenizer_config.json", R"({"added_tokens_decoder": {"9": {"content": "<t>"}}})");
  EXPECT_THROW(Tokenizer::load(folder.path()), Error);
  folder.write("tokenizer_config.json", R"({"added_tokens_decoder": {"x": {"content": "<t>"}}})");
  EXPECT_THROW(Tokenizer::load(folder.path()), Error);
}

TEST(Base64, DecodesAndRefuses) {  // RFC 4648, section 10
  for (const auto& [text, bytes] :
       {std::pair{"", ""}, {"Zg==", "f"}, {"Zm8=", "fo"}, {"Zm9v", "foo"}, {"Zm9vYmFy", "foobar"}})
    EXPECT_EQ(data::base64_bytes(text), bytes);
  EXPECT_EQ(data::base64_bytes("+/8="), "\xfb\xff");
  for (const char* bad : {"Z", "Zg", "Zg=", "Zg=a", "Z===", "====", "Zh==", "Zm9=", "Zm9v\n", "Zg==Zg=="})
    EXPECT_EQ(data::base64_bytes(bad), std::nullopt) << bad;
}

}  // namespace
}  // namespace hone::test
