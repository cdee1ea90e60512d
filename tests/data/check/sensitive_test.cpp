// What is found, and what is left alone. Keys are put together here, so that nobody's scanner finds them in this file.
#include "data/check/sensitive.h"

#include <gtest/gtest.h>

#include <map>

#include "kernels/host/file.h"
#include "kernels/host/json.h"
#include "tests/support/environment.h"

namespace hone::data {
namespace {

const std::string kAlnum36 = "x7Kq2mPz9RtW4vBn8sLd3fGh6jYc1aQe5uTo", kHex32 = "3f9a1c7e5b2d8f604a6c9e1b7d3f5a28";

struct Positive {
  std::string text, match;
  Finding finding;
};

std::vector<Positive> positives() {
  using F = Finding;
  const std::string sk = "sk", AKIA = "AKIA", dashes = "-----";
  const std::string jwt =
      "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U";
  std::vector<Positive> all{
      {"aws_access_key_id = " + AKIA + "IOSFODNN7EXAMPLE\n", AKIA + "IOSFODNN7EXAMPLE", F::aws_key},
      {"(ASIA"
       "Y34FZKBOKMUTVV7A)",
       "ASIA"
       "Y34FZKBOKMUTVV7A",
       F::aws_key},
      {"export GITHUB_TOKEN=gh"
       "p_" +
           kAlnum36,
       "gh"
       "p_" +
           kAlnum36,
       F::github_token},
      {"https://gh"
       "o_" +
           kAlnum36 + "@github.com/a/b",
       "gh"
       "o_" +
           kAlnum36,
       F::github_token},
      {"github"
       "_pat_11ABCDEFG0abcdefghijkl_" +
           kAlnum36 + kAlnum36.substr(13),
       "github"
       "_pat_11ABCDEFG0abcdefghijkl_" +
           kAlnum36 + kAlnum36.substr(13),
       F::github_token},
      {"token: gl"
       "pat-x7Kq2mPz9RtW4vBn8sLd.",
       "gl"
       "pat-x7Kq2mPz9RtW4vBn8sLd",
       F::gitlab_token},
      {"xox"
       "b-123456789012-1234567890123-AbCdEfGhIjKl",
       "xox"
       "b-123456789012-1234567890123-AbCdEfGhIjKl",
       F::slack_token},
      {"curl https://hooks.slack"
       ".com/services/T00000000/B00000000/abcdefghijklmnopqrstuvwx",
       "hooks.slack"
       ".com/services/T00000000/B00000000/abcdefghijklmnopqrstuvwx",
       F::slack_token},
      {"key=AI"
       "za" +
           kAlnum36.substr(1) + "&q=1",
       "AI"
       "za" +
           kAlnum36.substr(1),
       F::google_key},
      {"OPENAI_API_KEY=" + sk + "-" + kAlnum36 + kAlnum36.substr(24), sk + "-" + kAlnum36 + kAlnum36.substr(24),
       F::sk_key},
      {"\"" + sk + "-proj-" + kAlnum36 + "_-" + kAlnum36 + "\"", sk + "-proj-" + kAlnum36 + "_-" + kAlnum36, F::sk_key},
      {sk + "-ant-api03-" + kAlnum36 + "-" + kAlnum36 + "AA", sk + "-ant-api03-" + kAlnum36 + "-" + kAlnum36 + "AA",
       F::sk_key},
      {"stripe: " + sk + "_live_" + kAlnum36.substr(12), sk + "_live_" + kAlnum36.substr(12), F::stripe_key},
      {"whsec"
       "_" +
           kAlnum36.substr(4),
       "whsec"
       "_" +
           kAlnum36.substr(4),
       F::stripe_key},
      {"h"
       "f_abcdefghijklmnopqrstuvwxyzABCDEFGH",
       "h"
       "f_abcdefghijklmnopqrstuvwxyzABCDEFGH",
       F::service_token},
      {"npm"
       "_" +
           kAlnum36,
       "npm"
       "_" +
           kAlnum36,
       F::service_token},
      {"Authorization: Bearer " + jwt, jwt, F::jwt},
      {dashes + "BEGIN RSA PRIVATE KEY" + dashes + "\nMIIEow…", dashes + "BEGIN RSA PRIVATE KEY" + dashes,
       F::private_key},
      {"> " + dashes + "BEGIN OPENSSH PRIVATE KEY" + dashes, dashes + "BEGIN OPENSSH PRIVATE KEY" + dashes,
       F::private_key},
      {dashes + "BEGIN PGP PRIVATE KEY BLOCK" + dashes, dashes + "BEGIN PGP PRIVATE KEY BLOCK" + dashes,
       F::private_key},
      {"DATABASE_URL=postgres://app:s3cr3t@db.internal:5432/prod", "postgres://app:s3cr3t@db.internal:5432",
       F::connection_string},
      {"mongodb+srv://root:hunter2@cluster0.mongodb.net/test", "mongodb+srv://root:hunter2@cluster0.mongodb.net",
       F::connection_string},
      {"redis://:p4ss@cache:6379/0", "redis://:p4ss@cache:6379", F::connection_string},
      {"Server=db;User Id=sa;Password=Tr0ub4dor;", "Tr0ub4dor", F::connection_string},
      {"password = \"x7Kq2mPz9RtW4vBn8sLd\"", "x7Kq2mPz9RtW4vBn8sLd", F::assigned_secret},
      {"{\"client_secret\": \"x7Kq2mPz9RtW4vBn8sLd3fGh\"}", "x7Kq2mPz9RtW4vBn8sLd3fGh", F::assigned_secret},
      {"aws_secret_access_key=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY1", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY1",
       F::assigned_secret},
      {"API_KEY: " + kHex32, kHex32, F::assigned_secret},
      {"write to jane.doe+news@mail.example.org, please", "jane.doe+news@mail.example.org", F::email},
      {"<a href=\"mailto:info@acme.de\">", "info@acme.de", F::email},
      {"Mail:john@acme.co.uk.", "john@acme.co.uk", F::email},
      {"call +49 30 1234567 now", "+49 30 1234567", F::phone},
      {"+1 (415) 555-2671", "+1 (415) 555-2671", F::phone},
      {"+14155552671", "+14155552671", F::phone},
      {"at (415) 555-2671.", "(415) 555-2671", F::phone},
      {"415-555-2671", "415-555-2671", F::phone},
      {"Tel.: 030 1234567", "030 1234567", F::phone},
      {"phone number is 5552671", "5552671", F::phone},
      {"Telefon 089/12345678", "089/12345678", F::phone},
      {"card 4111 1111 1111 1111 exp", "4111 1111 1111 1111", F::credit_card},
      {"4242-4242-4242-4242", "4242-4242-4242-4242", F::credit_card},
      {"378282246310005", "378282246310005", F::credit_card},
      {"3782 822463 10005", "3782 822463 10005", F::credit_card},
      {"IBAN GB82 WEST 1234 5698 7654 32 at", "GB82 WEST 1234 5698 7654 32", F::iban},
      {"(DE89370400440532013000)", "DE89370400440532013000", F::iban},
      {"id 131052-308T.", "131052-308T", F::national_id},
      {"CPF: 529.982.247-25", "529.982.247-25", F::national_id},
      {"NIR 2 55 08 14 168 025 38", "2 55 08 14 168 025 38", F::national_id},
      {"RSSMRA85T10A562S", "RSSMRA85T10A562S", F::national_id},
      {"11010519491231002X", "11010519491231002X", F::national_id},
      {"DNI 12345678Z", "12345678Z", F::national_id},
      {"from 192.168.17.23 to", "192.168.17.23", F::ip_address},
      {"server 8.8.4.4 answered", "8.8.4.4", F::ip_address},
      {"93.184.216.34:8080", "93.184.216.34", F::ip_address},
      {"at 2001:db8:85a3::8a2e:370:7334 and", "2001:db8:85a3::8a2e:370:7334", F::ip_address},
      {"fe80:0:0:0:204:61ff:fe9d:f156", "fe80:0:0:0:204:61ff:fe9d:f156", F::ip_address},
  };
  return all;
}

TEST(SensitiveTest, FindsEachKindWhereItStands) {
  for (const Positive& each : positives()) {
    // Alone, in a sentence, between characters of other scripts, in JSON.
    for (const auto& [before, after] : std::vector<std::pair<std::string, std::string>>{
             {"", ""}, {"a b. ", " c d."}, {"键 ", " 值"}, {"\n\t", "\n"}}) {
      const std::string text = before + each.text + after;
      const std::vector<SensitiveString> found = sensitive_strings(text);
      ASSERT_EQ(found.size(), 1u) << text;
      EXPECT_EQ(found[0].finding, each.finding) << text << " " << about(found[0].finding).key;
      EXPECT_EQ(text.substr(found[0].begin, found[0].end - found[0].begin), each.match);
    }
  }
}

TEST(SensitiveTest, FindsThemAllInOneText) {
  std::string text;
  std::map<Finding, int> expected, got;
  for (const Positive& each : positives()) text += each.text + "\n", ++expected[each.finding];
  for (const SensitiveString& each : sensitive_strings(text)) ++got[each.finding];
  EXPECT_EQ(got, expected);
  EXPECT_EQ(expected.size(), size_t(Finding::count) - size_t(Finding::aws_key));  // no kind without an example
}

TEST(SensitiveTest, LeavesProseAndCodeAlone) {
  const std::vector<std::string> all{
      "",
      "The AKIA prefix, ghp_ and sk- are how keys begin; an sk-learn-like-style-name-of-a-css-class is none.",
      "class=\"sk-fading-circle sk-estimator-doc-link-0-24-1-fitted\"",
      "task-force-2024-reports-and-such-things, ask-me-anything-about-python-3-11-and-more",
      "password = input(\"Password: \"); token = get_token(user_id, 1234567890123456)",
      "password: required, at least 16 characters long; secret = os.environ[\"SECRET_KEY_BASE_64\"]",
      "self.token = tokenizer.encode_batch_with_offsets(text_1, text_2)",
      "secret_key = settings.SECRET_KEY_FOR_JWT_2024",
      "api_key = YOUR_API_KEY_GOES_HERE_1234",
      "token = \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"",
      "PASSWORD=<your password here 12345>",
      "pwd = ${DB_PASSWORD_2}",
      "postgres://user:<password>@localhost/db, postgres://localhost:5432/db, https://example.com:8080/a@b",
      "https://medium.com/@someone/a-story-1234567890",
      "scheme://{user}:{password}@{host}",
      "see http://a.b/c?x=1:2@3",
      "@app.route(\"/\"), x = a @ b.T, icon@2x.png, foo@bar, react@18.2.0, git@github.com:user/repo.git",
      "def f(self): return m@v.mean(axis=0)",
      "user@host:~$ ls",
      "@media screen, @param x the y, @2 for 3",
      "12 + 34 = 46, 1000+25000000=25001000, x = +12345678, 3.14159265358979, 1,234,567,890",
      "<<48/2=24>>24, 500-200-1000 = -700, 2*415-555-2671=x, 300-250-1000*2",
      "F = 9/5 * 100 + 32; 10 000 000 000 people",
      "ISBN 978-3-16-148410-0, ISSN 2049-3630, DOI 10.1000/182, 2024-01-31, 31.12.2023, 12:34:56, 2024-01-31T12:34:56",
      "version 1.2.3.4, v10.20.30.40, Chrome/91.0.4472.124, 127.0.0.1, 0.0.0.0, 255.255.255.0, 1.2.3, 1.2.3.4.5, "
      "300.1.1.1",
      "Section 12.13.14.15 and 3.2.1.1, std::vector<int>::iterator, a::b::c, 12:34:56:78, ::, ff::, 00:1a:2b:3c:4d:5e",
      "call 911, phones with 128 GB for 699 dollars, tel aviv 1909, mobile: 2 of 3",
      "0x4111111111111111, 41111111111111112222",
      "4111111111111112, 1234 5678 9012 3456, order 4111-1111, 1e-4111111111111111, 0.4111111111111111",
      "GB82 WEST 1234 5698 7654 33, DE00 0000, AB12CD34EF56GH78",
      "12345678A, 123-45-6789, 131052-308A",
      "commit 3f9a1c7e5b2d8f604a6c9e1b7d3f5a283f9a1c7e, sha256: "
      "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
      "The phone rang. Call me at 5. His mobile has 5000000 pixels.",
      "eyJ is how JSON web tokens begin; eyJhbGci.x.y is none",
      "Decimal('+35236450.6'), d = \"M1.52-.87 2.83-2.12 3.51.98.32 2.03.5 3.11.5\"",
      "// 20.11.4.3 specialization, part 15.5.4.11, OID 1.3.101.113",
      "\"MBart50Tokenizer\": MBart50Converter2024,",
      "redis://[[USERNAME:]PASSWORD@localhost]",
      "max_tokens: 1234567890123456, tokens_per_second = abc123abc123abc1",
      "-----BEGIN CERTIFICATE-----",
      "-----BEGIN PUBLIC KEY-----",
      "---------- PRIVATE KEY ----------"};
  for (const std::string& text : all)
    for (const SensitiveString& each : sensitive_strings(text))
      ADD_FAILURE() << about(each.finding).key << " " << text.substr(each.begin, each.end - each.begin) << "  in  "
                    << text;
}

TEST(SensitiveTest, TakesAnyBytesInLinearTime) {
  for (const std::string_view unit : {"@",
                                      "a@",
                                      "a@b.",
                                      "+1",
                                      "+1 ",
                                      "(4",
                                      "://",
                                      "x://y:",
                                      "eyJ",
                                      "eyJ.",
                                      "eyJa.eyJa.",
                                      "sk-",
                                      "AKIA",
                                      "password=",
                                      "password='",
                                      "1",
                                      "1 ",
                                      "1-",
                                      "1.",
                                      "4444 ",
                                      "GB82 ",
                                      ":",
                                      "::",
                                      "f:",
                                      "-----BEGIN ",
                                      ";password=",
                                      "Bearer ",
                                      "\xFF",
                                      "\xC3",
                                      "ü",
                                      "tel:0",
                                      "-",
                                      "_",
                                      "hooks.slack.com/services/T",
                                      "://hooks.slack.com/services/T"}) {
    std::string text;
    while (text.size() < (size_t(1) << 20)) text += unit;
    sensitive_strings(text);
    for (size_t i = 0; i < 40; ++i) sensitive_strings(std::string_view(text).substr(0, i));  // ends anywhere
  }
}

// Real text without any: sums that look like telephone numbers, loopback addresses, long numbers, "secret:--nurse".
TEST(SensitiveTest, IsQuietOnRealText) {
  HONE_NEEDS_FIXTURES();
  for (const char* name :
       {"gsm8k/train.jsonl", "gsm8k/test.jsonl", "instructions/instruction-data.json", "oasst/en_100_tree.jsonl",
        "shakespeare/input.txt", "wikisql/train.jsonl", "preference/instruction-data-with-preference.json"}) {
    const std::string json = read_text(*test::fixtures() / "data" / name);
    std::string text;
    for (size_t i = 0; i < json.size(); ++i) {
      const bool line_end = json.compare(i, 2, "\\n") == 0;
      text += line_end ? '\n' : json[i];
      i += line_end;
    }
    for (const SensitiveString& each : sensitive_strings(text))
      ADD_FAILURE() << name << " " << about(each.finding).key << " at byte " << each.begin;
  }
}

}  // namespace
}  // namespace hone::data
