// Real data through real tokenizers and published chat templates: the receipt's totals are those counted with the
// Python libraries (tests/golden/make_receipts.py).
#include <gtest/gtest.h>

#include "data/dataset.h"
#include "data/receipt.h"
#include "data/template/chat_template.h"
#include "tests/support/environment.h"

namespace hone::data {
namespace {

// The first lines of a file.
std::string head(const std::string& text, size_t lines) {
  size_t at = 0;
  for (size_t i = 0; i < lines && at != std::string::npos; ++i) at = text.find('\n', at) + 1;
  return text.substr(0, at);
}

TEST(RealReceiptsSlow, EqualThePythonLibraries) {
  HONE_NEEDS_FIXTURES();
  const test::fs::path fixtures = *test::fixtures();
  const test::TemporaryFolder folder;
  const std::map<std::string, DataFile> files{
      {"gsm8k",
       {.path = folder.write("gsm8k.jsonl", head(read_text(fixtures / "data/gsm8k/train.jsonl", 64 << 20), 2000)),
        .kind = RowKind::completion,
        .turns = true}},
      {"instructions",
       {.path = fixtures / "data/instructions/instruction-data.json", .kind = RowKind::alpaca, .turns = true}},
      {"oasst", {.path = fixtures / "data/oasst/en_100_tree.jsonl", .kind = RowKind::oasst}}};
  const std::map<std::string, OrderedJson> special{
      {"qwen2.5", {{"eos_token", "<|im_end|>"}}},
      {"phi-3-mini", {{"bos_token", "<s>"}, {"eos_token", "<|endoftext|>"}}},
      {"mistral-v1", {{"bos_token", "<s>"}, {"eos_token", "</s>"}}},
      {"mistral-v3", {{"bos_token", "<s>"}, {"eos_token", "</s>"}}}};
  std::map<std::string, Tokenizer> tokenizers;
  ThreadPool pool(2);
  int compared = 0;
  for (const Json& one : read_json(test::golden("data/receipts.json"))) {
    const std::string name = one.at("tokenizer"), source = one.at("template"), data = one.at("data");
    SCOPED_TRACE(source + " " + data);
    if (!tokenizers.contains(name)) tokenizers.emplace(name, Tokenizer::load(fixtures / "tokenizers" / name));
    const Tokenizer& tokenizer = tokenizers.at(name);
    const auto chat = ChatTemplate::find(folder.path(), tokenizer,
                                         {.source = read_text(fixtures / "templates" / (source + ".jinja"), 1 << 20),
                                          .name = source,
                                          .variables = special.at(name)});
    const Receipt receipt(Dataset::read({.files = {files.at(data)}, .chat = chat}, &tokenizer, pool), nullptr, {});
    EXPECT_EQ(receipt.reading.read, one.at("read").get<int64_t>());
    EXPECT_EQ(receipt.used, one.at("used").get<int64_t>());
    EXPECT_EQ(receipt.tokens, one.at("tokens").get<int64_t>());
    EXPECT_EQ(receipt.learned, one.at("learned").get<int64_t>());
    EXPECT_EQ(receipt.ends, receipt.answers);
    ++compared;
  }
  EXPECT_EQ(compared, 21);
}

}  // namespace
}  // namespace hone::data
