// SPDX-License-Identifier: Apache-2.0
// How many live samples a second come through: from memory into the queue and out of it, from
// payloads in memory, and as JSON through a real broker. One JSON line per figure; exit status 1
// where one is below its floor.
//
//   bench_ingest [seconds per figure, 2]
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "client/live/batch_builder.h"
#include "client/live/json_payload.h"
#include "client/live/mqtt_source.h"
#include "client/live/raw_payload.h"
#include "client/live/sample_queue.h"
#include "tests/testing/broker.h"
#include "tests/testing/temporary_folder.h"

namespace millrace {
namespace {

constexpr double kQueueFloor = 5e6;
constexpr double kMemoryFloor = 1e6;
constexpr double kMqttFloor = 2e5;
constexpr int kChannels = 10;

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

bool Report(const char* what, int64_t per_batch, int64_t samples, int64_t dropped, double seconds,
            double floor) {
  const double rate = static_cast<double>(samples) / seconds;
  std::printf(
      "{\"bench\":\"ingest\",\"what\":\"%s\",\"samples_per_batch\":%lld,\"samples\":%lld,"
      "\"dropped\":%lld,\"samples_per_s\":%.4g,\"floor\":%.3g,\"ok\":%s}\n",
      what, static_cast<long long>(per_batch), static_cast<long long>(samples),
      static_cast<long long>(dropped), rate, floor, rate >= floor ? "true" : "false");
  std::fflush(stdout);
  return rate >= floor;
}

/// Takes all that comes until the queue is closed and empty.
class Consumer {
 public:
  explicit Consumer(SampleQueue* queue) : queue_(queue), thread_([this] { Run(); }) {}
  int64_t Join() {
    queue_->Close();
    thread_.join();
    return taken_;
  }

 private:
  void Run() {
    while (true) {
      const auto batches = queue_->TakeAll(absl::InfiniteDuration());
      if (batches.empty()) return;
      for (const SampleBatch& batch : batches) taken_ += static_cast<int64_t>(batch.samples.size());
    }
  }

  SampleQueue* const queue_;
  int64_t taken_ = 0;
  std::thread thread_;
};

/// `fill` makes the samples of one batch.
bool BenchMemory(const char* what, double seconds, double floor,
                 const std::function<void(std::vector<Sample>*)>& fill) {
  SampleQueue queue(1 << 20);
  Consumer consumer(&queue);
  int64_t batches = 0, per_batch = 0;
  const auto begin = Clock::now();
  do {
    for (int i = 0; i < 100; ++i, ++batches) {
      SampleBatch batch;
      fill(&batch.samples);
      per_batch = static_cast<int64_t>(batch.samples.size());
      queue.Accept(std::move(batch));
    }
  } while (SecondsSince(begin) < seconds);
  const int64_t taken = consumer.Join();
  return Report(what, per_batch, taken, queue.dropped(), SecondsSince(begin), floor);
}

std::vector<std::string> ChannelNames() {
  std::vector<std::string> names;
  for (int i = 0; i < kChannels; ++i) names.push_back(absl::StrCat("m/c", i));
  return names;
}

/// {"timestamp": ..., "c0": ..., ...}
std::string ObjectOfChannels() {
  std::string text = "{\"timestamp\":1767225600123";
  for (int i = 0; i < kChannels; ++i) absl::StrAppend(&text, ",\"c", i, "\":", 20.125 + i);
  return text + "}";
}

bool BenchPayloads(double seconds) {
  const ChannelTable table(ChannelNames());
  SourceRecord record("bench");
  StreamChannels channels(&table, {}, &record);
  Payload payload;
  const Arrival arrival{1767225600'000'000'000, "m", "c0"};
  const auto json = [&](bool named, const std::string& text) {
    return [&, format = JsonFormat{.names_channels = named}, text](std::vector<Sample>* samples) {
      MR_CHECK(ReadJsonPayload(format, text, &payload).ok());
      AppendSamples(payload, arrival, {1000, BlockTime::kLast}, channels, samples);
    };
  };
  const auto raw = [&, bytes = std::string(4000, '\0')](std::vector<Sample>* samples) {
    MR_CHECK(ReadRawPayload({}, bytes, &payload).ok());
    AppendSamples(payload, arrival, {1000, BlockTime::kLast}, channels, samples);
  };
  bool ok = BenchMemory("JSON number", seconds, kMemoryFloor, json(false, "20.125"));
  ok = BenchMemory("JSON value and time", seconds, 0,
                   json(false, R"({"value":20.125,"timestamp":1767225600123})")) &&
       ok;
  ok = BenchMemory("JSON object of channels", seconds, kMemoryFloor,
                   json(true, ObjectOfChannels())) &&
       ok;
  return BenchMemory("raw float32", seconds, kMemoryFloor, raw) && ok;
}

bool BenchBroker(const char* what, double seconds, double floor, int64_t per_message, bool named,
                 const std::string& text) {
  testing::TemporaryFolder folder;
  testing::Broker broker(folder.path(), {"allow_anonymous true\nmax_queued_messages 0"});
  const ChannelTable table(ChannelNames());
  SampleQueue queue(1 << 24);
  MqttConfig config;
  config.host = "127.0.0.1";
  config.port = broker.port();
  config.topics = {named ? "plant/{machine}" : "plant/{machine}/{channel}"};
  config.format = JsonFormat{.names_channels = named};
  MqttSource source("bench", config, {},
                    {&table, &queue, SystemLiveClock(), PosixFileSystem(), folder.path()});
  std::thread reading([&] { source.Run(); });
  const std::string topic = named ? "plant/m" : "plant/m/c0";
  testing::Publisher publisher(broker.port(), /*qos=*/0);
  while (source.Status().samples == 0) {
    publisher.Publish(topic, text);
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  Consumer consumer(&queue);
  // A window of messages under way keeps all three programs busy and none of them swamped.
  constexpr int64_t kWindow = 2000;
  const int64_t before = source.Status().messages;
  int64_t sent = 0;
  const auto begin = Clock::now();
  while (SecondsSince(begin) < seconds) {
    if (sent - (source.Status().messages - before) > kWindow) {
      std::this_thread::yield();
      continue;
    }
    for (int i = 0; i < 100; ++i, ++sent) publisher.Publish(topic, text);
  }
  const double took = SecondsSince(begin);
  const int64_t samples = (source.Status().messages - before) * per_message;
  source.Stop();
  reading.join();
  consumer.Join();
  return Report(what, per_message, samples, queue.dropped(), took, floor);
}

bool Bench(double seconds) {
  bool ok = true;
  for (const int size : {1, 100}) {
    ok = BenchMemory("queue", seconds, size == 1 ? 0 : kQueueFloor,
                     [size](std::vector<Sample>* samples) {
                       samples->resize(static_cast<size_t>(size));
                     }) &&
         ok;
  }
  ok = BenchPayloads(seconds) && ok;
  ok = BenchBroker("MQTT, JSON number", seconds, 0, 1, false, "20.125") && ok;
  return BenchBroker("MQTT, JSON object of channels", seconds, kMqttFloor, kChannels, true,
                     ObjectOfChannels()) &&
         ok;
}

}  // namespace
}  // namespace millrace

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 2;
  if (argc > 2 || !(seconds > 0)) {
    std::fprintf(stderr, "usage: bench_ingest [seconds per figure]\n");
    return 2;
  }
  return millrace::Bench(seconds) ? 0 : 1;
}
