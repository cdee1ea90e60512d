// Ids and decoded text against Hugging Face tokenizers (tests/golden/tokenizers), hostile files, and what scripts rely
// on.
#include "data/tokenizer/tokenizer.h"

#include <gtest/gtest.h>

#include <chrono>
#include <sstream>
#include <thread>

#include "data/tokenizer/tokenize_lines.h"
#include "data/tokenizer/unicode.h"
#include "kernels/host/hash.h"
#include "kernels/host/json.h"
#include "tests/support/environment.h"

namespace hone::test {
namespace {

using data::SpecialTokens;
using data::Tokenizer;

std::string with_spaces(const std::vector<int32_t>& ids) {
  std::string text;
  for (const int32_t id : ids) text += (text.empty() ? "" : " ") + std::to_string(id);
  return text;
}

std::string digest(const std::string& text) { return sha256_of(text).substr(0, 8); }

// The tokens at every character, as the library's char_to_token has them.
void expect_marks_as_library(const Tokenizer& tokenizer, const Json& corpus, const Json& digests) {
  ASSERT_EQ(digests.size(), corpus.size());
  for (size_t i = 0; i < corpus.size(); ++i) {
    const std::string text = corpus[i].get<std::string>();
    std::vector<uint32_t> places;
    for (uint32_t at = 0; at < text.size(); at += data::code_point_at(text, at).length) places.push_back(at);
    places.push_back(uint32_t(text.size()));
    const data::MarkedIds found = tokenizer.encode_marked(text, {}, places);
    ASSERT_EQ(found.ids, tokenizer.encode(text)) << corpus[i].dump();
    ASSERT_EQ(found.tokens.size(), places.size());
    const data::Range all{0, uint32_t(text.size())};
    EXPECT_EQ(tokenizer.encode_marked(text, {&all, 1}, {}).ids, tokenizer.encode(text, SpecialTokens::text));
    if (digests[i].is_null()) continue;
    std::string indices;
    for (const size_t token : found.tokens) indices += (indices.empty() ? "" : " ") + std::to_string(token);
    EXPECT_EQ(digest(indices), digests[i].get<std::string>()) << corpus[i].dump() << "\nbecame " << indices;
    // A few places alone are what they are among all.
    for (size_t k = i % 5; k < places.size(); k += 1 + i % 7)
      EXPECT_EQ(tokenizer.encode_marked(text, {}, {&places[k], 1}).tokens[0], found.tokens[k]) << places[k];
  }
}

// Compares with what make_tokenizers.py recorded for one tokenizer.
void expect_as_library(const Tokenizer& tokenizer, const Json& expected) {
  const Json corpus = read_json(golden("tokenizers/corpus.json"));
  ASSERT_GT(corpus.size(), 180u);
  for (const bool parse : {true, false}) {
    if (parse && !expected.contains("parse")) continue;
    const Json& digests = expected.at(parse ? "parse" : "text");
    ASSERT_EQ(digests.size(), corpus.size());
    for (size_t i = 0; i < corpus.size(); ++i) {
      const std::vector<int32_t> ids =
          tokenizer.encode(corpus[i].get<std::string>(), parse ? SpecialTokens::parse : SpecialTokens::text);
      const std::string skipped = tokenizer.decode(ids, true);
      std::string all = with_spaces(ids);
      // What is unknown decodes to nothing where special tokens are left out, and to a sign in SentencePiece.
      if (expected.contains("parse") || skipped == tokenizer.decode(ids))
        all += "\n" + tokenizer.decode(ids) + "\n" + skipped;
      EXPECT_EQ(digest(all), digests[i].get<std::string>())
          << "text " << i << (parse ? "" : ", special tokens as text") << ": " << corpus[i].dump().substr(0, 300)
          << "\nbecame " << all.substr(0, 1000);
    }
  }
  if (expected.contains("marks")) expect_marks_as_library(tokenizer, corpus, expected.at("marks"));
  EXPECT_EQ(tokenizer.vocabulary(), expected.at("vocabulary").get<int64_t>());
  EXPECT_EQ(tokenizer.prefix(), expected.at("prefix").get<std::vector<int32_t>>());
  EXPECT_EQ(tokenizer.suffix(), expected.at("suffix").get<std::vector<int32_t>>());
  if (!expected.contains("rows")) return;
  const Json& rows = expected.at("rows");
  for (int64_t row = 0; row < int64_t(rows.size()); ++row) {
    std::vector<int32_t> ids;
    for (int64_t i = 0; i < row % 9; ++i)
      ids.push_back(int32_t((row * 7919 + i * 104729 + row * row * i) % tokenizer.vocabulary()));
    std::string all = tokenizer.decode(ids, true);
    if (expected.contains("parse")) all = tokenizer.decode(ids) + "\n" + all;
    EXPECT_EQ(digest(all), rows[size_t(row)].get<std::string>()) << "ids " << with_spaces(ids) << "\nbecame " << all;
  }
}

TEST(Tokenizer, SmallOnesEqualTheLibrary) {
  Json expected = read_json(golden("tokenizers/expected_small.json"));
  expected.update(read_json(golden("tokenizers/expected_unigram.json")));
  ASSERT_GE(expected.size(), 38u);
  for (const auto& [name, results] : expected.items()) {
    SCOPED_TRACE(name);
    expect_as_library(Tokenizer::load(golden("tokenizers/small/" + name)), results);
  }
}

// Ids where special tokens are found in text.
void expect_parsed(const Tokenizer& tokenizer, const Json& digests) {
  const Json corpus = read_json(golden("tokenizers/corpus.json"));
  ASSERT_EQ(digests.size(), corpus.size());
  for (size_t i = 0; i < corpus.size(); ++i) {
    const std::string text = corpus[i].get<std::string>();
    const std::string ids = with_spaces(tokenizer.encode(text));
    EXPECT_EQ(digest(ids), digests[i].get<std::string>()) << corpus[i].dump().substr(0, 300) << "\nbecame " << ids;
    const auto all = uint32_t(text.size());
    const std::vector<uint32_t> places{0, all / 3, all / 2, all};
    EXPECT_EQ(with_spaces(tokenizer.encode_marked(text, {}, places).ids), ids);
  }
}

TEST(Tokenizer, SentencePieceAndTekkenEqualTheirLibraries) {
  const Json expected = read_json(golden("tokenizers/expected_other.json"));
  ASSERT_GE(expected.size(), 8u);
  for (const auto& [name, results] : expected.items()) {
    SCOPED_TRACE(name);
    const fs::path path = golden("tokenizers/small/" + name);
    expect_as_library(Tokenizer::load(path), results);
    if (!results.contains("parse_ids")) continue;
    expect_parsed(Tokenizer::load(path), results.at("parse_ids"));
    const TemporaryFolder folder;
    folder.write("tokenizer.model", read_text(path));
    folder.write("tokenizer_config.json", R"({"legacy": true})");
    expect_parsed(Tokenizer::load(folder.path()), results.at("legacy_ids"));
  }
}

TEST(Tokenizer, RealOnesEqualTheLibrary) {
  HONE_NEEDS_FIXTURES();
  const Json expected = read_json(golden("tokenizers/expected_fixtures.json"));
  ASSERT_EQ(expected.size(), 8u);
  for (const auto& [name, results] : expected.items()) {
    SCOPED_TRACE(name);
    expect_as_library(Tokenizer::load(*fixtures() / name), results);
    if (results.contains("parse_ids")) expect_parsed(Tokenizer::load(*fixtures() / name), results.at("parse_ids"));
  }
}

TEST(Tokenizer, KnowsStartAndEndTokens) {
  HONE_NEEDS_FIXTURES();
  const Tokenizer stories = Tokenizer::load(*fixtures() / "models/stories260K-hf");
  EXPECT_EQ(stories.bos(), 1);
  EXPECT_EQ(stories.eos(), 2);
  EXPECT_EQ(stories.prefix(), std::vector<int32_t>{1});
  const Tokenizer qwen = Tokenizer::load(*fixtures() / "tokenizers/qwen2.5");
  EXPECT_EQ(qwen.bos(), std::nullopt);
  EXPECT_EQ(qwen.eos(), qwen.id("<|im_end|>"));
  EXPECT_TRUE(qwen.is_special(*qwen.eos()));
  EXPECT_FALSE(qwen.is_special(0));
}

// A tokenizer.json of two letters; `change` edits it.
Json tiny() {
  return parse_json(R"({"version": "1.0", "added_tokens": [], "normalizer": null, "pre_tokenizer": null,
      "post_processor": null, "decoder": null, "model": {"type": "BPE", "dropout": null, "unk_token": null,
      "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": [["a", "b"]]}})",
                    "tiny");
}

