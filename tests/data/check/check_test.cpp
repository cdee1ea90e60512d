// Files with known faults, a line each; every place expected is counted by hand.
#include "data/check/check.h"

#include <gtest/gtest.h>

#include <map>

#include "data/check/limits.h"
#include "data/check/raw_records.h"
#include "data/check/rendered_row.h"
#include "data/check/text_faults.h"
#include "tests/support/byte_tokenizer.h"

namespace hone::data {
namespace {

std::string chat(const std::string& question, const std::string& answer) {
  return OrderedJson{
      {"messages", {{{"role", "user"}, {"content", question}}, {{"role", "assistant"}, {"content", answer}}}}}
      .dump();
}

class CheckTest : public testing::Test {
 protected:
  CheckReport check(std::vector<DataFile> files, int64_t max_length = 0, int64_t show = 0) {
    ThreadPool pool(2);
    const DatasetOptions options{.files = std::move(files), .max_length = max_length};
    return check_data({.train = options, .packing = {.max_length = max_length}, .show = show}, &tokenizer_, pool);
  }
  // "key file:line file:line" of all that was found.
  static std::map<std::string, std::string> found(const CheckReport& report) {
    std::map<std::string, std::string> all;
    for (const FindingAbout& each : all_findings()) {
      std::string places;
      for (const Spot& spot : report.findings[each.finding].spots) {
        places += (places.empty() ? "" : " ") + std::to_string(spot.at.file) + ":" + std::to_string(spot.at.line);
        if (spot.like.file >= 0) places += "~" + std::to_string(spot.like.line);
      }
      if (!places.empty()) all[std::string(each.key)] = places;
      EXPECT_EQ(report.findings[each.finding].rows, int64_t(report.findings[each.finding].spots.size())) << each.key;
    }
    return all;
  }
  test::TemporaryFolder folder_;
  Tokenizer tokenizer_ = Tokenizer::load(test::write_byte_tokenizer(folder_));
};
using Expected = std::map<std::string, std::string>;

TEST_F(CheckTest, FindsEachFaultAtItsLine) {
  const std::string turns = R"({"messages": [{"role": "user", "content": "Once?"}, {"role": "assistant", "content": ""},
    {"role": "user", "content": "Again?"}, {"role": "assistant", "content": "Fine."}]})";
  std::string one_line = turns;
  std::erase(one_line, '\n');
  std::string repeated, random;
  for (int i = 0; i < 90; ++i) repeated += "xy", random += char('!' + i);
  const std::vector<std::string> lines{
      chat("Two and two?", "Four, I think, and so do all who can count."),  // 1
      R"({"messages": [{"role": "user", "content": "Nobody answers."}]})",  // 2
      one_line,                                                             // 3
      chat("Say nothing.", "  \n"),                                         // 4
      chat("How long?", std::string(300, 'w') + random),                    // 5
      chat("Two and two?", "Four, I think, and so do all who can count."),  // 6: as line 1
      "{\"messages\": [",                                                   // 7
      "{\"messages\": \"caf\xE9\"}",                                        // 8
      chat("Lost?", "Some \uFFFD of it."),                                  // 9
      chat("Broken?", "It is fÃ¼r you."),                                   // 10
      chat("Bell?", "It rang \a loud."),                                    // 11
      chat("Address?", "Write to jo@acme.com or ann@acme.com."),            // 12
      chat("Key?",
           "It is AKIA"
           "IOSFODNN7EXAMPLE."),                                            // 13
      chat("Again and again?", repeated),                                   // 14
      chat("Two and twi?", "Four, I think, and so do all who can count."),  // 15: nearly line 1
  };
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  const CheckReport report = check({{folder_.write("chat.jsonl", text), RowKind::messages}}, 256);
  EXPECT_EQ(found(report), (Expected{{"bad_rows", "0:7 0:8"},
                                     {"invalid_utf8", "0:8"},
                                     {"unlearned", "0:2"},
                                     {"too_long", "0:5"},
                                     {"empty_answers", "0:3 0:4"},
                                     {"special_only", "0:4"},
                                     {"duplicates", "0:6~1"},
                                     {"near_duplicates", "0:15~1"},
                                     {"replacement_characters", "0:9"},
                                     {"mojibake", "0:10"},
                                     {"control_characters", "0:11"},
                                     {"emails", "0:12"},
                                     {"aws_keys", "0:13"},
                                     {"repetitive", "0:14"}}));
  EXPECT_EQ(report.findings[Finding::email].strings, 2);
  EXPECT_EQ(report.read, 15);
  EXPECT_EQ(report.used, 15 - 2 - 1 - 1);  // bad, unlearned, too long
  EXPECT_EQ(report.ends, report.answers);
  EXPECT_EQ(report.problem, "");
}

