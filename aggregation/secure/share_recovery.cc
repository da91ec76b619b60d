// SPDX-License-Identifier: Apache-2.0
#include "aggregation/secure/share_recovery.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace millrace {
namespace {

using Row = std::vector<uint64_t>;

/// A solution of the linear equations in `rows`, the right-hand side in the last column, with zero
/// for what they leave open; none if they contradict each other.
std::optional<Row> Solve(std::vector<Row> rows) {
  const size_t unknowns = rows.front().size() - 1;
  std::vector<size_t> pivots;  // column of the first element of each row that is done
  for (size_t column = 0; column < unknowns && pivots.size() < rows.size(); ++column) {
    const size_t done = pivots.size();
    size_t row = done;
    while (row < rows.size() && rows[row][column] == 0) ++row;
    if (row == rows.size()) continue;
    std::swap(rows[row], rows[done]);
    const uint64_t inverse = Field61::Inverse(rows[done][column]);
    for (uint64_t& element : rows[done]) element = Field61::Mul(element, inverse);
    for (row = 0; row < rows.size(); ++row) {
      const uint64_t factor = rows[row][column];
      if (row == done || factor == 0) continue;
      for (size_t i = column; i <= unknowns; ++i) {
        rows[row][i] = Field61::Sub(rows[row][i], Field61::Mul(factor, rows[done][i]));
      }
    }
    pivots.push_back(column);
  }
  for (size_t row = pivots.size(); row < rows.size(); ++row) {
    if (rows[row].back() != 0) return std::nullopt;
  }
  Row solution(unknowns, 0);
  for (size_t row = 0; row < pivots.size(); ++row) solution[pivots[row]] = rows[row].back();
  return solution;
}

}  // namespace

// With the wanted polynomial P and E, which is zero where a value is wrong, Q = P E has
//   Q(x) = y E(x)    at every point,
// linear in the coefficients of Q, of degree below threshold + e, and of E, monic of degree e.
// Whatever solves it has E = 0 at all wrong places if they are at most e: Q - P E vanishes at the
// n - e >= threshold + e others, so everywhere.
std::optional<std::vector<size_t>> FindWrongPlaces(std::span<const uint64_t> points,
                                                   std::span<const uint64_t> values,
                                                   int64_t threshold) {
  MR_CHECK(points.size() == values.size() && threshold >= 1 && std::ssize(points) >= threshold);
  MR_CHECK(std::ranges::max(values) < Field61::kPrime);
  const size_t needed = static_cast<size_t>(threshold);
  const size_t wrong = (points.size() - needed) / 2;
  std::vector<Row> rows;
  for (size_t i = 0; i < points.size(); ++i) {
    Row& row = rows.emplace_back();
    uint64_t power = 1;
    for (size_t k = 0; k < needed + wrong; ++k, power = Field61::Mul(power, points[i])) {
      row.push_back(power);
    }
    power = values[i];
    for (size_t k = 0; k < wrong; ++k, power = Field61::Mul(power, points[i])) {
      row.push_back(Field61::Sub(0, power));
    }
    row.push_back(power);  // y x^e
  }
  const std::optional<Row> solution = Solve(std::move(rows));
  if (!solution) return std::nullopt;
  Row error_locator(solution->begin() + static_cast<std::ptrdiff_t>(needed + wrong),
                    solution->end());
  error_locator.push_back(1);
  std::vector<size_t> places;
  for (size_t i = 0; i < points.size(); ++i) {
    if (EvaluatePolynomial<Field61>(error_locator, points[i]) == 0) places.push_back(i);
  }
  return places;
}

}  // namespace millrace
