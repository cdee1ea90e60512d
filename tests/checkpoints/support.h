// What the tests of checkpoints share.
#pragma once
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "kernels/host/error.h"
#include "tests/support/environment.h"

namespace hone::test {

// The call fails with this code, and its message holds `words`.
inline void expect_error(const std::function<void()>& call, ExitCode code, const std::string& words) {
  try {
    call();
    ADD_FAILURE() << "expected an error with: " << words;
  } catch (const Error& error) {
    EXPECT_EQ(int(error.code()), int(code)) << error.what();
    EXPECT_NE(std::string(error.what()).find(words), std::string::npos) << error.what() << "\nexpected: " << words;
  }
}

// A safetensors file by hand: length, header, buffer.
inline std::string header_file(const std::string& header, const std::string& data) {
  std::string text;
  for (size_t i = 0; i < 8; ++i) text += char(uint64_t(header.size()) >> (8 * i) & 255);
  return text + header + data;
}

}  // namespace hone::test