TEST_F(CheckTest, LooksAtTokensAndBordersOfAnswers) {
  const fs::path tokens =
      folder_.write("tokens.jsonl",
                    "{\"input_ids\": [256, 72, 105, 258]}\n"
                    "{\"input_ids\": [256, 256, 72, 105, 258]}\n"
                    "{\"input_ids\": [256, 72, 105, 33]}\n"
                    "{\"input_ids\": [256, 72, 107, 258], \"labels\": [-100, -100, -100, 258]}\n"
                    "{\"input_ids\": [256, 72, 106, 258, 10], \"labels\": [-100, 72, 106, 258, -100]}\n");
  const fs::path completion = folder_.write("completion.jsonl", R"({"prompt": "a", "completion": "b"})"
                                                                "\n"
                                                                R"({"prompt": "a", "completion": "c"})"
                                                                "\n"
                                                                R"({"prompt": "Is it? ", "completion": "ab is"})"
                                                                "\n"
                                                                R"({"prompt": "mab", "completion": "b"})"
                                                                "\n"
                                                                R"({"prompt": "xa", "completion": "bab"})"
                                                                "\n");
  EXPECT_EQ(
      found(check({{tokens, RowKind::tokens}, {completion, RowKind::completion}})),
      (Expected{{"double_bos", "0:2"}, {"missing_ends", "0:3"}, {"special_only", "0:4"}, {"split_tokens", "1:1 1:5"}}));
}

TEST_F(CheckTest, ReadsTextFilesLineByLine) {
  const fs::path text = folder_.write("notes.txt", "First.\nSecond.\nCall +49 30 1234567.\n\nMail jo@acme.com\n");
  const CheckReport report = check({{text, RowKind::text}}, 16);
  EXPECT_EQ(found(report), (Expected{{"phone_numbers", "0:3"}, {"emails", "0:5"}}));
  EXPECT_EQ(report.tokens, 55);  // 54 bytes and the end token, in pieces of 16
  EXPECT_EQ(report.used, 4);
  const fs::path records =
      folder_.write("text.jsonl", "{\"text\": \"0123456789abcdefghijklmnopqrst\"}\n{\"text\": \"short\"}\n");
  EXPECT_EQ(found(check({{records, RowKind::text}}, 16)), (Expected{{"too_long", "0:1"}}));
  const CheckReport broken =
      check({{folder_.write("latin.txt", "one\ntwo \xE9\nthree\n"), RowKind::text}, {records, RowKind::text}});
  EXPECT_EQ(found(broken), (Expected{{"invalid_utf8", "0:2"}}));
  EXPECT_NE(broken.problem.find("latin.txt:2: is not valid UTF-8"), std::string::npos) << broken.problem;
  EXPECT_EQ(broken.used, 2);  // the other file was read
}

// Python's gzip.compress(b"one\nmail jo@acme.com\n", 9, mtime=0), whole and without its end.
TEST_F(CheckTest, ReadsCompressedText) {
  constexpr std::string_view kFile(
      "\x1F\x8B\x08\x00\x00\x00\x00\x00\x02\x03\xCB\xCF\x4B\xE5\xCA\x4D\xCC\xCC\x51\xC8\xCA\x77\x48\x4C\xCE\x4D\xD5\x4B"
      "\xCE\xCF\xE5\x02\x00\xAD\x7D\x97\xD4\x15\x00\x00\x00",
      41);
  const CheckReport whole = check({{folder_.write("notes.txt.gz", std::string(kFile)), RowKind::text}}, 16);
  EXPECT_EQ(found(whole), (Expected{{"emails", "0:2"}}));
  EXPECT_EQ(whole.tokens, 21 + 1);  // the text and the end token
  const CheckReport cut = check({{folder_.write("cut.txt.gz", std::string(kFile.substr(0, 20))), RowKind::text}}, 16);
  EXPECT_NE(cut.problem, "");
}

