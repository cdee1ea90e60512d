#include "data/check/check_digits.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>

namespace hone::data {

namespace {
bool digit(char c) { return c >= '0' && c <= '9'; }
bool upper(char c) { return c >= 'A' && c <= 'Z'; }
bool digits(std::string_view text) { return !text.empty() && std::ranges::all_of(text, digit); }
int number(std::string_view text) {
  int value = 0;
  for (const char c : text) value = value * 10 + (c - '0');
  return value;
}
// The form of a text: 9 stands for a digit, A for a capital letter, all else for itself.
bool has_form(std::string_view text, std::string_view form) {
  return text.size() == form.size() && std::equal(text.begin(), text.end(), form.begin(), [](char c, char f) {
           return f == '9' ? digit(c) : f == 'A' ? upper(c) : c == f;
         });
}
bool day_and_month(int day, int month) {
  constexpr std::array kDays{31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month >= 1 && month <= 12 && day >= 1 && day <= kDays[size_t(month - 1)];
}
template <size_t N>
int weighted(std::string_view text, const std::array<int, N>& weights) {
  int sum = 0;
  for (size_t i = 0; i < N; ++i) sum += (text[i] - '0') * weights[i];
  return sum;
}
int64_t remainder_97(std::string_view decimal) {
  int64_t rest = 0;
  for (const char c : decimal) rest = (rest * 10 + (c - '0')) % 97;
  return rest;
}

bool belgium(std::string_view text) {
  if (!has_form(text, "99.99.99-999.99") || !day_and_month(number(text.substr(6, 2)), number(text.substr(3, 2))))
    return false;
  const std::string nine = std::string(text.substr(0, 2)) + std::string(text.substr(3, 2)) +
                           std::string(text.substr(6, 2)) + std::string(text.substr(9, 3));
  const int64_t check = number(text.substr(13, 2));
  return check == 97 - remainder_97(nine) || check == 97 - remainder_97("2" + nine);
}

bool brazil(std::string_view text) {
  if (!has_form(text, "999.999.999-99")) return false;
  std::string all;
  std::ranges::copy_if(text, std::back_inserter(all), digit);
  if (std::ranges::all_of(all, [&](char c) { return c == all[0]; })) return false;
  const auto check = [&](size_t count) {
    int sum = 0;
    for (size_t i = 0; i < count; ++i) sum += (all[i] - '0') * int(count + 1 - i);
    return sum * 10 % 11 % 10;
  };
  return check(9) == all[9] - '0' && check(10) == all[10] - '0';
}

bool china(std::string_view text) {
  if (text.size() != 18 || !digits(text.substr(0, 17)) || !(digit(text[17]) || text[17] == 'X')) return false;
  const int year = number(text.substr(6, 4));
  if (text[0] == '0' || year < 1880 || year > 2079 ||
      !day_and_month(number(text.substr(12, 2)), number(text.substr(10, 2))))
    return false;
  constexpr std::array kWeights{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2};
  return text[17] == "10X98765432"[weighted(text, kWeights) % 11];
}

bool finland(std::string_view text) {
  if (text.size() != 11 || !digits(text.substr(0, 6)) || !digits(text.substr(7, 3)) ||
      std::string_view("+-ABCDEFYXWVU").find(text[6]) == std::string_view::npos ||
      !day_and_month(number(text.substr(0, 2)), number(text.substr(2, 2))))
    return false;
  const int value = number(text.substr(0, 6)) * 1000 + number(text.substr(7, 3));
  return text[10] == "0123456789ABCDEFHJKLMNPRSTUVWXY"[value % 31];
}

bool france(std::string_view text) {
  if (text.size() != 15 || (text[0] != '1' && text[0] != '2') || !digits(text.substr(1, 4)) ||
      !digits(text.substr(7, 8)))
    return false;
  const int month = number(text.substr(3, 2));
  if (!((month >= 1 && month <= 12) || (month >= 20 && month <= 42) || month >= 50)) return false;
  std::string body(text.substr(0, 13));
  if (text.substr(5, 2) == "2A") {  // Corsica counts as 19 and 18
    body.replace(5, 2, "19");
  } else if (text.substr(5, 2) == "2B") {
    body.replace(5, 2, "18");
  } else if (!digits(text.substr(5, 2)) || text.substr(5, 2) == "00") {
    return false;
  }
  return number(text.substr(13, 2)) == 97 - remainder_97(body);
}

bool italy(std::string_view text) {
  if (!has_form(text, "AAAAAA99A99A999A") || std::string_view("ABCDEHLMPRST").find(text[8]) == std::string_view::npos)
    return false;
  const int day = number(text.substr(9, 2));
  if (!((day >= 1 && day <= 31) || (day >= 41 && day <= 71))) return false;
  constexpr std::array kOdd{1,  0,  5, 7, 9, 13, 15, 17, 19, 21, 2,  4,  18,
                            20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23};
  int sum = 0;
  for (size_t i = 0; i < 15; ++i) {
    const int value = digit(text[i]) ? text[i] - '0' : text[i] - 'A';  // a digit counts as the letter of its place
    sum += i % 2 == 0 ? kOdd[size_t(value)] : value;
  }
  return text[15] == 'A' + sum % 26;
}

bool norway(std::string_view text) {
  if (text.size() != 11 || !digits(text) || !day_and_month(number(text.substr(0, 2)), number(text.substr(2, 2))))
    return false;
  constexpr std::array kFirst{3, 7, 6, 1, 8, 9, 4, 5, 2, 1};
  constexpr std::array kSecond{5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1};
  return weighted(text, kFirst) % 11 == 0 && weighted(text, kSecond) % 11 == 0;
}

bool south_korea(std::string_view text) {
  if (!has_form(text, "999999-9999999") || text[7] == '0' || text[7] == '9' ||
      !day_and_month(number(text.substr(4, 2)), number(text.substr(2, 2))))
    return false;
  const std::string all = std::string(text.substr(0, 6)) + std::string(text.substr(7));
  constexpr std::array kWeights{2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5};
  return (11 - weighted(all, kWeights) % 11) % 10 == all[12] - '0';
}

bool sweden(std::string_view text) {
  if (text.size() != 11 || (text[6] != '-' && text[6] != '+') || !digits(text.substr(0, 6)) ||
      !digits(text.substr(7)) || !day_and_month(number(text.substr(4, 2)), number(text.substr(2, 2))))
    return false;
  return luhn(std::string(text.substr(0, 6)) + std::string(text.substr(7)));
}

bool spain(std::string_view text) {
  if (text.size() != 9 || !upper(text[8]) || !digits(text.substr(1, 7))) return false;
  std::string value(text.substr(0, 8));
  if (value[0] >= 'X' && value[0] <= 'Z') value[0] = char('0' + (value[0] - 'X'));
  return digits(value) && text[8] == "TRWAGMYFPDXBNJZSQVHLCKE"[number(value) % 23];
}

struct Country {
  char first, second;
  size_t length;
};
// The IBAN registry (SWIFT): countries and the lengths of their accounts.
constexpr Country kCountries[] = {
    {'A', 'D', 24}, {'A', 'E', 23}, {'A', 'L', 28}, {'A', 'T', 20}, {'A', 'Z', 28}, {'B', 'A', 20}, {'B', 'E', 16},
    {'B', 'G', 22}, {'B', 'H', 22}, {'B', 'I', 27}, {'B', 'R', 29}, {'B', 'Y', 28}, {'C', 'H', 21}, {'C', 'R', 22},
    {'C', 'Y', 28}, {'C', 'Z', 24}, {'D', 'E', 22}, {'D', 'J', 27}, {'D', 'K', 18}, {'D', 'O', 28}, {'E', 'E', 20},
    {'E', 'G', 29}, {'E', 'S', 24}, {'F', 'I', 18}, {'F', 'K', 18}, {'F', 'O', 18}, {'F', 'R', 27}, {'G', 'B', 22},
    {'G', 'E', 22}, {'G', 'I', 23}, {'G', 'L', 18}, {'G', 'R', 27}, {'G', 'T', 28}, {'H', 'R', 21}, {'H', 'U', 28},
    {'I', 'E', 22}, {'I', 'L', 23}, {'I', 'Q', 23}, {'I', 'S', 26}, {'I', 'T', 27}, {'J', 'O', 30}, {'K', 'W', 30},
    {'K', 'Z', 20}, {'L', 'B', 28}, {'L', 'C', 32}, {'L', 'I', 21}, {'L', 'T', 20}, {'L', 'U', 20}, {'L', 'V', 21},
    {'L', 'Y', 25}, {'M', 'C', 27}, {'M', 'D', 24}, {'M', 'E', 22}, {'M', 'K', 19}, {'M', 'N', 20}, {'M', 'R', 27},
    {'M', 'T', 31}, {'M', 'U', 30}, {'N', 'I', 28}, {'N', 'L', 18}, {'N', 'O', 15}, {'O', 'M', 23}, {'P', 'K', 24},
    {'P', 'L', 28}, {'P', 'S', 29}, {'P', 'T', 25}, {'Q', 'A', 29}, {'R', 'O', 24}, {'R', 'S', 22}, {'R', 'U', 33},
    {'S', 'A', 24}, {'S', 'C', 31}, {'S', 'D', 18}, {'S', 'E', 24}, {'S', 'I', 19}, {'S', 'K', 24}, {'S', 'M', 27},
    {'S', 'O', 23}, {'S', 'T', 25}, {'S', 'V', 28}, {'T', 'L', 23}, {'T', 'N', 24}, {'T', 'R', 26}, {'U', 'A', 29},
    {'V', 'A', 22}, {'V', 'G', 24}, {'X', 'K', 20}, {'Y', 'E', 30}};
}  // namespace

bool luhn(std::string_view text) {
  if (text.size() < 2 || !digits(text)) return false;
  int sum = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const int value = text[text.size() - 1 - i] - '0';
    sum += i % 2 == 0 ? value : value < 5 ? 2 * value : 2 * value - 9;
  }
  return sum % 10 == 0;
}

bool card_number(std::string_view text) {
  if (text.size() < 13 || text.size() > 19 || !digits(text)) return false;
  const size_t length = text.size();
  const int two = number(text.substr(0, 2)), three = number(text.substr(0, 3)), four = number(text.substr(0, 4));
  const bool issued = (text[0] == '4' && (length == 13 || length == 16 || length == 19)) ||           // Visa
                      (((two >= 51 && two <= 55) || (four >= 2221 && four <= 2720)) && length == 16)  // Mastercard
                      || ((two == 34 || two == 37) && length == 15)  // American Express
                      || ((four == 6011 || two == 65 || (three >= 644 && three <= 649)) && length >= 16)  // Discover
                      || ((two == 36 || two == 38 || (three >= 300 && three <= 305)) && length == 14)     // Diners
                      || (four >= 3528 && four <= 3589 && length == 16)                                   // JCB
                      || (two == 62 && length >= 16);                                                     // UnionPay
  return issued && luhn(text);
}

bool iban(std::string_view text) {
  if (text.size() < 15 || text.size() > 34 || !upper(text[0]) || !upper(text[1]) || !digits(text.substr(2, 2)))
    return false;
  const auto* country =
      std::ranges::find_if(kCountries, [&](const Country& c) { return c.first == text[0] && c.second == text[1]; });
  if (country == std::end(kCountries) || country->length != text.size()) return false;
  std::string decimal;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[(i + 4) % text.size()];
    if (!digit(c) && !upper(c)) return false;
    decimal += digit(c) ? std::string(1, c) : std::to_string(c - 'A' + 10);
  }
  return remainder_97(decimal) == 1;
}

bool national_id(std::string_view text) {
  switch (text.size()) {
    case 9:
      return spain(text);
    case 11:
      return finland(text) || norway(text) || sweden(text);
    case 14:
      return brazil(text) || south_korea(text);
    case 15:
      return belgium(text) || france(text);
    case 16:
      return italy(text);
    case 18:
      return china(text);
    default:
      return false;
  }
}

}  // namespace hone::data
