// Published test numbers of card issuers, the IBAN registry and the authorities' own examples.
#include "data/check/check_digits.h"

#include <gtest/gtest.h>

#include "kernels/host/json.h"
#include "tests/support/environment.h"

namespace hone::data {
namespace {

// One digit changed is always found: all three schemes promise it.
template <class Check>
void expect_each_digit_matters(const std::string& number, Check&& check) {
  for (size_t i = 0; i < number.size(); ++i) {
    if (number[i] < '0' || number[i] > '9') continue;
    std::string wrong = number;
    wrong[i] = wrong[i] == '9' ? '0' : char(wrong[i] + 1);
    EXPECT_FALSE(check(wrong)) << number << " " << i;
  }
}

TEST(CheckDigitsTest, CardNumbers) {
  // Test numbers that Stripe, PayPal and Adyen publish: never charged.
  for (const char* number : {"4111111111111111", "4242424242424242", "4012888888881881", "4222222222222",
                             "5555555555554444", "5105105105105100", "2223003122003222", "378282246310005",
                             "371449635398431", "6011111111111117", "6011000990139424", "3530111333300000",
                             "3566002020360505", "30569309025904", "38520000023237", "6200000000000005"}) {
    EXPECT_TRUE(card_number(number)) << number;
    expect_each_digit_matters(number, luhn);
  }
  EXPECT_TRUE(luhn("79927398713"));          // the patent's
  EXPECT_FALSE(card_number("79927398713"));  // nobody issues it
  EXPECT_FALSE(card_number("0000000000000000"));
  EXPECT_FALSE(card_number("1234567812345670"));  // Luhn holds, no issuer
  EXPECT_FALSE(luhn("4111 1111"));
  EXPECT_FALSE(luhn(""));
}

TEST(CheckDigitsTest, BankAccounts) {
  // Examples of the IBAN registry.
  for (const char* number :
       {"GB82WEST12345698765432", "DE89370400440532013000", "FR1420041010050500013M02606", "NL91ABNA0417164300",
        "CH9300762011623852957", "NO9386011117947", "BE68539007547034", "ES9121000418450200051332",
        "IT60X0542811101000000123456", "AT611904300234573201", "SE4550000000058398257466",
        "PL61109010140000071219812874", "MT84MALT011000012345MTLCAST001S", "BR1800360305000010009795493C1",
        "SA0380000000608010167519"}) {
    EXPECT_TRUE(iban(number)) << number;
    expect_each_digit_matters(number, iban);
  }
  EXPECT_FALSE(iban("GB82WEST1234569876543"));   // too short for its country
  EXPECT_FALSE(iban("XX82WEST12345698765432"));  // no such country
  EXPECT_FALSE(iban("gb82west12345698765432"));
  EXPECT_FALSE(iban(""));
}

TEST(CheckDigitsTest, NationalNumbers) {
  for (const char* number : {"131052-308T",             // Finland: the Population Register Centre's example
                             "12345678Z", "X1234567L",  // Spain
                             "RSSMRA85T10A562S",        // Italy
                             "255081416802538",         // France
                             "11010519491231002X", "440524188001010014",  // China: GB 11643
                             "529.982.247-25", "111.444.777-35",          // Brazil
                             "85.07.30-033.28",                           // Belgium
                             "811218-9876"}) {                            // Sweden
    EXPECT_TRUE(national_id(number)) << number;
    std::string wrong = number;
    char& last = wrong[wrong.find_last_of("0123456789")];
    last = last == '9' ? '0' : char(last + 1);
    EXPECT_FALSE(national_id(wrong)) << wrong;
  }
  const Json expected = read_json(test::golden("check") / "expected.json");
  for (const char* country : {"norway", "korea"})
    for (const std::string number : expected.at("ids").at(country)) {
      EXPECT_TRUE(national_id(number)) << number;
      expect_each_digit_matters(number, national_id);
    }
  for (const char* number : {"", "123", "311352-308T", "111.111.111-11", "12345678901", "000000-0000", "12345678A",
                             "85.13.30-033.28", "110105194912310021"})
    EXPECT_FALSE(national_id(number)) << number;
}

}  // namespace
}  // namespace hone::data