TEST(Tokenizer, TakesStartAndEndFromTheConfigurationsBeside) {
  const TemporaryFolder folder;
  Json file = tiny();
  file["added_tokens"] = Json::array({{{"id", 3}, {"content", "<s>"}, {"special", true}, {"normalized", false}}});
  folder.write("tokenizer.json", file.dump());
  EXPECT_EQ(Tokenizer::load(folder.path()).bos(), std::nullopt);
  folder.write("config.json", R"({"bos_token_id": 1, "eos_token_id": 2})");
  EXPECT_EQ(Tokenizer::load(folder.path()).bos(), 1);
  EXPECT_EQ(Tokenizer::load(folder.path()).eos(), 2);
  folder.write("generation_config.json", R"({"eos_token_id": [0, 2]})");
  EXPECT_EQ(Tokenizer::load(folder.path()).eos(), 0);
  folder.write("tokenizer_config.json", R"({"bos_token": {"content": "<s>"}, "eos_token": null})");
  EXPECT_EQ(Tokenizer::load(folder / "tokenizer.json").bos(), 3);
  EXPECT_EQ(Tokenizer::load(folder.path()).eos(), std::nullopt);
  folder.write("tokenizer_config.json", R"({"bos_token": "<nothing>"})");
  EXPECT_THROW(Tokenizer::load(folder.path()), Error);
  EXPECT_EQ(Tokenizer::load(folder.write("other/tokenizer.json", file.dump())).hash(), xxh3_of(file.dump()));
}

