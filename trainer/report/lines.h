// A page for the terminal: labels, and pieces of text that never pass the screen's edge.
//   Lines page(style);                                           // of hone plan:
//   page.add("peak", {"17.2 GiB of 97.2", {"fits", kGreen}});    // "peak     17.2 GiB of 97.2   fits"
//   std::cout << page.text();
#pragma once
#include <string>
#include <vector>

#include "trainer/report/display.h"

namespace hone::trainer {

// Green: all is well; yellow: look here; red: refused. The words say it too.
inline constexpr const char *kGreen = "\x1b[32m", *kYellow = "\x1b[33m", *kRed = "\x1b[31m";

struct Piece {
  std::string text;
  const char* colour = "";
  Piece(std::string words, const char* its_colour = "") : text(std::move(words)), colour(its_colour) {}
  Piece(const char* words) : text(words) {}
};

// A label and pieces, three spaces apart. A piece that does not fit the line goes below the first one; one that no line
// could hold is broken where a word ends. Lines are no wider than the screen (of 20 columns at least) and end in '\n'.
class Lines {
 public:
  static constexpr int kIndent = 9;  // where pieces begin
  explicit Lines(const DisplayStyle& style);

  // A label, of up to 8 columns where its pieces are to begin with all others'. `hanging`: columns that further lines
  // begin more to the right.
  void add(const Piece& label, const std::vector<Piece>& pieces, int hanging = 0);
  const std::string& text() const { return text_; }

 private:
  void put(const std::string& words, const char* colour);
  void end_line();

  DisplayStyle style_;
  int columns_, used_ = 0, indent_ = 0, hanging_ = 0;
  bool first_ = true;
  std::string line_, text_;
};

}  // namespace hone::trainer
