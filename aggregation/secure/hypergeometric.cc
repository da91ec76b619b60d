// SPDX-License-Identifier: Apache-2.0
#include "aggregation/secure/hypergeometric.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace millrace {

LogBinomials::LogBinomials(int64_t largest) : log_factorials_(largest + 1) {
  long double sum = 0;  // 64 bits of mantissa, so that a million terms still round to the double
  for (int64_t i = 1; i <= largest; ++i) {
    sum += std::log(static_cast<long double>(i));
    log_factorials_[i] = static_cast<double>(sum);
  }
}

double LogBinomials::operator()(int64_t n, int64_t k) const {
  return log_factorials_[n] - log_factorials_[k] - log_factorials_[n - k];
}

Hypergeometric::Hypergeometric(const LogBinomials& binomials, int64_t population, int64_t marked,
                               int64_t drawn)
    : binomials_(binomials), population_(population), marked_(marked), drawn_(drawn) {
  MR_CHECK(marked >= 0 && marked <= population && drawn >= 0 && drawn <= population);
}

int64_t Hypergeometric::smallest() const {
  return std::max<int64_t>(0, drawn_ - (population_ - marked_));
}

int64_t Hypergeometric::largest() const { return std::min(drawn_, marked_); }

double Hypergeometric::Probability(int64_t x) const {
  if (x < smallest() || x > largest()) return 0;
  return std::exp(binomials_(marked_, x) + binomials_(population_ - marked_, drawn_ - x) -
                  binomials_(population_, drawn_));
}

double Hypergeometric::Below(int64_t x) const {
  double sum = 0;
  for (int64_t i = smallest(); i < std::min(x, largest() + 1); ++i) sum += Probability(i);
  return sum;
}

}  // namespace millrace