TEST(Tokenizer, MergesByRankThenFromTheLeft) {  // published rule, by hand
  const TemporaryFolder folder;
  Json file = tiny();
  file["model"]["vocab"] = {{"a", 0}, {"b", 1}, {"c", 2}, {"ab", 3}, {"bc", 4}, {"aa", 5}};
  file["model"]["merges"] = {"b c", "a b", "a a"};
  const Tokenizer tokenizer = Tokenizer::load(folder.write("tokenizer.json", file.dump()));
  EXPECT_EQ(tokenizer.encode("abc"), (std::vector<int32_t>{0, 4}));
  EXPECT_EQ(tokenizer.encode("aaab"), (std::vector<int32_t>{5, 3}));
  EXPECT_EQ(tokenizer.encode("aaaaa"), (std::vector<int32_t>{5, 5, 0}));
  EXPECT_EQ(tokenizer.encode(std::string(100001, 'a')).size(), 50001u);
}

TEST(Tokenizer, PlainRangesMakeNoControlTokens) {  // by hand
  const TemporaryFolder folder;
  Json file = tiny();
  file["model"]["vocab"] = {{"a", 0}, {"b", 1}, {"ab", 2}, {"<", 3}, {">", 4}, {"s", 5}, {"n", 6}};
  file["normalizer"] = {{"type", "Lowercase"}};
  const auto add = [&](const char* content, bool special, bool normalized) {
    const size_t id = 7 + file["added_tokens"].size();
    file["added_tokens"].push_back(
        {{"id", id}, {"content", content}, {"special", special}, {"normalized", normalized}});
  };
  add("<s>", true, false), add("<s>>", true, false), add("<t>", false, false), add("a<", true, false);
  add("<N>", true, true);
  constexpr int32_t kS = 7, kT = 9, kA = 10, kN = 11;
  const Tokenizer tokenizer = Tokenizer::load(folder.write("tokenizer.json", file.dump()));
  const auto encode = [&](std::string_view text, const std::vector<data::Range>& plain) {
    return tokenizer.encode_marked(text, plain, {}).ids;
  };
  using Ids = std::vector<int32_t>;
  EXPECT_EQ(encode("<s><s>", {}), (Ids{kS, kS}));
  EXPECT_EQ(encode("<s><s>", {{3, 6}}), (Ids{kS, 3, 5, 4}));
  EXPECT_EQ(encode("<s><s>", {{0, 3}}), (Ids{3, 5, 4, kS}));
  EXPECT_EQ(encode("<s><s>", {{1, 2}}), (Ids{3, 5, 4, kS}));  // one byte is enough
  EXPECT_EQ(encode("<s><s>", {{3, 3}}), (Ids{kS, kS}));       // nothing is plain
  EXPECT_EQ(encode("<s>><s>", {{3, 4}}), (Ids{kS, 4, kS}));   // what is before content is found without it
  EXPECT_EQ(encode("a<s>", {}), (Ids{kA, 5, 4}));
  EXPECT_EQ(encode("a<s>", {{0, 1}}), (Ids{0, kS}));  // content takes nothing of what is after it
  EXPECT_EQ(encode("<t>a", {{0, 4}}), (Ids{kT, 0}));  // not a control token
  EXPECT_EQ(encode("A<N>A<n>A<N>", {{5, 8}}), (Ids{0, kN, 0, 3, 6, 4, 0, kN}));
  EXPECT_EQ(encode("<s>ab<N>", {{1, 2}, {4, 7}}), (Ids{3, 5, 4, 2, 3, 6, 4}));
  EXPECT_THROW(encode("ab", {{0, 3}}), Error);
  EXPECT_THROW(encode("ab", {{1, 2}, {0, 1}}), Error);
  const std::vector<uint32_t> places{0, 3, 4, 4, 5, 8};
  EXPECT_EQ(tokenizer.encode_marked("<s>ab<N>", {}, places).tokens, (std::vector<size_t>{0, 1, 1, 1, 2, 3}));
}

