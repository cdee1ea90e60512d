#include "tests/support/environment.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <fstream>
#include <thread>

#include "kernels/host/error.h"

namespace hone::test {

std::optional<fs::path> fixtures() {
  const char* const folder = std::getenv("HONE_FIXTURES");
  if (!folder || !fs::is_directory(folder)) return {};
  return fs::path(folder);
}

fs::path source_folder() {
  const char* const elsewhere = std::getenv("HONE_SOURCE");  // tests that were carried to another machine
  return elsewhere ? elsewhere : HONE_SOURCE_DIR;
}
fs::path program() { return HONE_PROGRAM; }
fs::path golden(const std::string& name) { return source_folder() / "tests/golden" / name; }

TemporaryFolder::TemporaryFolder() {
  std::string name = (fs::temp_directory_path() / "hone-test-XXXXXX").string();
  require(::mkdtemp(name.data()) != nullptr, "cannot make a temporary folder ", name);
  path_ = name;
}
TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}
fs::path TemporaryFolder::write(const std::string& name, const std::string& text) const {
  fs::create_directories((path_ / name).parent_path());
  std::ofstream(path_ / name, std::ios::binary) << text;
  return path_ / name;
}

namespace {
class Child {
 public:
  Child(const std::vector<std::string>& arguments, const std::string& input) {
    std::array<int, 2> in{}, out{}, err{};
    require(::pipe(in.data()) == 0 && ::pipe(out.data()) == 0 && ::pipe(err.data()) == 0, "cannot make a pipe");
    std::vector<std::string> words{program()};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    pid_ = ::fork();
    require(pid_ >= 0, "cannot fork");
    if (pid_ == 0) {
      ::dup2(in[0], 0), ::dup2(out[1], 1), ::dup2(err[1], 2);
      for (int fd : {in[0], in[1], out[0], out[1], err[0], err[1]}) ::close(fd);
      ::execv(argv[0], argv.data());
      ::_exit(127);
    }
    ::close(in[0]), ::close(out[1]), ::close(err[1]);
    writer_ = std::thread([fd = in[1], input] {
      ::signal(SIGPIPE, SIG_IGN);
      for (size_t at = 0; at < input.size();) {
        const ssize_t n = ::write(fd, input.data() + at, input.size() - at);
        if (n <= 0) break;
        at += size_t(n);
      }
      ::close(fd);
    });
    readers_[0] = std::thread([this, fd = out[0]] { read_all(fd, outcome_.out); });
    readers_[1] = std::thread([this, fd = err[0]] { read_all(fd, outcome_.err); });
  }
  pid_t pid() const { return pid_; }
  Outcome finish() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    writer_.join(), readers_[0].join(), readers_[1].join();
    outcome_.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return outcome_;
  }

 private:
  static void read_all(int fd, std::string& into) {
    std::array<char, 4096> buffer{};
    for (ssize_t n; (n = ::read(fd, buffer.data(), buffer.size())) > 0;) into.append(buffer.data(), size_t(n));
    ::close(fd);
  }
  pid_t pid_ = -1;
  Outcome outcome_;
  std::thread writer_;
  std::array<std::thread, 2> readers_;
};
}  // namespace

Outcome run_hone(const std::vector<std::string>& arguments, const std::string& input) {
  return Child(arguments, input).finish();
}

Outcome run_hone_and_kill(const std::vector<std::string>& arguments, const Kill& kill) {
  Child child(arguments, {});
  std::thread killer([&] {
    const auto start = std::chrono::steady_clock::now();
    while (std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() < kill.seconds) {
      if ((!kill.file.empty() && fs::exists(kill.file)) || (kill.when && kill.when())) break;
      siginfo_t info{};
      if (::waitid(P_PID, id_t(child.pid()), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == child.pid())
        return;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    ::kill(child.pid(), kill.signal);
  });
  killer.join();
  return child.finish();
}

}  // namespace hone::test
