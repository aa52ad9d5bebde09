// What every proof of tests/proof has in common.
#include "tests/support/proof.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string_view>
#include <thread>

namespace durra::test {
namespace {

[[noreturn]] void usage(const char* program, const std::string& what) {
  std::fprintf(stderr, "%s [--brief] [--seed N] [--jobs N] [--seconds N] [--only NAME]\n%s\n", program, what.c_str());
  std::exit(2);
}

std::string with_commas(std::uint64_t value) {
  std::string digits = std::to_string(value);
  for (std::size_t at = digits.size(); at > 3;) digits.insert(at -= 3, ",");
  return digits;
}

}  // namespace

Proof::Proof(int argc, char** argv, std::string what) : jobs_(std::max(1u, std::thread::hardware_concurrency())) {
  seed_ = std::random_device{}();
  const auto number = [&](int& i, auto& to) {
    if (++i == argc) usage(argv[0], what);
    const std::string_view text = argv[i];
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), to);
    if (error != std::errc{} || end != text.data() + text.size()) usage(argv[0], what);
  };
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--brief")
      brief_ = true;
    else if (word == "--seed")
      number(i, seed_);
    else if (word == "--jobs")
      number(i, jobs_);
    else if (word == "--seconds")
      number(i, seconds_);
    else if (word == "--only" && i + 1 < argc)
      only_ = argv[++i];
    else
      usage(argv[0], what);
  }
  if (jobs_ == 0) usage(argv[0], what);
  std::printf("%s; seed %llu\n", what.c_str(), static_cast<unsigned long long>(seed_));
  std::fflush(stdout);
}

double Proof::elapsed() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - started_).count();
}

void Proof::figure(const std::string& name, std::uint64_t value) { figures_.emplace_back(name, value); }

void Proof::failure(const std::string& story) {
  ++failed_;
  std::printf("FAILED: %s\n", story.c_str());
  std::fflush(stdout);
}

int Proof::finish() {
  for (const auto& [name, value] : figures_) std::printf("%s %s, ", name.c_str(), with_commas(value).c_str());
  std::printf("failures %s, seed %llu, seconds %.1f\n", with_commas(failed_).c_str(),
              static_cast<unsigned long long>(seed_), elapsed());
  return failed_ == 0 ? 0 : 1;
}

void Proof::skip(const std::string& why) {
  std::printf("SKIP: %s\n", why.c_str());
  std::exit(kSkipped);
}

}  // namespace durra::test