// Hundreds of turns in one text, each with its places: no slower than a constant times encode.
TEST(Tokenizer, ManyPlacesTakeLinearTime) {
  for (const char* name : {"nfc_split", "llama"}) {
    const Tokenizer tokenizer = Tokenizer::load(golden(std::string("tokenizers/small/") + name + ".json"));
    std::string text;
    std::vector<uint32_t> places;
    while (text.size() < 4'000'000) {
      text += "a turn of some words, e\u0301 and \u00e9 ";
      places.push_back(uint32_t(text.size()) - 9);
    }
    const auto began = std::chrono::steady_clock::now();
    const data::MarkedIds found = tokenizer.encode_marked(text, {}, places);
    EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(60)) << name;
    EXPECT_EQ(found.ids, tokenizer.encode(text));
    EXPECT_TRUE(std::is_sorted(found.tokens.begin(), found.tokens.end()));
  }
}

struct Hostile {
  const char* name;
  std::string patch;    // merged into the tiny tokenizer
  std::string message;  // part of what is said
};

TEST(Tokenizer, RefusesHostileFiles) {
  const auto split = [](const std::string& regex) {
    return joined(R"({"pre_tokenizer": {"type": "Split", "pattern": {"Regex": )", Json(regex).dump(),
                  R"(}, "behavior": "Isolated"}})");
  };
  const auto added = [](const std::string& tokens) { return R"({"added_tokens": [)" + tokens + "]}"; };
  const std::vector<Hostile> cases{
      {"type", R"({"model": {"type": "WordLevel"}})", "model.type: expected one of BPE, Unigram, got \"WordLevel\""},
      {"scores", R"({"model": {"type": "Unigram"}})", "model.vocab: expected a list of tokens and scores"},
      {"merge", R"({"model": {"merges": ["a c"]}})", "model.merges[0]: expected tokens of the vocabulary, got \"c\""},
      {"merged", R"({"model": {"merges": [["a", "b"], ["b", "a"]]}})",
       "model.merges[1]: expected tokens of the vocabulary, got \"ba\""},
      {"merge of three", R"({"model": {"merges": ["a b a"]}})", "model.merges[0]: expected two tokens"},
      {"merge of numbers", R"({"model": {"merges": [[0, 1]]}})", "model.merges[0]: expected a text"},
      {"no merges", R"({"model": {"merges": null}})", "model.merges is missing"},
      {"same id", R"({"model": {"vocab": {"z": 0}}})", "model.vocab[\"z\"]: expected an id of its own, got 0"},
      {"negative id", R"({"model": {"vocab": {"z": -1}}})", "expected an id from 0"},
      {"huge id", R"({"model": {"vocab": {"z": 4000000000}}})", "expected an id from 0"},
      {"dropout", R"({"model": {"dropout": 0.1}})", "model.dropout: expected null"},
      {"prefix", R"({"model": {"continuing_subword_prefix": "##"}})",
       "expected a second token that begins with \"##\", got \"b\""},
      {"version", R"({"version": "2.0"})", "version: expected \"1.0\", got \"2.0\""},
      {"model", R"({"model": null})", "model is missing"},
      {"added id", added(R"({"id": 7, "content": "<x>"})"), "added_tokens[0]: expected the id 3 for \"<x>\""},
      {"added on another", added(R"({"id": 1, "content": "<x>"})"), "added_tokens[0]: expected the id 3 for \"<x>\""},
      {"added twice", added(R"({"id": 3, "content": "<x>"}, {"id": 4, "content": "<x>"})"), "each added token once"},
      {"added empty", added(R"({"id": 3, "content": ""})"), "got an empty one"},
      {"normalizer", R"({"normalizer": {"type": "Other"}})", "normalizer.type: expected one of NFC,"},
      {"no base 64", R"({"normalizer": {"type": "Precompiled", "precompiled_charsmap": "AAA"}})", "a table in base 64"},
      {"cut table", R"({"normalizer": {"type": "Precompiled", "precompiled_charsmap": "AAQAAA=="}})",
       "precompiled_charsmap"},
      {"pre-tokenizer", R"({"pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Other"}]}})",
       "pre_tokenizer.pretokenizers[0].type: expected one of ByteLevel,"},
      {"behaviour", R"({"pre_tokenizer": {"type": "Split", "pattern": {"String": "a"}, "behavior": "removed"}})",
       "pre_tokenizer.behavior"},
      {"post-processor", R"({"post_processor": {"type": "Other"}})",
       "post_processor.type: expected one of TemplateProcessing,"},
      {"decoder", R"({"decoder": {"type": "Other"}})", "decoder.type: expected one of ByteLevel,"},
      {"regex", split("(a"), "pre_tokenizer.pattern: expected a regular expression"},
      {"nested regex", split(std::string(20000, '(') + "a" + std::string(20000, ')')),
       "pre_tokenizer.pattern: expected a regular expression"},
      {"empty literal", R"({"normalizer": {"type": "Replace", "pattern": {"String": ""}, "content": "a"}})",
       "got an empty one"},
  };
  const TemporaryFolder folder;
  for (const Hostile& hostile : cases) {
    SCOPED_TRACE(hostile.name);
    Json file = tiny();
    file.merge_patch(parse_json(hostile.patch, "patch"));
    if (hostile.patch.find("null") !=
        std::string::npos) {  // merge_patch takes null for "remove", which is what is meant
      ASSERT_NE(file, tiny());
    }
    const fs::path path = folder.write("tokenizer.json", file.dump());
    try {
      Tokenizer::load(path);
      ADD_FAILURE() << "was read";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::input);
      EXPECT_NE(std::string(error.what()).find(hostile.message), std::string::npos) << error.what();
      EXPECT_EQ(std::string(error.what()).find(path.string()), 0u) << error.what();
      EXPECT_LT(std::string(error.what()).size(), 700u);
    }
  }
}

