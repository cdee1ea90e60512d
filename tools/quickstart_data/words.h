// The text of the quickstart: what its base model is trained on and the task it is tuned for. A function of nothing but
// a line's number, so that anybody writes the same files.
//
// The base knows five skills on made-up words, asked for in a shorthand ("r:stone=enots" turns a word round) and no
// natural language. The task asks for one of them in words ("write stone backwards."), so a model can only answer after
// learning what the words mean.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace hone::quickstart {

// Whom a word belongs to; no word belongs to two. A function of the word alone.
enum class Share { base, tuning, test };
Share share_of(const std::string& word);

// A made-up word of 3 to 7 small letters that belongs to `share`, as a function of its number.
std::string word(Share share, uint64_t number);

std::string reversed(const std::string& word);

// Line `number` of the base's text: one of the five skills on a word of the base's.
std::string base_line(uint64_t number);

struct Question {
  std::string prompt, answer;
  bool operator==(const Question&) const = default;
};
// Distinct questions of the task, in a fixed order.
std::vector<Question> questions(Share share, size_t count);

}  // namespace hone::quickstart
