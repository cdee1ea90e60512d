// The live display: screens written by hand, what a terminal makes of the control characters, no line too wide.
#include <gtest/gtest.h>

#include <sstream>

#include "kernels/host/text.h"
#include "trainer/report/cells.h"
#include "trainer/report/display.h"
#include "trainer/report/progress.h"

namespace hone::trainer {
namespace {

constexpr double kGiB = 1073741824.0;

DisplayState a_state() {
  DisplayState state;
  state.step = 128, state.total = 374;
  state.left = 3665, state.clock = "20:04";
  state.loss = 1.2132, state.gradient_norm = 0.4102, state.learning_rate = 1.86e-4;
  state.losses = {8, 7, 6, 5, 4, 3, 2, 1};
  state.evaluation = 1.2441, state.evaluation_step = 100, state.best = true;
  state.tokens_per_second = 2204.9, state.real_share = 0.982, state.flops = 69.8e12, state.data_wait = 0.0001;
  state.memory = uint64_t(17.1 * kGiB), state.planned = uint64_t(17.2 * kGiB);
  state.checkpoint = 241;
  return state;
}

std::string screen_of(const DisplayState& state, const DisplayStyle& style) {
  std::string text;
  for (const std::string& line : live_display(state, style)) text += line + "\n";
  return text;
}

TEST(LiveDisplay, At120ColumnsSaysEverything) {
  EXPECT_EQ(
      screen_of(a_state(), {.width = 120}),
      "step 128/374  ━━━━━━━━━━──────────────────────   34 %   1 h 01 left, 20:04\n"
      "loss 1.213 █▇▆▅▄▃▂▁   eval 1.244 (step 100, best)   grad 0.41   lr 1.86e-4\n"
      "2,204 tok/s (98.2 % real)   69.8 TF   data wait 0.0 %   17.1 GiB (planned 17.2)   next checkpoint 4 min 01 s\n");
}

TEST(LiveDisplay, At80ColumnsLeavesOutTheNextCheckpoint) {
  EXPECT_EQ(screen_of(a_state(), {.width = 80}),
            "step 128/374  ━━━━━━━━━━──────────────────────   34 %   1 h 01 left, 20:04\n"
            "loss 1.213 █▇▆▅▄▃▂▁   eval 1.244 (step 100, best)   grad 0.41   lr 1.86e-4\n"
            "2,204 tok/s (98.2 % real)   data wait 0.0 %   17.1 GiB (planned 17.2)\n");
}

TEST(LiveDisplay, At60ColumnsKeepsWhatMattersMost) {
  EXPECT_EQ(screen_of(a_state(), {.width = 60}),
            "step 128/374  ━━━━━━────────────   34 %   1 h 01 left, 20:04\n"
            "loss 1.213 █▇▆▅▄▃▂▁   eval 1.244 (step 100, best)\n"
            "2,204 tok/s (98.2 % real)   17.1 GiB (planned 17.2)\n");
}

TEST(LiveDisplay, WithoutUtf8IsAsciiAlone) {
  const std::string text = screen_of(a_state(), {.width = 80, .utf8 = false});
  EXPECT_EQ(text,
            "step 128/374  ==========----------------------   34 %   1 h 01 left, 20:04\n"
            "loss 1.213   eval 1.244 (step 100, best)   grad 0.41   lr 1.86e-4\n"
            "2,204 tok/s (98.2 % real)   data wait 0.0 %   17.1 GiB (planned 17.2)\n");
}

TEST(LiveDisplay, ColourNeverStandsAlone) {
  DisplayState state = a_state();
  state.data_wait = 0.21, state.memory = uint64_t(18 * kGiB);
  EXPECT_EQ(screen_of(state, {.width = 120, .colour = true}),
            "step 128/374  \x1b[32m━━━━━━━━━━\x1b[0m\x1b[90m──────────────────────\x1b[0m   34 %   1 h 01 left, 20:04\n"
            "loss 1.213 █▇▆▅▄▃▂▁   \x1b[32meval 1.244 (step 100, best)\x1b[0m   grad 0.41   lr 1.86e-4\n"
            "2,204 tok/s (98.2 % real)   69.8 TF   \x1b[33mdata wait 21.0 % !\x1b[0m   "
            "\x1b[33m18.0 GiB (planned 17.2) !\x1b[0m   next checkpoint 4 min 01 s\n");
}

TEST(LiveDisplay, NothingKnownYetAndTheLastStep) {
  DisplayState state;
  state.step = 1, state.total = 1000;
  state.loss = 11.9, state.gradient_norm = 12.34, state.learning_rate = 2e-4, state.tokens_per_second = 20;
  state.memory = 100 << 20;
  EXPECT_EQ(screen_of(state, {.width = 80}),
            "step    1/1000  ────────────────────────────────    0 %\n"
            "loss 11.900   grad 12.3   lr 2e-4\n"
            "20 tok/s (100 % real)   data wait 0.0 %   100.0 MiB\n");
  state.step = 1000;
  EXPECT_EQ(live_display(state, {.width = 80})[0], "step 1000/1000  ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━  100 %");
}

TEST(LiveDisplay, NoLineIsWiderThanTheScreen) {
  std::vector<DisplayState> states{a_state(), {}};
  DisplayState large = a_state();
  large.step = 123456789, large.total = 1234567890, large.left = 9e7, large.loss = 1e30, large.evaluation = -1e-30;
  large.evaluation_step = 123456789, large.gradient_norm = 1e300, large.learning_rate = 1e-300;
  large.tokens_per_second = 1e12, large.memory = UINT64_MAX, large.planned = 1, large.flops = 1e18;
  large.clock = "24 Dec 20:04";
  states.push_back(large);
  for (const DisplayState& state : states)
    for (const bool utf8 : {true, false})
      for (int width = 10; width <= 200; ++width) {
        const std::vector<std::string> lines = live_display(state, {.width = width, .utf8 = utf8});
        ASSERT_EQ(lines.size(), 3u);
        for (const std::string& line : lines) {
          EXPECT_LE(cells(line), width) << line;
          EXPECT_TRUE(valid_utf8(line));
          EXPECT_TRUE(utf8 || int(line.size()) == cells(line)) << line;
        }
      }
}

TEST(LiveDisplay, NumbersInFewSigns) {
  EXPECT_EQ(loss_text(0), "0.0000");
  EXPECT_EQ(loss_text(0.02134), "0.0213");
  EXPECT_EQ(loss_text(123.45), "123.5");
  EXPECT_EQ(loss_text(2.14e-4), "2.1e-04");
  EXPECT_EQ(rate_text(1.86e-4), "1.86e-4");
  EXPECT_EQ(rate_text(3e-3), "3e-3");
  EXPECT_EQ(rate_text(1e-12), "1e-12");
  EXPECT_EQ(rate_text(0), "0");
  EXPECT_EQ(short_duration(41.6), "42 s");
  EXPECT_EQ(short_duration(245), "4 min 05 s");
  EXPECT_EQ(short_duration(1400), "23 min");
  EXPECT_EQ(short_duration(3661), "1 h 01");
  EXPECT_EQ(short_duration(3599), "1 h 00");
  EXPECT_EQ(short_duration(183600), "2 d 03 h");
  EXPECT_EQ(sparkline({1, 1, 9, 9}, 2), "▁█");
  EXPECT_EQ(sparkline({5, 5}, 8), "▁▁");
  EXPECT_EQ(sparkline({}, 8), "");
}

TEST(Cells, WideAndCombiningCharactersAndControls) {
  EXPECT_EQ(cells("漢字"), 4);
  EXPECT_EQ(cells("e\u0301"), 1);
  EXPECT_EQ(fitted("漢字", 3), "漢");
  EXPECT_EQ(plain_ascii("a → b … 3 × 4"), "a -> b ... 3 x 4");
  EXPECT_EQ(printable("a\x1b[31mb\nc\xff\u0085"), "a [31mb c? ");
}

// As much of a terminal as hone uses: \r, \n, "up", "erase to the end", SGR, and folding at the right edge.
class Terminal {
 public:
  explicit Terminal(int width) : width_(width) {}
  void take(const std::string& text) {
    for (size_t i = 0; i < text.size();) {
      if (text[i] == '\x1b') {
        const size_t end = text.find_first_of("AJm", i);
        ASSERT_NE(end, std::string::npos);
        const std::string value = text.substr(i + 2, end - i - 2);
        if (text[end] == 'A') row_ = std::max(0, row_ - std::stoi(value));
        if (text[end] == 'J') {
          line().resize(size_t(column_));
          lines_.resize(size_t(row_) + 1);
        }
        i = end + 1;
      } else if (text[i] == '\n') {
        ++row_, column_ = 0, ++i;
      } else if (text[i] == '\r') {
        column_ = 0, ++i;
      } else {
        size_t length = 1;
        while (i + length < text.size() && (text[i + length] & 0xC0) == 0x80) ++length;
        if (column_ == width_) ++row_, column_ = 0;
        if (line().size() <= size_t(column_)) line().resize(size_t(column_) + 1, " ");
        line()[size_t(column_++)] = text.substr(i, length);
        i += length;
      }
    }
  }
  std::string shown() {
    std::string text;
    for (const auto& line : lines_) {
      for (const std::string& sign : line) text += sign;
      text += "\n";
    }
    return text;
  }

