// Rows and reports of a check as a terminal and a page show them.
#include <gtest/gtest.h>

#include "trainer/report/cells.h"
#include "trainer/report/check_html.h"
#include "trainer/report/row_view.h"

namespace hone::trainer {
namespace {

using data::Finding;
using data::RowSpan;

const std::vector<RowSpan> kRow{{"<|im_start|>", false, true}, {"user\n2 + 2?  \n", false, false},
                                {"<|im_start|>", false, true}, {"assistant\n", false, false},
                                {"4 ", true, false},           {"<|im_end|>", true, true}};

TEST(RowViewTest, SaysWithoutColourWhatIsLearned) {
  EXPECT_EQ(row_view(kRow, {.width = 60}, 40),
            "  «<|im_start|>»user\n"
            "  2 + 2?··\n"
            "  «<|im_start|>»assistant\n"
            "┃ ⟦4·«<|im_end|>»⟧\n");
  EXPECT_EQ(row_view(kRow, {.width = 60, .utf8 = false}, 40),
            "  {<|im_start|>}user\n"
            "  2 + 2?__\n"
            "  {<|im_start|>}assistant\n"
            "| [[4_{<|im_end|>}]]\n");
}

TEST(RowViewTest, ColoursAndABarSayItToo) {
  EXPECT_EQ(row_view(kRow, {.width = 60, .colour = true}, 40),
            "  \x1b[90m\x1b[7m<|im_start|>\x1b[0m\x1b[90muser\x1b[0m\n"
            "  \x1b[90m2 + 2?··\x1b[0m\n"
            "  \x1b[90m\x1b[7m<|im_start|>\x1b[0m\x1b[90massistant\x1b[0m\n"
            "\x1b[32m┃ \x1b[0m\x1b[32m4·\x1b[0m\x1b[32m\x1b[7m<|im_end|>\x1b[0m\n");
}

TEST(RowViewTest, FitsTheScreenAndCutsTheMiddle) {
  std::string text;
  for (int i = 0; i < 300; ++i) text += "word" + std::to_string(i) + " 漢字 ";
  for (int width = 20; width < 130; width += 7) {
    const std::string view = row_view({{text, true, false}}, {.width = width}, 12);
    std::string line;
    int lines = 0;
    for (const char c : view)
      if (c == '\n') {
        EXPECT_LE(cells(line), width) << line;
        line.clear(), ++lines;
      } else {
        line += c;
      }
    EXPECT_EQ(lines, 12);
    EXPECT_NE(view.find(" lines"), std::string::npos);
    EXPECT_EQ(view.find("┃ ⟦word0"), 0u);
    EXPECT_NE(view.find("word299"), std::string::npos);
  }
}

TEST(RowViewTest, TextOfOthersCannotSteerTheTerminal) {
  const std::string view = row_view({{"a\x1b[2J\x07\rb\u202Ec\u009B1mé", false, false}}, {.width = 80}, 9);
  EXPECT_EQ(view, "  a␛[2J␇␍b<U+202E>c<U+009B>1mé\n");
  EXPECT_EQ(row_view({}, {.width = 80}, 9), "");
}

data::CheckReport report() {
  data::CheckReport r;
  r.files = {{"data/<b>.jsonl", data::RowKind::messages}};
  r.training_files = 1;
  r.read = 100, r.used = 97, r.tokens = 12345, r.learned = 2345;
  for (int64_t i = 1; i <= 97; ++i) r.lengths.add(i * 10, data::LongRow::dropped);
  r.findings.add(Finding::too_long, {.at = {0, 12}});
  r.findings.add(Finding::near_duplicate, {.at = {0, 9}, .like = {0, 3}, .similarity = 0.93});
  r.findings.add(Finding::aws_key, {.at = {0, 41}}, 3);
  r.packing = {{.max_length = 512, .rows = 90, .padding = 0.0123, .dropped = 4}};
  return r;
}

TEST(CheckPageTest, SaysWhatWasFoundAndWhere) {
  const CheckOutcome outcome{.exceeded = {{"max_secrets", 0, 1, 100}}, .limits = 2, .max_length = 512};
  const std::string page = check_page(report(), outcome, {.width = 100});
  for (const char* words :
       {"rows     100 read   97 used\n", "tokens   12,345   learned 2,345 (19.0 %)   read only 10,000\n",
        "lengths  median 490   95 % up to 930   99 % up to 970   longest 970\n", "longer than max_length",
        "up to max_length", "packing  90 rows of 512   padding 1.2 %   4 rows too long   as it is set\n",
        "rows     ! 1 row longer than max_length   line 12", "copies   ! 1 near duplicate   line 9 like 3 (93.0 %)",
        "secrets  ! 3 strings that may be AWS access keys in 1 row   line 41\n",
        "limits   x max_secrets: 1 of 100 rows, none is allowed\n"})
    EXPECT_NE(page.find(words), std::string::npos) << words << "\n" << page;
  for (int width = 20; width <= 160; width += 10) {
    std::string line;
    for (const char c : check_page(report(), outcome, {.width = width})) {
      if (c != '\n') {
        line += c;
        continue;
      }
      EXPECT_LE(cells(line), width) << line;
      line.clear();
    }
  }
  const std::string ascii = check_page(report(), outcome, {.width = 100, .utf8 = false});
  for (const char c : ascii) EXPECT_LT(static_cast<unsigned char>(c), 0x80) << ascii;
  data::CheckReport clean;
  clean.files = report().files;
  EXPECT_NE(check_page(clean, {.next = "hone train a.yaml"}, {.width = 100}).find("looks    ok: nothing odd was found"),
            std::string::npos);
}

TEST(CheckHtmlTest, EscapesEverythingAndFetchesNothing) {
  const std::string page = check_html(report(), {.limits = 1, .max_length = 512}, "<script>alert(1)</script>", nullptr);
  EXPECT_EQ(page.find("<script"), std::string::npos);
  EXPECT_NE(page.find("&lt;script&gt;alert(1)"), std::string::npos);
  EXPECT_NE(page.find("default-src 'none'"), std::string::npos);
  EXPECT_EQ(page.find("http:"), std::string::npos);
  EXPECT_EQ(page.find("https:"), std::string::npos);
  for (const char* words :
       {"3 strings that may be AWS access keys in 1 row", "max_length 512", "Looked for and not found", "1.2 %"})
    EXPECT_NE(page.find(words), std::string::npos) << words;
}

}  // namespace
}  // namespace hone::trainer
