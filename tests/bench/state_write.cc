// How long the memory of the daemon takes: what every change of a pod pays, and what a start pays. One JSON object per
// line:
//
//   {"what":"record one pod change","objects":10000,"document_bytes":2000,"runs":2000,"p50_us":...,"p99_us":...,
//   "max_us":...,"cpu_p50_us":...,"cpu_p99_us":...}
//
//   state-write [FOLDER [OBJECTS [DOCUMENT_BYTES]]]
//
// FOLDER is where the file is made, /dev/shm by default: the figures are those of the program, not of a disk.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <stdlib.h>
#include <time.h>

#include "daemon/state/open_state.h"

namespace tierwall {
namespace {

using namespace daemon;

struct Shape {
  std::string folder = "/dev/shm";
  std::size_t objects = 10'000;
  std::size_t document_bytes = 2'000;
};

constexpr const char* kBoot = "0b9c7e52-5d0e-4c39-9b0e-3f6b3c1d2a40";

[[noreturn]] void fail(const std::string& why) {
  std::fprintf(stderr, "state-write: %s\n", why.c_str());
  std::exit(1);
}

template <typename T>
void expect(const Result<T>& result) {
  if (!result) fail(result.error().message);
}

std::unique_ptr<StateStore> open(const std::string& path) {
  OpenedState opened = open_state({.path = path}, SystemClock());
  if (opened.refusal) fail(opened.refusal->message);
  if (!opened.remarks.empty()) fail(opened.remarks.front());
  return std::move(opened.store);
}

RememberedObject make_pod(std::size_t index, std::uint64_t version, const Shape& shape) {
  RememberedObject pod;
  pod.id = {"kubernetes", {policy::Kind::Pod, "ns-" + std::to_string(index % 50), "pod-" + std::to_string(index)}};
  pod.resource_version = std::to_string(version);
  pod.document = R"({"kind":"Pod","metadata":{"name":"pod-)" + std::to_string(index) + R"("},"padding":")";
  pod.document.resize(std::max(pod.document.size(), shape.document_bytes), 'x');
  pod.boot_id = kBoot;
  return pod;
}

/// What the daemon records when one pod changed.
StateChange make_change(std::uint64_t number, const Shape& shape) {
  StateChange change;
  change.upserts = {make_pod(number * 7919 % shape.objects, number, shape)};
  change.facts = {{kFactBootId, kBoot}, {kFactHostPolicy, "yes"}};
  Generation generation;
  generation.number = number;
  generation.time = std::chrono::milliseconds(1'700'000'000'000) + std::chrono::milliseconds(number);
  generation.fingerprint = "0123456789abcdef0123456789abcdef";
  generation.changes = {{change.upserts[0].id, ObjectChange::Change::Upsert, change.upserts[0].resource_version}};
  change.generation = generation;
  return change;
}

struct Times {
  std::vector<double> wall_us;
  std::vector<double> cpu_us;  ///< of this process: what remains true on a busy machine

  void take(const std::function<void()>& work) {
    const auto started = std::chrono::steady_clock::now();
    const double cpu_started = cpu_now_us();
    work();
    cpu_us.push_back(cpu_now_us() - cpu_started);
    wall_us.push_back(std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - started).count());
  }

 private:
  static double cpu_now_us() {
    timespec now{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
  }
};

double at(const std::vector<double>& sorted, double part) {
  return sorted[static_cast<std::size_t>(part * static_cast<double>(sorted.size() - 1))];
}

void report(const char* what, const Shape& shape, Times times) {
  std::ranges::sort(times.wall_us);
  std::ranges::sort(times.cpu_us);
  std::printf(
      "{\"what\":\"%s\",\"objects\":%zu,\"document_bytes\":%zu,\"runs\":%zu,\"p50_us\":%.0f,\"p99_us\":%.0f,"
      "\"max_us\":%.0f,\"cpu_p50_us\":%.0f,\"cpu_p99_us\":%.0f}\n",
      what, shape.objects, shape.document_bytes, times.wall_us.size(), at(times.wall_us, 0.5), at(times.wall_us, 0.99),
      times.wall_us.back(), at(times.cpu_us, 0.5), at(times.cpu_us, 0.99));
}

void run(const Shape& shape, const std::string& path) {
  StateChange all;
  for (std::size_t i = 0; i < shape.objects; ++i) all.upserts.push_back(make_pod(i, 1, shape));
  std::unique_ptr<StateStore> store = open(path);
  Times first;
  first.take([&] { expect(store->record(all)); });
  report("record all objects", shape, first);

  Times changes;
  for (std::uint64_t number = 1; number <= 2'000; ++number) {
    const StateChange change = make_change(number, shape);
    changes.take([&] { expect(store->record(change)); });
  }
  report("record one pod change", shape, changes);

  Times opens;
  Times loads;
  Times closes;
  for (int i = 0; i < 10; ++i) {
    closes.take([&] { store.reset(); });
    opens.take([&] { store = open(path); });
    loads.take([&] { expect(store->load()); });
  }
  report("close", shape, closes);
  report("open and check", shape, opens);
  report("load all objects", shape, loads);
}

}  // namespace
}  // namespace tierwall

int main(int argc, char** argv) {
  tierwall::Shape shape;
  if (argc > 1) shape.folder = argv[1];
  if (argc > 2) shape.objects = static_cast<std::size_t>(std::atol(argv[2]));
  if (argc > 3) shape.document_bytes = static_cast<std::size_t>(std::atol(argv[3]));
  std::string folder = shape.folder + "/tierwall-XXXXXX";
  if (shape.objects == 0 || mkdtemp(folder.data()) == nullptr)
    tierwall::fail("cannot make a folder in " + shape.folder);
  tierwall::run(shape, folder + "/state.db");
  std::filesystem::remove_all(folder);
}