TEST(Tokenizer, RefusesBrokenFiles) {
  const TemporaryFolder folder;
  const std::string whole = tiny().dump();
  std::string bad_text = whole;
  bad_text[bad_text.find("\"ab\"") + 1] = char(0xFF);
  for (const std::string& bytes :
       {std::string(), std::string("[]"), whole.substr(0, whole.size() / 2), bad_text, whole + whole,
        R"({"model": {"vocab": {"a": 0, "a": 1}, "merges": []}})" + std::string(),
        std::string(65 << 20, ' ') + whole}) {
    try {
      Tokenizer::load(folder.write("tokenizer.json", bytes));
      ADD_FAILURE() << "was read: " << bytes.substr(0, 100);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::input) << error.what();
    }
  }
  EXPECT_THROW(Tokenizer::load(folder / "absent"), Error);
}

TEST(Tokenizer, StopsExpressionsThatNeverEnd) {
  const TemporaryFolder folder;
  const auto began = std::chrono::steady_clock::now();
  for (const char* regex : {"(a+a+)+$b", "(?:a|aa)+$b", "(a*)*b|(?=(a+)+$)c"}) {
    Json file = tiny();
    file["pre_tokenizer"] = {{"type", "Split"}, {"pattern", {{"Regex", regex}}}, {"behavior", "Isolated"}};
    const Tokenizer tokenizer = Tokenizer::load(folder.write("tokenizer.json", file.dump()));
    try {
      tokenizer.encode(std::string(3000, 'a') + "\n!");
      ADD_FAILURE() << regex << " came to an end";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::input);
      EXPECT_NE(std::string(error.what()).find("takes too long"), std::string::npos) << error.what();
      EXPECT_EQ(std::string(error.what()).find("aaa"), std::string::npos) << "shows the text";
    }
  }
  Json file = tiny();  // and replacements that grow without end
  const Json grow = {{"type", "Replace"}, {"pattern", {{"String", "a"}}}, {"content", std::string(1000, 'a')}};
  file["normalizer"] = {{"type", "Sequence"}, {"normalizers", Json::array({grow, grow, grow, grow, grow})}};
  EXPECT_THROW(Tokenizer::load(folder.write("tokenizer.json", file.dump())).encode("a"), Error);
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(60));
}

