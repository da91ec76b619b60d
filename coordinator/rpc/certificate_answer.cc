// SPDX-License-Identifier: Apache-2.0
#include "coordinator/rpc/certificate_answer.h"

#include "base/text.h"

namespace millrace {

v1::RequestState ToProto(RequestState state) {
  switch (state) {
    case RequestState::kPending:
      return v1::REQUEST_STATE_PENDING;
    case RequestState::kSigned:
      return v1::REQUEST_STATE_SIGNED;
    case RequestState::kRejected:
      return v1::REQUEST_STATE_REJECTED;
  }
  return v1::REQUEST_STATE_UNSPECIFIED;
}

v1::CertificateAnswer ToAnswer(const CertificateCase& opened) {
  v1::CertificateAnswer answer;
  answer.set_state(ToProto(opened.state));
  answer.set_certificate(opened.certificate);
  answer.set_reason(Utf8(opened.reason));
  answer.set_site(opened.site);
  return answer;
}

}  // namespace millrace
