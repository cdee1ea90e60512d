// Numbers in the formats of Python's % operator and format specifications.
#pragma once
#include <string>

#include "data/template/jinja/text.h"

namespace hone::data::jinja {

struct NumberFormat {
  char type = '\0';  // d x X o b n, e E f F g G %; none: as str() with the other options
  char sign = '-';   // what a number above 0 has before it: nothing, '+' or ' '
  bool alternate = false;
  char grouping = '\0';  // ',' or '_' between thousands
  int precision = -1;
  int64_t zeros = 0;  // zeros behind the sign up to this width
  size_t limit = 0;   // of what is made
};
std::string formatted(int64_t value, const NumberFormat& format);
std::string formatted(double value, const NumberFormat& format);

struct Specification {  // [[fill]align][sign][#][0][width][grouping][.precision][type]
  Text fill = Text(" ");
  char align = '\0';
  bool signed_ = false;
  int64_t width = 0;
  NumberFormat number;
};
Specification read_specification(const Text& text, size_t limit);

}  // namespace hone::data::jinja