TEST_F(CheckTest, WhatAllRowsAreToldMakesNoCopies) {
  const std::string system =
      "You are the assistant of a shop for bicycles. Be brief, be kind, and never talk about prices.";
  std::string text;
  const auto row = [&](const std::string& question, const std::string& answer) {
    text += OrderedJson{{"messages",
                         {{{"role", "system"}, {"content", system}},
                          {{"role", "user"}, {"content", question}},
                          {{"role", "assistant"}, {"content", answer}}}}}
                .dump() +
            "\n";
  };
  for (int i = 0; i < 30; ++i) row("Number " + std::string(9, char('A' + i)), std::string(1, char('A' + i)) + "!");
  row("When do you open on Saturdays in winter?", "At nine o'clock, and we close at four in the afternoon.");
  row("When do you open on Sundays in winter?", "At nine o'clock, and we close at four in the afternoon.");
  const Expected got = found(check({{folder_.write("shop.jsonl", text), RowKind::messages}}));
  EXPECT_EQ(got, (Expected{{"near_duplicates", "0:32~31"}}));
}

TEST_F(CheckTest, EvaluationFilesAreHeldAgainstTraining) {
  const std::string a = chat("What is the capital of France?", "It is Paris, on the Seine."),
                    b = chat("And of Italy?", "It is Rome, the eternal city."),
                    c = chat("What is the capital of Franze?", "It is Paris, on the Seine.");
  const DatasetOptions train{.files = {{folder_.write("train.jsonl", a + "\n" + b + "\n"), RowKind::messages}}};
  const DatasetOptions evaluation{
      .files = {{folder_.write("test.jsonl", b + "\n" + c + "\n" + c + "\n"), RowKind::messages}}, .keep_all = true};
  ThreadPool pool(1);
  const CheckReport report = check_data({.train = train, .evaluation = evaluation}, &tokenizer_, pool);
  EXPECT_EQ(found(report), (Expected{{"shared", "1:1~2"}, {"near_shared", "1:2~1"}}));
  EXPECT_EQ(report.evaluation_rows, 3);
  EXPECT_EQ(report.used, 2);
  EXPECT_EQ(report.place_text({1, 2}), "test.jsonl:2");

  const OrderedJson json = report.json();
  EXPECT_EQ(json["findings"]["near_shared"]["places"][0]["like"].dump(), R"({"file":0,"line":1})");
  EXPECT_EQ(json["findings"].size(), kFindings);
  // Limits: of a share, of a number, and of the evaluation rows.
  const auto names = [&](const CheckLimits& limits) {
    std::string all;
    for (const Exceeded& each : exceeded(limits, report)) all += each.text() + "; ";
    return all;
  };
  EXPECT_EQ(names({}), "");
  EXPECT_EQ(names({.max_shared = 0}), "max_shared: 1 of 3 rows, none is allowed; ");
  EXPECT_EQ(names({.max_shared = 0.33}), "max_shared: 1 of 3 rows (33.3 %), allowed 33 %; ");
  EXPECT_EQ(names({.max_duplicates = 0, .max_shared = 0.34, .max_near_shared = 1, .max_secrets = 0}), "");
}

TEST_F(CheckTest, RowsToShowAreTheSameAndFromEveryFile) {
  std::string many;
  for (int i = 0; i < 200; ++i) many += chat("Question " + std::to_string(i), "Answer " + std::to_string(i * i)) + "\n";
  const std::vector<DataFile> files{{folder_.write("a.jsonl", many), RowKind::messages},
                                    {folder_.write("b.jsonl", chat("Alone?", "Yes.") + "\n"), RowKind::messages}};
  const CheckReport once = check(files, 0, 4), again = check(files, 0, 4);
  ASSERT_EQ(once.shown.size(), 4u);
  EXPECT_EQ(once.shown[3].row.file, 1);
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(once.shown[i].row.line, again.shown[i].row.line);
  EXPECT_EQ(check(files, 0, 500).shown.size(), 201u);

  const std::vector<RowSpan> spans = rendered(once.shown[3].row, tokenizer_);
  std::string text;
  for (const RowSpan& span : spans)
    text += std::string(span.learned ? "+" : "") + (span.special ? "*" : "") + "[" + span.text + "]";
  EXPECT_EQ(text,
            "*[<|im_start|>][user\nAlone?]*[<|im_end|>][\n]*[<|im_start|>][assistant\n]+[Yes.]+*[<|im_end|>][\n]");
  EXPECT_EQ(row_caption(once.shown[3].row, tokenizer_), "31 tokens, 5 learned, ends with <|im_end|> (learned)");
}

