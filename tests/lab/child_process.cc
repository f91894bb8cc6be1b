#include "tests/lab/child_process.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <stdexcept>

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

namespace tierwall::lab {
namespace {

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (std::string& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

std::vector<std::string> with_environment(const std::vector<std::string>& added) {
  std::vector<std::string> result = added;
  for (char** entry = environ; *entry != nullptr; ++entry) result.emplace_back(*entry);
  return result;
}

// Between fork and exec: only calls that are safe in the child of a process with threads.
[[noreturn]] void become(const Launch& launch, char** argv, char** environment, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);
  if (launch.inside != nullptr && ::setns(launch.inside->fd(), CLONE_NEWNET) != 0) ::_exit(126);
  if (!launch.directory.empty() && ::chdir(launch.directory.c_str()) != 0) ::_exit(126);
  const int input = launch.input >= 0 ? launch.input : ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  ::dup2(input, STDIN_FILENO);
  if (launch.output >= 0) ::dup2(launch.output, STDOUT_FILENO);
  if (launch.errors >= 0) ::dup2(launch.errors, STDERR_FILENO);
  ::execvpe(argv[0], argv, environment);
  ::_exit(127);
}

}  // namespace

ChildProcess::ChildProcess(const Launch& launch) {
  std::vector<std::string> arguments = launch.argv;
  std::vector<std::string> environment = with_environment(launch.environment);
  const std::vector<char*> argv = pointers(arguments);
  const std::vector<char*> envp = pointers(environment);
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ < 0) throw_errno("fork");
  if (pid_ == 0) become(launch, const_cast<char**>(argv.data()), const_cast<char**>(envp.data()), parent);
  // As a bare system call, because the header of glibc 2.36 lacks C linkage for C++.
  pidfd_ = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
}

ChildProcess::~ChildProcess() {
  if (status_) return;
  signal(SIGKILL);
  wait(std::chrono::seconds(10));
}

void ChildProcess::signal(int number) const {
  if (!status_) ::kill(pid_, number);
}

std::optional<int> ChildProcess::wait(std::chrono::milliseconds timeout) {
  if (status_) return status_;
  pollfd ended{pidfd_.number(), POLLIN, 0};
  int ready = 0;
  do ready = ::poll(&ended, 1, static_cast<int>(timeout.count()));
  while (ready < 0 && errno == EINTR);
  int raw = 0;
  if (ready <= 0 || ::waitpid(pid_, &raw, 0) != pid_) return std::nullopt;
  status_ = WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw);
  return status_;
}

UniqueFd make_memory_file(const std::string& content) {
  UniqueFd file(::memfd_create("lab", MFD_CLOEXEC));
  if (!file) throw_errno("memfd_create");
  for (std::size_t done = 0; done < content.size();) {
    const ssize_t written = ::write(file.number(), content.data() + done, content.size() - done);
    if (written <= 0) throw_errno("write to a memory file");
    done += static_cast<std::size_t>(written);
  }
  ::lseek(file.number(), 0, SEEK_SET);
  return file;
}

std::string read_memory_file(const UniqueFd& file) {
  std::string result;
  std::array<char, 4096> buffer{};
  off_t offset = 0;
  for (;;) {
    const ssize_t count = ::pread(file.number(), buffer.data(), buffer.size(), offset);
    if (count <= 0) return result;
    result.append(buffer.data(), static_cast<std::size_t>(count));
    offset += count;
  }
}

CommandOutcome run_command(Launch launch, const std::string& input, std::chrono::milliseconds timeout) {
  const UniqueFd in = make_memory_file(input);
  const UniqueFd out = make_memory_file();
  const UniqueFd err = make_memory_file();
  launch.input = in.number();
  launch.output = out.number();
  launch.errors = err.number();
  ChildProcess child(launch);
  const std::optional<int> status = child.wait(timeout);
  if (!status) throw std::runtime_error(launch.argv.front() + " does not end");
  return {*status, read_memory_file(out), read_memory_file(err)};
}

std::string require_command(const Launch& launch, const std::string& input) {
  CommandOutcome outcome = run_command(launch, input);
  if (outcome.status == 0) return std::move(outcome.output);
  std::string command;
  for (const std::string& word : launch.argv) command += (command.empty() ? "" : " ") + word;
  throw std::runtime_error(command + ": exit status " + std::to_string(outcome.status) + ": " + outcome.errors);
}

}  // namespace tierwall::lab