TEST(Tokenizer, RefusesTextThatIsNotUtf8) {
  const Tokenizer tokenizer = Tokenizer::load(golden("tokenizers/small/byte_level.json"));
  for (const std::string bad : {"\xff", "a\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80"}) {
    for (size_t place = 0; place < 18; ++place) {  // ASCII is skipped eight bytes at a time
      try {
        tokenizer.encode(std::string(place, 'a') + bad + std::string(17 - place, 'b'));
        ADD_FAILURE() << place;
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ExitCode::input);
      }
    }
  }
}

// With ignore_merges a whole piece may be a token that no merge makes; within a longer piece it is not. Ids from
// tokenizers 0.23.3.
TEST(Tokenizer, WholePiecesAreNotTakenForPartsOfPieces) {
  const TemporaryFolder folder;
  Json file = tiny();
  file["pre_tokenizer"] = {{"type", "WhitespaceSplit"}};
  file["model"]["ignore_merges"] = true;
  file["model"]["vocab"] = {{"a", 0}, {"b", 1}, {"ab", 2}, {"ba", 3}, {"aba", 4}, {"z", 5}};
  file["model"]["merges"] = {"a b", "b a"};
  const fs::path path = folder.write("tokenizer.json", file.dump());
  std::vector<int32_t> expected(40, 5);
  expected.insert(expected.end(), {2, 0, 4});
  EXPECT_EQ(Tokenizer::load(path).encode(std::string(40, 'z') + "aba aba"), expected);
  expected.insert(expected.begin(), 4);
  EXPECT_EQ(Tokenizer::load(path).encode("aba " + std::string(40, 'z') + "aba aba"), expected);
}

// Ids from tokenizers 0.23.3.
TEST(Tokenizer, AnUnknownTokenIsNeededOnlyForWhatNoTokenCovers) {
  const TemporaryFolder folder;
  Json file = tiny();
  file["model"] = parse_json(R"({"type": "Unigram", "unk_id": null,
      "vocab": [["a", -1], ["ab", -2], ["b", -9], ["abc", -1], ["dc", -1], ["d", -5]]})",
                             "model");
  const Tokenizer tokenizer = Tokenizer::load(folder.write("tokenizer.json", file.dump()));
  EXPECT_EQ(tokenizer.encode("abcdcab"), (std::vector<int32_t>{3, 4, 1}));
  EXPECT_THROW(tokenizer.encode("cd"), Error);
}

TEST(Tokenizer, SpecialTokensAreLeftOutByTheirString) {
  const TemporaryFolder folder;
  Json file = tiny();
  file["model"] =
      parse_json(R"({"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0], ["a", -1], ["<unk>", -2]]})", "model");
  file["added_tokens"] = Json::array({{{"id", 2}, {"content", "<unk>"}, {"special", true}, {"normalized", false}}});
  file["decoder"] = {{"type", "Fuse"}};
  const Tokenizer tokenizer = Tokenizer::load(folder.write("tokenizer.json", file.dump()));
  EXPECT_EQ(tokenizer.encode("ab"), (std::vector<int32_t>{1, 0}));
  EXPECT_EQ(tokenizer.decode(std::vector<int32_t>{1, 0, 2}, true), "a");  // as tokenizers 0.23.3
  EXPECT_EQ(tokenizer.decode(std::vector<int32_t>{1, 0, 2}), "a<unk><unk>");
}