 private:
  std::vector<std::string>& line() {
    if (lines_.size() <= size_t(row_)) lines_.resize(size_t(row_) + 1);
    return lines_[size_t(row_)];
  }
  int width_, row_ = 0, column_ = 0;
  std::vector<std::vector<std::string>> lines_;
};

StepRecord a_step(int64_t step, double loss, double seconds = 2) {
  return {.report = {.step = step,
                     .loss = loss,
                     .gradient_norm = 0.5,
                     .learning_rate = 1e-3,
                     .tokens = 1000,
                     .targets = 900,
                     .finite = true,
                     .data_seconds = 0},
          .seconds = seconds,
          .peak_bytes = 512 << 20};
}

TEST(Progress, OnATerminalOneBlockStaysBelowAllThatIsSaid) {
  std::ostringstream out;
  Terminal terminal(80);
  Progress progress(out, {.terminal = true});
  progress.expect({.steps = 3, .planned_bytes = 512 << 20});
  progress.say("start");
  progress.step(a_step(1, 2));
  progress.evaluated(1, 2.5);
  progress.say("evaluation  loss 2.5");
  progress.step(a_step(3, 1));
  progress.close();
  progress.tell("done");
  terminal.take(out.str());
  EXPECT_EQ(terminal.shown(),
            "start\n"
            "evaluation  loss 2.5\n"
            "step 3/3  ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━  100 %\n"
            "loss 1.000 █▁   eval 2.500 (step 1, best)   grad 0.5   lr 1e-3\n"
            "500 tok/s (100 % real)   data wait 0.0 %   512.0 MiB (planned 512.0)\n"
            "done\n");
}

TEST(Progress, ANarrowedWindowLeavesNoRemainsOfTheBlock) {
  std::ostringstream out;
  int width = 120;
  Progress progress(out, {.terminal = true, .width = [&] { return width; }});
  progress.expect({.steps = 2, .planned_bytes = 512 << 20});
  progress.say("above");
  progress.step(a_step(1, 2));
  Terminal narrow(40);  // which has folded what was drawn for 120 columns
  narrow.take(out.str());
  out.str("");
  width = 40;
  progress.step(a_step(2, 1));
  narrow.take(out.str());
  EXPECT_EQ(narrow.shown(),
            "above\n"
            "step 2/2  ━━━━━━━━━━━━━━━━━━━━━━━  100 %\n"
            "loss 1.000 █▁   grad 0.5   lr 1e-3\n"
            "500 tok/s (100 % real)\n");
}

TEST(Progress, InAFileLinesWithoutControlCharactersAndNotTooMany) {
  std::ostringstream out;
  Progress progress(out, {.utf8 = false, .width = [] { return 120; }});
  progress.expect({.steps = 100});
  for (int step = 1; step <= 100; ++step) progress.step(a_step(step, 2, 0.01));
  progress.say("a → b");
  EXPECT_EQ(out.str().find_first_of("\x1b\r"), std::string::npos);
  EXPECT_EQ(std::ranges::count(out.str(), '\n'), 3) << "the first, the last, what was said: " << out.str();
  EXPECT_EQ(out.str().find("step 1/100  loss 2.000  grad 0.5  lr 1e-3  100,000 tok/s  512.0 MiB  1 s left, "), 0u)
      << out.str();
  EXPECT_NE(out.str().find("\nstep 100/100  loss 2.000  grad 0.5  lr 1e-3  100,000 tok/s  512.0 MiB\na -> b\n"),
            std::string::npos)
      << out.str();
}

TEST(Progress, OnADumbTerminalALineIsNoWiderThanIt) {
  std::ostringstream out;
  Progress progress(out, {.width = [] { return 60; }});
  progress.expect({.steps = 100});
  progress.step(a_step(1, 2, 0.01));
  EXPECT_EQ(out.str().find("step 1/100  loss 2.000  100,000 tok/s  "), 0u) << out.str();
  EXPECT_LE(cells(out.str().substr(0, out.str().find('\n'))), 60) << out.str();
}

TEST(Progress, QuietTellsOnlyWhatMustBeHeard) {
  std::ostringstream out;
  Progress progress(out, {.terminal = true, .quiet = true});
  progress.expect({.steps = 1});
  progress.say("receipt");
  progress.step(a_step(1, 2));
  progress.tell("note     a checkpoint was not written");
  EXPECT_EQ(out.str(), "note     a checkpoint was not written\n");
}

}  // namespace
}  // namespace hone::trainer
