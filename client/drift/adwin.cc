// SPDX-License-Identifier: Apache-2.0
#include "client/drift/adwin.h"

#include <algorithm>
#include <cmath>

namespace millrace {
namespace {

constexpr int64_t kLeastPart = 5;           // values on either side of a cut
constexpr int64_t kMostValues = 1LL << 40;  // beyond what a sum of doubles can tell apart

/// What the squares of two samples' union have more than both (Chan, Golub and LeVeque 1979).
double Between(double sum_a, double n_a, double sum_b, double n_b) {
  const double apart = sum_a / n_a - sum_b / n_b;
  return apart * apart * n_a * n_b / (n_a + n_b);
}

}  // namespace

int64_t Adwin::buckets() const {
  int64_t count = 0;
  for (const Row& row : rows_) count += row.count;
  return count;
}

void Adwin::Insert(double value) {
  if (size_ > 0) squares_ += Between(sum_, static_cast<double>(size_), value, 1);
  sum_ += value;
  ++size_;
  Bucket carried = {value, 0};
  for (size_t row = 0;; ++row) {
    if (row == rows_.size()) rows_.emplace_back();
    Row& at = rows_[row];
    at.buckets[at.count++] = carried;
    if (at.count <= kPerRow) return;
    const auto values = static_cast<double>(int64_t{1} << row);
    const Bucket& a = at.buckets[0];
    const Bucket& b = at.buckets[1];
    carried = {a.sum + b.sum, a.squares + b.squares + Between(a.sum, values, b.sum, values)};
    std::copy(at.buckets.begin() + 2, at.buckets.end(), at.buckets.begin());
    at.count -= 2;
  }
}

void Adwin::DropOldest() {
  Row& row = rows_.back();
  const Bucket oldest = row.buckets[0];
  const int64_t values = int64_t{1} << (rows_.size() - 1);
  size_ -= values;
  sum_ -= oldest.sum;
  squares_ -= oldest.squares;
  if (size_ > 0) {
    squares_ -= Between(oldest.sum, static_cast<double>(values), sum_, static_cast<double>(size_));
  }
  squares_ = std::max(squares_, 0.0);
  std::copy(row.buckets.begin() + 1, row.buckets.end(), row.buckets.begin());
  --row.count;
  while (!rows_.empty() && rows_.back().count == 0) rows_.pop_back();
}

/// Theorem 3.1 with the bound for small variances: the paper's epsilon_cut, scaled to the range.
bool Adwin::HasCut() const {
  const auto n = static_cast<double>(size_);
  const double log_term = std::log(2 * std::log(n) / parameters_.delta);
  double older_n = 0;
  double older_sum = 0;
  for (size_t row = rows_.size(); row-- > 0;) {
    for (int i = 0; i < rows_[row].count; ++i) {
      older_n += static_cast<double>(int64_t{1} << row);
      older_sum += rows_[row].buckets[i].sum;
      const double newer_n = n - older_n;
      if (newer_n < kLeastPart) return false;
      if (older_n < kLeastPart) continue;
      const double inverse = 1 / older_n + 1 / newer_n;
      const double allowed = std::sqrt(2 * inverse * variance() * log_term) +
                             2.0 / 3 * inverse * log_term * parameters_.range;
      if (std::abs(older_sum / older_n - (sum_ - older_sum) / newer_n) > allowed) return true;
    }
  }
  return false;
}

bool Adwin::Add(double value) {
  if (!std::isfinite(value)) return false;
  Insert(std::clamp(value, -parameters_.range / 2, parameters_.range / 2));
  if (size_ > kMostValues) DropOldest();
  if (++added_ % parameters_.check_every != 0) return false;
  bool cut = false;
  while (size_ > 2 * kLeastPart && HasCut()) {
    DropOldest();
    cut = true;
  }
  return cut;
}

}  // namespace millrace
