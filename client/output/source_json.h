// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

#include "client/live/source.h"

namespace millrace {

/// All that is known of a site's sources, by name, one a line: for whoever wants to know why
/// nothing comes. What is not there (a reason, a last refusal) is left out.
std::string SourcesJson(const std::map<std::string, SourceStatus>& sources);

}  // namespace millrace
