// The time of day, for people: only ever shown, nothing is decided by it. A wall clock may be set.
//   clock_after(3600);     // "20:04": in an hour; the day too where it is another: "Tue 06:12", "03 Dec 06:12"
#pragma once
#include <string>

namespace hone {

std::string clock_after(double seconds);

}  // namespace hone
