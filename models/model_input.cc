// SPDX-License-Identifier: Apache-2.0
#include "models/model_input.h"

#include <cstddef>
#include <vector>

namespace millrace {

v1::ModelInput ModelInputOf(const InputPlan& input) {
  v1::ModelInput proto;
  proto.set_rate_hz(input.rate_hz);
  const std::vector<InputColumn> columns = input.Columns();
  for (size_t i = 0; i < columns.size(); ++i) {
    v1::ModelInput::Column& column =
        i < input.channels.size() ? *proto.add_channels() : *proto.add_modes();
    column.set_name(columns[i].name);
    column.set_unit(columns[i].unit);
  }
  return proto;
}

}  // namespace millrace
