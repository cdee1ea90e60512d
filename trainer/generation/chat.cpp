#include "trainer/generation/chat.h"

#include <iostream>
#include <optional>

#include "trainer/generation/text_stream.h"

namespace hone::trainer {

namespace {
constexpr std::string_view kHelp =
    "/reset  begin a new conversation\n"
    "/exit   end (as Ctrl-D does)\n"
    "/help   this list\n"
    "Ctrl-C stops an answer; where none is being made, it ends the program.\n";

class Chat {
 public:
  Chat(Stream& stream, const Decoder& model, const data::Tokenizer& tokenizer, Conversation& conversation,
       const ChatOptions& options, const ChatStreams& streams)
      : stream_(stream),
        model_(model),
        tokenizer_(tokenizer),
        conversation_(conversation),
        options_(options),
        streams_(streams),
        cache_(stream, model, options.context) {
    for (const int32_t id : conversation.ends()) options_.sampling.ends.push_back(id);
  }

  void run() {
    std::string line;
    while (next(line)) {
      if (line.ends_with('\r')) line.pop_back();
      if (line.empty()) continue;
      if (line == "/exit" || line == "/quit") return;
      if (line == "/help") {
        streams_.notes << kHelp << std::flush;
      } else if (line == "/reset") {
        conversation_.reset();
        if (options_.terminal) note("a new conversation");
      } else if (is_command(line)) {
        note("no command is called " + line + "; /help lists them");
      } else {
        try_answer(line);
      }
    }
    if (options_.terminal) streams_.out << std::endl;
  }

 private:
  bool next(std::string& line) {
    if (options_.terminal) streams_.out << "> " << std::flush;
    return bool(std::getline(streams_.in, line));
  }
  // "/rest", not "/etc/hosts is a file": one word of letters.
  static bool is_command(std::string_view line) {
    return line.size() > 1 && line[0] == '/' &&
           line.find_first_not_of("abcdefghijklmnopqrstuvwxyz", 1) == std::string_view::npos;
  }
  void note(const std::string& text) { streams_.notes << "(" << text << ")\n" << std::flush; }

  void try_answer(const std::string& request) {
    try {
      answer(request);
    } catch (const Error& error) {
      if (!options_.terminal || (error.code() != ExitCode::usage && error.code() != ExitCode::input)) throw;
      note(error.what());
    }
  }

  void answer(const std::string& request) {
    std::vector<int32_t> text;
    try {
      text = conversation_.ask(request);
      require(int64_t(text.size()) < cache_.capacity(), ExitCode::usage, "the context is full: with this request the ",
              "conversation has ", text.size(), " tokens, and ", cache_.capacity(),
              " fit. /reset begins a new one, --context N makes room");
    } catch (...) {
      conversation_.take_back();
      throw;
    }
    TextStream pieces(tokenizer_, options_.stops);
    std::string said;
    const auto say = [&](const std::string& piece) {
      said += piece;
      streams_.out << piece << std::flush;
    };
    if (options_.answering) options_.answering(true);
    bool interrupted = false;
    const std::vector<int32_t> made = generate(stream_, model_, cache_, text, options_.sampling, [&](int32_t id) {
      say(pieces.add(id));
      interrupted = options_.interrupted && options_.interrupted();
      return !interrupted && !pieces.stopped();
    });
    say(pieces.finish());
    if (options_.answering) options_.answering(false);
    streams_.out << (options_.terminal ? "\n\n" : "\n") << std::flush;
    conversation_.answered(said);
    if (interrupted || pieces.stopped()) return;
    if (int64_t(text.size() + made.size()) == cache_.capacity()) {
      note(joined("the answer stops here because the context of ", cache_.capacity(),
                  " tokens is full; /reset begins a new conversation, --context N makes room"));
    } else if (int64_t(made.size()) == options_.sampling.max_new_tokens) {
      note(joined("the answer stops here after ", made.size(), " tokens; --max-new-tokens N allows more"));
    }
  }

  Stream& stream_;
  const Decoder& model_;
  const data::Tokenizer& tokenizer_;
  Conversation& conversation_;
  ChatOptions options_;
  ChatStreams streams_;
  KeyValueCache cache_;
};
}  // namespace

void chat(Stream& stream, const Decoder& model, const data::Tokenizer& tokenizer, Conversation& conversation,
          const ChatOptions& options, const ChatStreams& streams) {
  Chat(stream, model, tokenizer, conversation, options, streams).run();
}

}  // namespace hone::trainer
