// Times the tokenizer: rows of {"text"} are read into memory, then all of them are encoded.
//   cmake --build --preset release --target hone_bench_tokenizer
//   build/release/hone_bench_tokenizer MODEL_DIR rows.jsonl [threads [rounds]]
// Prints one JSON object: tokens, the best round's seconds and processor seconds, and the hash of all ids, which
// tools/bench/tokenizer compares with the peer's.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iostream>
#include <thread>

#include "data/tokenizer/tokenizer.h"
#include "kernels/host/clock.h"
#include "kernels/host/hash.h"
#include "kernels/host/json.h"

namespace {

using namespace hone;

double processor_seconds() { return double(std::clock()) / CLOCKS_PER_SEC; }

int run(int count, char** arguments) {
  require(count >= 3, ExitCode::usage, "usage: hone_bench_tokenizer MODEL_DIR rows.jsonl [threads [rounds]]");
  const int threads = count > 3 ? std::max(1, std::atoi(arguments[3])) : 1;
  const int rounds = count > 4 ? std::max(1, std::atoi(arguments[4])) : 3;
  const data::Tokenizer tokenizer = data::Tokenizer::load(arguments[1]);
  std::vector<std::string> texts;
  std::ifstream file(arguments[2]);
  require(file.good(), ExitCode::input, arguments[2], ": could not be opened");
  for (std::string line; std::getline(file, line);)
    texts.push_back(parse_json(line, arguments[2]).at("text").get<std::string>());

  std::vector<std::vector<int32_t>> rows(texts.size());
  double best = 1e300, best_processor = 1e300;
  for (int round = 0; round < rounds; ++round) {
    std::atomic<size_t> next = 0;
    const auto work = [&] {
      for (size_t i; (i = next++) < texts.size();) rows[i] = tokenizer.encode(texts[i]);
    };
    const Stopwatch watch;
    const double processor = processor_seconds();
    std::vector<std::thread> others;
    for (int i = 1; i < threads; ++i) others.emplace_back(work);
    work();
    for (std::thread& other : others) other.join();
    best = std::min(best, watch.seconds());
    best_processor = std::min(best_processor, processor_seconds() - processor);
  }

  Sha256 hash;
  OrderedJson result;
  size_t tokens = 0, bytes = 0;
  for (const std::vector<int32_t>& row : rows) tokens += row.size(), hash.add(std::as_bytes(std::span(row)));
  for (const std::string& text : texts) bytes += text.size();
  result["tokens"] = tokens;
  result["bytes"] = bytes;
  result["threads"] = threads;
  result["seconds"] = best;
  result["processor_seconds"] = best_processor;
  result["tokens_per_second"] = double(tokens) / best;
  result["ids"] = hash.hex();
  std::cout << result.dump() << '\n';
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  try {
    return run(count, arguments);
  } catch (const hone::Error& error) {
    std::cerr << error.what() << '\n';
    return int(error.code());
  }
}
