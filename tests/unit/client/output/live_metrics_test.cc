// SPDX-License-Identifier: Apache-2.0
#include "client/output/live_metrics.h"

#include <gmock/gmock.h>

namespace millrace {
namespace {

using ::testing::HasSubstr;

TEST(LiveMetricsTest, TellsWhatBecameOfSamplesAndWindows) {
  LiveReading reading;
  reading.tally.rows = {.late = 1, .early = 2, .duplicates = 3, .restarts = 4};
  reading.tally.engine.windows = 5;
  reading.tally.engine.unusable = 6;
  reading.tally.engine.not_finite = 7;
  reading.tally.engine.model_errors = 8;
  reading.recent_bytes = 9;
  const std::string text = LiveMetrics().Text(reading);
  EXPECT_THAT(text, HasSubstr("millrace_samples_unused{why=\"late\"} 1"));
  EXPECT_THAT(text, HasSubstr("millrace_samples_unused{why=\"early\"} 2"));
  EXPECT_THAT(text, HasSubstr("millrace_samples_unused{why=\"duplicate\"} 3"));
  EXPECT_THAT(text, HasSubstr("millrace_rows_restarted 4"));
  EXPECT_THAT(text, HasSubstr("millrace_windows{what=\"scored\"} 5"));
  EXPECT_THAT(text, HasSubstr("millrace_windows{what=\"unusable\"} 6"));
  EXPECT_THAT(text, HasSubstr("millrace_windows{what=\"not_finite\"} 7"));
  EXPECT_THAT(text, HasSubstr("millrace_windows{what=\"failed\"} 8"));
  EXPECT_THAT(text, HasSubstr("millrace_recent_rows_bytes 9"));
}

TEST(LiveMetricsTest, TellsHowASourceIs) {
  LiveReading reading;
  SourceStatus& status = reading.sources["line"];
  status.messages = 12;
  status.reconnects = 2;
  status.unknown_values = 3;
  status.last_unix_ns = 1'500'000'000;
  const std::string text = LiveMetrics().Text(reading);
  EXPECT_THAT(text, HasSubstr("millrace_source_messages{source=\"line\"} 12"));
  EXPECT_THAT(text, HasSubstr("millrace_source_reconnects{source=\"line\"} 2"));
  EXPECT_THAT(text, HasSubstr("millrace_source_unknown_values{source=\"line\"} 3"));
  EXPECT_THAT(text, HasSubstr("millrace_source_last_seconds{source=\"line\"} 1.5"));
}

}  // namespace
}  // namespace millrace
