// A curve as inline SVG: no script, values appear where the pointer is.
//   chart({.title = "Loss", .unit = "", .series = {{.name = "training", .points = points}}});
#pragma once
#include <string>
#include <vector>

namespace hone::trainer {

struct Point {
  double x = 0, y = 0;
};

struct Series {
  std::string name;
  std::vector<Point> points = {};  // by x; any number: drawn are means of neighbours, and the band they lie in
  bool marked = false;             // few points, each with a dot
};

struct Chart {
  std::string title, unit = {};     // unit follows a value: " tok/s"
  std::vector<Series> series = {};  // at most two; their colours are the style sheet's first and second
  bool from_zero = false;           // the axis begins at 0
  bool logarithmic = false;         // where all values are above 0
  double planned = 0;               // a dashed line with this value; 0: none
  std::string (*value_text)(double) = nullptr;
};

// A <figure>. Nothing where no series has a point with a finite value.
std::string chart(const Chart& chart);

// & < > " ' escaped, control characters and invalid UTF-8 replaced: safe in HTML text and in quoted attributes.
std::string escaped(std::string_view text);

}  // namespace hone::trainer
