// hone data check from outside: what it prints, its JSON, its page, exit codes, and that a run obeys the limits.
#include <gtest/gtest.h>

#include "kernels/host/json.h"
#include "tests/support/byte_tokenizer.h"
#include "tests/support/tiny_run.h"

namespace hone::test {
namespace {

class DataVerb : public testing::Test {
 protected:
  DataVerb() {
    write_byte_tokenizer(folder_);
    const auto row = [](const std::string& question, const std::string& answer) {
      return OrderedJson{{"messages",
                          {{{"role", "user"}, {"content", question}}, {{"role", "assistant"}, {"content", answer}}}}}
                 .dump() +
             "\n";
    };
    rows_ = folder_.write("rows.jsonl", row("Two and two?", "Four.") +
                                            row("<b>Three</b> & three?", "Six, or ask six@acme.com.") +
                                            row("Two and two?", "Four."));
    recipe_ = folder_.write("support.yaml", "model: {path: " + (folder_ / "model").string() +
                                                "}\ndata:\n  train: [{path: " + rows_ +
                                                ", type: messages}]\n  max_length: 64\n");
  }
  Outcome check(std::vector<std::string> more = {}) const {
    more.insert(more.begin(), {"data", "check", recipe_});
    return run_hone(more);
  }
  TemporaryFolder folder_;
  std::string rows_, recipe_;
};

TEST_F(DataVerb, PrintsRowsAndReport) {
  const Outcome outcome = check();
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.err, "");
  EXPECT_EQ(outcome.out.find('\x1b'), std::string::npos);  // not a terminal
  for (const char* words :
       {"rows.jsonl:1 ", "Four.", "tokens, 6 learned, ends with <|im_end|> (learned)", "rows     3 read   2 used",
        "! 1 exact duplicate", "line 3 like 1", "! 1 string that may be an e-mail address",
        "! 1 row longer than max_length", "limits   none set", "next     hone train "})
    EXPECT_NE(outcome.out.find(words), std::string::npos) << words << "\n" << outcome.out;
  const Outcome silent = check({"--rows", "0"});
  EXPECT_EQ(silent.out.find("Four."), std::string::npos);
  EXPECT_EQ(silent.out.find("acme"), std::string::npos);
  EXPECT_EQ(silent.out.find("rows     3 read"), 0u) << silent.out;
  EXPECT_EQ(check({"--rows", "-1"}).exit_code, 2);
  EXPECT_EQ(run_hone({"data"}).exit_code, 2);
}

TEST_F(DataVerb, JsonHasCountsAndPlacesAndNoText) {
  const Outcome outcome = check({"--json"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  const Json json = parse_json(outcome.out, "json");
  EXPECT_EQ(json.at("ok"), true);
  EXPECT_EQ(json.at("rows"), (Json{{"read", 3}, {"used", 2}, {"held_out", 0}}));
  EXPECT_EQ(json.at("findings").at("emails"),
            (Json{{"rows", 1}, {"strings", 1}, {"places", {{{"file", 0}, {"line", 2}}}}}));
  EXPECT_EQ(json.at("findings").at("duplicates").at("places")[0].at("like"), (Json{{"file", 0}, {"line", 1}}));
  EXPECT_EQ(json.at("packing").size(), 3u);
  for (const char* text : {"Four", "acme", "Three"}) EXPECT_EQ(outcome.out.find(text), std::string::npos) << text;
}

TEST_F(DataVerb, WritesAPageThatEscapes) {
  const fs::path page = folder_ / "check.html";
  const Outcome outcome = check({"--html", page.string(), "--rows", "9", "--set", "data.max_length=512"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_NE(outcome.out.find("page     " + page.string()), std::string::npos);
  const std::string html = contents(page);
  EXPECT_NE(html.find("&lt;b&gt;Three&lt;/b&gt; &amp; three?"), std::string::npos);
  EXPECT_EQ(html.find("<b>Three"), std::string::npos);
  EXPECT_NE(html.find("<span class=\"learned special\">&lt;|im_end|&gt;</span>"), std::string::npos);
}

TEST_F(DataVerb, LimitsFailWithTheListOfWhatIsExceeded) {
  const Outcome outcome = check({"--set", "data.check={max_personal: 0, max_duplicates: 0.1, max_secrets: 0}"});
  EXPECT_EQ(outcome.exit_code, 3);
  EXPECT_NE(outcome.out.find("x max_duplicates: 1 of 3 rows (33.3 %), allowed 10 %"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("x max_personal: 1 of 3 rows, none is allowed"), std::string::npos);
  EXPECT_EQ(outcome.out.find("max_secrets:"), std::string::npos);
  EXPECT_EQ(check({"--set", "data.check={max_personal: 1, max_duplicates: 1, max_secrets: 0}"}).exit_code, 0);
  const Json json = parse_json(check({"--json", "--set", "data.check.max_personal=0"}).out, "json");
  EXPECT_EQ(json.at("ok"), false);
  EXPECT_EQ(json.at("exceeded"), Json::array({{{"limit", "max_personal"}, {"allowed", 0}, {"rows", 1}, {"of", 3}}}));
}

TEST_F(DataVerb, RowsThatStopTrainingFail) {
  std::string text = contents(rows_);
  folder_.write("rows.jsonl", text + "{\"messages\": 3}\n");
  const Outcome stops = check();
  EXPECT_EQ(stops.exit_code, 3);
  EXPECT_NE(stops.out.find("stops    training would not start"), std::string::npos) << stops.out;
  const Outcome skips = check({"--set", "data.bad_rows=skip"});
  EXPECT_EQ(skips.exit_code, 0) << skips.out;
  EXPECT_NE(skips.out.find("! 1 row that cannot be read   line 4"), std::string::npos) << skips.out;
}

TEST(DataLimits, KeepTrainAndPrepareFromStarting) {
  const TinyRun tiny;
  const fs::path rows = tiny.folder().write("twice.jsonl", "{\"input_ids\": [1, 2, 3]}\n{\"input_ids\": [1, 2, 3]}\n");
  const std::vector<std::string> more{"--set", "data.train=[{path: " + rows.string() + ", type: tokens}]", "--set",
                                      "data.check.max_duplicates=0"};
  std::vector<std::string> words = tiny.train("run", more);
  const Outcome train = run_hone(words);
  EXPECT_EQ(train.exit_code, 3) << train.out;
  EXPECT_NE(train.err.find(
                "exceeds limits of data.check, nothing was started:\n  max_duplicates: 1 of 2 rows, none is allowed"),
            std::string::npos)
      << train.err;
  words[0] = "prepare";
  EXPECT_EQ(run_hone(words).exit_code, 3);
  words.back() = "data.check.max_duplicates=1";
  EXPECT_EQ(run_hone(words).exit_code, 0);
}

}  // namespace
}  // namespace hone::test
