#include "kernels/host/time_of_day.h"

#include <array>
#include <ctime>

namespace hone {

std::string clock_after(double seconds) {
  const std::time_t now = std::time(nullptr), then = now + std::time_t(seconds);
  std::tm today{}, day{};
  ::localtime_r(&now, &today), ::localtime_r(&then, &day);
  const bool same = today.tm_year == day.tm_year && today.tm_yday == day.tm_yday;
  const bool year = today.tm_year == day.tm_year || seconds < 300 * 86400.0;
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(),
                same                  ? "%H:%M"
                : seconds < 6 * 86400 ? "%a %H:%M"
                : year                ? "%d %b %H:%M"
                                      : "%d %b %Y",
                &day);
  return text.data();
}

}  // namespace hone
