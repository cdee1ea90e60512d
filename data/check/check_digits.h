// Numbers that carry their own proof: card numbers, bank accounts, national identity numbers.
//   luhn("4111111111111111");                 // true
//   iban("GB82WEST12345698765432");           // true
//   national_id("131052-308T");               // true: Finnish
// Texts hold no separators but those that belong to the form.
#pragma once
#include <string_view>

namespace hone::data {

// ISO/IEC 7812-1: digits alone, at least two.
bool luhn(std::string_view digits);
// The number of a payment card: its first digits are an issuer's, its length is one of theirs, Luhn holds.
bool card_number(std::string_view digits);
// ISO 13616: country and its length as registered, mod 97 of ISO 7064 is 1. Capital letters and digits alone.
bool iban(std::string_view text);
// Of countries whose numbers prove themselves by check characters and form: Belgium 85.07.30-033.28, Brazil
// 529.982.247-25, China (18), Finland 131052-308T, France (15 digits), Italy (16 characters), Norway (11 digits),
// South Korea and Sweden (YYMMDD-…), Spain 12345678Z, X1234567L. Others have one digit at most and no form.
bool national_id(std::string_view text);

}  // namespace hone::data
