// SPDX-License-Identifier: Apache-2.0
#include "client/inference/machine_shares.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <optional>
#include <string>

namespace millrace {
namespace {

/// Part of a share by which it may be larger or smaller so that a kind stays whole.
constexpr double kSlack = 0.05;

/// A machine in the line that is cut into shares.
struct InLine {
  size_t number = 0;  // among the site's
  size_t kind = 0;
};

/// Values a second that come of such a machine and that are judged of it.
double LoadOf(const MachineConfig& kind) {
  double load = 0;
  for (const ChannelConfig& channel : kind.channels) {
    load += kind.rate_hz;
    if (kind.channels_of.empty()) load += channel.rate_hz;
  }
  return load;
}

/// Of each machine, the number of the one whose rows it is judged by.
std::vector<size_t> RowsOf(const std::vector<MachineConfig>& machines) {
  std::map<std::string, size_t> numbers;
  for (const MachineConfig& kind : machines) {
    for (const std::string& name : kind.names) numbers.emplace(name, numbers.size());
  }
  std::vector<size_t> rows;
  for (const MachineConfig& kind : machines) {
    for (size_t i = 0; i < kind.names.size(); ++i) rows.push_back(numbers.at(kind.RowsOf(i)));
  }
  return rows;
}

/// Of each machine, with those that are judged by its rows.
std::vector<double> Loads(const std::vector<MachineConfig>& machines,
                          const std::vector<size_t>& rows) {
  std::vector<double> loads(rows.size());
  auto number = rows.begin();
  for (const MachineConfig& kind : machines) {
    const double load = LoadOf(kind);
    for (size_t i = 0; i < kind.names.size(); ++i) loads[*number++] += load;
  }
  return loads;
}

/// Those with channels of their own, kinds of the same model behind one another.
std::vector<InLine> LineUp(const std::vector<MachineConfig>& machines) {
  std::map<std::string, size_t> first_of_model;
  std::vector<size_t> rank;  // of each kind
  for (size_t kind = 0; kind < machines.size(); ++kind) {
    const std::string& model = machines[kind].model;
    rank.push_back(model.empty() ? kind : first_of_model.try_emplace(model, kind).first->second);
  }
  std::vector<size_t> kinds(machines.size());
  std::iota(kinds.begin(), kinds.end(), 0);
  std::ranges::stable_sort(kinds, {}, [&](size_t kind) { return rank[kind]; });
  std::vector<size_t> begins;  // each kind's first machine
  size_t number = 0;
  for (const MachineConfig& kind : machines) {
    begins.push_back(number);
    number += kind.names.size();
  }
  std::vector<InLine> line;
  for (const size_t kind : kinds) {
    if (!machines[kind].channels_of.empty()) continue;
    for (size_t i = 0; i < machines[kind].names.size(); ++i) {
      line.push_back({begins[kind] + i, kind});
    }
  }
  return line;
}

/// Of the cuts from `least` to `most`, the one next to `wanted`, or one between two kinds that is
/// off by no more than `slack`. `sums`: the load before each place in the line.
size_t CutNextTo(double wanted, double slack, size_t least, size_t most,
                 const std::vector<InLine>& line, const std::vector<double>& sums) {
  const auto off = [&](size_t cut) { return std::abs(sums[cut] - wanted); };
  size_t nearest = least;
  std::optional<size_t> between_kinds;
  for (size_t cut = least; cut <= most; ++cut) {
    if (off(cut) < off(nearest)) nearest = cut;
    if (line[cut - 1].kind == line[cut].kind || off(cut) > slack) continue;
    if (!between_kinds || off(cut) < off(*between_kinds)) between_kinds = cut;
  }
  return between_kinds.value_or(nearest);
}

/// Each machine's share.
std::vector<size_t> Deal(const std::vector<MachineConfig>& machines,
                         const std::vector<InLine>& line, size_t shares) {
  const std::vector<size_t> rows = RowsOf(machines);
  const std::vector<double> loads = Loads(machines, rows);
  std::vector<double> sums = {0};
  for (const InLine& machine : line) sums.push_back(sums.back() + loads[machine.number]);
  const double of_each = sums.back() / static_cast<double>(shares);
  std::vector<size_t> dealt(rows.size());
  size_t begin = 0;
  for (size_t share = 0; share < shares; ++share) {
    const size_t later = shares - share - 1;  // each of which needs a machine
    const size_t end = later == 0
                           ? line.size()
                           : CutNextTo(of_each * static_cast<double>(share + 1), kSlack * of_each,
                                       begin + 1, line.size() - later, line, sums);
    for (; begin < end; ++begin) dealt[line[begin].number] = share;
  }
  for (size_t number = 0; number < rows.size(); ++number) dealt[number] = dealt[rows[number]];
  return dealt;
}

}  // namespace

std::vector<MachineShare> DealMachines(const std::vector<MachineConfig>& machines,
                                       int64_t workers) {
  const std::vector<InLine> line = LineUp(machines);
  const size_t count =
      std::clamp(static_cast<size_t>(workers), size_t{1}, std::max(line.size(), size_t{1}));
  const std::vector<size_t> dealt = Deal(machines, line, count);
  std::vector<MachineShare> shares(count);
  size_t number = 0;
  for (const MachineConfig& kind : machines) {
    MachineConfig nameless = kind;
    nameless.names.clear();
    nameless.channels_of.clear();
    std::vector<bool> has(shares.size());
    for (size_t i = 0; i < kind.names.size(); ++i) {
      const size_t of = dealt[number];
      if (!has[of]) shares[of].kinds.push_back(nameless);
      has[of] = true;
      MachineConfig& dealt_kind = shares[of].kinds.back();
      dealt_kind.names.push_back(kind.names[i]);
      if (!kind.channels_of.empty()) dealt_kind.channels_of.push_back(kind.channels_of[i]);
      shares[of].machines.push_back(number++);
    }
  }
  return shares;
}

std::vector<SampleRoute> RoutesOf(const std::vector<MachineConfig>& machines,
                                  const std::vector<MachineShare>& shares) {
  size_t count = 0;
  for (const MachineShare& share : shares) count += share.machines.size();
  std::vector<SampleRoute> first(count);  // of each machine's channels
  for (size_t i = 0; i < shares.size(); ++i) {
    SampleRoute next{static_cast<int32_t>(i), 0};
    auto number = shares[i].machines.begin();
    for (const MachineConfig& kind : shares[i].kinds) {
      for (size_t machine = 0; machine < kind.names.size(); ++machine) {
        first[*number++] = next;
        next.channel += static_cast<ChannelIndex>(kind.OwnChannels());
      }
    }
  }
  std::vector<SampleRoute> routes;
  auto machine = first.begin();
  for (const MachineConfig& kind : machines) {
    for (size_t i = 0; i < kind.names.size(); ++i, ++machine) {
      for (size_t channel = 0; channel < kind.OwnChannels(); ++channel) {
        routes.push_back({machine->queue, machine->channel + static_cast<ChannelIndex>(channel)});
      }
    }
  }
  return routes;
}

}  // namespace millrace
