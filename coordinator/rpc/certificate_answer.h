// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "coordinator/enrollment/enrollment_store.h"
#include "millrace/v1/enrollment.pb.h"

namespace millrace {

v1::RequestState ToProto(RequestState state);
/// What the site that asks is told of its case.
v1::CertificateAnswer ToAnswer(const CertificateCase& opened);

}  // namespace millrace
