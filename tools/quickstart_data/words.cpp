#include "tools/quickstart_data/words.h"

#include <algorithm>
#include <set>
#include <string_view>

#include "kernels/core/random.h"
#include "kernels/host/hash.h"

namespace hone::quickstart {

namespace {
constexpr std::string_view kVowels = "aeiou", kConsonants = "bcdfghjklmnpqrstvwxyz",
                           kLetters = "abcdefghijklmnopqrstuvwxyz";

// Random numbers of one line: each call draws the next.
class Draw {
 public:
  Draw(uint64_t stream, uint64_t number)
      : key_{.seed = stream, .step = uint32_t(number), .micro = uint32_t(number >> 32)} {}
  uint32_t below(uint32_t bound) {
    const uint32_t value = random_block(key_, next_ / 4)[next_ % 4];
    ++next_;
    return uint32_t(uint64_t(value) * bound >> 32);
  }
  char letter(std::string_view from) { return from[below(uint32_t(from.size()))]; }

 private:
  RandomKey key_;
  uint32_t next_ = 0;
};

std::string any_word(Draw& draw) {
  const uint32_t length = 3 + draw.below(5);
  const bool spoken = draw.below(2) == 0;  // half of them can be said aloud, half are any letters
  bool vowel = draw.below(2) == 0;
  std::string text;
  for (uint32_t i = 0; i < length; ++i, vowel = !vowel)
    text += draw.letter(!spoken ? kLetters : vowel ? kVowels : kConsonants);
  return text;
}

std::string word_of(Share share, Draw& draw) {
  while (true)
    if (std::string text = any_word(draw); share_of(text) == share) return text;
}
}  // namespace

Share share_of(const std::string& word) {
  const int bucket = std::stoi(xxh3_of(word).substr(0, 4), nullptr, 16) % 20;
  return bucket == 0 ? Share::test : bucket <= 3 ? Share::tuning : Share::base;
}

std::string word(Share share, uint64_t number) {
  Draw draw(uint64_t(share) + 1, number);
  return word_of(share, draw);
}

std::string reversed(const std::string& word) { return {word.rbegin(), word.rend()}; }

std::string base_line(uint64_t number) {
  Draw draw(100, number);
  // Turning round is what the task needs; the others keep the base from doing nothing else.
  const uint32_t skill = draw.below(8);
  const std::string text = word_of(Share::base, draw);
  std::string answer;
  switch (skill) {
    case 0:
      return "c:" + text + "=" + text;
    case 1: {
      answer = text;
      std::sort(answer.begin(), answer.end());
      return "s:" + text + "=" + answer;
    }
    case 2:
      for (const char c : text) answer += {c, c};
      return "d:" + text + "=" + answer;
    case 3:
      std::copy_if(text.begin(), text.end(), std::back_inserter(answer),
                   [](char c) { return kVowels.find(c) != std::string_view::npos; });
      return "v:" + text + "=" + answer;
    default:
      return "r:" + text + "=" + reversed(text);
  }
}

std::vector<Question> questions(Share share, size_t count) {
  std::vector<Question> all;
  std::set<std::string> asked;
  for (uint64_t number = 0; all.size() < count; ++number) {
    const std::string text = word(share, number);
    if (asked.insert(text).second) all.push_back({"write " + text + " backwards.", reversed(text)});
  }
  return all;
}

}  // namespace hone::quickstart
