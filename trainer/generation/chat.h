// A conversation over two streams: a line is a request, the answer is written as it is made.
//   chat(stream, model, tokenizer, conversation, {.context = 4096}, {std::cin, std::cout, std::cerr});
#pragma once
#include <functional>
#include <iosfwd>
#include <string>
#include <vector>

#include "data/tokenizer/tokenizer.h"
#include "trainer/generation/conversation.h"
#include "trainer/generation/generate.h"

namespace hone::trainer {

struct ChatOptions {
  SamplingOptions sampling = {};
  std::vector<std::string> stops = {};       // texts that end an answer
  int64_t context = 4096;                    // tokens that the cache holds
  bool terminal = false;                     // a person types: prompts, and a request that fails does not end the chat
  std::function<void(bool)> answering = {};  // called with true before each answer and with false after it
  std::function<bool()> interrupted = {};    // whether the answer is to stop
};
struct ChatStreams {
  std::istream& in;
  std::ostream &out, &notes;  // answers; everything else
};

// Until the input ends or says /exit. Errors (ExitCode::usage): a request for which the context has no room; of
// requests that are no UTF-8 (ExitCode::input). On a terminal these are notes, and the request is forgotten.
void chat(Stream&, const Decoder&, const data::Tokenizer&, Conversation&, const ChatOptions&, const ChatStreams&);

}  // namespace hone::trainer