TEST(TextFaultsTest, TellWhatPeopleWriteFromWhatWasBroken) {
  for (const char* good :
       {"", "plain", "für, naïve, Ärger, São Paulo, PÃO DE AÇÚCAR", "“quotes” – dashes — … €",
        "日本語 العربية ไทย हिन्दी", "a\tb\r\nc", "👩‍👩‍👧 é", "Â. Ã, â!", "\xC2\x85 next line"})
    EXPECT_EQ(joined(text_faults(good).replacement, text_faults(good).mojibake, text_faults(good).control), "000")
        << good;
  // What Python's s.encode("utf-8").decode("cp1252") makes of für, it’s, “a”, é, €, 😀, ñ, –.
  for (const char* broken : {"fÃ¼r", "itâ€™s", "â€œaâ€\u009d", "Ã©", "â‚¬", "ðŸ˜€", "Ã±", "â€“", "50Â°", "Å¡"})
    EXPECT_TRUE(text_faults(broken).mojibake) << broken;
  EXPECT_TRUE(text_faults("12345678901234567\x1B[0m").control);
  EXPECT_TRUE(text_faults(std::string("a\0b", 3)).control);
  EXPECT_TRUE(text_faults("\x7F").control);
  EXPECT_TRUE(text_faults("\xC2\x9B").control);
  EXPECT_TRUE(text_faults("abc \uFFFD").replacement);
  for (size_t at = 0; at < 20; ++at)
    for (int c = 0; c < 128; ++c) {
      std::string text(20, 'x');
      text[at] = char(c);
      EXPECT_EQ(text_faults(text).control, (c < 32 && c != 9 && c != 10 && c != 13) || c == 127) << at << " " << c;
    }
  text_faults("\xF0\x9F");  // ends inside a character
  text_faults("\xE2");
}

TEST(LengthsTest, BinsAndPackingByHand) {
  Lengths lengths;
  for (const int64_t n : {3, 5, 7, 8, 12, 20}) lengths.add(n, LongRow::dropped);
  EXPECT_EQ(lengths.tokens(), 55);
  EXPECT_EQ(lengths.at(0.5), 7);
  EXPECT_EQ(lengths.at(1), 20);
  int64_t rows = 0;
  bool border = false;
  for (const LengthBin& bin : lengths.bins(8)) rows += bin.rows, border = border || bin.from == 9;
  EXPECT_EQ(rows, 6);
  EXPECT_TRUE(border);  // 8 fits, 9 does not

  const auto packed = [&](int64_t max_length) {
    const PackingOutcome p = lengths.packed({.max_length = max_length, .shuffle = false});
    return joined(p.rows, " ", p.dropped, " ", p.cut, " ", p.padding);
  };
  EXPECT_EQ(packed(8), "3 2 0 " + joined(1 - 23.0 / 24));  // 3+5, 7, 8; two are too long
  EXPECT_EQ(packed(20), "3 0 0 " + joined(1 - 55.0 / 60));
  Lengths split;
  split.add(21, LongRow::split), split.add(21, LongRow::truncated), split.add(4, LongRow::split);
  const PackingOutcome p = split.packed({.max_length = 10, .shuffle = false});
  EXPECT_EQ(joined(p.rows, " ", p.cut, " ", p.dropped), "4 2 0");  // 10, 10 (one token is left out), 10, 4
  EXPECT_NEAR(p.padding, 1 - 34.0 / 40, 1e-12);

  Lengths wide;
  for (int64_t i = 1; i <= 100000; ++i) wide.add(i % 700 + 1, LongRow::dropped);
  wide.add(1 << 20, LongRow::dropped);
  const std::vector<LengthBin> bins = wide.bins(512, 12);
  EXPECT_LE(bins.size(), 14u);
  for (size_t i = 1; i < bins.size(); ++i) EXPECT_EQ(bins[i].from, bins[i - 1].to);
  EXPECT_EQ(bins.back().to, (1 << 20) + 1);
}

}  // namespace
}  // namespace hone::data