TEST(Tokenizer, UnknownIdsDecodeToNothing) {
  const Tokenizer tokenizer = Tokenizer::load(golden("tokenizers/small/byte_level.json"));
  const int32_t a = *tokenizer.id("a");
  EXPECT_EQ(tokenizer.decode(std::vector<int32_t>{-1, a, 1 << 30, INT32_MAX, INT32_MIN, a}), "aa");
  EXPECT_EQ(tokenizer.token(1 << 30), "");
  EXPECT_EQ(tokenizer.decode({}), "");
}

TEST(Tokenizer, ThreadsGetTheSameIds) {
  const Json corpus = read_json(golden("tokenizers/corpus.json"));
  for (const char* name : {"nfc_split", "llama"}) {
    const Tokenizer tokenizer = Tokenizer::load(golden(std::string("tokenizers/small/") + name + ".json"));
    std::vector<std::vector<std::vector<int32_t>>> found(4);
    std::vector<std::thread> threads;
    for (auto& mine : found)
      threads.emplace_back([&] {
        for (int round = 0; round < 3; ++round)
          for (const Json& text : corpus) mine.push_back(tokenizer.encode(text.get<std::string>()));
      });
    for (std::thread& thread : threads) thread.join();
    for (const auto& mine : found) EXPECT_EQ(mine, found[0]);
  }
}

TEST(TokenizeLines, WritesIdsOrObjects) {
  const Tokenizer tokenizer = Tokenizer::load(golden("tokenizers/small/legacy.json"));
  const auto ids = [&](const std::string& text) { return with_spaces(tokenizer.encode(text)); };
  std::istringstream lines("Hello there\n\nlast\r\nno end<s>");
  std::ostringstream out;
  data::tokenize_lines(tokenizer, lines, out, SpecialTokens::parse, false);
  EXPECT_EQ(out.str(), ids("Hello there") + "\n\n" + ids("last\r") + "\n" + ids("no end<s>") + "\n");

  std::istringstream objects("{\"text\": \"a\\n\\u00e9<s>\"}\n{\"text\": \"\"}\n");
  std::ostringstream rows;
  data::tokenize_lines(tokenizer, objects, rows, SpecialTokens::text, true);
  std::istringstream back(rows.str());
  std::string first, second;
  std::getline(back, first);
  std::getline(back, second);
  EXPECT_EQ(second, R"({"ids":[],"decoded":""})");
  const Json row = parse_json(first, "row");
  EXPECT_EQ(row.at("ids").get<std::vector<int32_t>>(), tokenizer.encode("a\né<s>", SpecialTokens::text));
  EXPECT_EQ(row.at("decoded").get<std::string>(), "a\né<s>");

  for (const auto& [text, json] :
       {std::pair{"a\n\xff\n", false}, {"{\"text\": \"a\"}\n{\"txt\": 1}\n", true}, {"\nnot json\n", true}}) {
    std::istringstream in(text);
    std::ostringstream ignored;
    try {
      data::tokenize_lines(tokenizer, in, ignored, SpecialTokens::parse, json);
      ADD_FAILURE() << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::input);
      EXPECT_NE(std::string(error.what()).find("standard input:"), std::string::npos) << error.what();
    }
  }
}

TEST(Unicode, NormalFormsLeaveUnknownOnesAlone) {
  using data::normal_form, data::NormalForm;
  EXPECT_EQ(normal_form("e\u0301", NormalForm::nfc), "é");
  EXPECT_EQ(normal_form("é", NormalForm::nfd), "e\u0301");
  EXPECT_EQ(normal_form("ﬁ", NormalForm::nfkc), "fi");
  EXPECT_EQ(normal_form("\U00011935\U00011930", NormalForm::nfc), "\U00011935\U00011930");  // composes since Unicode 13
  EXPECT_EQ(data::lossy_utf8("a\xF0\x9F\x98z\xFF\xC3"), "a\uFFFDz\uFFFD\uFFFD");  // a maximal part is one sign
}

}  // namespace
}  // namespace hone::test
